//! What the engine reads back of these tables.

use futures_util::future::BoxFuture;
use jiff::civil::Date;

use super::{MemoryStore, Turn};
use crate::domain::{
    CharacterId, CharacterRecord, Memory, Message, MeterKey, NodeId, Revision, RoomId, UserId,
};
use crate::journal::decide::NewMemory;
use crate::ports::{Archive, OpenTurn, RoomRecord, StoreError, TakeUp, UserRecord};

impl Archive for MemoryStore {
    fn room(&self, room: RoomId) -> BoxFuture<'_, Result<Option<RoomRecord>, StoreError>> {
        self.read(move |tables| {
            let head = tables.heads.get(&room).filter(|head| !head.closed)?;
            tables.rooms.get(&room).map(|record| RoomRecord {
                head: head.last,
                last_speaker: tables.last_speaker(room),
                ..record.clone()
            })
        })
    }

    fn user(&self, user: UserId) -> BoxFuture<'_, Result<Option<UserRecord>, StoreError>> {
        self.read(move |tables| tables.users.get(&user).cloned())
    }

    fn used(
        &self,
        user: UserId,
        periods: Vec<Date>,
    ) -> BoxFuture<'_, Result<Vec<(MeterKey, u32)>, StoreError>> {
        self.read(move |tables| {
            let wanted = |key: &MeterKey| key.user == user && periods.contains(&key.period);
            tables.meters.iter().filter(|(key, _)| wanted(key)).map(|(key, used)| (*key, *used)).collect()
        })
    }

    fn character(
        &self,
        character: CharacterId,
    ) -> BoxFuture<'_, Result<Option<CharacterRecord>, StoreError>> {
        self.read(move |tables| tables.characters.get(&character).cloned())
    }

    fn memories(
        &self,
        room: RoomId,
        character: CharacterId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Memory>, StoreError>> {
        self.read(move |tables| {
            let Some(record) = tables.rooms.get(&room) else { return Vec::new() };
            let known = |memory: &&NewMemory| {
                memory.character == character
                    && record.is_member(memory.user)
                    && (record.members.len() == 1 || memory.room == room)
            };
            let found: Vec<&NewMemory> = tables.memories.iter().filter(known).collect();
            let latest = &found[found.len().saturating_sub(limit)..];
            let name =
                |user| tables.users.get(&user).map(|user| user.display_name.clone()).unwrap_or_default();
            let told = |memory: &&NewMemory| Memory {
                about: memory.user,
                name: name(memory.user),
                fact: memory.fact.clone(),
            };
            latest.iter().map(told).collect()
        })
    }

    fn history(
        &self,
        room: RoomId,
        witness: CharacterId,
        up_to: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.read(move |tables| {
            let record = tables.rooms.get(&room);
            let since = record.and_then(|record| record.character(witness)).map_or(0, |one| one.since);
            let mut messages: Vec<Message> = tables
                .messages
                .range((room, since + 1)..=(room, up_to.max(since + 1)))
                .rev()
                .map(|(_, message)| message)
                .filter(|message| message.offset <= up_to && message.changes.deleted_at.is_none())
                .take(limit)
                .cloned()
                .collect();
            messages.reverse();
            messages
        })
    }

    fn take_up(&self, which: TakeUp, limit: usize) -> BoxFuture<'_, Result<Vec<OpenTurn>, StoreError>> {
        self.read(move |tables| {
            let life = tables.life.unwrap_or_else(NodeId::new);
            let mut turns: Vec<&mut Turn> = tables
                .turns
                .values_mut()
                .filter(|turn| turn.ended.is_none())
                .filter(|turn| match which {
                    TakeUp::DeadNodes => turn.holder != life,
                    TakeUp::Room(room) => turn.open.room == room,
                })
                .collect();
            turns.sort_by_key(|turn| turn.open.asked_offset);
            turns
                .into_iter()
                .take(limit)
                .map(|turn| {
                    turn.open.fence += 1;
                    turn.holder = life;
                    turn.open.clone()
                })
                .collect()
        })
    }
}

//! What the engine reads back of these tables.

use futures_util::future::BoxFuture;
use jiff::civil::Date;

use super::{MemoryStore, Turn};
use crate::domain::{
    CharacterId, CharacterRecord, Memory, Message, MessageId, MeterKey, NodeId, Revision, RoomId, Sender,
    UserId,
};
use crate::journal::decide::NewMemory;
use crate::ports::{Answered, Archive, RoomRecord, StoreError, StoredSummary, TakeUp, TakenUp, UserRecord};

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
        self.ask("user", move |tables| tables.users.get(&user).cloned())
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
        self.ask("memories", move |tables| {
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

    fn own_memories(
        &self,
        user: UserId,
        character: CharacterId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Memory>, StoreError>> {
        self.read(move |tables| {
            let own = |memory: &&NewMemory| memory.character == character && memory.user == user;
            let found: Vec<&NewMemory> = tables.memories.iter().filter(own).collect();
            let told = |memory: &&NewMemory| Memory {
                about: memory.user,
                name: String::new(),
                fact: memory.fact.clone(),
            };
            found[found.len().saturating_sub(limit)..].iter().map(told).collect()
        })
    }

    fn history(
        &self,
        room: RoomId,
        since: Revision,
        up_to: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.ask("history", move |tables| {
            let mut messages: Vec<Message> = tables
                .messages
                .range((room, 0)..=(room, up_to))
                .rev()
                .map(|(_, message)| message)
                .filter(|message| message.offset > since && message.changes.deleted_at.is_none())
                .take(limit)
                .cloned()
                .collect();
            messages.reverse();
            messages
        })
    }

    fn answered(
        &self,
        room: RoomId,
        message: MessageId,
    ) -> BoxFuture<'_, Result<Option<Answered>, StoreError>> {
        self.read(move |tables| {
            let here =
                || tables.messages.range((room, 0)..=(room, Revision::MAX)).map(|(_, message)| message);
            let found = here().find(|one| one.id == message)?.clone();
            let answers = |one: &&Message| {
                one.reply_to == Some(message)
                    && matches!(one.sender, Sender::Character(_))
                    && one.changes.deleted_at.is_none()
            };
            Some(Answered { message: found, replies: here().filter(answers).cloned().collect() })
        })
    }

    fn summary(
        &self,
        room: RoomId,
        character: CharacterId,
    ) -> BoxFuture<'_, Result<StoredSummary, StoreError>> {
        self.ask("summary", move |tables| tables.summaries.get(&(room, character)).cloned())
    }

    fn take_up(&self, which: TakeUp, limit: usize) -> BoxFuture<'_, Result<Vec<TakenUp>, StoreError>> {
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
                    TakenUp { turn: turn.open.clone(), draft: turn.draft.clone() }
                })
                .collect()
        })
    }
}

//! Tables in memory behind the engine's Archive and JournalStore, with the real `decide` between them, and faults at will.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{lock, plans};
use crate::domain::{
    Changes, CharacterId, CharacterRecord, Memory, Message, MessageId, MeterKey, NodeId, Reply, ReplyState,
    Revision, RoomCharacter, RoomDetails, RoomId, RoomMember, UserId,
};
use crate::journal::decide::{Head, Locked, LockedTurn, NewMemory, Touched, Writes, decide};
use crate::ports::{
    Archive, CommitError, Entry, JournalLane, JournalStore, OpenTurn, Outcome, RoomRecord, StoreError,
    StoredBefore, TakeUp, UserRecord,
};

/// What happens to the next commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// The connection is lost before anything is stored.
    LostBefore,
    /// It is stored, but the answer is lost.
    LostAfter,
    /// A deadlock, say.
    Conflict,
}

#[derive(Clone, Debug)]
struct Turn {
    open: OpenTurn,
    holder: NodeId,
    state: ReplyState,
    ended: Option<Revision>,
}

#[derive(Default)]
struct Tables {
    rooms: HashMap<RoomId, RoomRecord>,
    users: HashMap<UserId, UserRecord>,
    characters: HashMap<CharacterId, CharacterRecord>,
    heads: HashMap<RoomId, Head>,
    messages: BTreeMap<(RoomId, Revision), Message>,
    turns: HashMap<MessageId, Turn>,
    meters: HashMap<MeterKey, u32>,
    reads: HashMap<(RoomId, UserId), Revision>,
    memories: Vec<NewMemory>,
    faults: VecDeque<CommitFault>,
    life: Option<NodeId>,
    down: bool,
    /// How long a commit takes.
    latency: Duration,
}

/// Outlives engines: start a second one on the same store to see what a crash left.
#[derive(Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

impl MemoryStore {
    pub fn add_user(&self, plan: &str) -> UserId {
        let id = UserId::new();
        let plan = plans().get(plan);
        let record =
            UserRecord { id, display_name: "Mira".into(), plan, time_zone: TimeZone::UTC, valid_until: None };
        lock(&self.0).users.insert(id, record);
        id
    }

    pub fn add_character(&self, record: CharacterRecord) -> CharacterId {
        let id = record.id;
        lock(&self.0).characters.insert(id, record);
        id
    }

    /// A room whose first member is its owner.
    pub fn add_room(&self, members: &[UserId], characters: &[CharacterId]) -> RoomId {
        let mut tables = lock(&self.0);
        let id = RoomId::new();
        let characters = characters
            .iter()
            .map(|id| RoomCharacter { id: *id, ..super::room_character(&tables.characters[id].name) })
            .collect();
        let owner = members[0];
        let members = members.iter().map(|id| RoomMember { id: *id, ..super::member("Mira") }).collect();
        let details = RoomDetails { title: "Tea".into(), slug: "tea".into(), ..RoomDetails::default() };
        let record = RoomRecord { id, owner, details, members, characters, last_speaker: None, head: 0 };
        tables.rooms.insert(id, record);
        tables.heads.insert(id, Head { last: 0, closed: false });
        id
    }

    pub fn messages(&self, room: RoomId) -> Vec<Message> {
        lock(&self.0)
            .messages
            .range((room, 0)..=(room, Revision::MAX))
            .map(|(_, message)| message.clone())
            .collect()
    }

    /// All facts that are kept, in the order in which they came.
    pub fn memories(&self) -> Vec<NewMemory> {
        lock(&self.0).memories.clone()
    }

    pub fn head(&self, room: RoomId) -> Revision {
        lock(&self.0).heads[&room].last
    }

    pub fn used(&self, user: UserId) -> u32 {
        lock(&self.0).meters.iter().filter(|(key, _)| key.user == user).map(|(_, used)| used).sum()
    }

    /// Another node counts a message, past this one's memory.
    pub fn use_elsewhere(&self, user: UserId) {
        for (key, used) in &mut lock(&self.0).meters {
            if key.user == user {
                *used += 1;
            }
        }
    }

    pub fn open_turns(&self) -> usize {
        lock(&self.0).turns.values().filter(|turn| turn.ended.is_none()).count()
    }

    pub fn reply_state(&self, reply: MessageId) -> ReplyState {
        lock(&self.0).turns[&reply].state
    }

    /// The next commits fail so, in this order.
    pub fn fail_commits(&self, faults: impl IntoIterator<Item = CommitFault>) {
        lock(&self.0).faults.extend(faults);
    }

    /// While down, nothing can be read or stored.
    pub fn set_down(&self, down: bool) {
        lock(&self.0).down = down;
    }

    pub fn set_latency(&self, latency: Duration) {
        lock(&self.0).latency = latency;
    }

    /// A node starts anew: all turns held before are those of a dead one.
    pub fn new_life(&self) {
        lock(&self.0).life = Some(NodeId::new());
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Tables) -> T + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let tables = self.0.clone();
        async move {
            let mut tables = lock(&tables);
            if tables.down { Err(StoreError::Unavailable) } else { Ok(read(&mut tables)) }
        }
        .boxed()
    }
}

impl Tables {
    fn lock_for(&self, batch: &[Entry]) -> Locked {
        let touched = Touched::of(batch);
        let mut locked = Locked::default();
        for room in touched.rooms {
            locked.heads.extend(self.heads.get(&room).map(|head| (room, *head)));
        }
        for id in touched.turns {
            let turn =
                self.turns.get(&id).map(|turn| LockedTurn { fence: turn.open.fence, ended: turn.ended });
            locked.turns.extend(turn.map(|turn| (id, turn)));
        }
        for key in touched.meters {
            locked.meters.extend(self.meters.get(&key).map(|used| (key, *used)));
        }
        for key in touched.reads {
            locked.reads.extend(self.reads.get(&key).map(|mark| (key, *mark)));
        }
        for (room, sender, client_id) in touched.client_keys {
            let message = self
                .messages
                .range((room, 0)..=(room, Revision::MAX))
                .map(|(_, message)| message)
                .find(|message| message.sender.uuid() == sender && message.client_id == client_id);
            if let Some(message) = message {
                let replies = self
                    .turns
                    .values()
                    .filter(|turn| turn.open.asked == message.id)
                    .map(|turn| Reply {
                        character: turn.open.character,
                        message: turn.open.message,
                        state: turn.state,
                        code: None,
                    })
                    .collect();
                let before = StoredBefore { message: message.clone(), replies };
                locked.before.insert((room, sender, client_id), before);
            }
        }
        locked
    }

    fn apply(&mut self, writes: Writes) {
        let life = self.life.unwrap_or_else(NodeId::new);
        for (room, last) in writes.heads {
            self.heads.entry(room).and_modify(|head| head.last = last);
        }
        for new in writes.messages {
            let message = Message {
                id: new.id,
                room: new.room,
                offset: new.offset,
                revision: new.offset,
                sender: new.sender,
                client_id: new.client_id,
                kind: new.kind,
                content: new.content,
                attachment: new.attachment,
                reply_to: new.reply_to,
                finish: new.finish,
                replies: Vec::new(),
                changes: Changes::default(),
                created_at: new.created_at,
            };
            let taken = self.messages.insert((new.room, new.offset), message);
            assert!(taken.is_none(), "an offset is given once");
        }
        for (id, revision) in writes.changed {
            if let Some(message) = self.messages.values_mut().find(|message| message.id == id) {
                message.revision = revision;
            }
        }
        self.meters.extend(writes.meters);
        for open in writes.opened {
            let turn = Turn { holder: life, state: ReplyState::Queued, ended: None, open };
            self.turns.insert(turn.open.message, turn);
        }
        for ended in writes.ended {
            if let Some(turn) = self.turns.get_mut(&ended.turn) {
                assert!(turn.ended.is_none(), "a turn ends once");
                turn.ended = Some(ended.revision);
                turn.state = ended.state;
            }
        }
        for new in writes.memories {
            let same = |old: &NewMemory| {
                old.user == new.user && old.character == new.character && old.fact.key() == new.fact.key()
            };
            if !self.memories.iter().any(same) {
                self.memories.push(new);
            }
        }
        self.reads.extend(writes.reads.into_iter().map(|(key, (mark, _))| (key, mark)));
        for (room, revision) in writes.deleted {
            self.heads.entry(room).and_modify(|head| head.closed = true);
            for turn in self.turns.values_mut().filter(|turn| turn.open.room == room && turn.ended.is_none())
            {
                turn.ended = Some(revision);
                turn.state = ReplyState::Stopped;
            }
        }
    }
}

struct Lane(Arc<Mutex<Tables>>);

impl JournalLane for Lane {
    fn commit<'a>(&'a mut self, batch: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Outcome>, CommitError>> {
        async move {
            let latency = lock(&self.0).latency;
            if latency > Duration::ZERO {
                tokio::time::sleep(latency).await;
            }
            let mut tables = lock(&self.0);
            if tables.down {
                return Err(CommitError::Lost("down".into()));
            }
            let fault = tables.faults.pop_front();
            match fault {
                Some(CommitFault::LostBefore) => return Err(CommitError::Lost("before".into())),
                Some(CommitFault::Conflict) => return Err(CommitError::Conflict("deadlock".into())),
                Some(CommitFault::LostAfter) | None => {}
            }
            let decision = decide(batch, tables.lock_for(batch));
            tables.apply(decision.writes);
            match fault {
                Some(CommitFault::LostAfter) => Err(CommitError::Lost("after".into())),
                _ => Ok(decision.outcomes),
            }
        }
        .boxed()
    }
}

impl JournalStore for MemoryStore {
    fn lane(&self, _index: usize) -> Box<dyn JournalLane> {
        Box::new(Lane(self.0.clone()))
    }
}

impl Archive for MemoryStore {
    fn room(&self, room: RoomId) -> BoxFuture<'_, Result<Option<RoomRecord>, StoreError>> {
        self.read(move |tables| {
            let head = tables.heads.get(&room).filter(|head| !head.closed)?;
            tables.rooms.get(&room).map(|record| RoomRecord { head: head.last, ..record.clone() })
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
            let told = |memory: &&NewMemory| Memory {
                about: memory.user,
                name: tables
                    .users
                    .get(&memory.user)
                    .map(|user| user.display_name.clone())
                    .unwrap_or_default(),
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
                .range((room, since + 1)..=(room, up_to.max(since)))
                .rev()
                .map(|(_, message)| message)
                .filter(|message| message.changes.deleted_at.is_none())
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

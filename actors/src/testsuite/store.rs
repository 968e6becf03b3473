//! Tables in memory behind the engine's Archive and JournalStore, with the real `decide` between them, and faults at will.

mod archive;
mod charges;
mod tables;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{lock, plans};
use crate::domain::{
    AiCall, CharacterId, CharacterRecord, Message, MessageId, MeterKey, NodeId, ReplyState, Revision,
    RoomCharacter, RoomDetails, RoomId, RoomMember, Trouble, UserId,
};
use crate::journal::decide::{Head, NewCall, NewMemory, Variant, decide};
use crate::ports::{
    CommitError, Done, Draft, DraftStore, Entry, JournalLane, JournalStore, NewDraft, OpenTurn, RoomRecord,
    StoreError, Summary, UserRecord,
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
    draft: Option<Draft>,
    trouble: Option<Trouble>,
}

#[derive(Clone, Default)]
struct Tables {
    rooms: HashMap<RoomId, RoomRecord>,
    users: HashMap<UserId, UserRecord>,
    characters: HashMap<CharacterId, CharacterRecord>,
    heads: HashMap<RoomId, Head>,
    messages: BTreeMap<(RoomId, Revision), Message>,
    turns: HashMap<MessageId, Turn>,
    meters: HashMap<MeterKey, u32>,
    charges: HashMap<Uuid, charges::Open>,
    /// Calls that were made outside of rooms.
    outside_calls: Vec<AiCall>,
    reads: HashMap<(RoomId, UserId), (Revision, Revision)>,
    memories: Vec<NewMemory>,
    calls: Vec<NewCall>,
    variants: HashMap<(MessageId, u16), Variant>,
    summaries: HashMap<(RoomId, CharacterId), Summary>,
    /// How often each question was asked.
    asked: HashMap<&'static str, usize>,
    /// Changes by the id of their entry.
    done: HashMap<Uuid, Revision>,
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

    /// What is stored of a user becomes another. The engine is told by
    /// [`user_changed`](crate::engine::Engine::user_changed).
    pub fn change_user(&self, user: UserId, change: impl FnOnce(&mut UserRecord)) {
        if let Some(record) = lock(&self.0).users.get_mut(&user) {
            change(record);
        }
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

    /// The same tables once more, each to go its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(lock(&self.0).clone())))
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

    /// How often the engine asked for `what`: `history`, `memories`, `user`, `summary`.
    pub fn reads(&self, what: &'static str) -> usize {
        lock(&self.0).asked.get(what).copied().unwrap_or_default()
    }

    /// A summary was made in the background.
    pub fn add_summary(&self, room: RoomId, character: CharacterId, summary: Summary) {
        lock(&self.0).summaries.insert((room, character), summary);
    }

    /// A person has a character forget all that it knows of them.
    pub fn forget_memories(&self, user: UserId) {
        lock(&self.0).memories.retain(|memory| memory.user != user);
    }

    pub fn summary(&self, room: RoomId, character: CharacterId) -> Option<Summary> {
        lock(&self.0).summaries.get(&(room, character)).cloned()
    }

    pub fn rename(&self, user: UserId, name: &str) {
        if let Some(record) = lock(&self.0).users.get_mut(&user) {
            record.display_name = name.to_owned();
        }
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

    /// Another node gives a message back.
    pub fn give_back_elsewhere(&self, user: UserId) {
        for (key, used) in &mut lock(&self.0).meters {
            if key.user == user {
                *used -= 1;
            }
        }
    }

    /// What is kept of a running reply.
    pub fn draft(&self, reply: MessageId) -> Option<Draft> {
        lock(&self.0).turns.get(&reply)?.draft.clone()
    }

    /// What a reply failed of.
    pub fn trouble(&self, reply: MessageId) -> Option<Trouble> {
        lock(&self.0).turns.get(&reply)?.trouble.clone()
    }

    /// All calls that are accounted, in the order in which they came.
    pub fn calls(&self) -> Vec<NewCall> {
        lock(&self.0).calls.clone()
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

    /// As [`read`](Self::read), counted.
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&mut Tables) -> T + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.read(move |tables| {
            *tables.asked.entry(what).or_default() += 1;
            read(tables)
        })
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

struct Lane(Arc<Mutex<Tables>>);

impl JournalLane for Lane {
    fn store<'a>(&'a mut self, batch: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Done>, CommitError>> {
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
            let (done, writes) = decide(batch, tables.lock_for(batch)).into_parts();
            tables.apply(writes);
            match fault {
                Some(CommitFault::LostAfter) => Err(CommitError::Lost("after".into())),
                _ => Ok(done),
            }
        }
        .boxed()
    }
}

impl DraftStore for MemoryStore {
    fn write(&self, drafts: Vec<NewDraft>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.read(move |tables| {
            for new in drafts {
                let open = tables
                    .turns
                    .get_mut(&new.turn)
                    .filter(|turn| turn.ended.is_none() && turn.open.fence == new.fence);
                if let Some(turn) = open {
                    turn.draft = Some(new.draft);
                }
            }
        })
    }
}

impl JournalStore for MemoryStore {
    fn lane(&self, _index: usize) -> Box<dyn JournalLane> {
        Box::new(Lane(self.0.clone()))
    }
}

//! The engine's front door.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{MessageId, NodeId, Revision, RoomId, Usage, UserId};
use crate::pool::PoolSnapshot;
use crate::ports::{Archive, Clock, Fanout, Generator, JournalStore, StoreError, TokenCounter};
use crate::protocol::{OpenReply, Refusal, Responder, Send, Sent, Typing};
use crate::settings::Settings;

/// The outside, as the composition root hands it in.
#[derive(Clone)]
pub struct Ports {
    pub archive: Arc<dyn Archive>,
    pub journal: Arc<dyn JournalStore>,
    pub generator: Arc<dyn Generator>,
    pub tokens: Arc<dyn TokenCounter>,
    pub fanout: Arc<dyn Fanout>,
    pub clock: Arc<dyn Clock>,
}

/// A part of the actor tree, for the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// `rooms`, `users` or `personas`.
    pub kind: &'static str,
    /// Actors alive now.
    pub live: usize,
    pub started: u64,
    pub passivated: u64,
    pub crashed: u64,
    /// The busiest ones first, at most 100.
    pub actors: Vec<Leaf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub id: uuid::Uuid,
    /// Messages waiting in its mailbox.
    pub mailbox: usize,
    pub restarts: usize,
    pub age: Duration,
}

/// Counts of the journal, for the console and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalSnapshot {
    pub lanes: usize,
    pub queued: usize,
    pub committed: u64,
    pub batches: u64,
    /// True while no lane can reach the database.
    pub down: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineSnapshot {
    pub branches: Vec<Branch>,
    pub pool: PoolSnapshot,
    pub journal: JournalSnapshot,
    /// Replies under way or waiting in rooms.
    pub turns: usize,
}

/// Cheap to clone. All calls answer through the [`Responder`], exactly once, and never block.
#[derive(Clone)]
pub struct Engine {}

impl Engine {
    /// Starts the actors on the present tokio runtime.
    pub async fn start(_node: NodeId, _settings: Settings, _ports: Ports) -> Result<Self, ractor::SpawnErr> {
        todo!()
    }
    pub fn send(&self, _send: Send, _responder: Responder<Sent>) {
        todo!()
    }
    /// Marks the room as read by `user` up to `read_offset`; answers the mark that then stands.
    pub fn read(&self, _room: RoomId, _user: UserId, _read_offset: Revision, _responder: Responder<Revision>) {
        todo!()
    }
    pub fn typing(&self, _room: RoomId, _user: UserId, _typing: Typing, _responder: Responder<()>) {
        todo!()
    }
    /// Stops one running or waiting reply, or all of the room; answers how many.
    pub fn stop_reply(&self, _room: RoomId, _user: UserId, _reply: Option<MessageId>, _responder: Responder<u32>) {
        todo!()
    }
    /// Deletes the room (its owner only); answers the revision of that last event.
    pub fn delete_room(&self, _room: RoomId, _user: UserId, _responder: Responder<Revision>) {
        todo!()
    }
    /// Replies under way in the room, with their text so far. Empty for a room that is not in memory.
    pub async fn open_replies(&self, _room: RoomId) -> Vec<OpenReply> {
        todo!()
    }
    pub async fn usage(&self, _user: UserId) -> Result<Arc<Usage>, Refusal> {
        todo!()
    }
    /// Takes up the replies of nodes that died; answers how many.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        todo!()
    }
    pub async fn snapshot(&self) -> EngineSnapshot {
        todo!()
    }
    /// Refuses new messages, lets replies finish until `deadline`, then flushes the journal and ends all actors.
    /// Answers the number of replies that did not finish; they are taken up at the next start.
    pub async fn drain(&self, _deadline: Duration) -> usize {
        todo!()
    }
    #[must_use]
    pub fn is_draining(&self) -> bool {
        todo!()
    }
}

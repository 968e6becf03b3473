//! The journal: ordered, batched, durable writes of all rooms. Answers come after the commit.
//!
//! A room always writes through the same lane, so its entries keep their order. A lane sends what waits as soon as it is
//! free (no linger), at most `batch_max` entries in one transaction. When the connection is lost at a commit nobody
//! knows whether it was stored: the lane replays that very batch before any later one, and since every entry carries
//! ids made here, what was stored before is recognised (`decide.rs`). Meanwhile reservations stay held.
//!
//! Bound: a lane refuses new messages, changes and wishes when `queue_max` entries wait. The end of a turn and what
//! belongs to a room's life is always taken: there are at most as many as there are turns and rooms.

pub mod decide;
mod lane;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use ractor::ActorRef;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::domain::RoomId;
use crate::engine::JournalSnapshot;
use crate::ports::{Entry, EntryKind, JournalStore, Outcome};
use crate::room::{RoomMsg, Ticket};
use crate::settings::JournalSettings;
use crate::user::Reservation;

/// An entry on its way, and who is to hear what became of it.
pub(crate) struct Envelope {
    pub entry: Entry,
    pub ticket: Ticket,
    pub answer: ActorRef<RoomMsg>,
    /// Settled when the entry is stored; dropped, and so released, when it is not.
    pub reservation: Option<Reservation>,
}

/// One commit's outcomes for one room, in the order of its log.
pub(crate) type Committed = Vec<(Ticket, Entry, Outcome)>;

enum Post {
    Entry(Box<Envelope>),
    /// Answered when everything before it has been answered.
    Barrier(oneshot::Sender<()>),
}

struct LaneHandle {
    sender: mpsc::UnboundedSender<Post>,
    gauge: Arc<Gauge>,
}

/// What a lane tells the outside about itself.
#[derive(Default)]
struct Gauge {
    queued: AtomicUsize,
    committed: AtomicU64,
    batches: AtomicU64,
    down: AtomicBool,
}

/// Why an entry was not taken. It comes back with its reservation, which drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotWritten {
    Full,
    /// The database cannot be reached: new messages are not taken before it can.
    Down,
}

pub(crate) struct Journal {
    lanes: Vec<LaneHandle>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    hasher: RandomState,
    queue_max: usize,
}

impl Journal {
    /// Starts the lanes on the present runtime.
    pub fn start(store: &Arc<dyn JournalStore>, settings: &JournalSettings) -> Self {
        let (mut lanes, mut tasks) = (Vec::new(), Vec::new());
        for index in 0..settings.lanes.max(1) {
            // Bounded by `queue_max` for what may be refused; see the module's head for the rest.
            let (sender, receiver) = mpsc::unbounded_channel();
            let gauge = Arc::new(Gauge::default());
            tasks.push(tokio::spawn(lane::run(store.lane(index), receiver, gauge.clone(), settings.clone())));
            lanes.push(LaneHandle { sender, gauge });
        }
        let hasher = RandomState::new();
        Self { lanes, tasks: std::sync::Mutex::new(tasks), hasher, queue_max: settings.queue_max }
    }

    /// Puts an entry into its room's lane. Only what a person wants stored can be refused.
    pub fn append(&self, envelope: Envelope) -> Result<(), NotWritten> {
        let lane = self.lane(envelope.entry.room);
        if wanted_by_a_person(&envelope.entry.kind) {
            if lane.gauge.down.load(Relaxed) {
                return Err(NotWritten::Down);
            }
            if lane.gauge.queued.load(Relaxed) >= self.queue_max {
                return Err(NotWritten::Full);
            }
        }
        lane.gauge.queued.fetch_add(1, Relaxed);
        lane.sender.send(Post::Entry(Box::new(envelope))).map_err(|_| NotWritten::Down)
    }

    /// Returns when all that was appended before in this room's lane has been answered.
    pub async fn barrier(&self, room: RoomId) {
        let (sender, receiver) = oneshot::channel();
        if self.lane(room).sender.send(Post::Barrier(sender)).is_ok() {
            let _ = receiver.await;
        }
    }

    /// Returns when all that was appended before has been answered.
    pub async fn flush(&self) {
        for lane in &self.lanes {
            let (sender, receiver) = oneshot::channel();
            if lane.sender.send(Post::Barrier(sender)).is_ok() {
                let _ = receiver.await;
            }
        }
    }

    /// Ends the lanes at once. What they had not written is lost, as at a crash: flush first.
    pub fn stop(&self) {
        let tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        tasks.iter().for_each(JoinHandle::abort);
    }

    pub fn snapshot(&self) -> JournalSnapshot {
        let gauges = self.lanes.iter().map(|lane| &lane.gauge);
        JournalSnapshot {
            lanes: self.lanes.len(),
            queued: gauges.clone().map(|gauge| gauge.queued.load(Relaxed)).sum(),
            committed: gauges.clone().map(|gauge| gauge.committed.load(Relaxed)).sum(),
            batches: gauges.clone().map(|gauge| gauge.batches.load(Relaxed)).sum(),
            down: gauges.clone().any(|gauge| gauge.down.load(Relaxed)),
        }
    }

    fn lane(&self, room: RoomId) -> &LaneHandle {
        &self.lanes[self.hasher.hash_one(room) as usize % self.lanes.len()]
    }
}

/// Whether it may be refused: nothing has been promised yet.
fn wanted_by_a_person(kind: &EntryKind) -> bool {
    match kind {
        EntryKind::Say(_) | EntryKind::Amend(_) | EntryKind::Ask(_) | EntryKind::Change(_) => true,
        EntryKind::Close(_) | EntryKind::Read(_) | EntryKind::Delete { .. } => false,
    }
}

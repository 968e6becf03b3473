//! The way from the engine to the sockets: one event in, encoded once, the same bytes to each worker thread whose
//! sockets joined the room. It owns who is connected (`people`), which worker has which room (`rooms`) and the workers'
//! queues; the sockets themselves belong to their worker's shard.
//!
//! Limits: each worker's queue is bounded. What does not fit and is stored closes that worker's sockets of the room
//! with "resume"; what is not stored is dropped. Nothing here blocks: it is called from actors.

mod characters;
mod people;
mod plans;
mod presence;
mod rooms;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytestring::ByteString;
use greenroom_actors::domain::{Revision, RoomId, SessionId, UserId};
use greenroom_actors::ports::{Clock, Fanout, SystemClock};
use greenroom_actors::protocol::{Notification, Presence, RoomEvent, UserEvent};
use greenroom_actors::session::CloseCode;
use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::backend::{Backend, SharedBackend};
use super::delivery::{Batch, Board, ToShard};
use super::settings::Settings;
use super::socketio::Sids;
use super::wire;
use crate::accounts::Role;
use crate::conversations::view::ConversationView;
use crate::media::files::FileView;
use crate::studio::content::ContentView;
use characters::Watched;
use people::People;
pub(super) use plans::{Pace, Served};
use rooms::Rooms;

/// A worker's number in this hub.
pub(super) type ShardIndex = u16;

/// One signed-in socket, for the console.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    pub id: SessionId,
    pub user: UserId,
    /// Known once the profile was read.
    pub username: Option<Arc<str>>,
    pub role: Role,
    /// The sign-in that its token belongs to.
    pub sign_in: SessionId,
    pub address: Option<IpAddr>,
    pub connected_at: Timestamp,
    pub presence: Presence,
    /// Rooms that it joined.
    pub rooms: usize,
}

/// Numbers for the console and the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubCounts {
    /// Open sockets, signed in or not.
    pub sockets: u64,
    pub signed_in: u64,
    pub users: u64,
    /// Rooms that some socket joined.
    pub rooms: u64,
    /// Worker threads with sockets.
    pub shards: u64,
    /// Frames handed to sockets since the start.
    pub delivered: u64,
    /// Deliveries that were not stored and did not fit.
    pub dropped: u64,
    /// Sockets closed because they were too slow or out of step.
    pub out_of_step: u64,
    /// Connections ended by force.
    pub shut: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) sockets: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) out_of_step: AtomicU64,
    pub(super) shut: AtomicU64,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    /// Tells this hub's shards from those of another one on the same thread (tests have several).
    id: u64,
    settings: Settings,
    clock: Arc<dyn Clock>,
    backend: OnceLock<SharedBackend>,
    draining: AtomicBool,
    shards: RwLock<Vec<ShardHandle>>,
    rooms: Rooms,
    people: People,
    watched: Watched,
    sids: Arc<Sids>,
    counters: Counters,
}

struct ShardHandle {
    queue: mpsc::Sender<ToShard>,
    board: Arc<Board>,
}

impl Hub {
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::with_clock(settings, Arc::new(SystemClock))
    }

    #[must_use]
    pub fn with_clock(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        static HUBS: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Inner {
            id: HUBS.fetch_add(1, Relaxed),
            settings,
            clock,
            backend: OnceLock::new(),
            draining: AtomicBool::new(false),
            shards: RwLock::default(),
            rooms: Rooms::default(),
            people: People::default(),
            watched: Watched::default(),
            sids: Arc::default(),
            counters: Counters::default(),
        }))
    }

    /// The engine needs the hub to start and the backend needs the engine: so it comes afterwards, once. Until then
    /// upgrades are refused.
    pub fn attach(&self, backend: Arc<dyn Backend>) {
        if self.0.backend.set(backend).is_err() {
            tracing::error!("the hub has its backend already");
        }
    }

    /// `None` before [`attach`](Self::attach), or while draining.
    pub(super) fn open_backend(&self) -> Option<SharedBackend> {
        let backend = self.0.backend.get()?;
        (!self.is_draining() && !backend.is_draining()).then(|| backend.clone())
    }

    pub(super) fn id(&self) -> u64 {
        self.0.id
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(super) fn people(&self) -> &People {
        &self.0.people
    }

    /// The sessions that are named in requests.
    pub(super) fn sids(&self) -> &Arc<Sids> {
        &self.0.sids
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// A worker thread with sockets: its number, what is for it, and its notice board.
    pub(super) fn add_shard(&self) -> (ShardIndex, mpsc::Receiver<ToShard>, Arc<Board>) {
        let (queue, deliveries) = mpsc::channel(self.0.settings.shard_queue_max.max(1));
        let board = Arc::new(Board::default());
        let mut shards = self.0.shards.write().unwrap_or_else(PoisonError::into_inner);
        let index = shards.len() as ShardIndex;
        shards.push(ShardHandle { queue, board: board.clone() });
        if self.is_draining() {
            board.close_all(CloseCode::Draining);
        }
        (index, deliveries, board)
    }

    #[must_use]
    pub fn counts(&self) -> HubCounts {
        let counters = &self.0.counters;
        let (signed_in, users) = self.0.people.counts();
        HubCounts {
            sockets: counters.sockets.load(Relaxed),
            signed_in,
            users,
            rooms: self.0.rooms.count(),
            shards: self.0.shards.read().unwrap_or_else(PoisonError::into_inner).len() as u64,
            delivered: counters.delivered.load(Relaxed),
            dropped: counters.dropped.load(Relaxed),
            out_of_step: counters.out_of_step.load(Relaxed),
            shut: counters.shut.load(Relaxed),
        }
    }

    /// At most `limit` signed-in sockets in the order of their ids, those after `cursor`. The last one's id is the next
    /// cursor.
    #[must_use]
    pub fn sessions(&self, limit: usize, cursor: Option<SessionId>) -> Vec<SessionInfo> {
        self.0.people.list(limit, cursor)
    }

    /// Whether the user has a socket open on this node.
    #[must_use]
    pub fn online(&self, user: UserId) -> Presence {
        self.0.people.presence(user)
    }

    /// Closes one socket (4004). False: there is no such session here.
    pub fn kick(&self, session: SessionId) -> bool {
        let Some(shard) = self.0.people.shard_of(session) else { return false };
        self.close_on(shard, vec![session], CloseCode::Kicked);
        true
    }

    /// Closes all sockets of a user, or only those of one sign-in of theirs (4001): their tokens hold no more.
    pub fn end_sign_ins(&self, user: UserId, sign_in: Option<SessionId>) {
        for (shard, sessions) in self.0.people.sessions_of(user, sign_in, None) {
            self.close_on(shard, sessions, CloseCode::TokenEnded);
        }
    }

    /// Tells everybody who is signed in.
    pub fn broadcast(&self, notification: &Notification) {
        let text = wire::notification(notification);
        for shard in self.0.shards.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if shard.queue.try_send(ToShard::Everybody(text.clone())).is_err() {
                self.0.counters.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Closes all sockets and refuses new ones from now on.
    pub fn close_all(&self, code: CloseCode) {
        self.0.draining.store(true, Relaxed);
        for shard in self.0.shards.read().unwrap_or_else(PoisonError::into_inner).iter() {
            shard.board.close_all(code);
            // The board is read at the next tick at the latest.
            drop(shard.queue.try_send(ToShard::Look));
        }
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Relaxed)
    }

    /// Tells the members' sockets of a conversation that was made or shared with them.
    pub fn conversation_created(&self, members: &[UserId], conversation: &ConversationView) {
        let mut text = None;
        for member in members {
            self.tell(*member, None, || {
                text.get_or_insert_with(|| wire::conversation_created(conversation)).clone()
            });
        }
    }

    /// Tells the user's sockets what became of one of their files.
    pub fn media_updated(&self, user: UserId, file: &FileView) {
        self.tell(user, None, || wire::media_updated(file));
    }

    /// Tells the user's sockets how far one of their pictures or videos is.
    pub fn content_updated(&self, user: UserId, content: &ContentView) {
        self.tell(user, None, || wire::content_updated(content));
    }

    /// Tells the user's sockets that one was deleted.
    pub fn content_deleted(&self, user: UserId, content: Uuid) {
        self.tell(user, None, || wire::content_deleted(content));
    }

    fn close_on(&self, shard: ShardIndex, sessions: Vec<SessionId>, code: CloseCode) {
        let shards = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
        let Some(shard) = shards.get(usize::from(shard)) else { return };
        shard.board.close(sessions, code);
        drop(shard.queue.try_send(ToShard::Look));
    }

    fn tell(&self, user: UserId, except: Option<SessionId>, text: impl FnOnce() -> ByteString) {
        let places = self.0.people.sessions_of(user, None, except);
        if places.is_empty() {
            return;
        }
        self.tell_sessions(places, &text());
    }

    fn tell_sessions(&self, places: Vec<(ShardIndex, Vec<SessionId>)>, text: &ByteString) {
        let shards = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
        for (shard, sessions) in places {
            let Some(shard) = shards.get(usize::from(shard)) else { continue };
            if shard.queue.try_send(ToShard::Sessions { sessions, text: text.clone() }).is_err() {
                self.0.counters.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    fn hand_over(&self, room: RoomId, shards: &[ShardIndex], make: impl Fn() -> ToShard, committed: bool) {
        let handles = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
        for index in shards {
            let Some(shard) = handles.get(usize::from(*index)) else { continue };
            if let Err(mpsc::error::TrySendError::Full(_)) = shard.queue.try_send(make()) {
                if committed {
                    // Noted before anything later of this room can be queued: the sockets never see the gap.
                    shard.board.refuse(room);
                } else {
                    self.0.counters.dropped.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

impl Fanout for Hub {
    fn to_room(&self, room: RoomId, events: Vec<RoomEvent>) {
        for event in &events {
            if let RoomEvent::MemberRemoved { user, .. } = event {
                self.hide_in(room, *user);
            }
        }
        let shards = self.0.rooms.shards(room);
        if shards.is_empty() || events.is_empty() {
            return;
        }
        let batch = Arc::new(Batch::new(events.iter().map(|event| wire::room_event(room, event))));
        let committed = batch.committed;
        self.hand_over(room, &shards, || ToShard::Room { room, batch: batch.clone() }, committed);
    }

    fn to_user(&self, user: UserId, event: UserEvent, except: Option<SessionId>) {
        self.tell(user, except, || wire::user_event(&event));
    }

    fn resync(&self, room: RoomId, head: Revision) {
        let shards = self.0.rooms.shards(room);
        self.hand_over(room, &shards, || ToShard::Resync { room, head }, true);
    }
}

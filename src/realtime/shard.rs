//! One per worker thread: the sockets of this thread, by session and by room. A room sends one message here however
//! many of its members this thread has; one timer here does what every socket would otherwise need a timer for.
//!
//! It owns each local socket's queue bound and the end of sockets that take nothing: a delivery that is refused is
//! noted, and a socket that has not moved `slow_socket_grace` later loses its connection.
//!
//! The state is shared with the thread's sessions (`Rc`), the actor brings what comes from other threads.

mod roster;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};
use bytestring::ByteString;
use futures_util::stream::poll_fn;
use greenroom_actors::domain::{RoomId, SessionId, UserId};
use greenroom_actors::session::CloseCode;
use jiff::Timestamp;

use super::delivery::{Batch, Board, ToSession, ToShard, text_cost};
use super::hub::{Hub, ShardIndex};
use super::socket::Connection;
use super::socketio::Outbox;
use roster::Roster;

/// What is not stored is dropped once this part of a queue is full.
const PRESSED_PART: usize = 4;

/// Places that an empty queue keeps.
const QUEUE_KEPT: usize = 4;

thread_local! {
    /// The shards of this thread, by their hub's id: one, but for tests.
    static SHARDS: RefCell<Vec<(u64, Rc<Shard>)>> = const { RefCell::new(Vec::new()) };
}

/// A socket of this thread, as its shard sees it.
pub(super) struct Local {
    pub(super) id: SessionId,
    pub(super) connection: Rc<Connection>,
    /// What this thread has for the session, in order. Both live on one thread: the actor's mailbox, made for senders
    /// elsewhere, costs two allocations and a lock for each delivery.
    queue: RefCell<VecDeque<ToSession>>,
    /// The session's task, while it waits.
    waiting: Cell<Option<Waker>>,
    /// Cost of the deliveries in the queue.
    queued: Cell<usize>,
    /// When a delivery was refused for the first time since the session last took one.
    refused_at: Cell<Option<Timestamp>>,
    /// It missed something that was stored: nothing more goes there but its end.
    lost: Cell<bool>,
    /// When it wants to be told the time.
    due_at: Cell<Timestamp>,
    /// When it was told and did not yet answer.
    told_at: Cell<Option<Timestamp>>,
    signed_in: Cell<bool>,
}

impl Local {
    pub(super) fn new(id: SessionId, connection: Rc<Connection>, due_at: Timestamp) -> Self {
        Self {
            id,
            connection,
            queue: RefCell::default(),
            waiting: Cell::default(),
            queued: Cell::new(0),
            refused_at: Cell::new(None),
            lost: Cell::new(false),
            due_at: Cell::new(due_at),
            told_at: Cell::new(None),
            signed_in: Cell::new(false),
        }
    }

    /// Takes what comes next for the session.
    pub(super) fn poll_next(&self, task: &std::task::Context<'_>) -> Poll<Option<ToSession>> {
        let mut queue = self.queue.borrow_mut();
        if let Some(next) = queue.pop_front() {
            return Poll::Ready(Some(next));
        }
        if queue.capacity() > QUEUE_KEPT {
            // An idle socket keeps no room for a burst.
            *queue = VecDeque::new();
        }
        let waker = self.waiting.take().filter(|known| known.will_wake(task.waker()));
        self.waiting.set(Some(waker.unwrap_or_else(|| task.waker().clone())));
        Poll::Pending
    }

    fn enqueue(&self, message: ToSession) {
        self.queue.borrow_mut().push_back(message);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// The session took a delivery: it moves.
    pub(super) fn taken(&self, cost: usize) {
        self.queued.set(self.queued.get().saturating_sub(cost));
        self.refused_at.set(None);
    }

    pub(super) fn set_due(&self, due_at: Timestamp) {
        self.due_at.set(due_at);
        self.told_at.set(None);
    }

    pub(super) fn set_signed_in(&self) {
        self.signed_in.set(true);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.get()
    }
}

pub(super) struct Shard {
    hub: Hub,
    index: ShardIndex,
    board: Arc<Board>,
    roster: RefCell<Roster>,
}

impl Shard {
    /// The shard of this thread; started with its first socket.
    pub(super) fn of_this_thread(hub: &Hub) -> Rc<Self> {
        SHARDS.with_borrow_mut(|shards| {
            if let Some((_, shard)) = shards.iter().find(|(id, _)| *id == hub.id()) {
                return Rc::clone(shard);
            }
            let (index, mut deliveries, board) = hub.add_shard();
            let shard =
                Rc::new(Self { hub: hub.clone(), index, board, roster: RefCell::new(Roster::default()) });
            let actor = ShardActor { shard: Rc::clone(&shard) };
            ShardActor::create(|context| {
                context.add_stream(poll_fn(move |task| deliveries.poll_recv(task)));
                actor
            });
            shards.push((hub.id(), Rc::clone(&shard)));
            shard
        })
    }

    pub(super) fn index(&self) -> ShardIndex {
        self.index
    }

    pub(super) fn add(&self, local: Rc<Local>) {
        self.hub.counters().sockets.fetch_add(1, Relaxed);
        self.roster.borrow_mut().add(local);
    }

    /// A socket went, with the rooms that it was in.
    pub(super) fn remove(&self, session: SessionId, rooms: impl Iterator<Item = RoomId>) {
        for room in rooms {
            self.leave(session, room);
        }
        if self.roster.borrow_mut().remove(session) {
            self.hub.counters().sockets.fetch_sub(1, Relaxed);
        }
    }

    /// From here on the room's events come to this socket.
    pub(super) fn join(&self, local: &Rc<Local>, room: RoomId) {
        if self.roster.borrow_mut().join(local, room) {
            self.hub.rooms().join(room, self.index);
        }
    }

    pub(super) fn leave(&self, session: SessionId, room: RoomId) {
        if self.roster.borrow_mut().leave(session, room) {
            self.hub.rooms().leave(room, self.index);
        }
    }

    /// A socket sent its close frame: if the peer does not take it in time, its connection is ended.
    pub(super) fn closing(&self, connection: &Rc<Connection>) {
        let at = later(self.hub.now(), self.hub.settings().slow_socket_grace);
        self.roster.borrow_mut().closing.push((at, Rc::clone(connection)));
    }

    /// A connection of this thread carries a session: it is ended when it does not take its session's end.
    pub(super) fn watch(&self, connection: Rc<Connection>, session: Arc<Outbox>) {
        self.roster.borrow_mut().carriers.push((connection, session));
    }

    /// The user's last socket went: they are shown as offline unless they come back in time.
    pub(super) fn user_left(&self, user: UserId) {
        let at = later(self.hub.now(), self.hub.settings().offline_grace);
        self.roster.borrow_mut().leaving.push((at, user));
    }

    fn on_delivery(&self, delivery: ToShard) {
        self.look();
        let roster = self.roster.borrow();
        match delivery {
            ToShard::Room { room, batch } => {
                for local in roster.of_room(room) {
                    self.deliver(local, room, &batch);
                }
            }
            ToShard::Resync { room, head } => {
                for local in roster.of_room(room) {
                    self.push(local, 0, true, ToSession::Resync { room, head });
                }
            }
            ToShard::Sessions { sessions, text } => {
                for local in sessions.iter().filter_map(|session| roster.get(*session)) {
                    self.tell(local, &text);
                }
            }
            ToShard::Everybody(text) => {
                for local in roster.all().filter(|local| local.signed_in.get()) {
                    self.tell(local, &text);
                }
            }
            ToShard::Look => {}
        }
    }

    fn deliver(&self, local: &Local, room: RoomId, batch: &Arc<Batch>) {
        let frames = ToSession::Frames { room, batch: Arc::clone(batch) };
        if self.push(local, batch.cost, batch.committed, frames) {
            self.hub.counters().delivered.fetch_add(batch.frames.len() as u64, Relaxed);
        }
    }

    fn tell(&self, local: &Local, text: &ByteString) {
        if self.push(local, text_cost(text), false, ToSession::Text(text.clone())) {
            self.hub.counters().delivered.fetch_add(1, Relaxed);
        }
    }

    /// Whether the delivery was taken into the socket's queue.
    fn push(&self, local: &Local, cost: usize, committed: bool, message: ToSession) -> bool {
        if local.lost.get() {
            return false;
        }
        let queued = local.queued.get();
        let max = self.hub.settings().mailbox_max_bytes;
        // A single commit may be larger than the bound: a socket with nothing before it takes it.
        let fits = if committed { queued == 0 || queued + cost <= max } else { queued <= max / PRESSED_PART };
        if fits && local.queue.borrow().len() < self.hub.settings().mailbox_max_frames {
            local.queued.set(queued + cost);
            local.enqueue(message);
            return true;
        }
        self.refused(local);
        if committed {
            self.out_of_step(local);
        } else {
            self.hub.counters().dropped.fetch_add(1, Relaxed);
        }
        false
    }

    fn out_of_step(&self, local: &Local) {
        if !local.lost.replace(true) {
            self.hub.counters().out_of_step.fetch_add(1, Relaxed);
            self.close(local, CloseCode::OutOfStep);
        }
    }

    /// Asks a session to close. One that does not take even that in time loses its connection.
    fn close(&self, local: &Local, code: CloseCode) {
        // Beyond the bound, so that this is never refused. One is enough.
        if !matches!(local.queue.borrow().back(), Some(ToSession::Close(_))) {
            local.enqueue(ToSession::Close(code));
        }
        self.refused(local);
    }

    fn refused(&self, local: &Local) {
        if local.refused_at.get().is_none() {
            local.refused_at.set(Some(self.hub.now()));
        }
    }

    /// Does what stands on the board.
    fn look(&self) {
        let Some(notes) = self.board.take() else { return };
        let roster = self.roster.borrow();
        for room in notes.refused {
            for local in roster.of_room(room) {
                self.out_of_step(local);
            }
        }
        for (session, code) in notes.close {
            if let Some(local) = roster.get(session) {
                self.close(local, code);
            }
        }
        if let Some(code) = notes.close_all {
            for local in roster.all() {
                self.close(local, code);
            }
        }
    }

    fn on_tick(&self) {
        self.look();
        let now = self.hub.now();
        let settings = self.hub.settings();
        let (grace, silence) = (settings.slow_socket_grace, settings.session.heartbeat_interval);
        let mut shut = 0;
        for local in self.roster.borrow().all() {
            let refused_long = local.refused_at.get().is_some_and(|at| now >= later(at, grace));
            // A session that does not even take the time is not polled: its peer reads nothing.
            let deaf = local.told_at.get().is_some_and(|at| now >= later(at, silence));
            if refused_long || deaf {
                local.refused_at.set(None);
                local.told_at.set(Some(now));
                shut += u64::from(local.connection.is_open());
                local.connection.shut();
            } else if local.told_at.get().is_none() && now >= local.due_at.get() {
                local.told_at.set(Some(now));
                // One at a time, also beyond the bound.
                local.enqueue(ToSession::Tick);
            }
        }
        let (closing, leaving) = self.roster.borrow_mut().take_due(now);
        let overdue = self.roster.borrow_mut().take_overdue(now, grace);
        for connection in closing.into_iter().chain(overdue) {
            shut += u64::from(connection.is_open());
            connection.shut();
        }
        self.hub.counters().shut.fetch_add(shut, Relaxed);
        self.hub.tell_settled();
        for user in leaving {
            self.hub.gone(user);
        }
    }
}

fn later(time: Timestamp, span: std::time::Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

struct ShardActor {
    shard: Rc<Shard>,
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(self.shard.hub.settings().tick, |actor, _| actor.shard.on_tick());
    }

    /// The worker ends; or something here panicked, and sockets that nobody serves any more are to find another shard.
    fn stopped(&mut self, _: &mut Self::Context) {
        if let Ok(roster) = self.shard.roster.try_borrow() {
            roster.all().for_each(|local| local.connection.shut());
        }
        // The thread may be ending, and its locals with it.
        let forget = |shards: &RefCell<Vec<(u64, Rc<Shard>)>>| {
            shards.borrow_mut().retain(|(id, _)| *id != self.shard.hub.id());
        };
        SHARDS.try_with(forget).ok();
    }
}

impl StreamHandler<ToShard> for ShardActor {
    fn handle(&mut self, delivery: ToShard, _: &mut Self::Context) {
        self.shard.on_delivery(delivery);
    }

    fn finished(&mut self, context: &mut Self::Context) {
        context.stop();
    }
}

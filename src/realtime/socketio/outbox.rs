//! What waits for one client: packets in order, put in by its session and taken by whoever carries them at the moment.
//! Its other part is who that is. Session and transports may be on different threads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytestring::ByteString;
use greenroom_actors::session::CloseCode;
use jiff::Timestamp;

use super::packet::{CLOSE, NOOP, SEPARATOR};
use super::{GATE_BYTES, POLL_MAX_PACKETS, Sids};

/// Places that an empty queue keeps.
const QUEUE_KEPT: usize = 4;

/// How the client is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Polling,
    /// Still by polling, and a WebSocket is about to take over.
    Probing,
    WebSocket,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
enum End {
    /// What is left is still to be taken; then the transport closes with this, or as the client asked.
    Closing(Option<CloseCode>, Timestamp),
    /// Nobody takes anything any more.
    Dead,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<ByteString>,
    bytes: usize,
    carrier: Carrier,
    end: Option<End>,
    /// A poll hangs.
    polled: bool,
    /// The poll that hangs is to be let go, with nothing if need be: an upgrade began.
    release: bool,
    /// A POST is under way.
    posting: bool,
    /// The session waits for room.
    gated: bool,
    /// The session's task.
    session: Option<Waker>,
    /// The transport's task, while it waits for packets.
    transport: Option<Waker>,
}

#[derive(Debug)]
pub(in crate::realtime) struct Outbox {
    sid: Box<str>,
    sids: Weak<Sids>,
    state: Mutex<State>,
}

/// Why a transport may not carry the session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    /// The same is being done already: the session is at its end.
    Twice,
    /// The session has another transport by now.
    Elsewhere,
}

impl Outbox {
    /// For a session that is reached by polling first, or by a WebSocket from the start.
    pub(super) fn new(sid: Box<str>, sids: &Arc<Sids>, by_socket: BySocket) -> Self {
        let carrier = match by_socket {
            BySocket::FromTheStart => Carrier::WebSocket,
            BySocket::Perhaps => Carrier::Polling,
        };
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            carrier,
            end: None,
            polled: false,
            release: false,
            posting: false,
            gated: false,
            session: None,
            transport: None,
        };
        Self { sid, sids: Arc::downgrade(sids), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The session's side.

    pub(super) fn push(&self, packet: ByteString) {
        let mut state = self.state();
        if state.end.is_some() {
            return;
        }
        state.bytes += packet.len();
        state.queue.push_back(packet);
        let waker = state.transport.take();
        drop(state);
        wake(waker);
    }

    /// Ready while the client keeps up; the task is woken once it does. Ready too when the session is over.
    pub(super) fn poll_room(&self, task: &Context<'_>) -> Poll<Room> {
        let mut state = self.state();
        if matches!(state.end, Some(End::Dead)) {
            return Poll::Ready(Room::Over);
        }
        // Always known, so that the end wakes it too.
        keep(&mut state.session, task);
        state.gated = state.bytes >= GATE_BYTES;
        if state.gated { Poll::Pending } else { Poll::Ready(Room::There) }
    }

    /// Nothing comes after what is queued.
    pub(super) fn close(&self, code: Option<CloseCode>, now: Timestamp) {
        let mut state = self.state();
        if state.end.is_none() {
            state.end = Some(End::Closing(code, now));
            let waker = state.transport.take();
            drop(state);
            wake(waker);
        }
    }

    /// The session is over at once, whatever was left.
    pub(in crate::realtime) fn kill(&self) {
        let mut state = self.state();
        state.end = Some(End::Dead);
        state.queue = VecDeque::new();
        state.bytes = 0;
        let wakers = [state.session.take(), state.transport.take()];
        drop(state);
        wakers.into_iter().for_each(wake);
        if let Some(sids) = self.sids.upgrade() {
            sids.remove(&self.sid);
        }
    }

    pub(in crate::realtime) fn is_dead(&self) -> bool {
        matches!(self.state().end, Some(End::Dead))
    }

    /// Whether a transport that still stands has had its time to take the end.
    pub(in crate::realtime) fn is_overdue(&self, now: Timestamp, grace: Duration) -> bool {
        match self.state().end {
            None => false,
            Some(End::Closing(_, at)) => now >= at.checked_add(grace).unwrap_or(Timestamp::MAX),
            Some(End::Dead) => true,
        }
    }

    // The side of polling.

    /// Lets one poll in at a time.
    pub(super) fn begin_poll(&self) -> Result<(), NotNow> {
        let mut state = self.state();
        if state.carrier == Carrier::WebSocket {
            return Err(NotNow::Elsewhere);
        }
        if std::mem::replace(&mut state.polled, true) {
            return Err(NotNow::Twice);
        }
        Ok(())
    }

    pub(super) fn end_poll(&self) {
        let mut state = self.state();
        state.polled = false;
        state.release = false;
        if state.carrier != Carrier::WebSocket {
            // A WebSocket that has taken over waits there by now.
            state.transport = None;
        }
    }

    /// The next payload, of `max_bytes` or one packet; `None`: the session is over.
    pub(super) fn poll_payload(&self, task: &Context<'_>, max_bytes: usize) -> Poll<Option<String>> {
        let mut state = self.state();
        if matches!(state.end, Some(End::Dead)) {
            return Poll::Ready(None);
        }
        if state.carrier == Carrier::WebSocket {
            return Poll::Ready(Some(NOOP.to_owned()));
        }
        let mut payload = String::new();
        for _ in 0..POLL_MAX_PACKETS {
            let fits = |next: &ByteString| payload.is_empty() || payload.len() + 1 + next.len() <= max_bytes;
            if !state.queue.front().is_some_and(fits) {
                break;
            }
            let packet = state.take().unwrap_or_default();
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
            payload.push_str(&packet);
        }
        if state.queue.is_empty() && state.end.is_some() {
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
            payload.push_str(CLOSE);
            drop(state);
            self.kill();
            return Poll::Ready(Some(payload));
        }
        if payload.is_empty() && !state.release {
            keep(&mut state.transport, task);
            return Poll::Pending;
        }
        let waker = state.session_if_room();
        drop(state);
        wake(waker);
        Poll::Ready(Some(if payload.is_empty() { NOOP.to_owned() } else { payload }))
    }

    pub(super) fn is_probed(&self) -> bool {
        self.state().carrier == Carrier::Probing
    }

    /// Lets one POST in at a time.
    pub(super) fn begin_post(&self) -> Result<(), NotNow> {
        let mut state = self.state();
        if state.carrier == Carrier::WebSocket {
            return Err(NotNow::Elsewhere);
        }
        if std::mem::replace(&mut state.posting, true) {
            return Err(NotNow::Twice);
        }
        Ok(())
    }

    pub(super) fn end_post(&self) {
        self.state().posting = false;
    }

    // The side of a WebSocket.

    /// A WebSocket wants to take over. The poll that hangs is let go.
    pub(super) fn probe(&self) -> Result<(), NotNow> {
        let mut state = self.state();
        if state.carrier != Carrier::Polling || state.end.is_some() {
            return Err(NotNow::Elsewhere);
        }
        state.carrier = Carrier::Probing;
        state.release = state.polled;
        let waker = state.transport.take();
        drop(state);
        wake(waker);
        Ok(())
    }

    /// The WebSocket that probed went without taking over.
    pub(super) fn give_up_probe(&self) {
        let mut state = self.state();
        if state.carrier == Carrier::Probing {
            state.carrier = Carrier::Polling;
        }
    }

    /// The WebSocket that probed takes over: what is queued, and all that comes, is its own.
    pub(super) fn upgrade(&self) {
        let mut state = self.state();
        state.carrier = Carrier::WebSocket;
        // Of a client that did not wait for its poll: it has the packets from here.
        state.release = state.polled;
        let waker = state.transport.take();
        drop(state);
        wake(waker);
    }

    /// Hands over packets of about `max_bytes`; then, what is to become of the WebSocket.
    pub(super) fn poll_packets(
        &self,
        task: &Context<'_>,
        max_bytes: usize,
        mut take: impl FnMut(ByteString),
    ) -> Standing {
        let mut state = self.state();
        let mut taken = 0;
        while taken < max_bytes
            && let Some(packet) = state.take()
        {
            taken += packet.len();
            take(packet);
        }
        let standing = match state.end {
            Some(End::Dead) => Standing::Dead,
            Some(End::Closing(code, _)) if state.queue.is_empty() => Standing::Closed(code),
            _ => {
                keep(&mut state.transport, task);
                Standing::Open
            }
        };
        let waker = state.session_if_room();
        if state.queue.is_empty() && state.queue.capacity() > QUEUE_KEPT {
            // An idle session keeps no room for a burst.
            state.queue = VecDeque::new();
        }
        drop(state);
        wake(waker);
        standing
    }
}

/// How a session is reached at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BySocket {
    FromTheStart,
    Perhaps,
}

/// Whether the session may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    There,
    Over,
}

/// What is to become of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    /// All was taken: it closes with this.
    Closed(Option<CloseCode>),
    Dead,
}

impl State {
    fn take(&mut self) -> Option<ByteString> {
        let packet = self.queue.pop_front()?;
        self.bytes -= packet.len();
        Some(packet)
    }

    /// The session's task, if it waits for room and there is some now.
    fn session_if_room(&mut self) -> Option<Waker> {
        if self.gated && self.bytes < GATE_BYTES {
            self.gated = false;
            return self.session.clone();
        }
        None
    }
}

fn keep(place: &mut Option<Waker>, task: &Context<'_>) {
    if !place.as_ref().is_some_and(|known| known.will_wake(task.waker())) {
        *place = Some(task.waker().clone());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests;

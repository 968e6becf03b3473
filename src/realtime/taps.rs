//! Listening to a room from within the server: a [`Tap`] hears what the joined sockets hear.
//!
//! It stands before the hub as the engine's fan-out, so that there is one way out of the engine. A tap is bounded: one whose
//! reader is behind is closed, and its reader looks up where things stand and listens anew. Without taps an event costs one
//! look at a counter.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenroom_actors::domain::{Revision, RoomId, SessionId, UserId};
use greenroom_actors::ports::Fanout;
use greenroom_actors::protocol::{RoomEvent, UserEvent};
use tokio::sync::mpsc;

/// Events that a tap holds for a reader that is behind.
const HELD_MAX: usize = 1_024;

/// The fan-out, with taps. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Taps(Arc<Inner>);

struct Inner {
    /// Who is told before the taps.
    sockets: Arc<dyn Fanout>,
    rooms: Mutex<HashMap<RoomId, Vec<Pipe>>>,
    open: AtomicUsize,
    latest: AtomicUsize,
}

struct Pipe {
    number: usize,
    events: mpsc::Sender<RoomEvent>,
}

/// Hears a room from the moment it was opened. Dropping it closes it.
pub struct Tap {
    taps: Taps,
    room: RoomId,
    number: usize,
    events: mpsc::Receiver<RoomEvent>,
}

impl Taps {
    #[must_use]
    pub fn new(sockets: Arc<dyn Fanout>) -> Self {
        let (rooms, open, latest) = (Mutex::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Inner { sockets, rooms, open, latest }))
    }

    /// Listens to a room. Who may do so is for the caller to know.
    #[must_use]
    pub fn open(&self, room: RoomId) -> Tap {
        let (sender, events) = mpsc::channel(HELD_MAX);
        let number = self.0.latest.fetch_add(1, SeqCst);
        self.rooms().entry(room).or_default().push(Pipe { number, events: sender });
        self.0.open.fetch_add(1, SeqCst);
        Tap { taps: self.clone(), room, number, events }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Vec<Pipe>>> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pour(&self, room: RoomId, events: &[RoomEvent]) {
        if self.0.open.load(SeqCst) == 0 {
            return;
        }
        let mut rooms = self.rooms();
        let Some(pipes) = rooms.get_mut(&room) else { return };
        // One that is full is closed behind what it holds: its reader finds the end.
        pipes.retain(|pipe| events.iter().all(|event| pipe.events.try_send(event.clone()).is_ok()));
        if pipes.is_empty() {
            rooms.remove(&room);
        }
    }
}

impl Tap {
    /// The next event; `None` when the reader was too far behind.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        self.events.recv().await
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.taps.0.open.fetch_sub(1, SeqCst);
        let mut rooms = self.taps.rooms();
        let Some(pipes) = rooms.get_mut(&self.room) else { return };
        pipes.retain(|pipe| pipe.number != self.number);
        if pipes.is_empty() {
            rooms.remove(&self.room);
        }
    }
}

impl Fanout for Taps {
    fn to_room(&self, room: RoomId, events: Vec<RoomEvent>) {
        self.pour(room, &events);
        self.0.sockets.to_room(room, events);
    }

    fn to_user(&self, user: UserId, event: UserEvent, except: Option<SessionId>) {
        self.0.sockets.to_user(user, event, except);
    }

    fn resync(&self, room: RoomId, head: Revision) {
        self.0.sockets.resync(room, head);
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actors::protocol::{Typing, Typist};

    use super::*;

    struct Nobody;

    impl Fanout for Nobody {
        fn to_room(&self, _: RoomId, _: Vec<RoomEvent>) {}
        fn to_user(&self, _: UserId, _: UserEvent, _: Option<SessionId>) {}
        fn resync(&self, _: RoomId, _: Revision) {}
    }

    fn event() -> RoomEvent {
        RoomEvent::Typing { who: Typist::User(UserId::new()), active: Typing::Started }
    }

    #[tokio::test]
    async fn a_tap_hears_its_room_until_it_is_dropped() {
        let (taps, room) = (Taps::new(Arc::new(Nobody)), RoomId::new());
        let (mut one, other) = (taps.open(room), taps.open(room));
        taps.to_room(RoomId::new(), vec![event()]);
        taps.to_room(room, vec![event(), event()]);
        drop(other);
        assert!(one.next().await.is_some() && one.next().await.is_some());
        assert_eq!(taps.rooms()[&room].len(), 1);
        drop(one);
        assert!(taps.rooms().is_empty());
        taps.to_room(room, vec![event()]);
    }

    #[tokio::test]
    async fn a_reader_that_is_too_far_behind_finds_the_end() {
        let (taps, room) = (Taps::new(Arc::new(Nobody)), RoomId::new());
        let mut slow = taps.open(room);
        for _ in 0..HELD_MAX + 5 {
            taps.to_room(room, vec![event()]);
        }
        let mut heard = 0;
        while slow.next().await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, HELD_MAX);
        assert!(taps.rooms().is_empty());
    }
}

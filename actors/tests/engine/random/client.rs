//! A client that holds a room as it heard of it, and what a fresh one would load.

use std::collections::BTreeMap;

use greenroom_actors::domain::{Message, Revision, RoomId};
use greenroom_actors::protocol::RoomEvent;
use greenroom_actors::testsuite::TestEngine;

/// Whether there may be a hole in what a client hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    Never,
    /// A room that crashed told nobody of its last commits: the client sees that one is missing, and resumes.
    MayBe,
}

#[derive(Default)]
pub struct Client {
    head: Revision,
    messages: BTreeMap<Revision, Message>,
    /// Events of this life that it has seen.
    seen: usize,
}

/// What a client shows of a message: its replies under way it knows from elsewhere, and they move its revision.
fn shown(message: &Message) -> Message {
    Message { revision: 0, replies: Vec::new(), ..message.clone() }
}

impl Client {
    /// Takes what was told since, in order and without a gap.
    pub fn hear(&mut self, test: &TestEngine, room: RoomId, holes: Holes) {
        let events = test.fanout.room(room);
        for event in events.iter().skip(self.seen) {
            let Some(offset) = event.offset() else { continue };
            assert!(offset > self.head || holes == Holes::MayBe, "told twice: {event:?}");
            if offset <= self.head {
                continue;
            }
            if offset > self.head + 1 {
                assert_eq!(holes, Holes::MayBe, "{} is followed by {event:?}", self.head);
                self.resume(test, room);
                continue;
            }
            self.head = offset;
            if let RoomEvent::Received(message) | RoomEvent::Updated { message, .. } = event {
                self.messages.insert(message.offset, shown(message));
            }
        }
        self.seen = events.len();
    }

    /// Loads what was made or changed since.
    pub fn resume(&mut self, test: &TestEngine, room: RoomId) {
        // The head first: what comes in between is then heard of once more.
        let head = test.store.head(room);
        for message in test.store.messages(room) {
            if message.revision > self.head {
                self.messages.insert(message.offset, shown(&message));
            }
        }
        self.head = self.head.max(head);
    }

    /// A new life of the node begins: its events are counted anew.
    pub fn reconnect(&mut self, test: &TestEngine, room: RoomId) {
        self.seen = 0;
        self.resume(test, room);
    }

    /// When all is quiet it holds what a fresh client would load.
    pub fn equals_a_fresh_one(&self, test: &TestEngine, room: RoomId) {
        let fresh: Vec<Message> = test.store.messages(room).iter().map(shown).collect();
        let held: Vec<Message> = self.messages.values().cloned().collect();
        assert_eq!(held, fresh);
        assert_eq!(self.head, test.store.head(room));
    }
}

//! Keeps every event, and waits for those that a test wants to see.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;

use super::lock;
use crate::domain::{MessageId, ReplyState, Revision, RoomId, SessionId, UserId};
use crate::ports::Fanout;
use crate::protocol::{RoomEvent, UserEvent};

/// Longer than any machine needs: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub struct MemoryFanout {
    rooms: Mutex<Vec<(RoomId, RoomEvent)>>,
    users: Mutex<Vec<(UserId, UserEvent)>>,
    resyncs: Mutex<Vec<(RoomId, Revision)>>,
    news: Notify,
}

impl MemoryFanout {
    pub fn room(&self, room: RoomId) -> Vec<RoomEvent> {
        lock(&self.rooms).iter().filter(|(id, _)| *id == room).map(|(_, event)| event.clone()).collect()
    }

    pub fn user(&self, user: UserId) -> Vec<UserEvent> {
        lock(&self.users).iter().filter(|(id, _)| *id == user).map(|(_, event)| event.clone()).collect()
    }

    pub fn resyncs(&self) -> Vec<(RoomId, Revision)> {
        lock(&self.resyncs).clone()
    }

    /// Offsets of the room's durable events, as they came.
    pub fn offsets(&self, room: RoomId) -> Vec<Revision> {
        self.room(room).iter().filter_map(RoomEvent::offset).collect()
    }

    /// Waits until an event of the room makes `found` answer something.
    pub async fn wait<T>(&self, room: RoomId, mut found: impl FnMut(&RoomEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                let news = self.news.notified();
                if let Some(found) = self.room(room).iter().find_map(&mut found) {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the awaited event comes")
    }

    /// Waits for the end of a reply: its text, or the state in which it ended without one.
    pub async fn end_of(&self, room: RoomId, reply: MessageId) -> Result<String, ReplyState> {
        self.wait(room, |event| match event {
            RoomEvent::Received(message) if message.id == reply => {
                Some(Ok(message.content.as_str().to_owned()))
            }
            // That it was asked for is durable too.
            RoomEvent::Status { state: ReplyState::Queued, .. } => None,
            RoomEvent::Status { message, state, offset: Some(_), .. } if *message == reply => {
                Some(Err(*state))
            }
            _ => None,
        })
        .await
    }

    /// What a client that applies the deltas of this reply would show.
    pub fn streamed(&self, room: RoomId, reply: MessageId) -> String {
        let mut text = String::new();
        let mut newest = 0;
        for event in self.room(room) {
            if let RoomEvent::Delta { message, attempt, position, text: more, .. } = event
                && message == reply
                && attempt >= newest
            {
                if attempt > newest {
                    text.clear();
                    newest = attempt;
                }
                assert_eq!(crate::domain::utf16_len(&text), position, "deltas join without a gap");
                text.push_str(&more);
            }
        }
        text
    }
}

impl Fanout for MemoryFanout {
    fn to_room(&self, room: RoomId, events: Vec<RoomEvent>) {
        lock(&self.rooms).extend(events.into_iter().map(|event| (room, event)));
        self.news.notify_waiters();
    }

    fn to_user(&self, user: UserId, event: UserEvent, _except: Option<SessionId>) {
        lock(&self.users).push((user, event));
        self.news.notify_waiters();
    }

    fn resync(&self, room: RoomId, head: Revision) {
        lock(&self.resyncs).push((room, head));
        self.news.notify_waiters();
    }
}

//! The sockets of one thread, by session and by room, and what is due on them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{RoomId, SessionId, UserId};
use jiff::Timestamp;

use super::Local;
use crate::realtime::socket::Connection;
use crate::realtime::socketio::Outbox;

#[derive(Default)]
pub(super) struct Roster {
    sessions: HashMap<SessionId, Rc<Local>>,
    rooms: HashMap<RoomId, Vec<Rc<Local>>>,
    /// Connections that have been sent their close frame, and when they are to be gone.
    pub(super) closing: Vec<(Timestamp, Rc<Connection>)>,
    /// Connections of this thread that carry a session, which may be another thread's.
    pub(super) carriers: Vec<(Rc<Connection>, Arc<Outbox>)>,
    /// Users whose last socket went, and when they count as offline.
    pub(super) leaving: Vec<(Timestamp, UserId)>,
}

impl Roster {
    pub(super) fn add(&mut self, local: Rc<Local>) {
        self.sessions.insert(local.id, local);
    }

    pub(super) fn remove(&mut self, session: SessionId) -> bool {
        self.sessions.remove(&session).is_some()
    }

    /// Whether the socket was not in the room yet.
    pub(super) fn join(&mut self, local: &Rc<Local>, room: RoomId) -> bool {
        let members = self.rooms.entry(room).or_default();
        if members.iter().any(|member| member.id == local.id) {
            return false;
        }
        members.push(Rc::clone(local));
        true
    }

    /// Whether the socket was in the room.
    pub(super) fn leave(&mut self, session: SessionId, room: RoomId) -> bool {
        let Some(members) = self.rooms.get_mut(&room) else { return false };
        let Some(position) = members.iter().position(|member| member.id == session) else { return false };
        members.swap_remove(position);
        if members.is_empty() {
            self.rooms.remove(&room);
        }
        true
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Rc<Local>> {
        self.sessions.get(&session)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Rc<Local>> {
        self.sessions.values()
    }

    pub(super) fn of_room(&self, room: RoomId) -> impl Iterator<Item = &Rc<Local>> {
        self.rooms.get(&room).into_iter().flatten()
    }

    /// The connections whose session has ended, and who have had their time to take that.
    pub(super) fn take_overdue(&mut self, now: Timestamp, grace: Duration) -> Vec<Rc<Connection>> {
        self.carriers.retain(|(connection, _)| connection.is_open());
        self.carriers
            .extract_if(.., |(_, outbox)| outbox.is_overdue(now, grace))
            .map(|(connection, _)| connection)
            .collect()
    }

    /// The connections to be ended and the users to be shown as offline by now.
    pub(super) fn take_due(&mut self, now: Timestamp) -> (Vec<Rc<Connection>>, Vec<UserId>) {
        self.closing.retain(|(_, connection)| connection.is_open());
        let closing =
            self.closing.extract_if(.., |(at, _)| *at <= now).map(|(_, connection)| connection).collect();
        let leaving = self.leaving.extract_if(.., |(at, _)| *at <= now).map(|(_, user)| user).collect();
        (closing, leaving)
    }
}

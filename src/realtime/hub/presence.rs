//! Who is online, told to those who share a joined room. Worth nothing later, so never stored and first to be dropped;
//! large rooms are told nothing, or one user's coming would cost as much as a message. A user who changes often is told
//! of once a span, one whose sockets come and go is not told to be gone until they stay away. When somebody was last seen
//! is kept, and written now and then (`realtime/last_seen.rs`).

use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::ports::Fanout;
use greenroom_actors::protocol::{Presence, RoomEvent};
use jiff::Timestamp;

use super::Hub;
use super::people::Told;

impl Hub {
    /// The user stands in this room now: those who are there are told, and told of later changes.
    pub(in crate::realtime) fn show_in(&self, room: RoomId, user: UserId) {
        if self.is_large(room) || !self.people().show(user, room, self.now()) {
            return;
        }
        self.tell_presence(user, &[room], self.online(user), None);
    }

    /// The user has nothing to do with this room any more: what becomes of them is not its affair.
    pub fn hide_in(&self, room: RoomId, user: UserId) {
        self.people().hide(user, room);
    }

    /// Who of `members` is connected and was shown in this room; nobody where the room is large.
    pub(in crate::realtime) fn present_in(
        &self,
        room: RoomId,
        members: impl Iterator<Item = UserId>,
    ) -> Vec<(UserId, Presence)> {
        if self.is_large(room) { Vec::new() } else { self.people().present(room, members) }
    }

    /// Those of `members` who are not connected, where the room is told of such things.
    pub(in crate::realtime) fn absent_from(
        &self,
        room: RoomId,
        members: impl Iterator<Item = UserId>,
    ) -> Vec<UserId> {
        if self.is_large(room) { Vec::new() } else { self.people().absent(members) }
    }

    /// When the user's last socket went, where that is not written yet.
    pub(in crate::realtime) fn left_at(&self, user: UserId) -> Option<Timestamp> {
        self.people().left_at(user)
    }

    /// Those who were seen since this was last asked, and when: to be written.
    #[must_use]
    pub fn take_seen(&self) -> Vec<(UserId, Timestamp)> {
        self.people().take_seen(self.now())
    }

    /// What the user's sockets say together may have changed.
    pub(in crate::realtime) fn presence_changed(&self, user: UserId) {
        let told = self.people().changed(user, self.now(), self.settings().presence_merge);
        self.tell_change(told);
    }

    /// Tells of those who changed more often than others are told.
    pub(in crate::realtime) fn tell_settled(&self) {
        for told in self.people().settled(self.now(), self.settings().presence_merge) {
            self.tell_change(Some(told));
        }
    }

    fn tell_change(&self, told: Option<Told>) {
        if let Some(Told { user, presence, rooms }) = told {
            self.tell_presence(user, &rooms, presence, None);
        }
    }

    /// No socket of the user came back in time.
    pub(in crate::realtime) fn gone(&self, user: UserId) {
        if let Some((rooms, at)) = self.people().forget(user, self.now(), self.settings().offline_grace) {
            self.tell_presence(user, &rooms, Presence::Offline, Some(at));
        }
    }

    fn is_large(&self, room: RoomId) -> bool {
        self.rooms().sockets(room) > self.settings().presence_members_max
    }

    fn tell_presence(
        &self,
        user: UserId,
        rooms: &[RoomId],
        presence: Presence,
        last_seen: Option<Timestamp>,
    ) {
        for room in rooms {
            if !self.is_large(*room) {
                self.to_room(*room, vec![RoomEvent::Presence { user, presence, last_seen }]);
            }
        }
    }
}

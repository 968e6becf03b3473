//! Who is online, told to those who share a joined room. Worth nothing later, so never stored and first to be dropped;
//! large rooms are told nothing, or one user's coming would cost as much as a message.

use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::ports::Fanout;
use greenroom_actors::protocol::{Presence, RoomEvent};

use super::Hub;

impl Hub {
    /// The user stands in this room now: those who are there are told, and told of later changes.
    pub(in crate::realtime) fn show_in(&self, room: RoomId, user: UserId) {
        if self.is_large(room) || !self.people().show(user, room) {
            return;
        }
        self.tell_presence(user, &[room], self.online(user));
    }

    /// Who of `members` is connected and was shown in this room; nobody where the room is large.
    pub(in crate::realtime) fn present_in(
        &self,
        room: RoomId,
        members: impl Iterator<Item = UserId>,
    ) -> Vec<(UserId, Presence)> {
        if self.is_large(room) { Vec::new() } else { self.people().present(room, members) }
    }

    /// What the user's sockets say together has changed.
    pub(in crate::realtime) fn presence_changed(&self, user: UserId, before: Presence) {
        let now = self.online(user);
        if now != before {
            self.tell_presence(user, &self.people().shown_in(user), now);
        }
    }

    /// No socket of the user came back in time.
    pub(in crate::realtime) fn gone(&self, user: UserId) {
        if let Some(rooms) = self.people().forget(user) {
            self.tell_presence(user, &rooms, Presence::Offline);
        }
    }

    fn is_large(&self, room: RoomId) -> bool {
        self.rooms().sockets(room) > self.settings().presence_members_max
    }

    fn tell_presence(&self, user: UserId, rooms: &[RoomId], presence: Presence) {
        let last_seen = (presence == Presence::Offline).then(|| self.now());
        for room in rooms {
            if !self.is_large(*room) {
                self.to_room(*room, vec![RoomEvent::Presence { user, presence, last_seen }]);
            }
        }
    }
}

//! Who is typing, which is never stored. A client that falls silent, or whose network does, types no more after
//! `typing_ttl`: then the room is told so, as if the client had said it.
//!
//! One timer runs in a room while somebody types, not one per keystroke. Bound: the room's members.

use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;

use super::{Room, RoomMsg, State};
use crate::domain::UserId;
use crate::protocol::{Refusal, RoomEvent, Typing, Typist};

#[derive(Default)]
pub(super) struct Typists {
    /// Until when each is believed to be typing.
    until: Vec<(UserId, Instant)>,
    timer_runs: bool,
}

impl Typists {
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// Whether the room is to be told.
    fn note(&mut self, user: UserId, typing: Typing, until: Instant) -> bool {
        let known = self.until.iter().position(|(typist, _)| *typist == user);
        match (typing, known) {
            (Typing::Started, Some(at)) => self.until[at].1 = until,
            (Typing::Started, None) => self.until.push((user, until)),
            (Typing::Stopped, Some(at)) => drop(self.until.swap_remove(at)),
            // Nobody believed it to be typing.
            (Typing::Stopped, None) => return false,
        }
        true
    }

    /// Those who have fallen silent, and how long the next one has.
    fn expire(&mut self, now: Instant) -> (Vec<UserId>, Option<Duration>) {
        let silent = self.until.extract_if(.., |(_, until)| *until <= now).map(|(user, _)| user).collect();
        let next = self.until.iter().map(|(_, until)| *until - now).min();
        (silent, next)
    }
}

impl Room {
    pub(super) fn on_typing(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        typing: Typing,
    ) -> Result<(), Refusal> {
        state.member(user)?;
        let ttl = self.context.settings.room.typing_ttl;
        if state.typists.note(user, typing, Instant::now() + ttl) {
            self.tell_typing(state, &[user], typing);
        }
        if !state.typists.is_empty() && !std::mem::replace(&mut state.typists.timer_runs, true) {
            myself.send_after(ttl, || RoomMsg::TypingDue);
        }
        Ok(())
    }

    pub(super) fn on_typing_due(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        let (silent, next) = state.typists.expire(Instant::now());
        self.tell_typing(state, &silent, Typing::Stopped);
        state.typists.timer_runs = next.is_some();
        if let Some(wait) = next {
            myself.send_after(wait, || RoomMsg::TypingDue);
        }
    }

    fn tell_typing(&self, state: &State, users: &[UserId], active: Typing) {
        let event = |user: &UserId| RoomEvent::Typing { who: Typist::User(*user), active };
        if !users.is_empty() {
            self.context.ports.fanout.to_room(state.id, users.iter().map(event).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_types_on_is_typing_and_who_falls_silent_is_not() {
        let (mut typists, now, ttl) = (Typists::default(), Instant::now(), Duration::from_secs(10));
        let [one, two] = [UserId::new(), UserId::new()];
        assert!(!typists.note(one, Typing::Stopped, now + ttl), "who does not type does not stop");
        assert!(typists.note(one, Typing::Started, now + ttl));
        assert!(typists.note(two, Typing::Started, now + ttl));
        assert!(typists.note(one, Typing::Started, now + ttl / 2 + ttl));
        assert_eq!(typists.expire(now + ttl), (vec![two], Some(ttl / 2)));
        assert!(typists.note(one, Typing::Stopped, now + ttl));
        assert_eq!(typists.expire(now + ttl * 2), (vec![], None));
        assert!(typists.is_empty());
    }
}

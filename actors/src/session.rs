//! One socket's session: who it is, what it may do now, and where it stands in each room it joined.
//!
//! A plain state machine: the edge hosts it (one actor per socket), hands it what happened and the time, and does what
//! it answers. It owns the sign-in with its deadlines, the heartbeat, the rate limits, the joined rooms with their
//! positions, and so the decision which live frames the client may see: none twice, none out of order, none left out.
//! It knows no wire format: a frame's body is a type of the edge's.
//!
//! Limits: [`SessionSettings`]. An idle session holds no heap but its identity.

mod settings;
mod close;
mod identity;
mod rate;
mod frame;
mod place;
mod step;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{Revision, RoomId, SessionId};
use crate::protocol::{Presence, Refusal, RefusalCode};
use identity::Standing;
use place::{Joining, Live, Place, Taken};
use rate::Bucket;

pub use close::CloseCode;
pub use frame::{Frame, Mark};
pub use identity::{Identity, Pacing, Role, SignIn};
pub use place::{Joined, Repair, ReplyMark};
pub use settings::SessionSettings;
pub use step::{CommandClass, Due, Step};

/// Names one join, so that a late answer to an earlier one is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinTicket(u32);

pub struct Session<B> {
    id: SessionId,
    settings: Arc<SessionSettings>,
    standing: Standing,
    presence: Presence,
    rooms: Vec<(RoomId, Place<B>)>,
    tickets: u32,
    bad_frames: u32,
    heard_at: Timestamp,
    ping_at: Timestamp,
    messages: Bucket,
    typing: Bucket,
    commands: Bucket,
    frames: Bucket,
}

impl<B: Clone> Session<B> {
    #[must_use]
    pub fn new(id: SessionId, settings: Arc<SessionSettings>, now: Timestamp) -> Self {
        let mut session = Self {
            id,
            standing: Standing::Anonymous { deadline: later(now, settings.auth_timeout) },
            settings,
            presence: Presence::Online,
            rooms: Vec::new(),
            tickets: 0,
            bad_frames: 0,
            heard_at: now,
            ping_at: now,
            messages: Bucket::default(),
            typing: Bucket::default(),
            commands: Bucket::default(),
            frames: Bucket::default(),
        };
        session.ping_at = later(now, session.ping_interval());
        session
    }

    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// `None` before the sign-in.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        match &self.standing {
            Standing::Anonymous { .. } => None,
            Standing::SignedIn { identity, .. } => Some(identity),
        }
    }

    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// Whether anything changed.
    pub fn set_presence(&mut self, presence: Presence) -> bool {
        std::mem::replace(&mut self.presence, presence) != presence
    }

    /// A verified token was shown.
    pub fn sign_in(&mut self, identity: Identity) -> Result<SignIn, Refusal> {
        let done = match &self.standing {
            Standing::Anonymous { .. } => SignIn::First,
            Standing::SignedIn { identity: known, .. } if known.user == identity.user => SignIn::Prolonged,
            Standing::SignedIn { .. } => {
                return Err(Refusal::new(RefusalCode::Forbidden, "this socket belongs to another user"));
            }
        };
        self.standing = Standing::SignedIn { identity, told_of_end: false };
        Ok(done)
    }

    /// The user's plan is another one than when the token was made, or means something else now.
    pub fn set_pacing(&mut self, pacing: Pacing) {
        if let Standing::SignedIn { identity, .. } = &mut self.standing {
            identity.premium = pacing == Pacing::Free;
        }
    }

    /// A frame of whatever kind came in: the peer lives. More of them than any client needs close the socket.
    pub fn on_frame(&mut self, now: Timestamp) -> Option<CloseCode> {
        self.heard_at = now;
        let taken = self.frames.take(self.settings.frames_per_minute, now.as_microsecond());
        taken.is_err().then_some(CloseCode::Flooding)
    }

    /// A frame was JSON with an `event`, but no good command.
    pub fn on_bad_frame(&mut self) -> Option<CloseCode> {
        self.bad_frames += 1;
        (self.bad_frames >= self.settings.bad_frames_max).then_some(CloseCode::NotProtocol)
    }

    /// Whether a command of this class may be carried out now.
    pub fn admit(&mut self, class: CommandClass, now: Timestamp) -> Result<(), Refusal> {
        let premium = match &self.standing {
            Standing::SignedIn { identity, .. } => identity.premium,
            Standing::Anonymous { .. } if class == CommandClass::Opening => false,
            Standing::Anonymous { .. } => {
                return Err(Refusal::new(RefusalCode::Unauthenticated, "sign in first"));
            }
        };
        let (bucket, per_minute) = match class {
            CommandClass::Message if premium => (&mut self.messages, 0),
            CommandClass::Message => (&mut self.messages, self.settings.messages_per_minute),
            CommandClass::Typing => (&mut self.typing, self.settings.typing_per_minute),
            CommandClass::Opening | CommandClass::Other => {
                (&mut self.commands, self.settings.commands_per_minute)
            }
        };
        bucket
            .take(per_minute, now.as_microsecond())
            .map_err(|wait| Refusal::temporary(RefusalCode::RateLimited, "too fast: wait a little", wait))
    }

    /// The next moment at which [`on_tick`](Self::on_tick) has something to do.
    #[must_use]
    pub fn next_due(&self) -> Timestamp {
        let silent = later(self.heard_at, self.settings.heartbeat_interval * 2);
        let standing = match &self.standing {
            Standing::Anonymous { deadline } => *deadline,
            Standing::SignedIn { identity, told_of_end: true } => identity.expires_at,
            Standing::SignedIn { identity, told_of_end: false } => {
                earlier(identity.expires_at, self.settings.expiry_notice)
            }
        };
        self.ping_at.min(silent).min(standing)
    }

    pub fn on_tick(&mut self, now: Timestamp) -> Due {
        let mut due = Due::default();
        match &mut self.standing {
            Standing::Anonymous { deadline } => {
                if now >= *deadline {
                    due.close = Some(CloseCode::SignInTimeout);
                }
            }
            Standing::SignedIn { identity, told_of_end } => {
                if now >= identity.expires_at {
                    due.close = Some(CloseCode::TokenEnded);
                } else if !*told_of_end && now >= earlier(identity.expires_at, self.settings.expiry_notice) {
                    *told_of_end = true;
                    due.token_ends = true;
                }
            }
        }
        if due.close.is_none() && now >= later(self.heard_at, self.settings.heartbeat_interval * 2) {
            due.close = Some(CloseCode::NoHeartbeat);
        }
        if due.close.is_none() && now >= self.ping_at {
            due.ping = true;
            self.ping_at = later(now, self.ping_interval());
        }
        due
    }

    /// The heartbeat with up to an eighth off, a fixed part for each session: sockets that came at once drift apart.
    fn ping_interval(&self) -> Duration {
        let whole = self.settings.heartbeat_interval;
        let (_, low) = self.id.uuid().as_u64_pair();
        whole - whole.mul_f64((low % 1_024) as f64 / 1_024.0 / 8.0)
    }

    fn place(&mut self, room: RoomId) -> Option<(usize, &mut Place<B>)> {
        self.rooms
            .iter_mut()
            .enumerate()
            .find(|(_, (id, _))| *id == room)
            .map(|(index, (_, place))| (index, place))
    }

    /// Rooms joined or being joined.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.rooms.iter().map(|(room, _)| *room)
    }

    /// From now on the room's frames are held until [`finish_join`](Self::finish_join). Call before the snapshot is
    /// taken, so that nothing falls in between.
    pub fn begin_join(&mut self, room: RoomId) -> Result<JoinTicket, Refusal> {
        self.tickets += 1;
        let ticket = self.tickets;
        let (joined, rooms_max) = (self.rooms.len(), self.settings.rooms_max);
        match self.place(room) {
            Some((_, Place::Joining(_))) => {
                return Err(Refusal::new(RefusalCode::Conflict, "a join of this conversation is under way"));
            }
            Some((index, Place::Live(_))) => {
                let (_, place) = self.rooms.swap_remove(index);
                let before = match place {
                    Place::Live(live) => Some(live),
                    Place::Joining(_) => None,
                };
                self.rooms.push((room, Place::Joining(Box::new(Joining::new(ticket, before)))));
            }
            None if joined >= rooms_max => {
                return Err(Refusal::new(
                    RefusalCode::BadRequest,
                    format!("at most {rooms_max} conversations can be joined on one socket: leave one"),
                ));
            }
            None => self.rooms.push((room, Place::Joining(Box::new(Joining::new(ticket, None))))),
        }
        Ok(JoinTicket(ticket))
    }

    /// Whether the join that has this ticket may be answered with a snapshot. An error is its answer instead, and the
    /// join is to be given up.
    pub fn check_join(&mut self, room: RoomId, ticket: JoinTicket) -> Result<(), Refusal> {
        match self.place(room) {
            Some((_, Place::Joining(joining))) if joining.ticket == ticket.0 => {
                if joining.overflowed {
                    return Err(Refusal::temporary(
                        RefusalCode::Overloaded,
                        "more happened in this conversation than could be held: join again",
                        Duration::from_secs(1),
                    ));
                }
                Ok(())
            }
            _ => Err(Refusal::new(RefusalCode::Conflict, "this conversation was left meanwhile")),
        }
    }

    /// The client has been sent the snapshot: sends what was held since, and the room is live. Call only after
    /// [`check_join`](Self::check_join) allowed it.
    pub fn finish_join(
        &mut self,
        room: RoomId,
        ticket: JoinTicket,
        joined: &Joined<'_>,
        send: impl FnMut(&B),
    ) -> Step {
        let Some(joining) = self.take_joining(room, ticket) else { return Step::Go };
        let head = joining.head;
        let (live, held) = joining.release(joined);
        let step = self.go_live(room, live, &held, send);
        let behind = self
            .place(room)
            .is_some_and(|(_, place)| matches!(place, Place::Live(live) if live.position < head));
        if behind { Step::Close(CloseCode::OutOfStep) } else { step }
    }

    /// The join was refused, or answered with a page after which the room is not live: the session stands where it
    /// stood before. [`Step::Left`]: it is not in the room.
    pub fn give_up_join(&mut self, room: RoomId, ticket: JoinTicket, send: impl FnMut(&B)) -> Step {
        let Some(joining) = self.take_joining(room, ticket) else { return Step::Go };
        match joining.give_up() {
            Some((live, held)) => self.go_live(room, live, &held, send),
            None => Step::Left,
        }
    }

    fn take_joining(&mut self, room: RoomId, ticket: JoinTicket) -> Option<Joining<B>> {
        let (index, place) = self.place(room)?;
        if !matches!(place, Place::Joining(joining) if joining.ticket == ticket.0) {
            return None;
        }
        match self.rooms.swap_remove(index).1 {
            Place::Joining(joining) => Some(*joining),
            Place::Live(_) => None,
        }
    }

    fn go_live(&mut self, room: RoomId, live: Live<B>, held: &[Frame<B>], send: impl FnMut(&B)) -> Step {
        self.rooms.push((room, Place::Live(live)));
        self.on_frames(room, held, send)
    }

    /// Live frames of a room, in the room's order: calls `send` with each that the client is to see.
    pub fn on_frames(&mut self, room: RoomId, frames: &[Frame<B>], mut send: impl FnMut(&B)) -> Step {
        let held_max = self.settings.held_frames_max;
        let user = self.identity().map(|identity| identity.user);
        let Some((index, place)) = self.place(room) else { return Step::Go };
        let live = match place {
            Place::Live(live) => live,
            Place::Joining(joining) => {
                for frame in frames {
                    joining.hold(frame, held_max);
                }
                return Step::Go;
            }
        };
        let mut step = Step::Go;
        for frame in frames {
            match live.take(frame) {
                Taken::Send => {
                    send(&frame.body);
                    // What follows is not for this user any more.
                    if matches!(frame.mark, Mark::Removed { user: removed, .. } if Some(removed) == user) {
                        self.rooms.swap_remove(index);
                        return Step::Left;
                    }
                }
                Taken::SendLast => {
                    send(&frame.body);
                    self.rooms.swap_remove(index);
                    return Step::Left;
                }
                Taken::Drop => {}
                Taken::Gap => return Step::Close(CloseCode::OutOfStep),
                Taken::Stale => step = Step::AskReplies,
            }
        }
        step
    }

    /// The room's open replies, asked for after [`Step::AskReplies`]: calls `send` with what makes the client's texts
    /// whole.
    pub fn repair(&mut self, room: RoomId, replies: &[ReplyMark], send: impl FnMut(Repair<'_, B>)) -> Step {
        let Some((_, Place::Live(live))) = self.place(room) else { return Step::Go };
        if live.repair(replies, send) { Step::AskReplies } else { Step::Go }
    }

    /// The room's log stands at `head` and its actor started anew: what was sent before has come by now, so a session
    /// that stands before `head` has missed something.
    #[must_use]
    pub fn on_resync(&mut self, room: RoomId, head: Revision) -> Option<CloseCode> {
        match self.place(room)?.1 {
            Place::Live(live) => (live.position < head).then_some(CloseCode::OutOfStep),
            Place::Joining(joining) => {
                joining.head = joining.head.max(head);
                None
            }
        }
    }

    /// Whether the session was in the room, or on its way into it.
    pub fn leave(&mut self, room: RoomId) -> bool {
        let Some((index, _)) = self.place(room) else { return false };
        self.rooms.swap_remove(index);
        true
    }
}

fn later(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn earlier(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;

//! The end of a room.

use ractor::ActorRef;

use super::{Room, RoomMsg, State, no_room, overloaded};
use crate::domain::{Revision, UserId};
use crate::ports::{EntryKind, Outcome};
use crate::protocol::{Refusal, RefusalCode, Responder, RoomEvent};

impl Room {
    pub(super) fn on_delete(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        responder: Responder<Revision>,
    ) {
        match state.member(user) {
            Err(refusal) => return responder.refuse(refusal),
            Ok(record) if record.owner != user => {
                return responder
                    .refuse(Refusal::new(RefusalCode::Forbidden, "only its owner may delete it"));
            }
            Ok(_) => {}
        }
        if state.deletion.is_some() {
            return responder.refuse(Refusal::new(RefusalCode::Conflict, "it is being deleted"));
        }
        state.replies.stop_all();
        match self.append(myself, state, EntryKind::Delete { by: user }) {
            Ok(ticket) => state.deletion = Some((ticket, responder)),
            Err(_) => responder.refuse(overloaded()),
        }
    }

    pub(super) fn on_deleted(&self, state: &mut State, outcome: &Outcome, events: &mut Vec<RoomEvent>) {
        let Some((_, responder)) = state.deletion.take() else { return };
        match outcome {
            Outcome::Stored { revision } => {
                events.push(RoomEvent::Deleted { offset: *revision });
                state.record = Err(no_room());
                // The journal has ended them; those that run hear of it when they end.
                state.replies.forget_waiting();
                responder.answer(Ok(*revision));
            }
            _ => responder.refuse(no_room()),
        }
    }
}

//! A stored message changes: who may is decided here and in the journal, which alone knows the message.
//!
//! Edit: its author. Delete: its author, or the room's owner; so in a room of one person that person. React, take a
//! reaction back, select a variant: any member. That a file became another: the server, which is no member.

use std::sync::Arc;

use ractor::ActorRef;
use uuid::Uuid;

use super::checks::Command;
use super::commits::{Aftermath, Answer, not_written};
use super::waiting::Waiting;
use super::{Room, RoomMsg, State, Ticket};
use crate::domain::{Message, MessageId, UserId};
use crate::ports::{Amend, EntryKind, Outcome};
use crate::protocol::{Amendment, Refusal, Responder, RoomEvent};
use crate::turn;

/// Amendments whose commit is awaited.
pub(super) type Amends = Waiting<(UserId, Responder<Arc<Message>>)>;

impl Room {
    pub(super) fn on_amend(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        message: MessageId,
        what: Amendment,
        responder: Responder<Arc<Message>>,
    ) {
        let owner = match self.may_amend(state, user, &what) {
            Ok(owner) => owner == user,
            Err(refusal) => {
                return self.refuse(state, Command::Amend { user, message, what, responder }, refusal);
            }
        };
        let at = self.context.ports.clock.now();
        let amend = Amend { id: Uuid::now_v7(), message, by: user, owner, at, what };
        match self.append(myself, state, EntryKind::Amend(amend)) {
            Ok(ticket) => {
                state.amends.insert(ticket, (user, responder));
                self.watch(myself, state);
            }
            Err(reason) => responder.refuse(not_written(reason)),
        }
    }

    /// Answers the room's owner.
    pub(super) fn may_amend(&self, state: &State, user: UserId, what: &Amendment) -> Result<UserId, Refusal> {
        self.takes_commands(state)?;
        if let Amendment::File(_) = what {
            // The server's own: who sent it may have left long ago.
            return Ok(user);
        }
        let owner = state.member(user)?.owner;
        if let Amendment::Edit(content) | Amendment::Transcript(content) = what {
            turn::allowed(&self.context.moderation, content.as_str())?;
        }
        Ok(owner)
    }

    pub(super) fn on_amended(
        &self,
        state: &mut State,
        ticket: Ticket,
        outcome: Outcome,
        after: &mut Aftermath,
    ) {
        // Without one: it was overdue, and its sender has been told that the outcome is unknown.
        let waits = state.amends.take(ticket);
        match outcome {
            Outcome::Amended(message) => {
                let message: Arc<Message> = Arc::from(message);
                after.events.push(RoomEvent::Updated { message: message.clone(), reply: None });
                if let Some((_, responder)) = waits {
                    after.answers.push(Answer::Amended(responder, message));
                }
            }
            other => {
                let Some((user, responder)) = waits else { return };
                responder.refuse(self.not_stored(state, user, &other));
            }
        }
    }
}

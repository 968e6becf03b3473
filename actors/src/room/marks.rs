//! Read marks, merged so that a room stores at most one per member and span.

use std::collections::HashMap;

use ractor::ActorRef;

use super::{Room, RoomMsg, State};
use crate::domain::{Revision, UserId};
use crate::ports::{EntryKind, Outcome, ReadMark};
use crate::protocol::{Responder, RoomEvent};

#[derive(Default)]
pub(super) struct Marks {
    /// The furthest mark of each member that waits for the span to pass, and who wants to know.
    waiting: HashMap<UserId, (Revision, Vec<Responder<Revision>>)>,
    /// Appended, not yet answered by the journal.
    committing: HashMap<UserId, Vec<Responder<Revision>>>,
    flush_due: bool,
}

impl Marks {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.committing.is_empty()
    }
}

/// Answers that wait on one member's mark before more are refused: a client that floods gains nothing.
const WAITING_PER_MEMBER_MAX: usize = 32;

impl Room {
    pub(super) fn on_read(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        read_offset: Revision,
        responder: Responder<Revision>,
    ) {
        let head = match state.member(user) {
            Ok(record) => record.head,
            Err(refusal) => return responder.refuse(refusal),
        };
        let (mark, responders) = state.marks.waiting.entry(user).or_default();
        if responders.len() >= WAITING_PER_MEMBER_MAX {
            return responder.refuse(super::overloaded());
        }
        // One cannot have read what is not there.
        *mark = (*mark).max(read_offset.clamp(0, head));
        responders.push(responder);
        if !state.marks.flush_due {
            state.marks.flush_due = true;
            if state.marks.committing.is_empty() {
                // The first of a span is stored at once; those that follow wait.
                self.flush_marks(myself, state);
                state.marks.flush_due = true;
            }
            myself.send_after(self.context.settings.room.read_merge, || RoomMsg::FlushMarks);
        }
    }

    pub(super) fn flush_marks(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        state.marks.flush_due = false;
        for (user, (read_offset, responders)) in std::mem::take(&mut state.marks.waiting) {
            // Who left meanwhile has no mark.
            if let Err(refusal) = state.member(user) {
                responders.into_iter().for_each(|responder| responder.refuse(refusal.clone()));
                continue;
            }
            let mark = ReadMark { user, read_offset };
            if self.append(myself, state, EntryKind::Read(mark)).is_ok() {
                state.marks.committing.entry(user).or_default().extend(responders);
            } else {
                responders.into_iter().for_each(|responder| responder.refuse(super::overloaded()));
            }
        }
    }

    pub(super) fn on_marked(
        &self,
        state: &mut State,
        mark: ReadMark,
        outcome: &Outcome,
        events: &mut Vec<RoomEvent>,
    ) {
        let responders = state.marks.committing.remove(&mark.user).unwrap_or_default();
        let answer = match outcome {
            Outcome::Stored { revision } => {
                let ReadMark { user, read_offset } = mark;
                events.push(RoomEvent::Read { offset: *revision, user, read_offset });
                Ok(read_offset)
            }
            Outcome::Unchanged { standing } => Ok(*standing),
            _ => Err(super::no_room()),
        };
        for responder in responders {
            responder.answer(answer.clone());
        }
    }
}

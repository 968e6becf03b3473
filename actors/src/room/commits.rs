//! What goes to the journal, and what comes back: acks and events in the order of the log.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;

use super::{Room, RoomMsg, State, Ticket, no_room, promised};
use crate::domain::{CharacterId, Message, Revision, UserId};
use crate::journal::{Committed, Envelope, NotWritten};
use crate::ports::{Entry, EntryKind, OpenTurn, Outcome, Refused};
use crate::protocol::{Refusal, RefusalCode, Responder, RoomEvent};
use crate::user::{Reservation, UserMsg};

pub(super) const RETRY_SOON: Duration = Duration::from_secs(1);

/// What follows from one commit, once all of it has been looked at.
#[derive(Default)]
pub(super) struct Aftermath {
    pub events: Vec<RoomEvent>,
    pub answers: Vec<Answer>,
    pub begin: Vec<OpenTurn>,
    /// Characters that left: their replies are stopped.
    pub left: Vec<CharacterId>,
    /// Follow-ups of a chain that a person stopped.
    pub stopped: Vec<OpenTurn>,
    /// Kept until the replies have begun and count for themselves.
    pub promises: Vec<promised::Promised>,
}

/// To whoever changed something, once what is kept for prompts has followed: what they ask for next knows of it, also in
/// another room.
pub(super) enum Answer {
    Amended(Responder<Arc<Message>>, Arc<Message>),
    Changed(Responder<Revision>, Revision),
}

impl Answer {
    fn give(self) {
        match self {
            Self::Amended(responder, message) => responder.answer(Ok(message)),
            Self::Changed(responder, revision) => responder.answer(Ok(revision)),
        }
    }
}

impl Room {
    /// The journal's answers, in revision order: ack, fan out, then wake what was waiting for the commit.
    pub(super) fn on_committed(&self, myself: &ActorRef<RoomMsg>, state: &mut State, committed: Committed) {
        let mut after = Aftermath::default();
        for (ticket, entry, outcome) in committed {
            let stood = state.head();
            if let (Some(revision), Ok(record)) = (revision(&outcome), &mut state.record) {
                record.head = record.head.max(revision);
            }
            let told = after.events.len();
            let learned_of = match &entry.kind {
                EntryKind::Close(close) if !close.memories.is_empty() => Some(close.user),
                _ => None,
            };
            match entry.kind {
                EntryKind::Say(say) => self.on_said(state, ticket, say, outcome, &mut after),
                EntryKind::Close(close) => self.on_closed(state, close, outcome, &mut after),
                EntryKind::Read(mark) => self.on_marked(state, mark, &outcome, &mut after.events),
                EntryKind::Amend(_) => self.on_amended(state, ticket, outcome, &mut after),
                EntryKind::Ask(ask) => self.on_asked(state, ticket, ask, outcome, &mut after),
                EntryKind::Change(change) => {
                    self.on_changed(myself, state, ticket, change, &outcome, &mut after);
                }
                EntryKind::Delete { .. } => self.on_deleted(state, &outcome, &mut after.events),
            }
            // An answer that tells of an older revision had nothing to change: all of it has been told.
            let new = after.events.split_off(told);
            let new: Vec<RoomEvent> =
                new.into_iter().filter(|event| event.offset().is_none_or(|at| at > stood)).collect();
            let kept = (&self.context.settings.turn, &*self.context.copies);
            state.follow_for_prompts(stood, &new, learned_of, kept);
            after.events.extend(new);
            after.answers.drain(..).for_each(Answer::give);
        }
        if !after.events.is_empty() {
            self.context.ports.fanout.to_room(state.id, after.events);
        }
        for turn in after.begin {
            self.begin(myself, state, turn);
        }
        for turn in after.stopped {
            self.take_back(myself, state, &turn);
        }
        for character in after.left {
            self.stop(myself, state, |turn| turn.character == character);
        }
    }

    pub(super) fn append(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        kind: EntryKind,
    ) -> Result<Ticket, NotWritten> {
        let ticket = state.ticket();
        self.append_as(myself, state, ticket, kind, None)?;
        Ok(ticket)
    }

    pub(super) fn append_as(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &State,
        ticket: Ticket,
        kind: EntryKind,
        reservation: Option<Reservation>,
    ) -> Result<(), NotWritten> {
        let entry = Entry { room: state.id, kind };
        self.context.journal.append(Envelope { entry, ticket, answer: myself.clone(), reservation })
    }

    /// Sees to it that nobody waits for ever for an answer.
    pub(super) fn watch(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        if !state.watched {
            state.watched = true;
            myself.send_after(self.context.settings.room.commit_deadline, || RoomMsg::Overdue);
        }
    }

    /// Answers commands that wait too long: their responders, dropped, say `outcome_unknown`.
    pub(super) fn on_overdue(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        let deadline = self.context.settings.room.commit_deadline;
        for user in state.checks.expire(deadline) {
            self.go_on(myself, state, user);
        }
        state.sends.expire(deadline);
        state.amends.expire(deadline);
        state.asks.expire(deadline);
        state.changes.expire(deadline);
        state.watched = false;
        if state.pending() > 0 {
            self.watch(myself, state);
        }
    }

    /// Why an entry was not stored, for the one who wanted it.
    pub(super) fn not_stored(&self, state: &mut State, by: UserId, outcome: &Outcome) -> Refusal {
        match outcome {
            Outcome::NoRoom => {
                state.record = Err(no_room());
                no_room()
            }
            Outcome::Refused(refused) => refusal(*refused),
            Outcome::OverLimit { meter, used } => {
                let _ = self.context.users.send(by, UserMsg::Correct(meter.key, *used));
                Refusal::new(RefusalCode::QuotaExceeded, "the plan's limit is reached")
            }
            _ => Refusal::new(RefusalCode::Internal, "this cannot be stored; the reason is in the log"),
        }
    }
}

fn revision(outcome: &Outcome) -> Option<Revision> {
    match outcome {
        Outcome::Stored { revision } => Some(*revision),
        Outcome::Amended(message) => Some(message.revision),
        _ => None,
    }
}

fn refusal(refused: Refused) -> Refusal {
    let (code, text) = match refused {
        Refused::NoMessage => (RefusalCode::NotFound, "there is no such message here"),
        Refused::NotYours => (RefusalCode::Forbidden, "this is another's message"),
        Refused::Deleted => (RefusalCode::Conflict, "this message was deleted"),
        Refused::NoReply => (RefusalCode::Conflict, "this is no reply of a character"),
        Refused::NoVariant => (RefusalCode::NotFound, "there is no such variant"),
        Refused::Full => (RefusalCode::Conflict, "this message has as many of these as it may have"),
        Refused::SlugTaken => (RefusalCode::Conflict, "this address is taken by another conversation"),
    };
    Refusal::new(code, text)
}

pub(super) fn not_written(reason: NotWritten) -> Refusal {
    match reason {
        NotWritten::Full => overloaded(),
        NotWritten::Down => Refusal::temporary(
            RefusalCode::DependencyDown,
            "the database is away; nothing was stored",
            RETRY_SOON,
        ),
    }
}

pub(crate) fn overloaded() -> Refusal {
    Refusal::temporary(RefusalCode::Overloaded, "too much is waiting here; try again in a moment", RETRY_SOON)
}

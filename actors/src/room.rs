//! One actor per live conversation: its members, the order of what happens, the fan-out, the replies under way.
//!
//! It never awaits I/O while it handles a message: it asks (user, journal, turn) and hears back. Only its start reads the
//! database. Sockets are not its affair: the fan-out knows who joined, so a room's crash silences nobody.
//!
//! Bounds: `pending_max` commands in flight, `waiting_replies_max` replies waiting per character; what is over is refused.

mod checks;
mod sends;
mod kinds;
mod amends;
mod asks;
mod changes;
mod commits;
mod waiting;
mod promised;
mod replies;
mod marks;
mod deletion;
pub(crate) mod tail;
mod typing;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use crate::directory::{Lodging, Mailbox, Resident};
use crate::domain::{CharacterId, Message, MessageId, MessageKind, Revision, RoomId, UserId};
use crate::engine::Context;
use crate::journal::Committed;
use crate::ports::{RoomRecord, StoreError, TakeUp, TakenUp, Verdict};
use crate::protocol::{
    Amendment, Ask, Asked, OpenReply, Refusal, RefusalCode, Responder, RoomChange, Send, Sent, Typing,
};
use crate::turn::TurnNews;
use crate::user::{ReserveOutcome, dependency_down};

/// Names one command or entry between its asking and its answer, within one life of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

pub(crate) enum RoomMsg {
    Send(Box<Send>, Responder<Sent>),
    Amend {
        user: UserId,
        message: MessageId,
        what: Amendment,
        responder: Responder<Arc<Message>>,
    },
    Ask(Box<Ask>, Responder<Asked>),
    Change {
        user: UserId,
        what: Box<RoomChange>,
        responder: Responder<Revision>,
    },
    /// What a person wrote has been judged.
    Checked {
        user: UserId,
        ticket: Ticket,
        verdict: Verdict,
    },
    /// The user's actor answers a reservation.
    Reserved {
        ticket: Ticket,
        outcome: ReserveOutcome,
    },
    /// The archive answers what an ask speaks of.
    Found {
        ticket: Ticket,
        found: Result<Option<Box<asks::Found>>, StoreError>,
    },
    /// The journal answers, in the order of the log.
    Committed(Committed),
    /// A turn has read the end of the log, for the room's tail.
    TailRead(tail::TailRead),
    /// A turn has looked for its character's summary of older turns.
    SummaryRead {
        character: CharacterId,
        summary: tail::SummaryCopy,
    },
    /// A running turn tells.
    Turn {
        turn: MessageId,
        news: TurnNews,
    },
    Read {
        user: UserId,
        read_offset: Revision,
        responder: Responder<Revision>,
    },
    /// The span in which read marks are merged has passed.
    FlushMarks,
    /// Somebody may have fallen silent while typing.
    TypingDue,
    Typing {
        user: UserId,
        typing: Typing,
        responder: Responder<()>,
    },
    StopReply {
        user: UserId,
        reply: Option<MessageId>,
        responder: Responder<u32>,
    },
    Delete {
        user: UserId,
        responder: Responder<Revision>,
    },
    OpenReplies(oneshot::Sender<Vec<OpenReply>>),
    /// Replies of a node that died are this room's now.
    TakeUp(Vec<TakenUp>),
    /// A character has another name or answers in another way, or is gone (`None`), wherever it plays.
    Cast {
        character: CharacterId,
        now: Option<(Arc<str>, MessageKind)>,
    },
    /// A character plays only where its owner is.
    Kept {
        character: CharacterId,
        owner: UserId,
    },
    /// Commands that wait too long are answered `outcome_unknown`.
    Overdue,
    Passivate,
    /// For tests: the tail as it is.
    #[cfg(any(test, feature = "testsuite"))]
    Tail(oneshot::Sender<Option<(Vec<Arc<Message>>, Revision)>>),
    /// For tests of supervision.
    #[cfg(any(test, feature = "testsuite"))]
    Crash,
}

pub(crate) struct Room {
    context: Arc<Context>,
}

pub(crate) struct State {
    id: RoomId,
    mailbox: Mailbox,
    /// The room as loaded, or why it cannot serve: then it refuses all and leaves.
    record: Result<RoomRecord, Refusal>,
    next_ticket: u64,
    checks: checks::Checks,
    sends: sends::Sends,
    amends: amends::Amends,
    asks: asks::Asks,
    changes: changes::Changes,
    replies: replies::Replies,
    marks: marks::Marks,
    typists: typing::Typists,
    tail: tail::Tail,
    deletion: Option<(Ticket, Responder<Revision>)>,
    /// An `Overdue` is on its way.
    watched: bool,
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// The record, if `user` is a member. A stranger is told no more than that there is nothing here.
    fn member(&self, user: UserId) -> Result<&RoomRecord, Refusal> {
        let record = self.record.as_ref().map_err(Clone::clone)?;
        if record.is_member(user) && !self.changes.is_leaving(user) { Ok(record) } else { Err(no_room()) }
    }

    /// The last revision that the room knows of.
    fn head(&self) -> Revision {
        self.record.as_ref().map_or(0, |record| record.head)
    }

    /// Commands that are not answered yet.
    fn pending(&self) -> usize {
        self.checks.len() + self.sends.len() + self.amends.len() + self.asks.len() + self.changes.len()
    }

    fn has_work(&self) -> bool {
        self.pending() > 0
            || !self.replies.is_empty()
            || !self.marks.is_empty()
            || !self.typists.is_empty()
            || self.deletion.is_some()
    }
}

impl RoomMsg {
    /// Answers a command that its room cannot take.
    pub fn refuse(self, refusal: Refusal) {
        match self {
            Self::Send(_, responder) => responder.refuse(refusal),
            Self::Amend { responder, .. } => responder.refuse(refusal),
            Self::Ask(_, responder) => responder.refuse(refusal),
            Self::Read { responder, .. }
            | Self::Delete { responder, .. }
            | Self::Change { responder, .. } => responder.refuse(refusal),
            Self::Typing { responder, .. } => responder.refuse(refusal),
            Self::StopReply { responder, .. } => responder.refuse(refusal),
            // Turns stay in the database: the next start takes them up again.
            _ => {}
        }
    }
}

use checks::Command;
pub(crate) use checks::declined;
pub(crate) use commits::overloaded;

pub(crate) fn no_room() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such conversation")
}

impl Resident for Room {
    type Key = RoomId;
    const KIND: &'static str = "rooms";

    fn new(context: &Arc<Context>) -> Self {
        Self { context: context.clone() }
    }

    fn passivate() -> RoomMsg {
        RoomMsg::Passivate
    }
}

impl Actor for Room {
    type Msg = RoomMsg;
    type State = State;
    type Arguments = Lodging<RoomId>;

    async fn pre_start(
        &self,
        myself: ActorRef<RoomMsg>,
        lodging: Lodging<RoomId>,
    ) -> Result<State, ActorProcessingErr> {
        let id = lodging.key;
        if lodging.after_crash {
            // What the predecessor had appended is in the log before the log is read.
            self.context.journal.barrier(id).await;
            // And what its replies had said is kept before they are taken up.
            self.context.drafts.flush(Some(id)).await;
        }
        let record = match self.context.ports.archive.room(id).await {
            Ok(Some(record)) => Ok(record),
            Ok(None) => Err(no_room()),
            Err(error) => Err(dependency_down(&error)),
        };
        if let (Ok(record), true) = (&record, lodging.after_crash) {
            self.context.ports.fanout.resync(id, record.head);
            match self.context.ports.archive.take_up(TakeUp::Room(id), replies::TAKE_UP_MAX).await {
                Ok(turns) => {
                    lodging.mailbox.announced();
                    myself.send_message(RoomMsg::TakeUp(turns))?;
                }
                Err(error) => {
                    tracing::error!(%error, room = %id, "replies of a crashed room wait for the next start");
                }
            }
        }
        Ok(State {
            id,
            mailbox: lodging.mailbox,
            record,
            next_ticket: 0,
            checks: checks::Checks::default(),
            sends: sends::Sends::default(),
            amends: amends::Amends::default(),
            asks: asks::Asks::default(),
            changes: changes::Changes::default(),
            replies: replies::Replies::new(self.context.turns_open.clone()),
            marks: marks::Marks::default(),
            typists: typing::Typists::default(),
            tail: tail::Tail::new(self.context.copies.clone()),
            deletion: None,
            watched: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<RoomMsg>,
        message: RoomMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RoomMsg::Send(send, responder) => {
                state.mailbox.handled();
                self.take(&myself, state, Command::Send(send, responder));
            }
            RoomMsg::Amend { user, message, what, responder } => {
                state.mailbox.handled();
                self.take(&myself, state, Command::Amend { user, message, what, responder });
            }
            RoomMsg::Ask(ask, responder) => {
                state.mailbox.handled();
                self.take(&myself, state, Command::Ask(ask, responder));
            }
            RoomMsg::Change { user, what, responder } => {
                state.mailbox.handled();
                self.on_change(&myself, state, user, *what, responder);
            }
            RoomMsg::Checked { user, ticket, verdict } => {
                self.on_checked(&myself, state, user, ticket, verdict);
            }
            RoomMsg::Reserved { ticket, outcome } if state.asks.reserves(ticket) => {
                self.on_ask_reserved(&myself, state, ticket, outcome);
            }
            RoomMsg::Reserved { ticket, outcome } => self.on_reserved(&myself, state, ticket, outcome),
            RoomMsg::Found { ticket, found } => self.on_found(&myself, state, ticket, found),
            RoomMsg::Committed(committed) => self.on_committed(&myself, state, committed),
            RoomMsg::TailRead(read) => state.tail.fill(read, &self.context.settings.turn),
            RoomMsg::SummaryRead { character, summary } => state.tail.summary_read(character, summary),
            RoomMsg::Turn { turn, news } => self.on_turn_news(&myself, state, turn, news),
            RoomMsg::Read { user, read_offset, responder } => {
                state.mailbox.handled();
                self.on_read(&myself, state, user, read_offset, responder);
            }
            RoomMsg::FlushMarks => self.flush_marks(&myself, state),
            RoomMsg::TypingDue => self.on_typing_due(&myself, state),
            RoomMsg::Typing { user, typing, responder } => {
                state.mailbox.handled();
                responder.answer(self.on_typing(&myself, state, user, typing));
            }
            RoomMsg::StopReply { user, reply, responder } => {
                state.mailbox.handled();
                responder.answer(self.on_stop_reply(&myself, state, user, reply));
            }
            RoomMsg::Delete { user, responder } => {
                state.mailbox.handled();
                self.on_delete(&myself, state, user, responder);
            }
            RoomMsg::OpenReplies(answer) => {
                state.mailbox.handled();
                let _ = answer.send(state.replies.open());
            }
            RoomMsg::TakeUp(turns) => {
                state.mailbox.handled();
                self.on_take_up(&myself, state, turns);
            }
            RoomMsg::Cast { character, now } => {
                if let Ok(record) = &mut state.record {
                    recast(record, character, now.as_ref());
                }
            }
            RoomMsg::Kept { character, owner } => match &mut state.record {
                Ok(record) if record.members.iter().all(|member| member.id != owner) => {
                    recast(record, character, None);
                }
                _ => {}
            },
            RoomMsg::Overdue => self.on_overdue(&myself, state),
            RoomMsg::Passivate => {
                if !state.has_work() && self.context.rooms.leave(state.id) {
                    let _ = myself.drain();
                }
            }
            #[cfg(any(test, feature = "testsuite"))]
            RoomMsg::Tail(answer) => {
                state.mailbox.handled();
                let _ = answer.send(state.tail.shown());
            }
            #[cfg(any(test, feature = "testsuite"))]
            RoomMsg::Crash => panic!("asked to crash"),
        }
        if state.record.is_err() && !state.has_work() {
            // It cannot serve: what waits is refused, and who comes next finds the room as it then is.
            let _ = myself.drain();
        }
        Ok(())
    }

    /// A turn that ends by itself has told its end before. One that crashed has not: its reply ends as failed.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RoomMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(who, error) = event {
            tracing::error!(%error, room = %state.id, "a turn crashed");
            self.on_turn_crashed(&myself, state, who.get_id());
        }
        Ok(())
    }
}

/// Who is gone is asked no more, and who has another name is called by that. Replies under way go on.
fn recast(record: &mut RoomRecord, character: CharacterId, now: Option<&(Arc<str>, MessageKind)>) {
    match now {
        None => record.characters.retain(|known| known.id != character),
        Some((name, reply_kind)) => {
            for known in record.characters.iter_mut().filter(|known| known.id == character) {
                known.name = name.clone();
                known.reply_kind = *reply_kind;
            }
        }
    }
}

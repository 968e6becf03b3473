//! One actor per live conversation: its members, the order of what happens, the fan-out, the replies under way.
//!
//! It never awaits I/O while it handles a message: it asks (user, journal, turn) and hears back. Only its start reads the
//! database. Sockets are not its affair: the fan-out knows who joined, so a room's crash silences nobody.
//!
//! Bounds: `pending_max` commands in flight, `waiting_replies_max` replies waiting per character; what is over is refused.

mod sends;
mod promised;
mod replies;
mod marks;
mod typing;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use crate::directory::{Lodging, Mailbox, Resident};
use crate::domain::{MessageId, Revision, RoomId, UserId};
use crate::engine::Context;
use crate::journal::{Committed, Envelope, NotWritten};
use crate::ports::{Entry, EntryKind, OpenTurn, Outcome, RoomRecord, TakeUp};
use crate::protocol::{OpenReply, Refusal, RefusalCode, Responder, RoomEvent, Send, Sent, Typing};
use crate::turn::TurnNews;
use crate::user::{ReserveOutcome, dependency_down};

/// Names one command or entry between its asking and its answer, within one life of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

pub(crate) enum RoomMsg {
    Send(Box<Send>, Responder<Sent>),
    /// The user's actor answers a reservation.
    Reserved {
        ticket: Ticket,
        outcome: ReserveOutcome,
    },
    /// The journal answers, in the order of the log.
    Committed(Committed),
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
    TakeUp(Vec<OpenTurn>),
    /// Sends whose commit took too long are answered `outcome_unknown`.
    Overdue,
    Passivate,
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
    sends: sends::Sends,
    replies: replies::Replies,
    marks: marks::Marks,
    typists: typing::Typists,
    deletion: Option<(Ticket, Responder<Revision>)>,
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// The record, if `user` is a member. A stranger is told no more than that there is nothing here.
    fn member(&self, user: UserId) -> Result<&RoomRecord, Refusal> {
        let record = self.record.as_ref().map_err(Clone::clone)?;
        if record.members.contains(&user) { Ok(record) } else { Err(no_room()) }
    }

    fn has_work(&self) -> bool {
        !self.sends.is_empty()
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
            Self::Read { responder, .. } | Self::Delete { responder, .. } => responder.refuse(refusal),
            Self::Typing { responder, .. } => responder.refuse(refusal),
            Self::StopReply { responder, .. } => responder.refuse(refusal),
            // Turns stay in the database: the next start takes them up again.
            _ => {}
        }
    }
}

pub(crate) use sends::overloaded;

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
            sends: sends::Sends::default(),
            replies: replies::Replies::new(self.context.turns_open.clone()),
            marks: marks::Marks::default(),
            typists: typing::Typists::default(),
            deletion: None,
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
                self.on_send(&myself, state, *send, responder);
            }
            RoomMsg::Reserved { ticket, outcome } => self.on_reserved(&myself, state, ticket, outcome),
            RoomMsg::Committed(committed) => self.on_committed(&myself, state, committed),
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
            RoomMsg::Overdue => self.on_overdue(&myself, state),
            RoomMsg::Passivate => {
                if !state.has_work() && self.context.rooms.leave(state.id) {
                    let _ = myself.drain();
                }
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

/// What follows from one commit, once all of it has been looked at.
#[derive(Default)]
struct Aftermath {
    events: Vec<RoomEvent>,
    begin: Vec<OpenTurn>,
    /// Kept until the replies have begun and count for themselves.
    promises: Vec<promised::Promised>,
}

impl Room {
    /// The journal's answers, in revision order: ack, fan out, then wake what was waiting for the commit.
    fn on_committed(&self, myself: &ActorRef<RoomMsg>, state: &mut State, committed: Committed) {
        let mut after = Aftermath::default();
        for (ticket, entry, outcome) in committed {
            if let (Outcome::Stored { revision }, Ok(record)) = (&outcome, &mut state.record) {
                record.head = record.head.max(*revision);
            }
            match entry.kind {
                EntryKind::Say(say) => self.on_said(state, ticket, say, outcome, &mut after),
                EntryKind::Close(close) => self.on_closed(state, close, &outcome, &mut after),
                EntryKind::Read(mark) => self.on_marked(state, mark, &outcome, &mut after.events),
                EntryKind::Delete { .. } => self.on_deleted(state, &outcome, &mut after.events),
            }
        }
        if !after.events.is_empty() {
            self.context.ports.fanout.to_room(state.id, after.events);
        }
        for turn in after.begin {
            self.begin(myself, state, turn);
        }
    }

    fn append(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        kind: EntryKind,
    ) -> Result<Ticket, NotWritten> {
        let ticket = state.ticket();
        let entry = Entry { room: state.id, kind };
        self.context.journal.append(Envelope { entry, ticket, answer: myself.clone(), reservation: None })?;
        Ok(ticket)
    }

    fn on_delete(
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

    fn on_deleted(&self, state: &mut State, outcome: &Outcome, events: &mut Vec<RoomEvent>) {
        let Some((_, responder)) = state.deletion.take() else { return };
        match outcome {
            Outcome::Stored { revision } => {
                events.push(RoomEvent::Deleted { offset: *revision });
                state.record = Err(no_room());
                responder.answer(Ok(*revision));
            }
            _ => responder.refuse(no_room()),
        }
    }
}

//! A message's way through its room: admit, reserve, append; then ack and fan out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;

use super::promised::Promised;
use super::{Aftermath, Room, RoomMsg, State, Ticket};
use crate::directory::NotTaken;
use crate::domain::{
    Changes, CharacterId, ClientId, Finish, Into, Message, MessageId, Reply, ReplyState, Sender, SessionId,
    Usage, UserId,
};
use crate::journal::{Envelope, NotWritten};
use crate::ports::{Entry, EntryKind, OpenTurn, Outcome, Say};
use crate::protocol::{Refusal, RefusalCode, Responder, RoomEvent, Send, Sent, UserEvent};
use crate::turn;
use crate::user::{Reserve, ReserveOutcome, UserMsg};

const RETRY_SOON: Duration = Duration::from_secs(1);

/// Sends between their arrival and their answer.
#[derive(Default)]
pub(super) struct Sends {
    reserving: HashMap<Ticket, Reserving>,
    committing: HashMap<Ticket, Committing>,
    /// An `Overdue` is on its way.
    watched: bool,
}

struct Reserving {
    send: Send,
    speakers: Vec<CharacterId>,
    responder: Responder<Sent>,
}

struct Committing {
    responder: Responder<Sent>,
    session: Option<SessionId>,
    usage: Option<Arc<Usage>>,
    /// Given when it is a message that memory let through no more: only one stored before may still be answered.
    full: Option<Refusal>,
    since: Instant,
    promised: Promised,
}

impl Sends {
    pub fn is_empty(&self) -> bool {
        self.reserving.is_empty() && self.committing.is_empty()
    }

    fn len(&self) -> usize {
        self.reserving.len() + self.committing.len()
    }
}

pub(crate) fn overloaded() -> Refusal {
    Refusal::temporary(RefusalCode::Overloaded, "too much is waiting here; try again in a moment", RETRY_SOON)
}

fn not_written(reason: NotWritten) -> Refusal {
    match reason {
        NotWritten::Full => overloaded(),
        NotWritten::Down => Refusal::temporary(
            RefusalCode::DependencyDown,
            "the database is away; nothing was stored",
            RETRY_SOON,
        ),
    }
}

impl Room {
    pub(super) fn on_send(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        send: Send,
        responder: Responder<Sent>,
    ) {
        let speakers = match self.admit(state, &send) {
            Ok(speakers) => speakers,
            Err(refusal) => return responder.refuse(refusal),
        };
        // The quota counts per character: the one who answers, else the one whose room it is.
        let counted = speakers.first().copied().or_else(|| {
            state
                .record
                .as_ref()
                .ok()
                .and_then(|record| record.characters.first())
                .map(|character| character.id)
        });
        let Some(character) = counted else {
            return responder
                .refuse(Refusal::new(RefusalCode::BadRequest, "this conversation has no character"));
        };
        let ticket = state.ticket();
        let (user, kind) = (send.user, send.kind);
        state.sends.reserving.insert(ticket, Reserving { send, speakers, responder });
        let reserve = UserMsg::Reserve(Reserve { character, kind, answer: myself.clone(), ticket });
        if let Err((_, NotTaken::Full | NotTaken::Quarantined)) = self.context.users.send(user, reserve)
            && let Some(reserving) = state.sends.reserving.remove(&ticket)
        {
            reserving.responder.refuse(overloaded());
        }
    }

    /// The room's own limits, then the turn's rules.
    fn admit(&self, state: &State, send: &Send) -> Result<Vec<CharacterId>, Refusal> {
        if self.context.is_draining() {
            return Err(Refusal::temporary(RefusalCode::Draining, "this server is going down", RETRY_SOON));
        }
        let settings = &self.context.settings.room;
        let record = state.record.as_ref().map_err(Clone::clone)?;
        if state.sends.len() >= settings.pending_max || state.deletion.is_some() {
            return Err(overloaded());
        }
        let speakers = turn::admit(record, settings, send)?;
        if speakers.iter().any(|character| state.replies.waiting(*character) >= settings.waiting_replies_max)
        {
            let refusal = "this character has enough to answer here; wait for it";
            return Err(Refusal::temporary(RefusalCode::RoomBusy, refusal, RETRY_SOON));
        }
        if !speakers.is_empty() && !self.context.pool.has_room() {
            return Err(overloaded());
        }
        Ok(speakers)
    }

    pub(super) fn on_reserved(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ticket: Ticket,
        outcome: ReserveOutcome,
    ) {
        let Some(Reserving { send, speakers, responder }) = state.sends.reserving.remove(&ticket) else {
            return;
        };
        let (reservation, mut meters, usage, priority, full) = match outcome {
            ReserveOutcome::Granted(grant) => {
                (Some(grant.reservation), grant.meters, Some(grant.usage), Some(grant.priority), None)
            }
            // The same message may have been stored before its quota was used up: the journal knows it by its client
            // id. With a limit of nothing it cannot store it anew.
            ReserveOutcome::Full { meters, refusal } if send.client_id.is_some() => {
                (None, meters, None, None, Some(refusal))
            }
            ReserveOutcome::Full { refusal, .. } | ReserveOutcome::Refused(refusal) => {
                return responder.refuse(refusal);
            }
        };
        if full.is_some() {
            meters.iter_mut().for_each(|meter| meter.limit = 0);
        }
        let id = MessageId::new();
        let turns = match priority {
            Some(priority) => {
                let refund: Vec<_> = meters.iter().map(|meter| meter.key).collect();
                let turn = |(index, character): (usize, &CharacterId)| OpenTurn {
                    message: MessageId::new(),
                    room: state.id,
                    character: *character,
                    asked: id,
                    asked_offset: 0,
                    user: send.user,
                    priority,
                    into: Into::New,
                    depth: 0,
                    fence: 0,
                    // One message counts once: one of its replies can give it back.
                    refund: if index == 0 { refund.clone() } else { Vec::new() },
                };
                speakers.iter().enumerate().map(turn).collect()
            }
            None => Vec::new(),
        };
        let say = Say {
            id,
            sender: send.user,
            client_id: send.client_id.unwrap_or_else(|| ClientId::of_message(id)),
            kind: send.kind,
            content: send.content,
            attachment: send.attachment,
            reply_to: send.reply_to,
            created_at: self.context.ports.clock.now(),
            meters,
            turns,
        };
        let promised = Promised::new(&self.context.turns_open, say.turns.len());
        let entry = Entry { room: state.id, kind: EntryKind::Say(say) };
        let envelope = Envelope { entry, ticket, answer: myself.clone(), reservation };
        match self.context.journal.append(envelope) {
            Ok(()) => {
                let since = Instant::now();
                let committing =
                    Committing { responder, session: send.session, usage, full, since, promised };
                state.sends.committing.insert(ticket, committing);
                self.watch(myself, state);
            }
            Err(reason) => responder.refuse(not_written(reason)),
        }
    }

    pub(super) fn on_said(
        &self,
        state: &mut State,
        ticket: Ticket,
        say: Say,
        outcome: Outcome,
        after: &mut Aftermath,
    ) {
        // Without one: it was overdue, and its sender has been told that the outcome is unknown.
        let committing = state.sends.committing.remove(&ticket);
        match outcome {
            Outcome::Stored { revision } => {
                let replies: Vec<Reply> = say.turns.iter().map(queued).collect();
                let user = say.sender;
                for mut turn in say.turns {
                    turn.asked_offset = revision;
                    after.begin.push(turn);
                }
                let message = Arc::new(Message {
                    id: say.id,
                    room: state.id,
                    offset: revision,
                    revision,
                    sender: Sender::User(user),
                    client_id: say.client_id,
                    kind: say.kind,
                    content: say.content,
                    attachment: say.attachment,
                    reply_to: say.reply_to,
                    finish: Finish::Complete,
                    replies: replies.clone(),
                    changes: Changes::default(),
                    created_at: say.created_at,
                });
                after.events.push(RoomEvent::Received(message.clone()));
                if let Some(committing) = committing {
                    self.tell_other_devices(user, &committing);
                    let Committing { responder, usage, promised, .. } = committing;
                    after.promises.push(promised);
                    responder.answer(Ok(Sent { message, replies, usage, duplicate: false }));
                }
            }
            Outcome::Before(before) => {
                let same = before.message.content == say.content && before.message.kind == say.kind;
                let answer = if same {
                    let usage = committing.as_ref().and_then(|committing| committing.usage.clone());
                    Ok(Sent {
                        message: Arc::new(before.message),
                        replies: before.replies,
                        usage,
                        duplicate: true,
                    })
                } else {
                    Err(Refusal::new(RefusalCode::Conflict, "this clientId stands for another message"))
                };
                if let Some(committing) = committing {
                    committing.responder.answer(answer);
                }
            }
            Outcome::OverLimit { meter, used } => {
                let Some(committing) = committing else { return };
                let refusal = committing.full.unwrap_or_else(|| {
                    let _ = self.context.users.send(say.sender, UserMsg::Correct(meter.key, used));
                    Refusal::new(RefusalCode::QuotaExceeded, "the plan's limit is reached")
                });
                committing.responder.refuse(refusal);
            }
            Outcome::NoRoom => {
                state.record = Err(super::no_room());
                if let Some(committing) = committing {
                    committing.responder.refuse(super::no_room());
                }
            }
            Outcome::Rejected
            | Outcome::FenceLost
            | Outcome::Unchanged { .. }
            | Outcome::Amended(_)
            | Outcome::Refused(_) => {
                if let Some(committing) = committing {
                    committing.responder.refuse(Refusal::new(
                        RefusalCode::Internal,
                        "this message cannot be stored; the reason is in the log",
                    ));
                }
            }
        }
    }

    fn tell_other_devices(&self, user: UserId, committing: &Committing) {
        if let Some(usage) = &committing.usage {
            self.context.ports.fanout.to_user(user, UserEvent::Usage(usage.clone()), committing.session);
        }
    }

    fn watch(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        if !state.sends.watched {
            state.sends.watched = true;
            myself.send_after(self.context.settings.room.commit_deadline, || RoomMsg::Overdue);
        }
    }

    /// Answers sends that wait too long for their commit: their responders, dropped, say `outcome_unknown`.
    pub(super) fn on_overdue(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        let deadline = self.context.settings.room.commit_deadline;
        state.sends.committing.retain(|_, committing| committing.since.elapsed() < deadline);
        state.sends.watched = false;
        if !state.sends.committing.is_empty() {
            self.watch(myself, state);
        }
    }
}

fn queued(turn: &OpenTurn) -> Reply {
    Reply { character: turn.character, message: turn.message, state: ReplyState::Queued, code: None }
}

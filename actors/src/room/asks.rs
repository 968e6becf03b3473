//! Replies that are wanted without a new message: by hand, made anew, continued, or after one's own message was changed.
//!
//! The way of an [`Ask`]: look up what it speaks of (in the archive, beside the room) -> plan (`asks/plan.rs`, pure) ->
//! reserve, as one text message to the first who answers -> append -> ack, fan out, begin the replies. Of one message at
//! most one such wish is under way.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use uuid::Uuid;

use super::checks::Command;
use super::commits::{Aftermath, not_written};
use super::promised::Promised;
use super::replies::status;
use super::sends::queued;
use super::waiting::Waiting;
use super::{Room, RoomMsg, State, Ticket, kinds, overloaded};
use crate::directory::NotTaken;
use crate::domain::{
    AudioReplies, Into, Message, MessageId, MessageKind, Priority, ReplyState, RoomId, SessionId, Usage,
    UserId,
};
use crate::ports::{self, Archive, EntryKind, OpenTurn, Outcome, StoreError};
use crate::protocol::{Ask, Asked, Refusal, RefusalCode, Responder, RoomEvent, UserEvent, Wanted};
use crate::turn;
use crate::user::{ReplyKind, Reservation, Reserve, ReserveOutcome, UserMsg, dependency_down};
use plan::{Plan, Planned};

/// Messages at the end of the log among which one that was not deleted is looked for.
const LATEST_MAX: usize = 50;

#[derive(Default)]
pub(super) struct Asks {
    looking: Waiting<(Ask, Responder<Asked>)>,
    reserving: Waiting<Reserving>,
    committing: Waiting<Committing>,
}

struct Reserving {
    user: UserId,
    session: Option<SessionId>,
    plan: Plan,
    /// Of the plan's replies, in its order.
    kinds: Vec<ReplyKind>,
    responder: Responder<Asked>,
}

struct Committing {
    user: UserId,
    session: Option<SessionId>,
    subject: Option<MessageId>,
    usage: Option<Arc<Usage>>,
    promised: Promised,
    responder: Responder<Asked>,
}

impl Asks {
    pub fn len(&self) -> usize {
        self.looking.len() + self.reserving.len() + self.committing.len()
    }

    pub fn expire(&mut self, deadline: Duration) {
        self.looking.expire(deadline);
        self.reserving.expire(deadline);
        self.committing.expire(deadline);
    }

    pub fn reserves(&self, ticket: Ticket) -> bool {
        self.reserving.holds(ticket)
    }

    /// Whether such a wish about this message is under way.
    fn concerns(&self, message: MessageId) -> bool {
        let reserving = self.reserving.values().map(|one| one.plan.subject);
        let committing = self.committing.values().map(|one| one.subject);
        reserving.chain(committing).any(|subject| subject == Some(message))
    }
}

/// What an ask speaks of, as it stood a moment ago.
pub(crate) struct Found {
    /// The message named, or the last one that stands.
    pub target: Message,
    /// Replies to it that stand.
    pub replies: Vec<Message>,
    /// What it answers.
    pub asking: Option<Message>,
}

async fn look_up(
    archive: Arc<dyn Archive>,
    room: RoomId,
    wanted: &Wanted,
) -> Result<Option<Found>, StoreError> {
    let named = match wanted {
        Wanted::Reply(_) => {
            let latest = archive.history(room, 0, i64::MAX, LATEST_MAX).await?;
            let last = latest.into_iter().rev().find(|message| message.changes.deleted_at.is_none());
            return Ok(last.map(|target| Found { target, replies: Vec::new(), asking: None }));
        }
        Wanted::Regenerate(message)
        | Wanted::Continue(message)
        | Wanted::Resend { message, .. }
        | Wanted::Retry { asked: message, .. } => *message,
    };
    let Some(found) = archive.answered(room, named).await? else { return Ok(None) };
    let asking = match (wanted, found.message.reply_to) {
        (Wanted::Resend { .. } | Wanted::Retry { .. }, _) | (_, None) => None,
        (_, Some(asking)) => archive.answered(room, asking).await?.map(|asking| asking.message),
    };
    Ok(Some(Found { target: found.message, replies: found.replies, asking }))
}

impl Room {
    pub(super) fn on_ask(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ask: Box<Ask>,
        responder: Responder<Asked>,
    ) {
        if let Err(refusal) = self.may_ask(state, &ask) {
            return self.refuse(state, Command::Ask(ask, responder), refusal);
        }
        let ticket = state.ticket();
        let (archive, room) = (self.context.ports.archive.clone(), state.id);
        let (wanted, answer) = (ask.wanted.clone(), myself.clone());
        state.asks.looking.insert(ticket, (*ask, responder));
        self.watch(myself, state);
        // Bounded by `pending_max` and by the archive's own deadlines.
        tokio::spawn(async move {
            let found = look_up(archive, room, &wanted).await;
            let _ =
                answer.send_message(RoomMsg::Found { ticket, found: found.map(|found| found.map(Box::new)) });
        });
    }

    pub(super) fn may_ask(&self, state: &State, ask: &Ask) -> Result<(), Refusal> {
        self.takes_commands(state)?;
        state.member(ask.user)?;
        match &ask.wanted {
            Wanted::Resend { content, .. } => turn::allowed(&self.context.moderation, content.as_str()),
            _ => Ok(()),
        }
    }

    pub(super) fn on_found(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ticket: Ticket,
        found: Result<Option<Box<Found>>, StoreError>,
    ) {
        let Some((ask, responder)) = state.asks.looking.take(ticket) else { return };
        let planned = found
            .map_err(|error| dependency_down(&error))
            .and_then(|found| self.plan(state, &ask, found.as_deref()))
            .and_then(|plan| Ok((self.planned_kinds(state, &ask, &plan)?, plan)));
        let (kinds, plan) = match planned {
            Ok(planned) => planned,
            Err(refusal) => return responder.refuse(refusal),
        };
        let Ask { user, session, .. } = ask;
        let Some(character) = plan.replies.first().map(|reply| reply.character) else {
            // Nobody answers: the message changes, and that costs nothing.
            let reserving = Reserving { user, session, plan, kinds, responder };
            return self.append_ask(myself, state, ticket, reserving, None);
        };
        let (answer, kind, reply) = (myself.clone(), MessageKind::Text, kinds.first().copied());
        state.asks.reserving.insert(ticket, Reserving { user, session, plan, kinds, responder });
        let reserve = UserMsg::Reserve(Reserve { character, kind, reply, answer, ticket });
        if let Err((_, NotTaken::Full | NotTaken::Quarantined)) = self.context.users.send(user, reserve)
            && let Some(reserving) = state.asks.reserving.take(ticket)
        {
            reserving.responder.refuse(overloaded());
        }
    }

    /// What its replies are to be: as asked for, as they were, or as their characters usually answer.
    fn planned_kinds(&self, state: &State, ask: &Ask, plan: &Plan) -> Result<Vec<ReplyKind>, Refusal> {
        let kind = |reply: &Planned| {
            let usual = reply.kind.unwrap_or_else(|| kinds::usual(state, reply.character));
            self.reply_kind(ask.reply_kind, usual)
        };
        plan.replies.iter().map(kind).collect()
    }

    /// The pure plan, and what only the running room knows of it.
    fn plan(&self, state: &State, ask: &Ask, found: Option<&Found>) -> Result<Plan, Refusal> {
        let record = state.member(ask.user)?;
        let plan = plan::plan(record, &self.context.settings, ask, found)?;
        let subject = plan.subject;
        let busy = |message| state.asks.concerns(message) || state.replies.concerns(message);
        if subject.is_some_and(busy) || plan.parts().any(|part| state.replies.concerns(part)) {
            let refusal = "a reply to this message, or more of it, is under way: wait for it, or stop it";
            return Err(Refusal::new(RefusalCode::Conflict, refusal));
        }
        self.takes_replies(state, plan.replies.iter().map(|reply| reply.character))?;
        Ok(plan)
    }

    pub(super) fn on_ask_reserved(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ticket: Ticket,
        outcome: ReserveOutcome,
    ) {
        let Some(reserving) = state.asks.reserving.take(ticket) else { return };
        match outcome {
            ReserveOutcome::Granted(grant) => {
                let granted = Granted {
                    meters: grant.meters,
                    priority: grant.priority,
                    usage: grant.usage,
                    audio: grant.audio_replies,
                };
                self.append_ask(myself, state, ticket, reserving, Some((granted, grant.reservation)));
            }
            ReserveOutcome::Full { refusal, .. } | ReserveOutcome::Refused(refusal) => {
                reserving.responder.refuse(refusal);
            }
        }
    }

    fn append_ask(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ticket: Ticket,
        reserving: Reserving,
        granted: Option<(Granted, Reservation)>,
    ) {
        let Reserving { user, session, plan, kinds, responder } = reserving;
        if let Err(refusal) = state.member(user) {
            return responder.refuse(refusal);
        }
        let (meters, priority, usage, audio, reservation) = match granted {
            Some((granted, reservation)) => {
                (granted.meters, granted.priority, Some(granted.usage), granted.audio, Some(reservation))
            }
            None => (Vec::new(), Priority(0), None, AudioReplies::Without, None),
        };
        let turn = |(index, (reply, kind)): (usize, (&Planned, ReplyKind))| OpenTurn {
            message: MessageId::new(),
            room: state.id,
            character: reply.character,
            asked: reply.asked,
            asked_offset: reply.asked_offset,
            user,
            priority,
            into: reply.into,
            kind: kind.granted(audio),
            depth: 0,
            fence: 0,
            // It counts once: one of its replies can give it back.
            refund: match index {
                0 => meters.iter().map(|meter| meter.key).collect(),
                _ => Vec::new(),
            },
        };
        let turns: Vec<OpenTurn> = plan.replies.iter().zip(kinds).enumerate().map(turn).collect();
        let promised = Promised::new(&self.context.turns_open, turns.len());
        let at = self.context.ports.clock.now();
        let ask = ports::Ask { id: Uuid::now_v7(), by: user, at, edit: plan.edit, meters, turns };
        match self.append_as(myself, state, ticket, EntryKind::Ask(ask), reservation) {
            Ok(()) => {
                let subject = plan.subject;
                let committing = Committing { user, session, subject, usage, promised, responder };
                state.asks.committing.insert(ticket, committing);
                self.watch(myself, state);
            }
            Err(reason) => responder.refuse(not_written(reason)),
        }
    }

    pub(super) fn on_asked(
        &self,
        state: &mut State,
        ticket: Ticket,
        ask: ports::Ask,
        outcome: Outcome,
        after: &mut Aftermath,
    ) {
        let committing = state.asks.committing.take(ticket);
        let message = match outcome {
            Outcome::Stored { revision } => {
                // The first one's coming carries the revision.
                let mut offset = Some(revision);
                after.events.extend(ask.turns.iter().map(|turn| {
                    let mut queued = status(turn, ReplyState::Queued);
                    if let RoomEvent::Status { offset: at, .. } = &mut queued {
                        *at = offset.take();
                    }
                    queued
                }));
                None
            }
            Outcome::Amended(message) => {
                let message: Arc<Message> = Arc::from(message);
                after.events.push(RoomEvent::Updated { message: message.clone(), reply: None });
                after.events.extend(ask.turns.iter().map(|turn| status(turn, ReplyState::Queued)));
                Some(message)
            }
            other => {
                let refusal = self.not_stored(state, ask.by, &other);
                if let Some(committing) = committing {
                    committing.responder.refuse(refusal);
                }
                return;
            }
        };
        state.replies.a_person_spoke();
        let replies = ask.turns.iter().map(queued).collect();
        self.spoken_for(state, &ask.turns);
        after.begin.extend(ask.turns);
        if let Some(Committing { user, session, usage, promised, responder, .. }) = committing {
            after.promises.push(promised);
            if let Some(usage) = &usage {
                self.context.ports.fanout.to_user(user, UserEvent::Usage(usage.clone()), session);
            }
            responder.answer(Ok(Asked { replies, usage, message }));
        }
    }

    /// Those who open a message of their own are the last speakers from now on, so that the next in turn is another.
    pub(super) fn spoken_for(&self, state: &mut State, turns: &[OpenTurn]) {
        let last = turns.iter().rfind(|turn| turn.into == Into::New);
        if let (Some(turn), Ok(record)) = (last, &mut state.record) {
            record.last_speaker = Some(turn.character);
        }
    }
}

struct Granted {
    meters: Vec<crate::domain::Meter>,
    priority: Priority,
    audio: AudioReplies,
    usage: Arc<Usage>,
}

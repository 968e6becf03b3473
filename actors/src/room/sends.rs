//! A message's way through its room: admit, reserve, append; then ack and fan out.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;

use super::checks::Command;
use super::commits::{Aftermath, RETRY_SOON, not_written};
use super::promised::Promised;
use super::waiting::Waiting;
use super::{Room, RoomMsg, State, Ticket, overloaded};
use crate::directory::NotTaken;
use crate::domain::{
    Changes, CharacterId, ClientId, Finish, Into, Message, MessageId, Reply, ReplyState, Sender, SessionId,
    Usage, UserId,
};
use crate::ports::{EntryKind, OpenTurn, Outcome, Say};
use crate::protocol::{Refusal, RefusalCode, Responder, RoomEvent, Send, Sent, UserEvent};
use crate::turn;
use crate::user::{ReplyKind, Reserve, ReserveOutcome, UserMsg};

/// Sends between their arrival and their answer.
#[derive(Default)]
pub(super) struct Sends {
    reserving: Waiting<Reserving>,
    committing: Waiting<Committing>,
}

struct Reserving {
    send: Send,
    /// The message's, once it is stored.
    id: MessageId,
    speakers: Vec<(CharacterId, ReplyKind)>,
    responder: Responder<Sent>,
}

struct Committing {
    responder: Responder<Sent>,
    session: Option<SessionId>,
    usage: Option<Arc<Usage>>,
    /// Given when it is a message that memory let through no more: only one stored before may still be answered.
    full: Option<Refusal>,
    promised: Promised,
}

impl Sends {
    pub fn len(&self) -> usize {
        self.reserving.len() + self.committing.len()
    }

    pub fn expire(&mut self, deadline: Duration) {
        self.reserving.expire(deadline);
        self.committing.expire(deadline);
    }
}

impl Room {
    pub(super) fn on_send(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        send: Box<Send>,
        responder: Responder<Sent>,
    ) {
        let id = MessageId::new();
        let admitted = self.admit(state, &send, id);
        let speakers = match admitted.and_then(|who| self.reply_kinds(state, who, send.reply_kind)) {
            Ok(speakers) => speakers,
            Err(refusal) => return self.refuse(state, Command::Send(send, responder), refusal),
        };
        // The quota counts per character: the first who answers, else the one whose room it is.
        let first = speakers.first().copied();
        let counted = first.map(|(character, _)| character).or_else(|| {
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
        state.sends.reserving.insert(ticket, Reserving { send: *send, id, speakers, responder });
        self.watch(myself, state);
        let (answer, reply) = (myself.clone(), first.map(|(_, kind)| kind));
        let reserve = UserMsg::Reserve(Reserve { character, kind, reply, answer, ticket });
        if let Err((_, NotTaken::Full | NotTaken::Quarantined)) = self.context.users.send(user, reserve)
            && let Some(reserving) = state.sends.reserving.take(ticket)
        {
            reserving.responder.refuse(overloaded());
        }
    }

    /// The room's own limits, then the turn's rules.
    pub(super) fn admit(
        &self,
        state: &State,
        send: &Send,
        id: MessageId,
    ) -> Result<Vec<CharacterId>, Refusal> {
        self.takes_commands(state)?;
        let speakers = turn::admit(state.member(send.user)?, &self.context.moderation, send, id)?;
        self.takes_replies(state, speakers.iter().copied())?;
        Ok(speakers)
    }

    /// Whether a command may come in at all: the node's and the room's own limits.
    pub(super) fn takes_commands(&self, state: &State) -> Result<(), Refusal> {
        if self.context.is_draining() {
            return Err(Refusal::temporary(RefusalCode::Draining, "this server is going down", RETRY_SOON));
        }
        state.record.as_ref().map_err(Clone::clone)?;
        if state.pending() >= self.context.settings.room.pending_max || state.deletion.is_some() {
            return Err(overloaded());
        }
        Ok(())
    }

    /// Whether these characters may be given one more to answer.
    pub(super) fn takes_replies(
        &self,
        state: &State,
        mut speakers: impl Iterator<Item = CharacterId> + Clone,
    ) -> Result<(), Refusal> {
        let most = self.context.settings.room.waiting_replies_max;
        let anybody = speakers.clone().next().is_some();
        if speakers.any(|character| state.replies.waiting(character) >= most) {
            let refusal = "this character has enough to answer here; wait for it";
            return Err(Refusal::temporary(RefusalCode::RoomBusy, refusal, RETRY_SOON));
        }
        if anybody && !self.context.pool.has_room() { Err(overloaded()) } else { Ok(()) }
    }

    pub(super) fn on_reserved(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ticket: Ticket,
        outcome: ReserveOutcome,
    ) {
        let Some(Reserving { send, id, speakers, responder }) = state.sends.reserving.take(ticket) else {
            return;
        };
        if let Err(refusal) = state.member(send.user) {
            // Removed meanwhile: nothing of theirs comes behind that.
            return responder.refuse(refusal);
        }
        let (reservation, mut meters, usage, served, full) = match outcome {
            ReserveOutcome::Granted(grant) => {
                let served = (grant.priority, grant.audio_replies);
                (Some(grant.reservation), grant.meters, Some(grant.usage), Some(served), None)
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
        let turns = match served {
            Some((priority, audio)) => {
                let refund: Vec<_> = meters.iter().map(|meter| meter.key).collect();
                let turn = |(index, (character, kind)): (usize, &(CharacterId, ReplyKind))| OpenTurn {
                    message: MessageId::new(),
                    room: state.id,
                    character: *character,
                    asked: id,
                    asked_offset: 0,
                    user: send.user,
                    priority,
                    into: Into::New,
                    kind: kind.granted(audio),
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
        match self.append_as(myself, state, ticket, EntryKind::Say(say), reservation) {
            Ok(()) => {
                let committing = Committing { responder, session: send.session, usage, full, promised };
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
        let committing = state.sends.committing.take(ticket);
        match outcome {
            Outcome::Stored { revision } => {
                let replies: Vec<Reply> = say.turns.iter().map(queued).collect();
                let user = say.sender;
                state.replies.a_person_spoke();
                self.spoken_for(state, &say.turns);
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
            other => {
                let Some(committing) = committing else { return };
                let refusal = match (&other, committing.full) {
                    (Outcome::OverLimit { .. }, Some(full)) => full,
                    _ => self.not_stored(state, say.sender, &other),
                };
                committing.responder.refuse(refusal);
            }
        }
    }

    fn tell_other_devices(&self, user: UserId, committing: &Committing) {
        if let Some(usage) = &committing.usage {
            self.context.ports.fanout.to_user(user, UserEvent::Usage(usage.clone()), committing.session);
        }
    }
}

pub(super) fn queued(turn: &OpenTurn) -> Reply {
    Reply { character: turn.character, message: turn.message, state: ReplyState::Queued, code: None }
}

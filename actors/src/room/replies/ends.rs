//! A reply's end goes into the log, with its cost or with its refund, and with the replies of other characters that follow
//! from it. Stopping ends what runs, takes back what waits, and ends the chain.

use std::collections::VecDeque;
use std::sync::Arc;

use ractor::ActorRef;

use super::{Follow, status_of, typing};
use crate::domain::{
    Attachment, Changes, ClientId, Content, FailureCode, Finish, Into, Message, MessageId, MessageKind,
    MeterKey, ReplyState, Revision, Sender, UserId, kind_of,
};
use crate::moderation::RefusedReply;
use crate::ports::{CloseTurn, EntryKind, OpenTurn, Outcome, TurnEnd};
use crate::protocol::{Refusal, RefusalCode, RoomEvent, Typing};
use crate::room::commits::Aftermath;
use crate::room::promised::Promised;
use crate::room::sends::queued;
use crate::room::{Room, RoomMsg, State};
use crate::turn::{Ended, Ending, speakers};
use crate::user::UserMsg;

impl Room {
    /// Step 6: the end of a reply goes into the log, with its cost, or with its refund.
    pub(super) fn close(&self, myself: &ActorRef<RoomMsg>, state: &mut State, turn: &OpenTurn, ended: Ended) {
        let follow = self.follow(state, turn, &ended);
        let end = match ended.outcome {
            Ending::Said { text, finish, attachment } => {
                TurnEnd::Said { content: Content::trusted(text), finish, attachment }
            }
            Ending::Refused { text } => {
                TurnEnd::Refused { content: Content::trusted(text), refund: self.refund_of_refused(turn) }
            }
            Ending::Nothing { state, code } => TurnEnd::Nothing { state, code, refund: turn.refund.clone() },
        };
        let close = CloseTurn {
            turn: turn.message,
            fence: turn.fence,
            character: turn.character,
            asked: turn.asked,
            created_at: self.context.ports.clock.now(),
            end,
            into: turn.into,
            user: turn.user,
            calls: ended.calls,
            memories: ended.memories,
            trouble: ended.trouble,
            refund_if_gone: if turn.into == Into::New { Vec::new() } else { turn.refund.clone() },
            follow,
        };
        if self.append(myself, state, EntryKind::Close(close)).is_err() {
            // Only when the journal has ended: the next start takes the turn up.
            tracing::warn!(turn = %turn.message, "the engine ended before this reply did");
        }
    }

    /// The replies of other characters to this one, as far as the chain may go without a person. What was stopped or
    /// broke off is not answered, and neither is another variant.
    fn follow(&self, state: &mut State, turn: &OpenTurn, ended: &Ended) -> Vec<OpenTurn> {
        let Ending::Said { text, finish: Finish::Complete | Finish::Length, .. } = &ended.outcome else {
            return Vec::new();
        };
        let (Ok(record), Into::New, false) = (&state.record, turn.into, self.context.is_draining()) else {
            return Vec::new();
        };
        let settings = &self.context.settings.room;
        let stood = state.replies.chain.max(turn.depth);
        let left = settings.character_chain_max.saturating_sub(stood);
        if left == 0 || state.deletion.is_some() || !self.context.pool.has_room() {
            return Vec::new();
        }
        let follow: Vec<OpenTurn> = speakers::to_character(record, turn.character, text, turn.message)
            .into_iter()
            .filter(|character| state.replies.waiting(*character) < settings.waiting_replies_max)
            .take(usize::from(left))
            .zip(stood + 1..)
            .map(|(character, depth)| OpenTurn {
                message: MessageId::new(),
                room: state.id,
                character,
                asked: turn.message,
                asked_offset: 0,
                user: turn.user,
                priority: turn.priority,
                into: Into::New,
                // Characters answer one another in writing: nobody has asked to hear it, nor paid for it.
                kind: MessageKind::Text,
                depth,
                fence: 0,
                refund: Vec::new(),
            })
            .collect();
        if let Some(last) = follow.last() {
            state.replies.chain = last.depth;
        }
        follow
    }

    pub(in crate::room) fn on_closed(
        &self,
        state: &mut State,
        close: CloseTurn,
        outcome: Outcome,
        after: &mut Aftermath,
    ) {
        let Some(line) = state.replies.by_character.get_mut(&close.character) else { return };
        let Some((turn, attempt, follow)) = line.take(close.turn) else { return };
        if line.running.is_none()
            && let Some(next) = line.waiting.pop_front()
        {
            after.begin.push(next);
            // It was counted when it came to wait, and is again when it begins.
            state.replies.closed();
        } else if line.is_empty() {
            state.replies.by_character.remove(&close.character);
        }
        match outcome {
            Outcome::Stored { revision } => match (close.end, close.into) {
                (TurnEnd::Said { content, finish, attachment }, Into::New) => {
                    let said = (content, finish, attachment, close.created_at);
                    self.said(state, (&turn, attempt), said, revision, (close.follow, follow), after);
                }
                (TurnEnd::Refused { content, refund }, Into::New) => {
                    let said = (content, Finish::Refused, None, close.created_at);
                    self.said(state, (&turn, attempt), said, revision, (close.follow, follow), after);
                    self.refunded(close.user, refund);
                }
                // What it was to become part of was deleted meanwhile: nobody gets to see it, and so it counts for nothing.
                (
                    TurnEnd::Said { .. } | TurnEnd::Refused { .. },
                    Into::Variant(_) | Into::Continuation(_),
                ) => {
                    after.events.push(ended(&turn, attempt, (ReplyState::Stopped, None), revision));
                    self.refunded(close.user, close.refund_if_gone);
                }
                (TurnEnd::Nothing { state: ending, code, refund }, _) => {
                    after.events.push(ended(&turn, attempt, (ending, code), revision));
                    self.refunded(close.user, refund);
                }
            },
            Outcome::Amended(message) => {
                if let TurnEnd::Refused { refund, .. } = close.end {
                    self.refunded(close.user, refund);
                }
                let reply = Some(turn.message);
                after.events.push(RoomEvent::Updated { message: Arc::from(message), reply });
                after.events.push(status_of(&turn, attempt, ReplyState::Done));
            }
            Outcome::FenceLost => {
                tracing::warn!(turn = %close.turn, "another node has taken this reply up");
            }
            Outcome::NoRoom => {}
            _ => tracing::error!(turn = %close.turn, ?outcome, "the end of a reply was not stored"),
        }
        after.events.push(typing(&turn, Typing::Stopped));
        state.replies.closed();
    }

    /// A reply has become a message.
    fn said(
        &self,
        state: &mut State,
        (turn, attempt): (&OpenTurn, u32),
        (content, finish, attachment, created_at): (
            Content,
            Finish,
            Option<Arc<Attachment>>,
            jiff::Timestamp,
        ),
        revision: Revision,
        (mut turns, follow): (Vec<OpenTurn>, Follow),
        after: &mut Aftermath,
    ) {
        let message = Message {
            id: turn.message,
            room: state.id,
            offset: revision,
            revision,
            sender: Sender::Character(turn.character),
            client_id: ClientId::of_message(turn.message),
            kind: kind_of(attachment.as_deref()),
            content,
            attachment,
            reply_to: Some(turn.asked),
            finish,
            replies: turns.iter().map(queued).collect(),
            changes: Changes::default(),
            created_at,
        };
        after.events.push(RoomEvent::Received(Arc::new(message)));
        after.events.push(status_of(turn, attempt, ReplyState::Done));
        turns.iter_mut().for_each(|next| next.asked_offset = revision);
        after.promises.push(Promised::new(&self.context.turns_open, turns.len()));
        match follow {
            Follow::Begins => {
                self.spoken_for(state, &turns);
                after.begin.extend(turns);
            }
            Follow::Stopped => after.stopped.extend(turns),
        }
    }

    fn refund_of_refused(&self, turn: &OpenTurn) -> Vec<MeterKey> {
        match self.context.settings.moderation.refused_reply {
            RefusedReply::Counts => Vec::new(),
            RefusedReply::Refunds => turn.refund.clone(),
        }
    }

    fn refunded(&self, user: UserId, refund: Vec<MeterKey>) {
        if !refund.is_empty() {
            let _ = self.context.users.send(user, UserMsg::Refunded(refund));
        }
    }

    /// Stops what runs, and takes back what waits. The part that was said stands.
    pub(in crate::room) fn on_stop_reply(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        reply: Option<MessageId>,
    ) -> Result<u32, Refusal> {
        state.member(user)?;
        let stopped = self.stop(myself, state, |turn| reply.is_none_or(|reply| reply == turn.message));
        if stopped == 0 && reply.is_some() {
            return Err(Refusal::new(RefusalCode::NotFound, "no such reply is under way"));
        }
        Ok(stopped)
    }

    /// Stops the replies that are `wanted`; answers how many.
    pub(in crate::room) fn stop(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        wanted: impl Fn(&OpenTurn) -> bool,
    ) -> u32 {
        let mut stopped = 0;
        let mut taken_back: Vec<OpenTurn> = Vec::new();
        for line in state.replies.by_character.values_mut() {
            if let Some(running) = &line.running
                && wanted(&running.turn)
            {
                // Also where only its commit is awaited: then it ends what would follow.
                running.stop.cancel();
                stopped += u32::from(running.actor.is_some());
            }
            let (out, stay): (VecDeque<OpenTurn>, _) =
                std::mem::take(&mut line.waiting).into_iter().partition(&wanted);
            line.waiting = stay;
            line.closing.extend(out.iter().cloned());
            taken_back.extend(out);
        }
        for turn in taken_back {
            stopped += 1;
            let draft = state.replies.drafts.remove(&turn.message);
            let ended = self.unbegun(draft.as_ref(), (ReplyState::Stopped, None));
            self.close(myself, state, &turn, ended);
        }
        stopped
    }

    /// A reply that a person stopped before it began.
    pub(in crate::room) fn take_back(&self, myself: &ActorRef<RoomMsg>, state: &mut State, turn: &OpenTurn) {
        self.end_unbegun(myself, state, turn, Ended::nothing(ReplyState::Stopped, None));
    }

    /// Ends a reply that has an open turn in the log and nothing else.
    pub(super) fn end_unbegun(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        turn: &OpenTurn,
        ended: Ended,
    ) {
        state.replies.opened();
        let line = state.replies.by_character.entry(turn.character).or_default();
        line.closing.push(turn.clone());
        self.close(myself, state, turn, ended);
    }
}

/// A reply ended without becoming a message: that is durable.
fn ended(
    turn: &OpenTurn,
    attempt: u32,
    (state, code): (ReplyState, Option<FailureCode>),
    revision: Revision,
) -> RoomEvent {
    RoomEvent::Status {
        message: turn.message,
        character: turn.character,
        in_reply_to: turn.asked,
        into: turn.into,
        attempt,
        state,
        code,
        offset: Some(revision),
    }
}

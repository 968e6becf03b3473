//! A reply's course: it begins, or waits; it tells what it says; it is taken up again after a crash.

use std::sync::Arc;

use ractor::{ActorId, ActorRef};
use tokio_util::sync::CancellationToken;

use super::{Running, status, typing};
use crate::domain::{FailureCode, Finish, Into, MessageId, Purpose, ReplyState, Visibility, utf16_len};
use crate::persona::Names;
use crate::pool::Bill;
use crate::ports::{Audience, Draft, OpenTurn, TakenUp};
use crate::protocol::{RoomEvent, Typing};
use crate::room::{Room, RoomMsg, State};
use crate::settings::Recovery;
use crate::turn::{Arguments, Ended, Ending, Turn, TurnNews, rest_of};

impl Room {
    /// Starts the reply, or lets it wait behind the one that its character is giving.
    pub(in crate::room) fn begin(&self, myself: &ActorRef<RoomMsg>, state: &mut State, turn: OpenTurn) {
        state.replies.opened();
        let line = state.replies.by_character.entry(turn.character).or_default();
        if line.running.is_some() {
            self.context.ports.fanout.to_room(state.id, vec![status(&turn, ReplyState::Queued)]);
            line.waiting.push_back(turn);
            return;
        }
        let draft = state.replies.drafts.remove(&turn.message);
        let (stop, bill) = (CancellationToken::new(), Bill::default());
        let arguments = self.arguments(myself, state, &turn, draft, (&stop, &bill));
        let actor = Turn::spawn(&self.context, arguments, myself);
        let line = state.replies.by_character.entry(turn.character).or_default();
        line.running = Some(Running {
            turn,
            actor: Some(actor),
            stop,
            state: ReplyState::Queued,
            text: String::new(),
            position: 0,
            restarts: 0,
            bill,
        });
    }

    pub(in crate::room) fn on_turn_news(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        turn: MessageId,
        news: TurnNews,
    ) {
        let Some(running) = state.replies.running(turn) else { return };
        match news {
            TurnNews::Thinking => {
                let mut events = vec![typing(&running.turn, Typing::Started)];
                // One that goes on from what was said keeps showing that.
                if running.text.is_empty() {
                    running.state = ReplyState::Thinking;
                    events.insert(0, running.status(ReplyState::Thinking));
                }
                self.context.ports.fanout.to_room(state.id, events);
            }
            TurnNews::Restarted => {
                running.restarts += 1;
                running.text.clear();
                running.position = 0;
            }
            TurnNews::Text(text) => {
                let mut events = Vec::with_capacity(2);
                if running.state != ReplyState::Streaming {
                    running.state = ReplyState::Streaming;
                    events.push(running.status(ReplyState::Streaming));
                }
                let position = running.position;
                running.text.push_str(&text);
                running.position += utf16_len(&text);
                events.push(RoomEvent::Delta {
                    message: turn,
                    character: running.turn.character,
                    in_reply_to: running.turn.asked,
                    into: running.turn.into,
                    attempt: running.attempt(),
                    position,
                    text,
                });
                self.context.ports.fanout.to_room(state.id, events);
            }
            TurnNews::Ended(ended) => {
                running.actor = None;
                let turn = running.turn.clone();
                self.close(myself, state, &turn, ended);
            }
        }
    }

    pub(in crate::room) fn on_turn_crashed(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        actor: ActorId,
    ) {
        let crashed = state
            .replies
            .by_character
            .values_mut()
            .filter_map(|line| line.running.as_mut())
            .find(|running| running.actor == Some(actor));
        if let Some(running) = crashed {
            running.actor = None;
            let turn = running.turn.clone();
            let outcome = if running.text.trim().is_empty() {
                Ending::Nothing { state: ReplyState::Failed, code: Some(FailureCode::Internal) }
            } else {
                Ending::Said { text: running.text.clone(), finish: Finish::Interrupted, attachment: None }
            };
            let (calls, trouble) = running.bill.close(Purpose::Reply, &*self.context.ports.tokens);
            let ended = Ended { calls, trouble, ..Ended::of(outcome) };
            self.close(myself, state, &turn, ended);
        }
    }

    pub(in crate::room) fn on_take_up(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        turns: Vec<TakenUp>,
    ) {
        // Another node wrote this log, or may have.
        state.tail.forget();
        for TakenUp { turn, draft } in turns {
            let known = state.replies.running(turn.message).is_some();
            if known || state.record.is_err() {
                continue;
            }
            state.replies.chain = state.replies.chain.max(turn.depth);
            match self.context.settings.turn.recovery {
                Recovery::Continue => {
                    state.replies.drafts.extend(draft.map(|draft| (turn.message, draft)));
                    self.begin(myself, state, turn);
                }
                Recovery::Restart => {
                    // Its calls are accounted all the same.
                    let calls = draft.map(|draft| Draft { calls: draft.calls, ..Draft::default() });
                    state.replies.drafts.extend(calls.map(|draft| (turn.message, draft)));
                    self.begin(myself, state, turn);
                }
                Recovery::Report => {
                    let nothing = (ReplyState::Interrupted, Some(FailureCode::Interrupted));
                    let ended = self.unbegun(draft.as_ref(), nothing);
                    self.end_unbegun(myself, state, &turn, ended);
                }
            }
        }
    }

    /// The end of a reply that never began here: with what was shown of its draft, or with nothing; and with the calls that
    /// were made for it elsewhere.
    pub(super) fn unbegun(
        &self,
        draft: Option<&Draft>,
        (state, code): (ReplyState, Option<FailureCode>),
    ) -> Ended {
        let bill = Bill::default();
        draft.into_iter().for_each(|draft| bill.inherit(&draft.calls));
        let (calls, _) = bill.close(Purpose::Reply, &*self.context.ports.tokens);
        let outcome = rest_of(&self.context, draft, Ending::Nothing { state, code });
        Ended { calls, ..Ended::of(outcome) }
    }
}

impl Room {
    /// What the turn needs to know of its room, as it is when the reply begins.
    fn arguments(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        turn: &OpenTurn,
        draft: Option<Draft>,
        (stop, bill): (&CancellationToken, &Bill),
    ) -> Arguments {
        draft.iter().for_each(|draft| bill.inherit(&draft.calls));
        let record = state.record.as_ref().ok();
        let names = Arc::new(record.map(Names::of).unwrap_or_default());
        // One that has left knows no more than what it is asked. What it is asked it always knows.
        let since = record
            .and_then(|record| record.character(turn.character))
            .map_or(turn.asked_offset, |character| character.since)
            .min(turn.asked_offset - 1);
        let last = match turn.into {
            Into::Continuation(of) => of,
            Into::New | Into::Variant(_) => turn.asked,
        };
        let up_to = (turn.asked_offset, last);
        let members = record.iter().flat_map(|record| &record.members).map(|member| member.id).collect();
        let audience = match record.map(|record| record.details.visibility) {
            Some(Visibility::Public | Visibility::Unlisted) => Audience::Everybody,
            Some(Visibility::Private) | None => Audience::Members,
        };
        let known = state.tail.known(turn.character, since, up_to, &self.context.settings.turn);
        Arguments {
            turn: turn.clone(),
            room: myself.clone(),
            stop: stop.clone(),
            names,
            since,
            members,
            audience,
            known,
            draft,
            bill: bill.clone(),
        }
    }
}

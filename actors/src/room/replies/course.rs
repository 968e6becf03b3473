//! A reply's course: it begins, or waits; it tells what it says; it is taken up again after a crash.

use std::sync::Arc;

use ractor::{ActorId, ActorRef};
use tokio_util::sync::CancellationToken;

use super::{Running, attempt, status, typing};
use crate::domain::{FailureCode, Finish, MessageId, ReplyState, Visibility, utf16_len};
use crate::persona::Names;
use crate::ports::{Audience, OpenTurn, RoomRecord};
use crate::protocol::{RoomEvent, Typing};
use crate::room::{Room, RoomMsg, State};
use crate::settings::Recovery;
use crate::turn::{Arguments, Ended, Ending, Turn, TurnNews};

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
        let stop = CancellationToken::new();
        let arguments = arguments(myself, state.record.as_ref().ok(), &turn, &stop);
        let actor = Turn::spawn(&self.context, arguments, myself);
        line.running = Some(Running {
            turn,
            actor: Some(actor),
            stop,
            state: ReplyState::Queued,
            text: String::new(),
            position: 0,
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
                running.state = ReplyState::Thinking;
                let events =
                    vec![status(&running.turn, ReplyState::Thinking), typing(&running.turn, Typing::Started)];
                self.context.ports.fanout.to_room(state.id, events);
            }
            TurnNews::Text(text) => {
                let mut events = Vec::with_capacity(2);
                if running.state != ReplyState::Streaming {
                    running.state = ReplyState::Streaming;
                    events.push(status(&running.turn, ReplyState::Streaming));
                }
                let position = running.position;
                running.text.push_str(&text);
                running.position += utf16_len(&text);
                events.push(RoomEvent::Delta {
                    message: turn,
                    character: running.turn.character,
                    in_reply_to: running.turn.asked,
                    into: running.turn.into,
                    attempt: attempt(&running.turn),
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
            let ended = if running.text.trim().is_empty() {
                Ended::nothing(ReplyState::Failed, Some(FailureCode::Internal))
            } else {
                let outcome = Ending::Said {
                    text: running.text.clone(),
                    finish: Finish::Interrupted,
                    attachment: None,
                };
                Ended { outcome, calls: Vec::new(), memories: Vec::new() }
            };
            self.close(myself, state, &turn, ended);
        }
    }

    pub(in crate::room) fn on_take_up(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        turns: Vec<OpenTurn>,
    ) {
        for turn in turns {
            let known = state.replies.running(turn.message).is_some();
            if known || state.record.is_err() {
                continue;
            }
            state.replies.chain = state.replies.chain.max(turn.depth);
            match self.context.settings.turn.recovery {
                Recovery::Restart => self.begin(myself, state, turn),
                Recovery::Report => {
                    let ended = Ended::nothing(ReplyState::Interrupted, Some(FailureCode::Interrupted));
                    self.end_unbegun(myself, state, &turn, ended);
                }
            }
        }
    }
}

/// What the turn needs to know of its room, as it is when the reply begins.
fn arguments(
    myself: &ActorRef<RoomMsg>,
    record: Option<&RoomRecord>,
    turn: &OpenTurn,
    stop: &CancellationToken,
) -> Arguments {
    let names = Arc::new(record.map(Names::of).unwrap_or_default());
    // One that has left knows no more than what it is asked.
    let since = record
        .and_then(|record| record.character(turn.character))
        .map_or(turn.asked_offset, |character| character.since);
    let members = record.iter().flat_map(|record| &record.members).map(|member| member.id).collect();
    let audience = match record.map(|record| record.details.visibility) {
        Some(Visibility::Public | Visibility::Unlisted) => Audience::Everybody,
        Some(Visibility::Private) | None => Audience::Members,
    };
    let (turn, room, stop) = (turn.clone(), myself.clone(), stop.clone());
    Arguments { turn, room, stop, names, since, members, audience }
}

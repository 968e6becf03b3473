//! The replies of a room: one running per character, the others waiting in order; their news, their end, their stop.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ractor::{ActorId, ActorRef};
use tokio_util::sync::CancellationToken;

use super::{Aftermath, Room, RoomMsg, State};
use crate::domain::{
    Changes, CharacterId, ClientId, Content, FailureCode, Finish, Message, MessageId, MessageKind,
    ReplyState, Sender, UserId, utf16_len,
};
use crate::ports::{CloseTurn, EntryKind, OpenTurn, Outcome, TurnEnd};
use crate::protocol::{OpenReply, Refusal, RefusalCode, RoomEvent, Typing, Typist};
use crate::settings::Recovery;
use crate::turn::{Arguments, Ended, Ending, Turn, TurnNews};
use crate::user::UserMsg;

/// Replies that one room takes up from a dead node or a crashed predecessor.
pub(super) const TAKE_UP_MAX: usize = 64;

pub(super) struct Replies {
    by_character: HashMap<CharacterId, Line>,
    /// Of the whole node, for the console and for draining.
    open_on_node: Arc<AtomicUsize>,
    open_here: usize,
}

/// One character's replies in this room.
#[derive(Default)]
struct Line {
    running: Option<Running>,
    waiting: VecDeque<OpenTurn>,
    /// Ended while they waited; the commit of their end is awaited.
    closing: Vec<OpenTurn>,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty() && self.closing.is_empty()
    }

    /// Takes out the turn whose end is in the log.
    fn take(&mut self, turn: MessageId) -> Option<OpenTurn> {
        if let Some(running) = self.running.take_if(|running| running.turn.message == turn) {
            return Some(running.turn);
        }
        let at = self.closing.iter().position(|closing| closing.message == turn)?;
        Some(self.closing.swap_remove(at))
    }
}

struct Running {
    turn: OpenTurn,
    /// The turn's actor; `None` once it has ended and only the commit of its end is awaited.
    actor: Option<ActorId>,
    stop: CancellationToken,
    state: ReplyState,
    text: String,
    /// Length of `text` in UTF-16 code units.
    position: u32,
}

impl Replies {
    pub fn new(open_on_node: Arc<AtomicUsize>) -> Self {
        Self { by_character: HashMap::new(), open_on_node, open_here: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.by_character.is_empty()
    }

    /// Replies of this character that wait behind the running one.
    pub fn waiting(&self, character: CharacterId) -> usize {
        self.by_character.get(&character).map_or(0, |line| line.waiting.len())
    }

    pub fn open(&self) -> Vec<OpenReply> {
        let running = |running: &Running| open_reply(&running.turn, running.state, running.text.clone());
        let waiting = |turn: &OpenTurn| open_reply(turn, ReplyState::Queued, String::new());
        self.by_character
            .values()
            .flat_map(|line| line.running.iter().map(running).chain(line.waiting.iter().map(waiting)))
            .collect()
    }

    pub fn stop_all(&self) {
        for line in self.by_character.values() {
            if let Some(running) = &line.running {
                running.stop.cancel();
            }
        }
    }

    fn running(&mut self, turn: MessageId) -> Option<&mut Running> {
        self.by_character
            .values_mut()
            .filter_map(|line| line.running.as_mut())
            .find(|running| running.turn.message == turn)
    }

    fn opened(&mut self) {
        self.open_here += 1;
        self.open_on_node.fetch_add(1, Relaxed);
    }

    fn closed(&mut self) {
        self.open_here = self.open_here.saturating_sub(1);
        self.open_on_node.fetch_sub(1, Relaxed);
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.open_on_node.fetch_sub(self.open_here, Relaxed);
    }
}

fn open_reply(turn: &OpenTurn, state: ReplyState, text: String) -> OpenReply {
    OpenReply {
        message: turn.message,
        character: turn.character,
        in_reply_to: turn.asked,
        into: turn.into,
        attempt: attempt(turn),
        state,
        text,
    }
}

/// Every taking-up starts the reply anew.
fn attempt(turn: &OpenTurn) -> u32 {
    u32::try_from(turn.fence).unwrap_or_default() + 1
}

fn status(turn: &OpenTurn, state: ReplyState) -> RoomEvent {
    RoomEvent::Status {
        message: turn.message,
        character: turn.character,
        in_reply_to: turn.asked,
        into: turn.into,
        attempt: attempt(turn),
        state,
        code: None,
        offset: None,
    }
}

fn typing(turn: &OpenTurn, active: Typing) -> RoomEvent {
    RoomEvent::Typing { who: Typist::Character(turn.character), active }
}

impl Room {
    /// Starts the reply, or lets it wait behind the one that its character is giving.
    pub(super) fn begin(&self, myself: &ActorRef<RoomMsg>, state: &mut State, turn: OpenTurn) {
        state.replies.opened();
        let line = state.replies.by_character.entry(turn.character).or_default();
        if line.running.is_some() {
            self.context.ports.fanout.to_room(state.id, vec![status(&turn, ReplyState::Queued)]);
            line.waiting.push_back(turn);
            return;
        }
        self.run(myself, line, turn);
    }

    fn run(&self, myself: &ActorRef<RoomMsg>, line: &mut Line, turn: OpenTurn) {
        let stop = CancellationToken::new();
        let arguments = Arguments { turn: turn.clone(), room: myself.clone(), stop: stop.clone() };
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

    pub(super) fn on_turn_news(
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

    pub(super) fn on_turn_crashed(&self, myself: &ActorRef<RoomMsg>, state: &mut State, actor: ActorId) {
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
                let outcome = Ending::Said { text: running.text.clone(), finish: Finish::Interrupted };
                Ended { outcome, usage: crate::domain::TokenUsage::default(), memories: Vec::new() }
            };
            self.close(myself, state, &turn, ended);
        }
    }

    /// Step 6: the end of a reply goes into the log, with its cost, or with its refund.
    fn close(&self, myself: &ActorRef<RoomMsg>, state: &mut State, turn: &OpenTurn, ended: Ended) {
        let end = match ended.outcome {
            Ending::Said { text, finish } => TurnEnd::Said { content: Content::trusted(text), finish },
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
            usage: ended.usage,
            memories: ended.memories,
            follow: Vec::new(),
        };
        if self.append(myself, state, EntryKind::Close(close)).is_err() {
            // Only when the journal has ended: the next start takes the turn up.
            tracing::warn!(turn = %turn.message, "the engine ended before this reply did");
        }
    }

    pub(super) fn on_closed(
        &self,
        state: &mut State,
        close: CloseTurn,
        outcome: &Outcome,
        after: &mut Aftermath,
    ) {
        let Some(line) = state.replies.by_character.get_mut(&close.character) else { return };
        let Some(turn) = line.take(close.turn) else { return };
        if line.running.is_none()
            && let Some(next) = line.waiting.pop_front()
        {
            after.begin.push(next);
            // It was counted when it came to wait, and is again when it begins.
            state.replies.closed();
        } else if line.is_empty() {
            state.replies.by_character.remove(&close.character);
        }
        state.replies.closed();
        match outcome {
            Outcome::Stored { revision } => match close.end {
                TurnEnd::Said { content, finish } => {
                    let message = Message {
                        id: close.turn,
                        room: state.id,
                        offset: *revision,
                        revision: *revision,
                        sender: Sender::Character(close.character),
                        client_id: ClientId::of_message(close.turn),
                        kind: MessageKind::Text,
                        content,
                        attachment: None,
                        reply_to: Some(close.asked),
                        finish,
                        replies: Vec::new(),
                        changes: Changes::default(),
                        created_at: close.created_at,
                    };
                    after.events.push(RoomEvent::Received(Arc::new(message)));
                    after.events.push(status(&turn, ReplyState::Done));
                }
                TurnEnd::Nothing { state: ending, code, refund } => {
                    let RoomEvent::Status { message, character, in_reply_to, into, attempt, .. } =
                        status(&turn, ending)
                    else {
                        return;
                    };
                    let offset = Some(*revision);
                    let state = ending;
                    after.events.push(RoomEvent::Status {
                        message,
                        character,
                        in_reply_to,
                        into,
                        attempt,
                        state,
                        code,
                        offset,
                    });
                    if !refund.is_empty() {
                        let _ = self.context.users.send(close.user, UserMsg::Refunded(refund));
                    }
                }
            },
            Outcome::FenceLost => {
                tracing::warn!(turn = %close.turn, "another node has taken this reply up");
            }
            Outcome::NoRoom => {}
            _ => tracing::error!(turn = %close.turn, ?outcome, "the end of a reply was not stored"),
        }
        after.events.push(typing(&turn, Typing::Stopped));
    }

    /// Stops what runs, and takes back what waits. The part that was said stands.
    pub(super) fn on_stop_reply(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        reply: Option<MessageId>,
    ) -> Result<u32, Refusal> {
        state.member(user)?;
        let wanted = |turn: &OpenTurn| reply.is_none_or(|reply| reply == turn.message);
        let mut stopped = 0;
        let mut taken_back: Vec<OpenTurn> = Vec::new();
        for line in state.replies.by_character.values_mut() {
            if let Some(running) = &line.running
                && running.actor.is_some()
                && wanted(&running.turn)
            {
                running.stop.cancel();
                stopped += 1;
            }
            let (out, stay) = std::mem::take(&mut line.waiting).into_iter().partition(wanted);
            line.waiting = stay;
            let out: VecDeque<OpenTurn> = out;
            line.closing.extend(out.iter().cloned());
            taken_back.extend(out);
        }
        for turn in taken_back {
            stopped += 1;
            self.close(myself, state, &turn, Ended::nothing(ReplyState::Stopped, None));
        }
        if stopped == 0 && reply.is_some() {
            return Err(Refusal::new(RefusalCode::NotFound, "no such reply is under way"));
        }
        Ok(stopped)
    }

    pub(super) fn on_take_up(&self, myself: &ActorRef<RoomMsg>, state: &mut State, turns: Vec<OpenTurn>) {
        for turn in turns {
            let known = state.replies.running(turn.message).is_some();
            if known || state.record.is_err() {
                continue;
            }
            match self.context.settings.turn.recovery {
                Recovery::Restart => self.begin(myself, state, turn),
                Recovery::Report => {
                    state.replies.opened();
                    let line = state.replies.by_character.entry(turn.character).or_default();
                    line.closing.push(turn.clone());
                    let code = Some(FailureCode::Interrupted);
                    self.close(myself, state, &turn, Ended::nothing(ReplyState::Interrupted, code));
                }
            }
        }
    }
}

//! The replies of a room: one running per character, the others waiting in order. Their course is in `replies/course.rs`,
//! their end, their stop and what follows from them in `replies/ends.rs`.

mod course;
mod ends;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ractor::ActorId;
use tokio_util::sync::CancellationToken;

use crate::domain::{CharacterId, Into, MessageId, ReplyState};
use crate::pool::{Bill, RESTARTS_MAX};
use crate::ports::{Draft, OpenTurn};
use crate::protocol::{OpenReply, RoomEvent, Typing, Typist};

/// Replies that one room takes up from a dead node or a crashed predecessor.
pub(super) const TAKE_UP_MAX: usize = 64;

pub(super) struct Replies {
    by_character: HashMap<CharacterId, Line>,
    /// Of replies that were taken up and have not begun to go on.
    drafts: HashMap<MessageId, Draft>,
    /// Characters that have answered one another since a person spoke.
    chain: u8,
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

    /// Takes out the turn whose end is in the log, with its last attempt, and whether what follows from it was stopped.
    fn take(&mut self, turn: MessageId) -> Option<(OpenTurn, u32, Follow)> {
        if let Some(running) = self.running.take_if(|running| running.turn.message == turn) {
            let follow = if running.stop.is_cancelled() { Follow::Stopped } else { Follow::Begins };
            let attempt = running.attempt();
            return Some((running.turn, attempt, follow));
        }
        let at = self.closing.iter().position(|closing| closing.message == turn)?;
        let turn = self.closing.swap_remove(at);
        let attempt = attempt(&turn, 0);
        Some((turn, attempt, Follow::Stopped))
    }

    fn turns(&self) -> impl Iterator<Item = &OpenTurn> {
        let running = self.running.iter().map(|running| &running.turn);
        running.chain(&self.waiting).chain(&self.closing)
    }
}

/// What becomes of the replies that follow from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follow {
    Begins,
    /// A person stopped the one that they answer, while its end was on its way to the log.
    Stopped,
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
    /// Times that it began anew under this holder.
    restarts: u32,
    /// What it costs; the turn settles it, or the room where the turn crashed.
    bill: Bill,
}

impl Running {
    fn attempt(&self) -> u32 {
        attempt(&self.turn, self.restarts)
    }

    fn status(&self, state: ReplyState) -> RoomEvent {
        status_of(&self.turn, self.attempt(), state)
    }
}

impl Replies {
    pub fn new(open_on_node: Arc<AtomicUsize>) -> Self {
        Self { by_character: HashMap::new(), drafts: HashMap::new(), chain: 0, open_on_node, open_here: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.by_character.is_empty()
    }

    /// Replies of this character that wait behind the running one.
    pub fn waiting(&self, character: CharacterId) -> usize {
        self.by_character.get(&character).map_or(0, |line| line.waiting.len())
    }

    /// Whether a reply under way answers this message, or is to become part of it.
    pub fn concerns(&self, message: MessageId) -> bool {
        let part = |turn: &OpenTurn| match turn.into {
            Into::New => false,
            Into::Variant(of) | Into::Continuation(of) => of == message,
        };
        self.by_character.values().flat_map(Line::turns).any(|turn| turn.asked == message || part(turn))
    }

    pub fn open(&self) -> Vec<OpenReply> {
        let running = |running: &Running| {
            let text = running.text.clone();
            open_reply(&running.turn, running.attempt(), running.state, text)
        };
        let waiting = |turn: &OpenTurn| open_reply(turn, attempt(turn, 0), ReplyState::Queued, String::new());
        self.by_character
            .values()
            .flat_map(|line| line.running.iter().map(running).chain(line.waiting.iter().map(waiting)))
            .collect()
    }

    /// A person said or asked something: characters may answer one another again.
    pub fn a_person_spoke(&mut self) {
        self.chain = 0;
    }

    pub fn stop_all(&self) {
        for line in self.by_character.values() {
            if let Some(running) = &line.running {
                running.stop.cancel();
            }
        }
    }

    /// The room is gone: those that have not begun never will.
    pub fn forget_waiting(&mut self) {
        let mut forgotten = 0;
        self.by_character.retain(|_, line| {
            forgotten += line.waiting.len();
            line.waiting.clear();
            !line.is_empty()
        });
        (0..forgotten).for_each(|_| self.closed());
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

fn open_reply(turn: &OpenTurn, attempt: u32, state: ReplyState, text: String) -> OpenReply {
    OpenReply {
        message: turn.message,
        character: turn.character,
        in_reply_to: turn.asked,
        into: turn.into,
        attempt,
        state,
        text,
    }
}

/// A reply begins anew when it is taken up, and when its text turns out to be void: each holder of the turn has a range
/// of attempts of its own.
fn attempt(turn: &OpenTurn, restarts: u32) -> u32 {
    let holder = u32::try_from(turn.fence).unwrap_or_default();
    holder.saturating_mul(RESTARTS_MAX + 1) + restarts.min(RESTARTS_MAX) + 1
}

/// Where a reply that has not begun stands: a passing event.
pub(super) fn status(turn: &OpenTurn, state: ReplyState) -> RoomEvent {
    status_of(turn, attempt(turn, 0), state)
}

fn status_of(turn: &OpenTurn, attempt: u32, state: ReplyState) -> RoomEvent {
    RoomEvent::Status {
        message: turn.message,
        character: turn.character,
        in_reply_to: turn.asked,
        into: turn.into,
        attempt,
        state,
        code: None,
        offset: None,
    }
}

fn typing(turn: &OpenTurn, active: Typing) -> RoomEvent {
    RoomEvent::Typing { who: Typist::Character(turn.character), active }
}

//! One message from its arrival to the end of the replies it asked for.
//!
//! The way, in order: [`admit`] (the room, before anything else; who answers is decided in `turn/speakers.rs`) -> reserve (`user.rs`) -> append (`journal.rs`) -> the
//! room acks and fans out (`room/sends.rs`) -> [`walk`] (an actor of its own per reply: compose, generate) -> append the
//! end (`room/replies.rs`). A message that asks for no reply ends after the append.
//!
//! A turn tells its room what happens ([`TurnNews`]); the room alone speaks to sockets and to the journal, so that a
//! room's events have one order. The turn owns the guard that ends the stream upstream: however the turn ends, stopped,
//! crashed or done, so does the work it asked for.

mod compose;
mod remember;
mod said;
mod voice;
pub(crate) mod speakers;

use std::sync::Arc;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{AiCall, Attachment, Fact, FailureCode, Finish, MemoryId, ReplyState, Revision, UserId};
use crate::engine::Context;
use crate::persona::Names;
use crate::pool::{Bill, Job, PoolEvent};
use crate::ports::{Audience, OpenTurn};
use crate::room::RoomMsg;
use compose::{Composed, compose};
use said::Said;

pub(crate) use speakers::{admit, allowed};

/// What a turn tells its room.
#[derive(Debug)]
pub(crate) enum TurnNews {
    /// A worker has taken it.
    Thinking,
    /// More of the text, merged to the settings' span.
    Text(String),
    Ended(Ended),
}

/// How a reply came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub outcome: Ending,
    /// Every call that was made for it.
    pub calls: Vec<AiCall>,
    /// What the character is to remember of the asker.
    pub memories: Vec<(MemoryId, Fact)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Said {
        text: String,
        finish: Finish,
        /// Its voice, or what it is shown with.
        attachment: Option<Arc<Attachment>>,
    },
    /// Nothing was said.
    Nothing { state: ReplyState, code: Option<FailureCode> },
}

impl Ended {
    pub fn nothing(state: ReplyState, code: Option<FailureCode>) -> Self {
        Self { outcome: Ending::Nothing { state, code }, calls: Vec::new(), memories: Vec::new() }
    }
}

/// One running reply.
pub(crate) struct Turn {
    context: Arc<Context>,
}

pub(crate) struct Arguments {
    pub turn: OpenTurn,
    pub room: ActorRef<RoomMsg>,
    /// Cancelled when a person stops the reply.
    pub stop: CancellationToken,
    pub names: Arc<Names>,
    /// The character knows what was said after this revision, and what it is asked.
    pub since: Revision,
    /// Who sees what it says.
    pub members: Arc<[UserId]>,
    pub audience: Audience,
}

pub(crate) struct Begin;

impl Turn {
    /// Starts the reply's actor as a child of its room.
    pub fn spawn(context: &Arc<Context>, arguments: Arguments, room: &ActorRef<RoomMsg>) -> ActorId {
        let turn = Self { context: context.clone() };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, turn, arguments, room.get_cell())
            .expect("an actor without a name cannot collide with another");
        actor.get_id()
    }
}

impl Actor for Turn {
    type Msg = Begin;
    type State = Arguments;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Begin>,
        arguments: Arguments,
    ) -> Result<Arguments, ActorProcessingErr> {
        myself.send_message(Begin)?;
        Ok(arguments)
    }

    async fn handle(
        &self,
        myself: ActorRef<Begin>,
        Begin: Begin,
        state: &mut Arguments,
    ) -> Result<(), ActorProcessingErr> {
        let ended = walk(&self.context, state).await;
        state.tell(TurnNews::Ended(ended));
        let _ = myself.drain();
        Ok(())
    }
}

impl Arguments {
    fn tell(&self, news: TurnNews) {
        // A room that crashed takes its turns along; nobody is left to be told.
        let _ = self.room.send_message(RoomMsg::Turn { turn: self.turn.message, news });
    }
}

/// Steps 4 and 5: compose the prompt, generate, and pass on what is said until the end.
async fn walk(context: &Context, turn: &Arguments) -> Ended {
    let composed = tokio::select! {
        biased;
        () = turn.stop.cancelled() => return Ended::nothing(ReplyState::Stopped, None),
        composed = compose(context, turn) => match composed {
            Ok(composed) => composed,
            Err(ended) => return ended,
        },
    };
    let (request, material) = (composed.request.clone(), composed.material());
    let bill = Bill::default();
    let ended = generate(context, turn, composed, bill.clone()).await;
    let calls = bill.settle(&request, request.purpose, &*context.ports.tokens);
    voice::carried(context, turn, material, Ended { calls, ..ended }).await
}

/// Step 5: what a worker makes is passed on, merged, until its end.
async fn generate(context: &Context, turn: &Arguments, composed: Composed, bill: Bill) -> Ended {
    let cancel = CancellationToken::new();
    let _upstream_ends_with_this_turn = cancel.clone().drop_guard();
    let job = Job {
        turn: turn.turn.message,
        user: turn.turn.user,
        priority: turn.turn.priority,
        request: composed.request,
        cancel,
        bill,
    };
    let Ok(mut events) = context.pool.submit(job) else {
        return Ended::nothing(ReplyState::Failed, Some(FailureCode::Overloaded));
    };

    let mut said = Said::new(composed.chars_left).behind(composed.behind);
    let merge = context.settings.turn.delta_merge;
    // When the text that waits is due; the first piece goes out at once.
    let mut due: Option<Instant> = None;
    let mut last_sent: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = turn.stop.cancelled() => return said.ended(turn, ReplyState::Stopped, Finish::Stopped, None),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = None;
                last_sent = Some(Instant::now());
                said.pass_on(turn);
            }
            event = events.recv() => match event {
                Some(PoolEvent::Thinking) => turn.tell(TurnNews::Thinking),
                Some(PoolEvent::Text(text)) => {
                    if said.push(&text).is_err() {
                        return said.ended(turn, ReplyState::Failed, Finish::Length, None);
                    }
                    let now = Instant::now();
                    match last_sent {
                        // A little early is on time: a timer for the rest would cost more than it merges.
                        Some(sent) if now + merge / 8 < sent + merge => due = due.or(Some(sent + merge)),
                        _ => {
                            due = None;
                            last_sent = Some(now);
                            said.pass_on(turn);
                        }
                    }
                }
                Some(PoolEvent::Done { finish }) => {
                    // A provider that ends without a word has not answered.
                    return said.ended(turn, ReplyState::Failed, finish, Some(FailureCode::ProviderUnavailable));
                }
                Some(PoolEvent::Failed { code }) => {
                    return said.ended(turn, ReplyState::Failed, Finish::Interrupted, Some(code));
                }
                None => {
                    return said.ended(turn, ReplyState::Failed, Finish::Interrupted, Some(FailureCode::Internal));
                }
            },
        }
    }
}

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
mod talk;
mod voice;
pub(crate) mod speakers;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{
    AiCall, Attachment, Fact, FailureCode, Finish, MemoryId, Purpose, ReplyState, Revision, Trouble, UserId,
};
use crate::engine::Context;
use crate::persona::Names;
use crate::pool::{Bill, Job, PoolEvent, PoolEvents, PoolFull};
use crate::ports::{Audience, Draft, OpenTurn, Who};
use crate::room::RoomMsg;
use crate::room::tail::Known;
use compose::{Composed, compose};
use said::Said;
use talk::Talk;

pub(crate) use compose::SAY_MORE;
pub(crate) use remember::Remember;
pub(crate) use speakers::{admit, allowed, spoken_to};

/// Before a reply that was taken up tries again to get into a full pool.
const FULL_PAUSE: Duration = Duration::from_millis(250);

/// What a turn tells its room.
#[derive(Debug)]
pub(crate) enum TurnNews {
    /// A worker has taken it.
    Thinking,
    /// More of the text, merged to the settings' span.
    Text(String),
    /// All text so far is void: the reply begins anew.
    Restarted,
    Ended(Ended),
}

/// How a reply came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub outcome: Ending,
    /// Every call that was made for it.
    pub calls: Vec<AiCall>,
    /// Why it failed, or broke off.
    pub trouble: Option<Trouble>,
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
    /// It was refused by moderation; this is what the character says instead.
    Refused { text: String },
    /// Nothing was said.
    Nothing { state: ReplyState, code: Option<FailureCode> },
}

impl Ended {
    pub fn of(outcome: Ending) -> Self {
        Self { outcome, calls: Vec::new(), trouble: None, memories: Vec::new() }
    }

    pub fn nothing(state: ReplyState, code: Option<FailureCode>) -> Self {
        Self::of(Ending::Nothing { state, code })
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
    /// The character knows what was said after this revision, which is below what it is asked.
    pub since: Revision,
    /// Who sees what it says.
    pub members: Arc<[UserId]>,
    pub audience: Audience,
    /// What the room's tail holds of that.
    pub known: Known,
    /// What an earlier holder had let be said, and its calls, which are on the bill.
    pub draft: Option<Draft>,
    /// In the room's hands too, should this turn crash.
    pub bill: Bill,
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
    fn who(&self) -> Who {
        let turn = &self.turn;
        Who {
            user: Some(turn.user),
            character: Some(turn.character),
            room: Some(turn.room),
            turn: Some(turn.message),
        }
    }

    fn tell(&self, news: TurnNews) {
        // A room that crashed takes its turns along; nobody is left to be told.
        let _ = self.room.send_message(RoomMsg::Turn { turn: self.turn.message, news });
    }
}

/// Steps 4 and 5: compose the prompt, generate, and pass on what is said until the end.
async fn walk(context: &Context, turn: &Arguments) -> Ended {
    let composed = tokio::select! {
        biased;
        () = turn.stop.cancelled() => Err(Ended::nothing(ReplyState::Stopped, None)),
        composed = compose(context, turn) => composed,
    };
    let material = composed.as_ref().ok().map(Composed::material);
    let ended = match composed {
        Ok(composed) => generate(context, turn, composed).await,
        Err(ended) => kept(context, turn, ended),
    };
    let (calls, trouble) = turn.bill.close(Purpose::Reply, &*context.ports.tokens);
    let trouble = ended.trouble.clone().or(trouble);
    voice::carried(context, turn, material, Ended { calls, trouble, ..ended }).await
}

/// A reply that was taken up and ends before it went on keeps what had been shown of it; unless what it answers is gone.
fn kept(context: &Context, turn: &Arguments, ended: Ended) -> Ended {
    let stopped = turn.stop.is_cancelled();
    match &ended.outcome {
        Ending::Nothing { state: ReplyState::Stopped, .. } if !stopped => ended,
        _ => Ended { outcome: rest_of(context, turn.draft.as_ref(), ended.outcome), ..ended },
    }
}

/// What stands of a reply that ends without having gone on from its draft: the part that had been shown; else `ending`.
pub(crate) fn rest_of(context: &Context, draft: Option<&Draft>, ending: Ending) -> Ending {
    let text = draft.map(|draft| Said::of_draft(draft, context.settings.turn.reply_max_chars));
    match (text, ending) {
        (Some(text), Ending::Nothing { state, .. }) if !text.trim().is_empty() => {
            let finish = if state == ReplyState::Stopped { Finish::Stopped } else { Finish::Interrupted };
            Ending::Said { text, finish, attachment: None }
        }
        (_, ending) => ending,
    }
}

/// Step 5: what a worker makes is passed on, merged, until its end.
async fn generate(context: &Context, turn: &Arguments, composed: Composed) -> Ended {
    let cancel = CancellationToken::new();
    // Ends it, at the latest with this turn.
    let upstream = cancel.clone().drop_guard();
    let so_far = turn.draft.as_ref().map(|draft| draft.text.as_str()).filter(|text| !text.is_empty());
    turn.bill.asks(composed.request.clone());
    let job = Job {
        turn: turn.turn.message,
        user: turn.turn.user,
        priority: turn.turn.priority,
        request: composed.request.clone(),
        cancel,
        so_far: so_far.map(Into::into),
        bill: turn.bill.clone(),
    };
    let mut talk = Talk::new(context, turn, &composed);
    if let Some(so_far) = so_far
        && talk.go_on_from(so_far).is_err()
    {
        return talk.ended(Finish::Length, None).await;
    }
    let mut events = tokio::select! {
        biased;
        () = turn.stop.cancelled() => return talk.stopped(),
        submitted = submit(context, turn, job) => match submitted {
            Ok(events) => events,
            Err(PoolFull) => return talk.ended(Finish::Interrupted, Some(FailureCode::Overloaded)).await,
        },
    };
    while !talk.is_cut_off() {
        let due = talk.due;
        tokio::select! {
            biased;
            () = turn.stop.cancelled() => return talk.stopped(),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => talk.pass_on(),
            () = talk.answer() => {}
            event = events.recv() => match event {
                Some(PoolEvent::Thinking) => turn.tell(TurnNews::Thinking),
                Some(PoolEvent::Text(text)) => {
                    if talk.hear(text).is_err() {
                        drop(upstream);
                        return talk.ended(Finish::Length, None).await;
                    }
                }
                Some(PoolEvent::Restarted) => talk.begin_anew(),
                Some(PoolEvent::Done { finish }) => {
                    // A provider that ends without a word has not answered.
                    return talk.ended(finish, Some(FailureCode::ProviderUnavailable)).await;
                }
                Some(PoolEvent::Failed { code }) => return talk.ended(Finish::Interrupted, Some(code)).await,
                None => return talk.ended(Finish::Interrupted, Some(FailureCode::Internal)).await,
            },
        }
    }
    talk.cut_off()
}

/// One that was taken up has been promised: it waits while the pool is full, as all that a node left may come at once.
async fn submit(context: &Context, turn: &Arguments, job: Job) -> Result<PoolEvents, PoolFull> {
    let until = Instant::now() + context.settings.pool.total_timeout;
    loop {
        let submitted = context.pool.submit(job.clone());
        if submitted.is_ok() || turn.turn.fence == 0 || Instant::now() > until {
            return submitted;
        }
        tokio::time::sleep(FULL_PAUSE).await;
    }
}

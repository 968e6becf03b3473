//! An answer of a character outside of every room: what the OpenAI-compatible API and an admin's test ask for.
//!
//! The way, in order: [`begin`] admits it -> reserve (`user.rs`: pace and quota of the person who asks) -> compose
//! (`persona.rs`: the history that came along, what the character knows of this one person, no room) -> charge
//! ([`Charges`](crate::ports::Charges): one durable transaction, counted before a model is asked) -> the pool, with the
//! person's priority -> [`course`], a task of its own, passes the text on and closes the charge with the calls.
//!
//! Pictures come along with a line's words and lie in no store ([`InlinePicture`](crate::ports::InlinePicture)); which of them a
//! model is shown is said by the same rule as in a room, and the others are told in words.
//!
//! What produced nothing is given back. A node that is killed in the middle takes the answer along: nobody holds a part of
//! it to go on from; its charge is given back by whoever takes up the dead node's work. Nothing is counted twice: the charge
//! has the answer's id.
//!
//! Limits: what waits for a slow reader is [`EVENTS_MAX`] pieces, then the stream upstream waits too; the text is cut at
//! `turn.reply_max_chars`. Dropping [`Completing`] ends the work upstream.

mod course;
mod history;
mod spoken;
mod stops;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::domain::{
    AiCall, CharacterId, CharacterRecord, FailureCode, Finish, MessageKind, Priority, Purpose, TokenUsage,
    Usage, UserId,
};
use crate::engine::Context;
use crate::persona::{Ask, Made, Names, PersonaMsg};
use crate::ports::{Charge, Charged, Freshness, GenerateRequest, PromptImage, Side, StoreError, Who};
use crate::protocol::{Refusal, RefusalCode, UserEvent};
use crate::room::overloaded;
use crate::room::tail::{History, Reach, SummaryCopy};
use crate::turn::{SAY_MORE, allowed};
use crate::user::{Grant, ReserveOutcome, UserMsg, dependency_down, quota_exceeded};

/// Pieces of text that the reader has not taken yet before the stream upstream waits for it.
const EVENTS_MAX: usize = 64;
/// Charges of dead nodes that are given back in one go.
const GIVE_BACK_BATCH: usize = 500;
/// How often a charge is asked for whose outcome is not known, and the pause between.
const CHARGE_TRIES: u32 = 3;
const CHARGE_PAUSE: Duration = Duration::from_millis(200);
const RETRY_SOON: Duration = Duration::from_secs(1);

/// An answer that is wanted.
#[derive(Clone, Debug)]
pub struct Completion {
    /// Made by who asks; a version 7 id.
    pub id: Uuid,
    pub user: UserId,
    pub character: CharacterId,
    /// What was said so far, oldest first; at least one line.
    pub lines: Vec<Line>,
    /// What the asking program says of itself and of what it wants. It has a user's weight.
    pub program: Option<String>,
    /// At most; the character's own bound holds too.
    pub max_tokens: Option<u32>,
    /// 0 to 2; `None` is the character's own.
    pub temperature: Option<f32>,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
    pub purpose: Purpose,
    pub metering: Metering,
}

/// A line of the history that came along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub by: Speaker,
    /// Empty where it is pictures alone.
    pub text: String,
    /// What a person showed with it, in order; each with its file.
    pub pictures: Vec<PromptImage>,
}

impl Line {
    /// Words alone.
    #[must_use]
    pub fn new(by: Speaker, text: impl Into<String>) -> Self {
        Self { by, text: text.into(), pictures: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Who asks.
    Person,
    Character,
}

/// Whether it counts as a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// Paced and counted as a message of this person to this character.
    Message,
    /// An operator tries a character: neither paced nor counted, and the character knows nothing of the one who tries it.
    Rehearsal,
}

/// What becomes of it, in order; the last one is `Ended`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompletionEvent {
    /// More of the text; never empty.
    Text(String),
    /// The text so far is void: the stream broke, and it begins anew. Who cannot take text back drops it here.
    Anew,
    /// Moderation refused it: the text so far is void, and the character says this instead. The end comes next.
    Refused(String),
    Ended(CompletionEnd),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionEnd {
    /// A failure may come behind text: what was said stands, and does not go on.
    pub outcome: Result<Finish, FailureCode>,
    /// Tokens, for who asked: of the prompt once, of what was said all.
    pub usage: TokenUsage,
    /// Every call that was made for it; they are in the accounts.
    pub calls: Vec<AiCall>,
}

/// An answer under way. Dropping it ends it.
pub struct Completing {
    /// What the model is asked.
    pub request: Arc<GenerateRequest>,
    /// What is left of the plan, this answer counted; `None` where nothing was counted.
    pub usage: Option<Arc<Usage>>,
    events: mpsc::Receiver<CompletionEvent>,
}

impl Completing {
    /// The next event; `None` after the end.
    pub async fn next(&mut self) -> Option<CompletionEvent> {
        self.events.recv().await
    }
}

/// Begins on the engine's own threads, so that whoever asks may go at any moment.
pub(crate) async fn begin(context: &Arc<Context>, asked: Completion) -> Result<Completing, Refusal> {
    let (started, answer) = oneshot::channel();
    context.runtime.spawn(course::run(context.clone(), asked, started));
    // A task that panicked.
    answer.await.unwrap_or_else(|_| Err(internal()))
}

/// Gives back what was counted for answers whose node died, and tells those who pay.
pub(crate) async fn give_back(context: &Context) -> Result<(), StoreError> {
    let keys = context.ports.charges.of_dead_nodes(GIVE_BACK_BATCH).await?;
    for key in keys {
        context.users.send_if_live(key.user, UserMsg::Refunded(vec![key]));
    }
    Ok(())
}

/// Counts as an open reply of the node, for draining.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(context: &Context) -> Self {
        context.turns_open.fetch_add(1, Relaxed);
        Self(context.turns_open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// All that has to stand before a model is asked.
struct Ready {
    request: Arc<GenerateRequest>,
    priority: Priority,
    /// `None` for a rehearsal.
    grant: Option<Grant>,
    _open: Open,
}

/// Admits, reserves and composes. Nothing is counted yet: dropped in the middle it leaves nothing behind.
async fn ready(context: &Context, asked: &Completion) -> Result<Ready, Refusal> {
    if context.is_draining() {
        return Err(Refusal::temporary(RefusalCode::Draining, "this server is going down", RETRY_SOON));
    }
    let open = Open::new(context);
    if asked.lines.is_empty() {
        return Err(Refusal::new(RefusalCode::BadRequest, "there is nothing to answer"));
    }
    if !context.pool.has_room() {
        return Err(overloaded());
    }
    for text in said(asked).chain(asked.program.as_deref()) {
        allowed(&context.moderation, text)?;
    }
    let grant = match asked.metering {
        Metering::Message => Some(reserve(context, asked).await?),
        Metering::Rehearsal => None,
    };
    let request = compose(context, asked).await?;
    judged(context, asked, &request.character).await?;
    let priority = grant.as_ref().map_or(Priority(0), |grant| grant.priority);
    Ok(Ready { request, priority, grant, _open: open })
}

/// All that came along is the asker's word: it is judged together.
async fn judged(context: &Context, asked: &Completion, character: &CharacterRecord) -> Result<(), Refusal> {
    if !context.moderation.asks(Side::Message) {
        return Ok(());
    }
    let said: Vec<&str> = asked.program.as_deref().into_iter().chain(said(asked)).collect();
    if said.is_empty() {
        return Ok(());
    }
    context.moderation.admits(&said.join("\n\n"), character, who(asked)).await
}

/// The asker's words.
fn said(asked: &Completion) -> impl Iterator<Item = &str> {
    let said = asked.lines.iter().filter(|line| line.by == Speaker::Person).map(|line| line.text.as_str());
    said.filter(|text| !text.is_empty())
}

/// Whom judging it is accounted to.
fn who(asked: &Completion) -> Who {
    Who { user: Some(asked.user), character: Some(asked.character), room: None, turn: None }
}

async fn reserve(context: &Context, asked: &Completion) -> Result<Grant, Refusal> {
    let (answer, outcome) = oneshot::channel();
    let reserve = UserMsg::ReserveFor(asked.character, MessageKind::Text, answer);
    context.users.send(asked.user, reserve).map_err(|_| overloaded())?;
    match outcome.await.map_err(|_| internal())? {
        ReserveOutcome::Granted(grant) => Ok(grant),
        ReserveOutcome::Full { refusal, .. } | ReserveOutcome::Refused(refusal) => Err(refusal),
    }
}

async fn compose(context: &Context, asked: &Completion) -> Result<Arc<GenerateRequest>, Refusal> {
    let archive = &context.ports.archive;
    let memories = async {
        match asked.metering {
            Metering::Message => {
                let most = context.settings.turn.memories_max;
                archive.own_memories(asked.user, asked.character, most).await
            }
            Metering::Rehearsal => Ok(Vec::new()),
        }
    };
    let (user, memories) =
        tokio::try_join!(archive.user(asked.user), memories).map_err(|error| dependency_down(&error))?;
    let Some(user) = user else {
        return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
    };
    let history = history::of(asked, context.ports.clock.now());
    let own = asked.lines.last().is_some_and(|line| line.by == Speaker::Character);
    let (answer, composed) = oneshot::channel();
    let ask = Ask {
        user: asked.user,
        user_name: user.display_name,
        names: Arc::new(Names::default()),
        history: History { messages: history, from: 0, reach: Reach::All, summary: SummaryCopy::None },
        since: 0,
        cue: own.then_some(SAY_MORE),
        memories: memories.into(),
        freshness: Freshness::Any,
        answer,
    };
    let compose = match &asked.program {
        Some(program) => PersonaMsg::ComposeFor(ask, program.as_str().into()),
        None => PersonaMsg::Compose(ask),
    };
    context.personas.send(asked.character, compose).map_err(|_| overloaded())?;
    let composed = composed.await.map_err(|_| internal())?.map_err(|code| match code {
        FailureCode::ProviderRefused => Refusal::new(RefusalCode::NotFound, "there is no such character"),
        _ => internal(),
    })?;
    let Made::Ready(composed, _) = composed else { return Err(internal()) };
    let mut request = Arc::unwrap_or_clone(composed);
    request.max_tokens = asked.max_tokens.map_or(request.max_tokens, |most| most.min(request.max_tokens));
    request.temperature = asked.temperature.unwrap_or(request.temperature);
    request.stop.extend(asked.stop.iter().cloned());
    request.purpose = asked.purpose;
    history::hand_over(asked, &mut request);
    Ok(Arc::new(request))
}

/// What was counted.
enum Counted {
    /// The plan counts nothing.
    Nothing,
    Once,
}

/// Counts it, durably. Memory follows, and the user's devices are told.
async fn charge(context: &Arc<Context>, asked: &Completion, grant: Grant) -> Result<Counted, Refusal> {
    let Grant { reservation, meters, usage, .. } = grant;
    if meters.is_empty() {
        return Ok(Counted::Nothing);
    }
    let charge = Charge { id: asked.id, user: asked.user, meters };
    let mut tries = 1;
    let charged = loop {
        match context.ports.charges.charge(charge.clone()).await {
            // It may be counted: only the same id tells.
            Err(StoreError::Unavailable) if tries < CHARGE_TRIES => {
                tokio::time::sleep(CHARGE_PAUSE * tries).await;
                tries += 1;
            }
            charged => break charged,
        }
    };
    match charged {
        Ok(Charged::Counted(used)) => {
            reservation.settle(&used);
            context.ports.fanout.to_user(asked.user, UserEvent::Usage(usage), None);
            Ok(Counted::Once)
        }
        Ok(Charged::OverLimit { meter, used }) => {
            context.users.send_if_live(asked.user, UserMsg::Correct(meter.key, used));
            let plan = context.ports.archive.user(asked.user).await.ok().flatten().map(|user| user.plan);
            Err(quota_exceeded(
                &meter,
                &plan.unwrap_or_else(|| context.settings.plans.current().default.clone()),
            ))
        }
        Err(error) => {
            // Should it have been counted after all, it is given back: nothing will be said for it.
            if error == StoreError::Unavailable {
                course::give_back_unsure(context, asked);
            }
            Err(dependency_down(&error))
        }
    }
}

fn internal() -> Refusal {
    Refusal::new(RefusalCode::Internal, "something went wrong here; it is in the log")
}

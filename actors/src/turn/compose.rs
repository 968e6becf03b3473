//! Step 4 of a turn: what its character may know, and the prompt that its persona makes of it.
//!
//! In its usual case it asks no database: what was said comes from the room's tail, who asks from the user's actor, what
//! the character remembers from the copies. What is not there is read, and handed in for the next prompt (`known.rs`).

mod known;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::voice::Material;
use super::{Arguments, Ended};
use crate::domain::{
    Attachment, AttachmentKind, Content, FailureCode, FileState, Into, Memory, Message, MessageId,
    MessageKind, ReplyState, Sender,
};
use crate::engine::Context;
use crate::persona::{Ask, Made, PersonaMsg};
use crate::ports::{Freshness, GenerateRequest, OpenTurn, StoreError, SummaryWish};
use crate::room::tail::History;

/// How long a database that went away may keep a turn from reading its history.
const COMPOSE_TRIES: u32 = 5;
const COMPOSE_PAUSE: Duration = Duration::from_millis(500);

/// Between two looks whether an audio message was heard.
const HEARD_PAUSE: Duration = Duration::from_millis(200);

/// Behind a reply that is to go on.
const GO_ON: &str = "Go on with your last message from exactly where it ends. Write only what comes next: repeat nothing, \
                     and do not begin anew.";
/// Behind the character's own message, where another one is wanted.
pub(crate) const SAY_MORE: &str =
    "Nobody has answered you. Say the next thing, in a new message, without repeating yourself.";

pub(super) struct Composed {
    pub request: Arc<GenerateRequest>,
    /// Characters that the reply may have.
    pub chars_left: usize,
    /// What it goes on from.
    pub before: Option<Content>,
    /// What is answered.
    asked: Content,
}

impl Composed {
    /// What the reply's voice is made of beside its text.
    pub fn material(&self) -> Material {
        let character = self.request.character.clone();
        Material { character, asked: self.asked.clone(), before: self.before.clone() }
    }
}

/// The persona makes the prompt from itself and the history up to the asking message, or up to what is to go on.
pub(super) async fn compose(context: &Context, arguments: &Arguments) -> Result<Composed, Ended> {
    let turn = &arguments.turn;
    let (mut history, memories, user_name) = tokio::try_join!(
        known::history(context, arguments),
        known::memories(context, arguments),
        known::user_name(context, turn.user),
    )
    .map_err(failed)?;
    history = heard(context, arguments, history).await.map_err(failed)?;
    let last = part(turn).unwrap_or(turn.asked);
    let mut looked = false;
    let (request, so_far, asked) = loop {
        // Deleted meanwhile: there is nothing to answer, or to go on with.
        let Some(said) = history.messages.last().filter(|said| said.id == last) else {
            return Err(Ended::nothing(ReplyState::Stopped, None));
        };
        let asked = said.content.clone();
        let so_far = part(turn).map(|_| asked.clone());
        match ask(context, arguments, &history, &memories, &user_name).await? {
            Made::Ready(request, None) => break (request, so_far, asked),
            Made::Ready(request, Some(up_to)) => {
                if !another_summary(context, arguments, &mut history, &mut looked).await? {
                    let wish = SummaryWish {
                        room: turn.room,
                        character: turn.character,
                        user: turn.user,
                        since: arguments.since,
                        up_to,
                    };
                    context.ports.summaries.wanted(wish);
                    break (request, so_far, asked);
                }
            }
            // What is missing may be told in a summary; then it is enough.
            Made::Short => {
                if !another_summary(context, arguments, &mut history, &mut looked).await? {
                    history =
                        known::all_history(context, arguments, history.summary).await.map_err(failed)?;
                }
            }
        }
    };
    let settings = &context.settings.turn;
    let said = so_far.as_ref().map_or(0, |content| content.as_str().chars().count());
    Ok(Composed { request, chars_left: settings.reply_max_chars.saturating_sub(said), before: so_far, asked })
}

/// The history once what was said in the asked message is known, where it is an audio message that came without a text and
/// somebody listens to it; and once its picture is ready, where somebody sees it. After a while it is answered as it is.
async fn heard(
    context: &Context,
    arguments: &Arguments,
    mut history: History,
) -> Result<History, FailureCode> {
    let (settings, begun) = (&context.settings.turn, Instant::now());
    let sees = settings.prompt.images_max > 0;
    let waits = |history: &History| {
        let Some(last) = history.messages.last().filter(|last| last.id == arguments.turn.asked) else {
            return false;
        };
        let waited = begun.elapsed();
        (unheard(last) && waited < settings.transcript_wait)
            || (sees && unseen(last) && waited < settings.picture_wait)
    };
    while waits(&history) {
        tokio::time::sleep(HEARD_PAUSE).await;
        history = known::all_history(context, arguments, history.summary).await?;
    }
    Ok(history)
}

fn unheard(last: &Message) -> bool {
    last.kind == MessageKind::Audio && last.content.as_str().is_empty()
}

fn unseen(last: &Message) -> bool {
    let picture =
        |one: &Attachment| one.kind == AttachmentKind::Image && one.state() == Some(FileState::Processing);
    last.attachment.as_deref().is_some_and(picture)
}

/// Looks for the summary, once in a turn; answers whether it is another than was known.
async fn another_summary(
    context: &Context,
    arguments: &Arguments,
    history: &mut History,
    looked: &mut bool,
) -> Result<bool, Ended> {
    if std::mem::replace(looked, true) {
        return Ok(false);
    }
    known::look_for_summary(context, arguments, history).await.map_err(failed)
}

async fn ask(
    context: &Context,
    arguments: &Arguments,
    history: &History,
    memories: &Arc<[Memory]>,
    user_name: &str,
) -> Result<Made, Ended> {
    let turn = &arguments.turn;
    let own = Sender::Character(turn.character);
    let cue = match part(turn) {
        Some(_) => Some(GO_ON),
        None if history.messages.last().is_some_and(|last| last.sender == own) => Some(SAY_MORE),
        None => None,
    };
    let (answer, made) = oneshot::channel();
    let ask = Ask {
        user: turn.user,
        user_name: user_name.to_owned(),
        names: arguments.names.clone(),
        history: history.clone(),
        since: arguments.since,
        memories: memories.clone(),
        cue,
        freshness: freshness(turn),
        answer,
    };
    let sent = context.personas.send(turn.character, PersonaMsg::Compose(ask));
    sent.map_err(|_| failed(FailureCode::Overloaded))?;
    // Without an answer: the persona crashed over this prompt.
    made.await.unwrap_or(Err(FailureCode::Internal)).map_err(failed)
}

fn failed(code: FailureCode) -> Ended {
    Ended::nothing(ReplyState::Failed, Some(code))
}

/// The message that is to go on.
fn part(turn: &OpenTurn) -> Option<MessageId> {
    match turn.into {
        Into::Continuation(of) => Some(of),
        Into::New | Into::Variant(_) => None,
    }
}

/// Who has a reply made anew wants another one than there is.
fn freshness(turn: &OpenTurn) -> Freshness {
    match turn.into {
        Into::Variant(_) => Freshness::Fresh,
        Into::New | Into::Continuation(_) => Freshness::Any,
    }
}

/// Asks the archive again a few times while the database is away: the reply has been promised.
async fn patiently<T, F>(read: impl Fn() -> F) -> Result<T, FailureCode>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 1;
    loop {
        match read().await {
            Ok(value) => return Ok(value),
            Err(StoreError::Unavailable) if tries < COMPOSE_TRIES => {
                tokio::time::sleep(COMPOSE_PAUSE * tries).await;
                tries += 1;
            }
            Err(error) => {
                tracing::error!(%error, "a reply's history cannot be read");
                return Err(FailureCode::Internal);
            }
        }
    }
}

//! Step 4 of a turn: what its character may know, and the prompt that its persona makes of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::voice::Material;
use super::{Arguments, Ended};
use crate::domain::{
    Content, FailureCode, Into, Message, MessageId, MessageKind, ReplyState, Revision, Sender,
};
use crate::engine::Context;
use crate::persona::{Ask, PersonaMsg};
use crate::ports::{GenerateRequest, OpenTurn, StoreError};

/// How long a database that went away may keep a turn from reading its history.
const COMPOSE_TRIES: u32 = 5;
const COMPOSE_PAUSE: Duration = Duration::from_millis(500);

/// Between two looks whether an audio message was heard.
const HEARD_PAUSE: Duration = Duration::from_millis(200);

/// Behind a reply that is to go on.
const GO_ON: &str = "Go on with your last message from exactly where it ends. Write only what comes next: repeat nothing, \
                     and do not begin anew.";
/// Behind the character's own message, where another one is wanted.
const SAY_MORE: &str =
    "Nobody has answered you. Say the next thing, in a new message, without repeating yourself.";

pub(super) struct Composed {
    pub request: Arc<GenerateRequest>,
    /// Characters that the reply may have.
    pub chars_left: usize,
    /// The last character of what it goes on from.
    pub behind: Option<char>,
    /// What is answered, and what the reply goes on from.
    asked: Content,
    so_far: Option<Content>,
}

impl Composed {
    /// What the reply's voice is made of beside its text.
    pub fn material(&self) -> Material {
        let character = self.request.character.clone();
        Material { character, asked: self.asked.clone(), so_far: self.so_far.clone() }
    }
}

/// The persona makes the prompt from itself and the history up to the asking message, or up to what is to go on.
pub(super) async fn compose(context: &Context, arguments: &Arguments) -> Result<Composed, Ended> {
    let turn = &arguments.turn;
    let failed = |code| Ended::nothing(ReplyState::Failed, Some(code));
    let archive = &context.ports.archive;
    let settings = &context.settings.turn;
    let (history_max, memories_max) = (settings.history_max_messages, settings.memories_max);
    // It knows what was said since it came, and what it is asked.
    let since = arguments.since.min(turn.asked_offset - 1);
    let (history, memories, user) = tokio::try_join!(
        patiently(|| archive.history(turn.room, since, turn.asked_offset, history_max)),
        patiently(|| archive.memories(turn.room, turn.character, memories_max)),
        patiently(|| archive.user(turn.user)),
    )
    .map_err(failed)?;
    let history = heard(context, turn, since, history).await.map_err(failed)?;
    let part = part(turn);
    // Deleted meanwhile: there is nothing to answer, or to go on with.
    let Some(last) = history.last().filter(|last| last.id == part.unwrap_or(turn.asked)) else {
        return Err(Ended::nothing(ReplyState::Stopped, None));
    };
    let so_far = part.map(|_| last.content.clone());
    let asked = last.content.clone();
    let own = Sender::Character(turn.character);
    let cue = match &so_far {
        Some(_) => Some(GO_ON),
        None if last.sender == own => Some(SAY_MORE),
        None => None,
    };
    let (answer, composed) = oneshot::channel();
    let ask = Ask {
        user: turn.user,
        user_name: user.map(|user| user.display_name).unwrap_or_default(),
        names: arguments.names.clone(),
        history,
        memories,
        cue,
        answer,
    };
    let sent = context.personas.send(turn.character, PersonaMsg::Compose(ask));
    sent.map_err(|_| failed(FailureCode::Overloaded))?;
    let request = match composed.await {
        Ok(composed) => composed.map_err(failed)?,
        // The persona crashed over this prompt.
        Err(_) => return Err(failed(FailureCode::Internal)),
    };
    let said = so_far.as_ref().map_or(0, |content| content.as_str().chars().count());
    Ok(Composed {
        request,
        chars_left: settings.reply_max_chars.saturating_sub(said),
        behind: so_far.as_ref().and_then(|content| content.as_str().chars().next_back()),
        asked,
        so_far,
    })
}

/// The history once what was said in the asked message is known, where it is an audio message that came without a text and
/// somebody listens to it. After a while it is answered as it is.
async fn heard(
    context: &Context,
    turn: &OpenTurn,
    since: Revision,
    mut history: Vec<Message>,
) -> Result<Vec<Message>, FailureCode> {
    let until = Instant::now() + context.settings.turn.transcript_wait;
    while unheard(history.last(), turn) && Instant::now() < until {
        tokio::time::sleep(HEARD_PAUSE).await;
        let max = context.settings.turn.history_max_messages;
        let archive = &context.ports.archive;
        history = patiently(|| archive.history(turn.room, since, turn.asked_offset, max)).await?;
    }
    Ok(history)
}

fn unheard(last: Option<&Message>, turn: &OpenTurn) -> bool {
    let audio = |last: &Message| last.kind == MessageKind::Audio && last.content.as_str().is_empty();
    last.is_some_and(|last| last.id == turn.asked && audio(last))
}

/// The message that is to go on.
fn part(turn: &OpenTurn) -> Option<MessageId> {
    match turn.into {
        Into::Continuation(of) => Some(of),
        Into::New | Into::Variant(_) => None,
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

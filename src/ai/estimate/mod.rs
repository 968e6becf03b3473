//! What a call would cost, before it is made: tokens as the models' tokeniser counts them, prices from the settings.
//!
//! With a character the prompt is composed as for the first message to it, so that its own part is counted too; history,
//! memories and lore come on top of that in a conversation. The completion is reckoned at its longest: it is a bound.

mod models;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{
    Changes, CharacterId, CharacterRecord, ClientId, Content, Finish, Message, MessageId, MessageKind, Price,
    RoomId, Sender, UserId,
};
use greenroom_actors::ports::{Archive, MESSAGE_TOKENS, PromptRole, StoreError, TokenCounter};
use greenroom_actors::prompt::{self, Asked, Script};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use greenroom_actors::settings::PromptSettings;
use jiff::Timestamp;

use super::Tokens;
use crate::config::AiSettings;

pub(super) use self::models::Known;
pub(super) use self::routes::routes;

/// When to ask again while the database is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Cheap to clone.
#[derive(Clone)]
pub struct Estimates(Arc<Inner>);

struct Inner {
    archive: Arc<dyn Archive>,
    prompt: PromptSettings,
    settings: AiSettings,
    tokens: Tokens,
}

impl Estimates {
    #[must_use]
    pub fn new(archive: Arc<dyn Archive>, prompt: PromptSettings, settings: &AiSettings) -> Self {
        let (settings, tokens) = (settings.clone(), Tokens::default());
        Self(Arc::new(Inner { archive, prompt, settings, tokens }))
    }

    async fn character(&self, id: CharacterId) -> Result<Option<CharacterRecord>, Refusal> {
        self.0.archive.character(id).await.map_err(|error| match error {
            StoreError::Unavailable => Refusal::temporary(
                RefusalCode::DependencyDown,
                "the database is away: try again",
                RETRY_AFTER,
            ),
            StoreError::Failed(_) => {
                tracing::error!(%error, character = %id, "a character cannot be read");
                Refusal::new(RefusalCode::Internal, "something went wrong on our side")
            }
        })
    }

    /// Tokens of a prompt with this text in it, or with so many tokens in the place of a text. Takes its time with long ones.
    fn prompt_tokens(&self, character: Option<CharacterRecord>, what: &What) -> u64 {
        let counter = &self.0.tokens;
        let (text, further) = match what {
            What::Text(text) => (text.as_str(), 0),
            What::Tokens(tokens) => ("", u64::from(*tokens)),
        };
        let number = |tokens: usize| u64::try_from(tokens).unwrap_or(u64::MAX);
        let own = match character {
            None => 0,
            Some(record) => {
                let script = Script::new(Arc::new(record), counter);
                let message = first_message("");
                let user = UserId::new();
                let asked =
                    Asked { user, user_name: "", history: &[message], names: &|_| None, memories: &[] };
                let request = prompt::compose(&script, &asked, &self.0.prompt, counter);
                let own = request.messages.iter().filter(|message| message.role != PromptRole::User);
                own.map(|message| number(message.tokens(counter))).sum()
            }
        };
        // Whoever tells tokens has counted the message as it stands.
        let message =
            if matches!(what, What::Text(_)) { number(counter.count(text) + MESSAGE_TOKENS) } else { 0 };
        own + message + further
    }
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Text(String),
    Tokens(u32),
}

fn first_message(text: &str) -> Message {
    let id = MessageId::new();
    Message {
        id,
        room: RoomId::new(),
        offset: 1,
        revision: 1,
        sender: Sender::User(UserId::new()),
        client_id: ClientId::of_message(id),
        kind: MessageKind::Text,
        content: Content::trusted(text),
        attachment: None,
        reply_to: None,
        finish: Finish::Complete,
        replies: Vec::new(),
        changes: Changes::default(),
        created_at: Timestamp::now(),
    }
}

/// Micro-dollars of a call, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    /// Of the prompt, all of it new to the provider.
    prompt: u64,
    /// Of the prompt, all of it in the provider's cache.
    cached_prompt: u64,
    completion: u64,
}

impl Cost {
    /// Each rounded up, as calls are accounted.
    fn of(price: &Price, prompt_tokens: u64, completion_tokens: u64) -> Self {
        let of = |tokens: u64, per_million: u64| {
            let cost = (u128::from(tokens) * u128::from(per_million)).div_ceil(1_000_000);
            u64::try_from(cost).unwrap_or(u64::MAX)
        };
        Self {
            prompt: of(prompt_tokens, price.input),
            cached_prompt: of(prompt_tokens, price.cached_input),
            completion: of(completion_tokens, price.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_up_and_never_overflows() {
        let price = Price { input: 2_500_000, cached_input: 250_000, output: 10_000_000 };
        let cost = Cost::of(&price, 1_001, 3);
        assert_eq!((cost.prompt, cost.cached_prompt, cost.completion), (2_503, 251, 30));
        let dear = Price { input: u64::MAX, cached_input: 0, output: u64::MAX };
        assert_eq!(Cost::of(&dear, u64::MAX, u64::MAX).prompt, u64::MAX);
    }
}

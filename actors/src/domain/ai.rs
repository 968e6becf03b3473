//! What speaks for a character, and what each call to it took.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::TokenUsage;

/// What a model costs, in micro-dollars (a millionth of a US dollar) per million tokens: $2.50 per million is 2,500,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    /// Prompt tokens that the provider had in its cache.
    pub cached_input: u64,
    pub output: u64,
}

impl Price {
    /// Micro-dollars, rounded up: a call that costs something is never free.
    #[must_use]
    pub fn of(&self, usage: TokenUsage) -> u64 {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let fresh = u128::from(usage.prompt_tokens - cached) * u128::from(self.input);
        let cached = u128::from(cached) * u128::from(self.cached_input);
        let out = u128::from(usage.completion_tokens) * u128::from(self.output);
        u64::try_from((fresh + cached + out).div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// One model of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackEnd {
    /// As config names it.
    pub provider: Arc<str>,
    /// As the provider names it; for the offline provider its own name.
    pub model: Arc<str>,
    pub price: Price,
}

/// What a model was called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// A character's reply in a room.
    Reply,
    /// An answer of the OpenAI-compatible API.
    Completion,
    /// The summary of older turns.
    Summary,
    Moderation,
    Speech,
    Transcription,
    /// An admin tried a character.
    Test,
    /// What a model writes beside conversations: an avatar's profile, a better prompt.
    Writing,
    Image,
    Video,
}

impl Purpose {
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Reply, "reply"),
        (Self::Completion, "completion"),
        (Self::Summary, "summary"),
        (Self::Moderation, "moderation"),
        (Self::Speech, "speech"),
        (Self::Transcription, "transcription"),
        (Self::Test, "test"),
        (Self::Writing, "writing"),
        (Self::Image, "image"),
        (Self::Video, "video"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("reply", |(_, text)| text)
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    Done,
    /// Broken off here: a person stopped it, or its turn ended.
    Stopped,
    Failed,
    /// Answered from the response cache; no provider was asked.
    Cached,
}

impl CallOutcome {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Cached => "cached",
        }
    }
}

/// Who told the tokens of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    ByProvider,
    /// The provider told none, or the call did not end well: counted here.
    Here,
}

/// One call to a model, for the accounts: also one that failed or was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AiCall {
    /// So that a call that is written twice counts once.
    pub id: Uuid,
    pub back_end: Arc<BackEnd>,
    pub purpose: Purpose,
    pub outcome: CallOutcome,
    pub usage: TokenUsage,
    pub counted: Counted,
    /// From the asking to the first text; `None` where none came.
    pub first_token: Option<Duration>,
    pub took: Duration,
}

impl AiCall {
    /// Micro-dollars. An answer from the cache costs nothing.
    #[must_use]
    pub fn cost_micros(&self) -> u64 {
        match self.outcome {
            CallOutcome::Cached => 0,
            CallOutcome::Done | CallOutcome::Stopped | CallOutcome::Failed => {
                self.back_end.price.of(self.usage)
            }
        }
    }
}

/// Characters of a reason that are kept.
const REASON_MAX_CHARS: usize = 500;

/// Why a reply came to nothing or broke off, for admins: users hear no more than a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What the last try failed of, as its provider's adapter tells it: nothing secret is in it.
    pub reason: String,
    /// Who failed last; `None` where nobody was asked.
    pub by: Option<Arc<BackEnd>>,
    pub tries: u32,
}

impl Trouble {
    /// The reason is cut where it is long, and holds no NUL, which Postgres cannot store.
    #[must_use]
    pub fn new(reason: &str, by: Option<Arc<BackEnd>>, tries: u32) -> Self {
        let reason = reason.chars().filter(|sign| *sign != '\0').take(REASON_MAX_CHARS).collect();
        Self { reason, by, tries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_priced_by_what_was_fresh_what_was_cached_and_what_was_said() {
        let price = Price { input: 2_500_000, cached_input: 250_000, output: 10_000_000 };
        let usage = TokenUsage { prompt_tokens: 1_000, completion_tokens: 100, cached_tokens: 400 };
        assert_eq!(price.of(usage), 1_500 + 100 + 1_000);
        let one = TokenUsage { prompt_tokens: 1, completion_tokens: 0, cached_tokens: 0 };
        assert_eq!(Price { input: 100_000, ..price }.of(one), 1, "never rounded down to nothing");
        assert_eq!(Price::default().of(usage), 0);
        let odd = TokenUsage { cached_tokens: 5, ..one };
        assert_eq!(price.of(odd), 1, "more cached than asked is all cached");
    }
}

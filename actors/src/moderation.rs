//! What may be said: the operator's rules, then whoever judges for a provider ([`Moderator`]); before a person's message
//! is stored, and while a character's reply streams.
//!
//! Rules are pure and run at once, wherever the text is. The provider is asked beside the work, never within an actor
//! that others wait for. What is refused is told in the character's manner ([`words`]), without a word about what it was.
//!
//! Bounds: `window_chars` of a reply are passed on beyond what was found fine; one check of a reply at a time.

pub mod rules;
mod watch;
pub mod words;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::domain::CharacterRecord;
use crate::ports::{Moderator, Side, Verdict, Who};
use crate::protocol::{Refusal, RefusalCode};

pub use rules::{PatternError, Rules};
pub(crate) use watch::Watch;
pub use watch::{Judged, Watched};

/// Characters of a reply that may be seen before they were found fine, whatever the settings say.
pub const WINDOW_MAX_CHARS: usize = 200;

/// What becomes of the quota when a reply is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedReply {
    /// It counts as any other: the model was paid.
    Counts,
    /// The message that asked for it is given back.
    Refunds,
}

#[derive(Clone, Debug)]
pub struct ModerationSettings {
    pub rules: Arc<Rules>,
    /// Whether the rules hold for messages, and for replies.
    pub rule_messages: Ruled,
    pub rule_replies: Ruled,
    /// Characters (Unicode) of a reply that are passed on beyond what was found fine; 1 to [`WINDOW_MAX_CHARS`].
    pub window_chars: usize,
    pub refused_reply: RefusedReply,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruled {
    Yes,
    No,
}

impl Default for ModerationSettings {
    fn default() -> Self {
        Self {
            rules: Arc::default(),
            rule_messages: Ruled::Yes,
            rule_replies: Ruled::Yes,
            window_chars: WINDOW_MAX_CHARS,
            refused_reply: RefusedReply::Counts,
        }
    }
}

/// Rules and judge together, for all that takes in or gives out text. Cheap to clone.
#[derive(Clone)]
pub struct Moderation {
    settings: ModerationSettings,
    moderator: Arc<dyn Moderator>,
}

impl Moderation {
    #[must_use]
    pub fn new(settings: ModerationSettings, moderator: Arc<dyn Moderator>) -> Self {
        Self { settings, moderator }
    }

    #[must_use]
    pub fn settings(&self) -> &ModerationSettings {
        &self.settings
    }

    /// Whether somebody has to be asked about texts of this side.
    #[must_use]
    pub fn asks(&self, side: Side) -> bool {
        self.moderator.judges(side)
    }

    /// What the rules alone say: at once.
    #[must_use]
    pub fn by_rules(&self, text: &str, side: Side) -> Verdict {
        match self.rules(side).and_then(|rules| rules.refused(text)) {
            Some(category) => {
                tracing::info!(side = side.as_str(), %category, "a text was refused by a rule");
                Verdict::Refused { category }
            }
            None => Verdict::Fine,
        }
    }

    /// Rules, then judge. A judge that panics judged nothing.
    pub async fn check(&self, text: &str, side: Side, who: Who) -> Verdict {
        match self.by_rules(text, side) {
            Verdict::Fine if self.asks(side) && !text.trim().is_empty() => {
                self.ask(text.to_owned(), side, who).await
            }
            verdict => verdict,
        }
    }

    /// A person's text, for what has no room that would ask: the refusal is in the manner of the character that is
    /// spoken to.
    ///
    /// # Errors
    /// `ContentRefused`, or `DependencyDown` where nobody could judge and nothing unjudged may pass.
    pub async fn admits(&self, text: &str, character: &CharacterRecord, who: Who) -> Result<(), Refusal> {
        match self.check(text, Side::Message, who).await {
            Verdict::Fine => Ok(()),
            Verdict::Refused { .. } => {
                let manner = words::Manner::of(character);
                let told = words::would_rather_not(&manner, words::seed(character.id, text));
                Err(Refusal::new(RefusalCode::ContentRefused, told))
            }
            Verdict::Unavailable => Err(not_judged()),
        }
    }

    fn rules(&self, side: Side) -> Option<&Arc<Rules>> {
        let ruled = match side {
            Side::Message => self.settings.rule_messages,
            Side::Reply => self.settings.rule_replies,
        };
        (ruled == Ruled::Yes && !self.settings.rules.is_empty()).then_some(&self.settings.rules)
    }

    pub(crate) fn ask(
        &self,
        text: String,
        side: Side,
        who: Who,
    ) -> impl Future<Output = Verdict> + Send + use<> {
        let asked = AssertUnwindSafe(self.moderator.check(text, side, who)).catch_unwind();
        asked.map(|verdict| {
            verdict.unwrap_or_else(|_| {
                tracing::error!("the moderation panicked; what it was to judge counts as not judged");
                Verdict::Unavailable
            })
        })
    }
}

/// The answer to a message that nobody could judge.
pub(crate) fn not_judged() -> Refusal {
    let text = "what you wrote cannot be looked at just now; nothing was stored";
    Refusal::temporary(RefusalCode::DependencyDown, text, std::time::Duration::from_secs(1))
}

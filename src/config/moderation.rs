//! What may not be said: patterns, and the provider that judges beside them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::moderation as engine;
use serde::{Deserialize, Serialize};

/// `provider` for: the first one that has a model for it, where there is one.
pub const AUTO: &str = "auto";
/// `provider` for: nobody, whatever models there are.
pub const NONE: &str = "none";

/// What becomes of texts while the provider cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOutage {
    /// They pass; the patterns hold.
    Open,
    /// They do not.
    Closed,
}

/// Whether a refused reply counts as a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefusedReplySetting {
    Counts,
    Refunds,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModerationSettings {
    /// Whether people's messages are looked at, by patterns and by the provider.
    pub messages: bool,
    /// Whether characters' replies are.
    pub replies: bool,
    /// By category: words, or `/regular expressions/`.
    pub patterns: BTreeMap<String, Vec<String>>,
    /// A name of `ai.providers`, `auto` or `none`.
    pub provider: String,
    /// Empty: the provider's first model for it.
    pub model: String,
    /// From this score on a text is refused, in categories that `thresholds` does not name. Above 1 refuses nothing.
    pub threshold: f64,
    /// By category, as the provider names it.
    pub thresholds: BTreeMap<String, f64>,
    pub timeout_ms: u64,
    pub on_outage: OnOutage,
    /// Questions at the same time; further ones wait within `timeout_ms`.
    pub concurrency: usize,
    /// Verdicts that are kept for the same text again; 0 keeps none.
    pub cache_max: u64,
    pub cache_s: u64,
    pub window_chars: usize,
    pub refused_reply: RefusedReplySetting,
}

impl Default for ModerationSettings {
    fn default() -> Self {
        Self {
            messages: true,
            replies: true,
            patterns: BTreeMap::new(),
            provider: AUTO.to_owned(),
            model: String::new(),
            threshold: 0.5,
            thresholds: BTreeMap::new(),
            timeout_ms: 3_000,
            on_outage: OnOutage::Open,
            concurrency: 32,
            cache_max: 10_000,
            cache_s: 3_600,
            window_chars: engine::WINDOW_MAX_CHARS,
            refused_reply: RefusedReplySetting::Counts,
        }
    }
}

impl ModerationSettings {
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The score from which on a text is refused in this category.
    #[must_use]
    pub fn threshold_of(&self, category: &str) -> f64 {
        self.thresholds.get(category).copied().unwrap_or(self.threshold)
    }

    /// The patterns, compiled, or all that do not hold.
    pub(super) fn rules(&self) -> Result<engine::Rules, Vec<engine::PatternError>> {
        let each = |(category, patterns): (&'_ String, &'_ Vec<String>)| {
            patterns.iter().map(|pattern| (category.clone(), pattern.clone())).collect::<Vec<_>>()
        };
        let all: Vec<(String, String)> = self.patterns.iter().flat_map(each).collect();
        engine::Rules::new(all.iter().map(|(category, pattern)| (category.as_str(), pattern.as_str())))
    }

    pub(super) fn engine(&self) -> engine::ModerationSettings {
        let ruled = |looked_at| if looked_at { engine::Ruled::Yes } else { engine::Ruled::No };
        engine::ModerationSettings {
            // Checked before the server starts with them.
            rules: Arc::new(self.rules().unwrap_or_default()),
            rule_messages: ruled(self.messages),
            rule_replies: ruled(self.replies),
            window_chars: self.window_chars,
            refused_reply: match self.refused_reply {
                RefusedReplySetting::Counts => engine::RefusedReply::Counts,
                RefusedReplySetting::Refunds => engine::RefusedReply::Refunds,
            },
        }
    }
}

//! AI providers: any that speaks the OpenAI-compatible API, and the offline one that needs none; and who stands in for whom.

mod models;
mod presets;

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub(super) use self::models::with_all;
pub use self::models::{
    Capability, ModelSettings, Models, PicturePrice, PriceSettings, Quality, Shape, UnitPrice,
};

/// Name of the built-in provider that answers without any network.
pub const OFFLINE: &str = "offline";
/// `default_provider` for: the first of these that is switched on, then any other, then the offline one.
const AUTO: &str = "auto";
const AUTO_ORDER: [&str; 3] = ["openai", "gemini", "grok"];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderKind {
    #[default]
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
    #[serde(rename = "offline")]
    Offline,
}

impl ProviderKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiCompatible => "openai-compatible",
            Self::Offline => "offline",
        }
    }
}

/// How a reply that broke off can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Continues {
    /// The model goes on from a last message that is its own.
    Prefill,
    /// It is asked to, by an instruction behind that message.
    Ask,
    /// It begins anew.
    #[default]
    Never,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderSettings {
    pub kind: ProviderKind,
    pub enabled: bool,
    /// Off until a key is known.
    pub key_required: bool,
    /// Up to and without `/chat/completions`.
    pub base_url: String,
    #[serde(serialize_with = "super::secret::masked")]
    pub api_key: SecretString,
    /// Environment variables that may hold the key; the first one that is set wins.
    pub api_key_env: Vec<String>,
    /// For characters that name no model.
    pub model: String,
    pub organization: String,
    pub connect_timeout_ms: u64,
    /// For the first text of a reply; 0 is `pool.first_token_timeout_ms`.
    pub first_token_timeout_ms: u64,
    /// Replies at the same time; 0 is no limit.
    pub concurrency: usize,
    pub continues: Continues,
    /// By the names that the provider has for them. Others work too: at no price, and read as much as they are given.
    pub models: Models,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            kind: ProviderKind::OpenAiCompatible,
            enabled: true,
            key_required: false,
            base_url: String::new(),
            api_key: SecretString::default(),
            api_key_env: Vec::new(),
            model: String::new(),
            organization: String::new(),
            connect_timeout_ms: 5_000,
            first_token_timeout_ms: 0,
            concurrency: 0,
            continues: Continues::default(),
            models: Models::new(),
        }
    }
}

impl ProviderSettings {
    /// The key, or `None` for a provider that wants none.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        Some(self.api_key.expose_secret()).filter(|key| !key.is_empty())
    }

    /// The first model, by name, that the settings give this capability.
    #[must_use]
    pub fn model_for(&self, capability: Capability) -> Option<&str> {
        let able = self.models.iter().find(|(_, model)| model.capabilities.contains(&capability));
        able.map(|(name, _)| name.as_str())
    }

    /// Whether characters can speak through it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.enabled && (!self.key_required || self.key().is_some())
    }
}

/// When a provider, or one model of it, is left alone after failures.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakerSettings {
    /// Failures in a row.
    pub failures: u32,
    /// Latest calls of which a share may fail.
    pub window: usize,
    /// Per cent of the window, once it is full.
    pub share_percent: u32,
    /// How long it is left alone; twice as long each time that the call which tries it then fails too.
    pub open_ms: u64,
    pub open_max_ms: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, window: 20, share_percent: 50, open_ms: 5_000, open_max_ms: 60_000 }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AiSettings {
    /// For characters that name no provider: a name of `providers`, or `auto`.
    pub default_provider: String,
    /// Who is asked when the default provider fails, in order: `provider` or `provider/model`. Empty: every other
    /// provider that is on.
    pub fallback: Vec<String>,
    /// Whether the offline provider stands in, the last of all.
    pub offline_fallback: bool,
    /// Between two words of the offline provider.
    pub offline_word_delay_ms: u64,
    /// Days that the row of each call to a model is kept; 0 is for ever.
    pub calls_keep_days: u32,
    /// Seconds that an answer is given again, of characters that allow it.
    pub response_cache_s: u64,
    /// Answers that are kept.
    pub response_cache_max: u64,
    /// Bytes of all of them.
    pub response_cache_max_bytes: u64,
    /// A provider that asks to be left alone is, for so long at most.
    pub pause_max_ms: u64,
    /// What a reply waits for a place at a provider that has `concurrency` replies already.
    pub place_wait_ms: u64,
    /// Replies that wait so for one provider.
    pub place_queue_max: usize,
    pub breaker: BreakerSettings,
    /// Share by which models that are not OpenAI's may count more tokens than are counted here.
    pub token_margin: f32,
    pub providers: BTreeMap<String, ProviderSettings>,
}

impl Default for AiSettings {
    fn default() -> Self {
        Self {
            default_provider: AUTO.to_owned(),
            fallback: Vec::new(),
            offline_fallback: false,
            offline_word_delay_ms: 40,
            calls_keep_days: 90,
            response_cache_s: 3_600,
            response_cache_max: 10_000,
            response_cache_max_bytes: 64 * 1_024 * 1_024,
            pause_max_ms: 60_000,
            place_wait_ms: 20_000,
            place_queue_max: 1_000,
            breaker: BreakerSettings::default(),
            token_margin: 0.1,
            providers: presets::providers(),
        }
    }
}

/// `provider` or `provider/model`, parted; the names of models have slashes too.
#[must_use]
pub fn parted(link: &str) -> (&str, Option<&str>) {
    match link.trim().split_once('/') {
        Some((provider, model)) => (provider, Some(model)),
        None => (link.trim(), None),
    }
}

impl AiSettings {
    /// How long an answer is given again.
    #[must_use]
    pub fn response_cache_life(&self) -> Duration {
        Duration::from_secs(self.response_cache_s)
    }

    /// The providers that characters can speak through, by name.
    pub fn active(&self) -> impl Iterator<Item = (&str, &ProviderSettings)> {
        self.providers
            .iter()
            .filter(|(_, provider)| provider.is_active())
            .map(|(name, it)| (name.as_str(), it))
    }

    /// The margin that prompts need: none where nobody but OpenAI counts.
    #[must_use]
    pub fn margin(&self) -> f32 {
        let theirs = |provider: &ProviderSettings| provider.base_url.contains("//api.openai.com/");
        let others = self.active().any(|(_, one)| one.kind != ProviderKind::Offline && !theirs(one));
        if others { self.token_margin } else { 0.0 }
    }

    #[must_use]
    pub fn is_auto(&self) -> bool {
        self.default_provider == AUTO
    }

    /// The provider of characters that name none, with `auto` resolved.
    #[must_use]
    pub fn default_name(&self) -> &str {
        if !self.is_auto() {
            return &self.default_provider;
        }
        self.in_auto_order().next().unwrap_or(OFFLINE)
    }

    /// The names of those that are on and no rules, the likeliest first.
    pub fn in_auto_order(&self) -> impl Iterator<Item = &str> {
        let is_on = |name: &str| self.providers.get(name).is_some_and(ProviderSettings::is_active);
        let known = AUTO_ORDER.into_iter().filter(move |name| is_on(name));
        let others = self
            .active()
            .filter(|(name, it)| it.kind != ProviderKind::Offline && !AUTO_ORDER.contains(name))
            .map(|(name, _)| name);
        known.chain(others)
    }

    #[must_use]
    pub fn pause_max(&self) -> Duration {
        Duration::from_millis(self.pause_max_ms)
    }

    #[must_use]
    pub fn place_wait(&self) -> Duration {
        Duration::from_millis(self.place_wait_ms)
    }
}

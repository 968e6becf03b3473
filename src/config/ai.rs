//! AI providers: any that speaks the OpenAI-compatible API, and the offline one that needs none.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

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
        }
    }
}

impl ProviderSettings {
    /// The key, or `None` for a provider that wants none.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        Some(self.api_key.expose_secret()).filter(|key| !key.is_empty())
    }

    /// Whether characters can speak through it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.enabled && (!self.key_required || self.key().is_some())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AiSettings {
    /// For characters that name no provider: a name of `providers`, or `auto`.
    pub default_provider: String,
    /// Between two words of the offline provider.
    pub offline_word_delay_ms: u64,
    /// Share by which models that are not OpenAI's may count more tokens than are counted here.
    pub token_margin: f32,
    pub providers: BTreeMap<String, ProviderSettings>,
}

impl Default for AiSettings {
    fn default() -> Self {
        let preset = |base_url: &str, model: &str, key_env: &[&str]| ProviderSettings {
            base_url: base_url.to_owned(),
            model: model.to_owned(),
            key_required: !key_env.is_empty(),
            api_key_env: key_env.iter().map(|name| (*name).to_owned()).collect(),
            ..ProviderSettings::default()
        };
        let providers = [
            ("openai", preset("https://api.openai.com/v1", "gpt-5.4-mini", &["OPENAI_API_KEY"])),
            (
                "gemini",
                preset(
                    "https://generativelanguage.googleapis.com/v1beta/openai",
                    "gemini-flash-latest",
                    &["GEMINI_API_KEY"],
                ),
            ),
            (
                "grok",
                preset(
                    "https://api.x.ai/v1",
                    "grok-4-1-fast-non-reasoning",
                    &["XAI_API_KEY", "GROK_API_KEY"],
                ),
            ),
            (
                "ollama",
                ProviderSettings { enabled: false, ..preset("http://127.0.0.1:11434/v1", "llama3.2", &[]) },
            ),
            (OFFLINE, ProviderSettings { kind: ProviderKind::Offline, ..ProviderSettings::default() }),
        ];
        Self {
            default_provider: AUTO.to_owned(),
            offline_word_delay_ms: 40,
            token_margin: 0.1,
            providers: providers.into_iter().map(|(name, provider)| (name.to_owned(), provider)).collect(),
        }
    }
}

impl AiSettings {
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
        let usable = |name: &str| self.active().find(|(active, _)| *active == name).map(|(name, _)| name);
        AUTO_ORDER
            .iter()
            .find_map(|name| usable(name))
            .or_else(|| self.active().find(|(_, it)| it.kind != ProviderKind::Offline).map(|(name, _)| name))
            .unwrap_or(OFFLINE)
    }
}

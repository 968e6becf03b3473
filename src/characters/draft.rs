//! All that can be written of a character, with what holds where nothing is said: what creating, changing, seeding and
//! importing have in common. A draft is checked in `rules.rs` before it is stored.

use greenroom_actors::domain::{self, CharacterId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Access, Lorebook};
use crate::conversations::view::MessageType;

/// Who says a line of an example dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    User,
    Character,
}

/// One line of an example dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExampleLine {
    pub from: Speaker,
    pub text: String,
}

/// How it speaks, each from 0 to 1; a half changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Dials {
    pub formality: f32,
    pub humor: f32,
    pub empathy: f32,
    pub creativity: f32,
    pub confidence: f32,
    pub emoji: f32,
}

impl Default for Dials {
    fn default() -> Self {
        Self { formality: 0.5, humor: 0.5, empathy: 0.5, creativity: 0.5, confidence: 0.5, emoji: 0.5 }
    }
}

/// Whether an answer that the model gave is kept for an hour, and given again to the very same prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResponseCache {
    #[default]
    Off,
    On,
}

impl ResponseCache {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }

    /// What is stored; anything but `on` is off.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        if text == "on" { Self::On } else { Self::Off }
    }
}

impl From<ResponseCache> for domain::ResponseCache {
    fn from(choice: ResponseCache) -> Self {
        match choice {
            ResponseCache::Off => Self::Off,
            ResponseCache::On => Self::On,
        }
    }
}

/// Which model speaks for it, and how freely.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AiChoice {
    /// A provider by its name in the settings; null is the default provider.
    pub provider: Option<String>,
    /// Null is the provider's default model.
    pub model: Option<String>,
    /// Who else is asked when that fails, in order, before the default provider and those that stand in for it:
    /// `provider` or `provider/model`.
    pub fallbacks: Vec<String>,
    /// 0 (always the likeliest word) to 2.
    pub temperature: f32,
    /// Tokens that one reply may have.
    pub max_tokens: u32,
    /// Tokens of prompt and reply together.
    pub context_tokens: u32,
    /// Whether the same prompt gets the same answer for an hour, without asking the model.
    pub response_cache: ResponseCache,
}

impl Default for AiChoice {
    fn default() -> Self {
        Self {
            provider: None,
            model: None,
            fallbacks: Vec::new(),
            temperature: 0.8,
            max_tokens: 600,
            context_tokens: 8_000,
            response_cache: ResponseCache::Off,
        }
    }
}

/// A character to be made, or one as it stands with nothing left out.
#[derive(Clone, Debug, PartialEq)]
pub struct CharacterDraft {
    /// `None`: made of the name.
    pub slug: Option<String>,
    pub name: String,
    /// One line.
    pub tagline: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    /// `https:`, or a path of this server under `/media/`.
    pub avatar_url: Option<String>,
    /// `#rrggbb`.
    pub color: String,
    pub greeting: String,
    /// Other ways to begin a conversation.
    pub alternate_greetings: Vec<String>,
    pub personality: String,
    pub scenario: String,
    /// One or a few words.
    pub tone: String,
    pub dials: Dials,
    /// Names of the list of traits.
    pub traits: Vec<String>,
    /// How readily it speaks up in a room of many, 0 to 1.
    pub talkativeness: f32,
    pub examples: Vec<ExampleLine>,
    /// Facts that it knows, each one sentence.
    pub knowledge: Vec<String>,
    pub restricted_topics: Vec<String>,
    pub lorebook: Lorebook,
    /// Replaces the compiled description.
    pub system_prompt: Option<String>,
    /// Instructions that stand after the history.
    pub post_history: Option<String>,
    pub ai: AiChoice,
    /// The name of a voice for speech.
    pub voice: Option<String>,
    /// What kind of message it usually answers with.
    pub reply_type: MessageType,
    pub premium: bool,
    /// What an imported card held that has no place above: given back at export as it was.
    pub card: Option<serde_json::Value>,
}

impl Default for CharacterDraft {
    fn default() -> Self {
        Self {
            slug: None,
            name: String::new(),
            tagline: String::new(),
            description: String::new(),
            category: "general".to_owned(),
            tags: Vec::new(),
            avatar_url: None,
            color: "#7a5cff".to_owned(),
            greeting: String::new(),
            alternate_greetings: Vec::new(),
            personality: String::new(),
            scenario: String::new(),
            tone: String::new(),
            dials: Dials::default(),
            traits: Vec::new(),
            talkativeness: 0.5,
            examples: Vec::new(),
            knowledge: Vec::new(),
            restricted_topics: Vec::new(),
            lorebook: Lorebook::default(),
            system_prompt: None,
            post_history: None,
            ai: AiChoice::default(),
            voice: None,
            reply_type: MessageType::Text,
            premium: false,
            card: None,
        }
    }
}

/// A stored character with nothing left out: for admins and for export, never for the public.
#[derive(Clone, Debug, PartialEq)]
pub struct FullCharacter {
    pub id: CharacterId,
    /// Raised at each change.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Whose it is, and who may see it.
    pub access: Access,
    /// How it looks, for those who make pictures of it; empty: nobody said.
    pub appearance: String,
    /// Its `slug` is there.
    pub draft: CharacterDraft,
}

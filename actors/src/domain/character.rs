//! A character as the engine needs it: who speaks, how, and with which model.

use super::{CharacterId, Lorebook};

/// One line of an example dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleLine {
    pub from_user: bool,
    pub text: String,
}

/// Which model speaks for the character and how freely.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelChoice {
    /// Provider by its name in config; `None` is the default provider.
    pub provider: Option<String>,
    /// Model name as the provider knows it; `None` is the provider's default.
    pub model: Option<String>,
    /// Who else is asked, in order, before the default provider: `provider` or `provider/model`.
    pub fallbacks: Vec<String>,
    /// 0 (always the likeliest word) to 2.
    pub temperature: f32,
    /// Tokens that one reply may have.
    pub max_tokens: u32,
    /// Tokens of prompt and reply together that the character wants to use at most.
    pub context_tokens: u32,
    pub response_cache: ResponseCache,
}

/// Whether an answer to the very same prompt may be given again for a while, instead of asking the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResponseCache {
    #[default]
    Off,
    On,
}

/// How it speaks, each from 0 to 1; a half changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// All that a persona is made of. What the public sees never holds the prompt parts.
#[derive(Clone, Debug, PartialEq)]
pub struct CharacterRecord {
    pub id: CharacterId,
    pub slug: String,
    pub name: String,
    pub tagline: String,
    pub description: String,
    pub personality: String,
    pub scenario: String,
    pub greeting: String,
    /// Other ways to begin a conversation.
    pub alternate_greetings: Vec<String>,
    /// One or a few words: `gentle`, `deadpan` …
    pub tone: String,
    pub dials: Dials,
    /// Words for how it speaks: `wry`, `formal`, `warm` …
    pub traits: Vec<String>,
    pub examples: Vec<ExampleLine>,
    /// Facts that it knows, each one sentence.
    pub knowledge: Vec<String>,
    /// What it does not talk about.
    pub restricted_topics: Vec<String>,
    pub lorebook: Lorebook,
    /// Instructions that stand after the history, nearest to the reply.
    pub post_history: Option<String>,
    /// Replaces the compiled description of the character where an admin wrote one.
    pub system_prompt: Option<String>,
    /// How readily it speaks up in a room of many, 0 to 1.
    pub talkativeness: f32,
    pub model: ModelChoice,
    /// Whose voice speaks its audio replies, as the provider of speech names it; `None` is the settings' one.
    pub voice: Option<String>,
    /// Raised at each change, so that a live persona knows an older copy.
    pub version: i64,
}

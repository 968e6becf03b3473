//! A lorebook as JSON: in the database, in requests and in answers. The engine's words are in `domain/lorebook.rs`.

use greenroom_actors::domain as engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the secondary keys of an entry count, once one of its keys was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondaryRule {
    /// At least one of them must be there.
    #[default]
    AndAny,
    /// All of them must be there.
    AndAll,
    /// None of them may be there.
    NotAny,
    /// At least one of them must be missing.
    NotAll,
}

/// Where an entry stands among what is injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LorePosition {
    #[default]
    BeforeCharacter,
    AfterCharacter,
}

/// Something that the character brings up when it is spoken of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoreEntry {
    /// For people only.
    pub name: String,
    /// One of them must be found in the latest messages.
    pub keys: Vec<String>,
    pub secondary_keys: Vec<String>,
    pub secondary_rule: SecondaryRule,
    /// Whether the keys are regular expressions.
    pub use_regex: bool,
    pub case_sensitive: bool,
    pub content: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Always there, whatever is spoken of.
    pub constant: bool,
    /// Lower stands first.
    pub order: i32,
    /// Where the token budget is short, lower goes first.
    pub priority: i32,
    pub position: LorePosition,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Lorebook {
    /// Messages back from the asking one that are scanned for keys.
    pub scan_depth: Option<u32>,
    /// Tokens of all injected entries together.
    pub token_budget: Option<u32>,
    /// Whether an entry's text may bring up further entries.
    pub recursive: bool,
    pub entries: Vec<LoreEntry>,
}

impl From<Lorebook> for engine::Lorebook {
    fn from(book: Lorebook) -> Self {
        let entry = |entry: LoreEntry| engine::LoreEntry {
            name: entry.name,
            keys: entry.keys,
            secondary_keys: entry.secondary_keys,
            secondary_rule: match entry.secondary_rule {
                SecondaryRule::AndAny => engine::SecondaryRule::AndAny,
                SecondaryRule::AndAll => engine::SecondaryRule::AndAll,
                SecondaryRule::NotAny => engine::SecondaryRule::NotAny,
                SecondaryRule::NotAll => engine::SecondaryRule::NotAll,
            },
            use_regex: entry.use_regex,
            case_sensitive: entry.case_sensitive,
            content: entry.content,
            enabled: entry.enabled,
            constant: entry.constant,
            order: entry.order,
            priority: entry.priority,
            position: match entry.position {
                LorePosition::BeforeCharacter => engine::LorePosition::BeforeCharacter,
                LorePosition::AfterCharacter => engine::LorePosition::AfterCharacter,
            },
        };
        Self {
            scan_depth: book.scan_depth,
            token_budget: book.token_budget,
            recursive: book.recursive,
            entries: book.entries.into_iter().map(entry).collect(),
        }
    }
}

//! A lorebook: what a character knows by heart and brings up when it is spoken of.

/// How the secondary keys of an entry count, once one of its keys was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Where an entry's text stands among what is injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LorePosition {
    #[default]
    BeforeCharacter,
    AfterCharacter,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoreEntry {
    /// For people; the engine has no use for it.
    pub name: String,
    /// One of them must be found in the scanned messages. Plain words, or regular expressions with `use_regex`.
    pub keys: Vec<String>,
    /// Empty: the keys alone decide.
    pub secondary_keys: Vec<String>,
    pub secondary_rule: SecondaryRule,
    pub use_regex: bool,
    pub case_sensitive: bool,
    pub content: String,
    pub enabled: bool,
    /// Always there, whatever is spoken of.
    pub constant: bool,
    /// Lower stands first.
    pub order: i32,
    /// Where the budget is short, lower goes first.
    pub priority: i32,
    pub position: LorePosition,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lorebook {
    /// Messages back from the asking one that are scanned for keys; `None` is the engine's default.
    pub scan_depth: Option<u32>,
    /// Tokens of all injected entries together; `None` is the engine's default.
    pub token_budget: Option<u32>,
    /// Whether an entry's text may bring up further entries.
    pub recursive: bool,
    pub entries: Vec<LoreEntry>,
}

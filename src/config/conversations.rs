//! Conversations as people keep, publish and search them.

use serde::{Deserialize, Serialize};

use super::Config;
use super::validate::{Broken, ERASE_AFTER_DAYS_MAX, is_name};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationsSettings {
    pub restore_days: u32,
    pub categories: Vec<String>,
    /// Slug of the character that speaks in chatrooms; empty switches them off.
    pub assistant_character: String,
}

impl Default for ConversationsSettings {
    fn default() -> Self {
        Self { restore_days: 30, categories: Vec::new(), assistant_character: "teodoro-quill".to_owned() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchSettings {
    pub language: String,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self { language: "simple".to_owned() }
    }
}

impl Config {
    pub(super) fn check_conversations(&self, broken: &mut Broken) {
        let settings = &self.conversations;
        broken.unless(
            (1..=ERASE_AFTER_DAYS_MAX).contains(&settings.restore_days),
            "conversations.restore_days",
            "takes 1 to 3650",
        );
        for category in &settings.categories {
            broken.unless(
                crate::conversations::category_of(category).as_deref() == Ok(category),
                "conversations.categories",
                &format!("{category:?} is no category: 1 to 60 characters, single spaces between words"),
            );
        }
        let assistant = &settings.assistant_character;
        broken.unless(
            assistant.is_empty() || is_name(assistant),
            "conversations.assistant_character",
            "takes the slug of a character, or nothing",
        );
        broken.unless(
            is_name(&self.search.language) && !self.search.language.contains('-'),
            "search.language",
            "takes the name of a text search configuration of PostgreSQL, such as simple or english",
        );
    }
}

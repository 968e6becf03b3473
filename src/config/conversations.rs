//! Conversations as people keep them.

use serde::{Deserialize, Serialize};

use super::Config;
use super::validate::{Broken, is_name};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationsSettings {
    /// Slug of the character that speaks in chatrooms; empty switches them off.
    pub assistant_character: String,
}

impl Default for ConversationsSettings {
    fn default() -> Self {
        Self { assistant_character: "teodoro-quill".to_owned() }
    }
}

impl Config {
    pub(super) fn check_conversations(&self, broken: &mut Broken) {
        let assistant = &self.conversations.assistant_character;
        broken.unless(
            assistant.is_empty() || is_name(assistant),
            "conversations.assistant_character",
            "takes the slug of a character, or nothing",
        );
    }
}

//! Avatars: what one costs, and how much a model may write of it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AvatarSettings {
    /// Credits that the writing of one costs.
    pub credits: i64,
    /// Tokens of a profile.
    pub max_tokens: u32,
}

impl Default for AvatarSettings {
    fn default() -> Self {
        Self { credits: 10, max_tokens: 3_000 }
    }
}

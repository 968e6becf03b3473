//! Avatars: what one costs, how much a model may write of it, and how long one is kept that came to nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AvatarSettings {
    /// Credits that the writing of one costs.
    pub credits: i64,
    /// Tokens of a profile.
    pub max_tokens: u32,
    /// Days that one is kept whose writing failed.
    pub failed_keep_days: u32,
}

impl Default for AvatarSettings {
    fn default() -> Self {
        Self { credits: 10, max_tokens: 3_000, failed_keep_days: 30 }
    }
}

impl AvatarSettings {
    #[must_use]
    pub fn failed_keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.failed_keep_days) * 24 * 3_600)
    }
}

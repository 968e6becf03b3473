//! Characters: how long copies of them are kept, how their numbers are counted, and how large a card may be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CharacterSettings {
    /// Seconds that a copy of a character's public form lives; a change ends it at once.
    pub cache_s: u64,
    /// Characters of which a copy is kept.
    pub cache_max: u64,
    /// Seconds after which what was said counts half for the popularity.
    pub popularity_half_life_s: u64,
    /// Seconds between two roll-ups of the statistics.
    pub statistics_every_s: u64,
    /// Milliseconds between two writes of the profile views.
    pub views_flush_ms: u64,
    /// Bytes of a character card's file.
    pub card_max_bytes: usize,
}

impl Default for CharacterSettings {
    fn default() -> Self {
        Self {
            cache_s: 600,
            cache_max: 10_000,
            popularity_half_life_s: 7 * 24 * 3_600,
            statistics_every_s: 60,
            views_flush_ms: 5_000,
            card_max_bytes: 10 * 1024 * 1024,
        }
    }
}

impl CharacterSettings {
    #[must_use]
    pub fn statistics_every(&self) -> Duration {
        Duration::from_secs(self.statistics_every_s)
    }

    #[must_use]
    pub fn views_flush(&self) -> Duration {
        Duration::from_millis(self.views_flush_ms)
    }
}

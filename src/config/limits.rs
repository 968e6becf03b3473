//! How often one may ask. Each limit lets `max` through at once and then one each `window / max`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateSettings {
    pub enabled: bool,
    pub max: u32,
    pub window_s: u32,
}

impl RateSettings {
    const fn new(max: u32, window_s: u32) -> Self {
        Self { enabled: true, max, window_s }
    }

    /// For limits that count by the minute; 0 is no limit.
    #[must_use]
    pub fn per_minute(&self) -> u32 {
        if !self.enabled {
            return 0;
        }
        let per_minute = u64::from(self.max) * 60 / u64::from(self.window_s.max(1));
        u32::try_from(per_minute).unwrap_or(u32::MAX).max(1)
    }

    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(u64::from(self.window_s))
    }
}

impl Default for RateSettings {
    fn default() -> Self {
        Self::new(100, 900)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSettings {
    /// False lifts all of them, for tests and load tests.
    pub enabled: bool,
    /// Users and addresses that one limit remembers at a time.
    pub keys_max: usize,
    /// Tries to sign in or up, per e-mail address or username.
    pub auth_identity: RateSettings,
    /// Tries to sign in or up, per network address.
    pub auth_address: RateSettings,
    /// Requests to `/api`, per network address.
    pub api: RateSettings,
    /// Requests to `/api` of a user with a premium plan.
    pub api_premium: RateSettings,
    /// Messages of one user; premium plans have no such limit.
    pub messages: RateSettings,
    /// `typing:*` of one session.
    pub typing: RateSettings,
    /// Other socket commands of one session.
    pub commands: RateSettings,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            keys_max: 100_000,
            auth_identity: RateSettings::new(5, 900),
            auth_address: RateSettings::new(20, 900),
            api: RateSettings::new(100, 900),
            api_premium: RateSettings::new(1_000, 900),
            messages: RateSettings::new(10, 60),
            typing: RateSettings::new(30, 60),
            commands: RateSettings::new(120, 60),
        }
    }
}

impl LimitSettings {
    /// The limits that hold: none of them where all are lifted.
    #[must_use]
    pub fn effective(&self) -> Self {
        let held = |limit: RateSettings| RateSettings { enabled: limit.enabled && self.enabled, ..limit };
        Self {
            enabled: self.enabled,
            keys_max: self.keys_max,
            auth_identity: held(self.auth_identity),
            auth_address: held(self.auth_address),
            api: held(self.api),
            api_premium: held(self.api_premium),
            messages: held(self.messages),
            typing: held(self.typing),
            commands: held(self.commands),
        }
    }

    /// All limits by their names, for validation and for the command line.
    #[must_use]
    pub fn named(&self) -> [(&'static str, RateSettings); 7] {
        [
            ("auth_identity", self.auth_identity),
            ("auth_address", self.auth_address),
            ("api", self.api),
            ("api_premium", self.api_premium),
            ("messages", self.messages),
            ("typing", self.typing),
            ("commands", self.commands),
        ]
    }
}

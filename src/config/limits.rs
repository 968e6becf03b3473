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
    /// Tries to get in, per e-mail address, username or mobile number. A right password is not counted.
    pub auth_identity: RateSettings,
    /// Tries to get in, per network address.
    pub auth_address: RateSettings,
    /// Requests to the API, per user with a token and per network address without.
    pub api: RateSettings,
    /// The same of a user with a premium plan, and of an admin.
    pub api_premium: RateSettings,
    /// Questions whether an account exists, per network address.
    pub lookup: RateSettings,
    /// Searches, per user or network address.
    pub search: RateSettings,
    /// What models are asked for, per user: pictures, videos, avatars that are written or changed.
    pub generation: RateSettings,
    /// Portraits of avatars that are made anew or for cards without a picture, per user: each costs the house what a model takes.
    pub thumbnails: RateSettings,
    /// Purchases that are begun or changed, per user: cards are not to be tried out here.
    pub payments: RateSettings,
    /// Uploads, per user.
    pub uploads: RateSettings,
    /// Uploads of a user with a premium plan.
    pub uploads_premium: RateSettings,
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
            lookup: RateSettings::new(10, 60),
            search: RateSettings::new(30, 60),
            generation: RateSettings::new(10, 60),
            thumbnails: RateSettings::new(10, 86_400),
            payments: RateSettings::new(30, 900),
            uploads: RateSettings::new(20, 3_600),
            uploads_premium: RateSettings::new(100, 3_600),
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
        let mut held = self.clone();
        held.each().into_iter().for_each(|(_, limit)| limit.enabled &= self.enabled);
        held
    }

    /// Takes over the limits of `new` that a running server can change: those of HTTP. Sockets and the engine have been
    /// given theirs, and so has everything that holds by the switch of all.
    pub(super) fn take_over(&mut self, new: &Self) {
        let held = (self.messages, self.typing, self.commands);
        *self = Self { enabled: self.enabled, keys_max: self.keys_max, ..new.clone() };
        (self.messages, self.typing, self.commands) = held;
    }

    /// All limits by their names, for validation and for the command line.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, RateSettings)> {
        self.clone().each().into_iter().map(|(name, limit)| (name, *limit)).collect()
    }

    fn each(&mut self) -> [(&'static str, &mut RateSettings); 14] {
        [
            ("auth_identity", &mut self.auth_identity),
            ("auth_address", &mut self.auth_address),
            ("api", &mut self.api),
            ("api_premium", &mut self.api_premium),
            ("lookup", &mut self.lookup),
            ("search", &mut self.search),
            ("generation", &mut self.generation),
            ("thumbnails", &mut self.thumbnails),
            ("payments", &mut self.payments),
            ("uploads", &mut self.uploads),
            ("uploads_premium", &mut self.uploads_premium),
            ("messages", &mut self.messages),
            ("typing", &mut self.typing),
            ("commands", &mut self.commands),
        ]
    }
}

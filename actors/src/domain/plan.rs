//! Plans and the meters that hold a user to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{CharacterId, MessageKind, UserId};

/// Who is served first when the pool is full: lower is sooner. Waiting makes every job older and so sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(pub u8);

/// Over what span a per-character limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    Lifetime,
    Day,
    Month,
}

impl Window {
    /// The first day of the span that holds `day`: the part of a meter's key that a reset changes.
    #[must_use]
    pub fn period(self, day: Date) -> Date {
        match self {
            Self::Lifetime => Date::constant(1970, 1, 1),
            Self::Day => day,
            Self::Month => day.first_of_month(),
        }
    }

    /// When the span that holds `now` ends in `zone`; `None` for a lifetime.
    #[must_use]
    pub fn resets_at(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let day = now.to_zoned(zone.clone()).date();
        let next = match self {
            Self::Lifetime => return None,
            Self::Day => day.tomorrow().ok()?,
            Self::Month => day.last_of_month().tomorrow().ok()?,
        };
        Some(next.to_zoned(zone.clone()).ok()?.timestamp())
    }
}

/// Messages of each kind that one character may get from one user within the window. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerCharacter {
    pub text: Option<u32>,
    pub audio: Option<u32>,
    pub media: Option<u32>,
    pub window: Window,
}

impl PerCharacter {
    #[must_use]
    pub fn limit(&self, kind: MessageKind) -> Option<u32> {
        match kind {
            MessageKind::Text => self.text,
            MessageKind::Audio => self.audio,
            MessageKind::Media => self.media,
        }
    }
}

/// What a user may do. Plans are data of the operator's, in `config.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: Arc<str>,
    /// Premium users are not rate-limited in their messages and are served first.
    pub premium: bool,
    pub priority: Priority,
    /// `None` is no daily limit.
    pub messages_per_day: Option<u32>,
    /// `None` is no limit per character.
    pub per_character: Option<PerCharacter>,
    /// Whether characters speak to its users.
    pub audio_replies: AudioReplies,
}

/// Whether a plan has spoken replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudioReplies {
    #[default]
    Without,
    With,
}

/// All plans by name, and the one that a user without one has.
#[derive(Clone, Debug)]
pub struct Plans {
    pub by_name: BTreeMap<Arc<str>, Arc<Plan>>,
    pub default: Arc<Plan>,
}

impl Plans {
    /// The plan of that name; a name that config no longer knows falls back to the default plan.
    #[must_use]
    pub fn get(&self, name: &str) -> Arc<Plan> {
        self.by_name.get(name).unwrap_or(&self.default).clone()
    }
}

/// What a meter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Messages of one kind to one character.
    Character(CharacterId, MessageKind),
    /// All messages of a day.
    Daily,
}

/// One counter of one user: the primary key of the `usage` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeterKey {
    pub user: UserId,
    pub scope: Scope,
    /// First day of the window, in the user's time zone, fixed when the message was reserved.
    pub period: Date,
}

/// A counter that a message moves by one, and the limit that it may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    pub key: MeterKey,
    pub limit: u32,
}

/// A line of the `usage` that clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLine {
    pub scope: Scope,
    pub window: Window,
    pub used: u32,
    pub limit: u32,
    pub resets_at: Option<Timestamp>,
}

/// A user's plan and how much of it is used, reservations included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub plan: Arc<str>,
    pub lines: Vec<UsageLine>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_the_users_midnight_also_across_daylight_saving() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let now: Timestamp = "2026-03-28T23:30:00Z".parse().unwrap(); // 00:30 on the 29th, the day of 23 hours
        assert_eq!(Window::Day.resets_at(now, &rome), Some("2026-03-29T22:00:00Z".parse().unwrap()));
        assert_eq!(Window::Lifetime.resets_at(now, &rome), None);
        assert_eq!(Window::Month.resets_at(now, &rome), Some("2026-03-31T22:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_month_counts_from_its_first_day() {
        let day = Date::constant(2026, 11, 20);
        assert_eq!(Window::Month.period(day), Date::constant(2026, 11, 1));
        assert_eq!(Window::Day.period(day), day);
    }
}

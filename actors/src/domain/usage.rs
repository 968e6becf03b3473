//! The meters that hold a user to a plan, and what is told of them.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{CharacterId, MessageKind, UserId, Window};

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

impl UsageLine {
    /// Of the limit, rounded down; above 100 where the limit was lowered since.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let percent = u64::from(self.used) * 100 / u64::from(self.limit.max(1));
        if self.limit == 0 { 100 } else { u32::try_from(percent).unwrap_or(u32::MAX) }
    }
}

/// How far a meter is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alarm {
    /// Most of it.
    Warning,
    /// All of it.
    Reached,
}

impl Alarm {
    /// What the commit that took a meter to `used` is to be told for: crossed by it, and by no other.
    #[must_use]
    pub fn crossed(used: u32, limit: u32, warning_percent: u8) -> Option<Self> {
        let at = |used: u32| {
            if used >= limit {
                Some(Self::Reached)
            } else {
                let most = u64::from(used) * 100 >= u64::from(limit) * u64::from(warning_percent);
                most.then_some(Self::Warning)
            }
        };
        let now = at(used);
        now.filter(|_| used > 0 && at(used - 1) < now)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "quota.warning",
            Self::Reached => "quota.reached",
        }
    }
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
    fn each_crossing_is_that_of_one_message() {
        let crossings = |limit| -> Vec<(u32, Alarm)> {
            (0..=limit + 1).filter_map(|used| Some((used, Alarm::crossed(used, limit, 80)?))).collect()
        };
        assert_eq!(crossings(10), [(8, Alarm::Warning), (10, Alarm::Reached)]);
        assert_eq!(crossings(5), [(4, Alarm::Warning), (5, Alarm::Reached)]);
        // Where both would come at once, that it is used up says it all.
        assert_eq!(crossings(3), [(3, Alarm::Reached)]);
        assert_eq!(crossings(1), [(1, Alarm::Reached)]);
        assert_eq!(Alarm::crossed(1_000, 1_000, 100), Some(Alarm::Reached));
        assert_eq!(Alarm::crossed(999, 1_000, 100), None);
    }
}

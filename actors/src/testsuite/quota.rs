//! What a user's actor does for one message, without the actor: for benchmarks.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::{CharacterId, MessageKind, MeterKey, PerCharacter, Plan, UserId, Window};
use crate::user::pace::Pace;
use crate::user::quota::{Quota, counted};

/// Messages per minute: enough that none waits.
const PER_MINUTE: u32 = 1_000_000_000;
/// Characters that the user has written to.
const CHARACTERS: usize = 20;

/// The meters of one user on one day.
pub struct QuotaProbe {
    quota: Quota,
    pace: Pace,
    plan: Plan,
    user: UserId,
    characters: Vec<CharacterId>,
    now: Timestamp,
    zone: TimeZone,
}

impl Default for QuotaProbe {
    /// With a limit a day and one to a character, in a zone with daylight saving.
    fn default() -> Self {
        let limit = Some(1_000_000);
        let per_character = PerCharacter { text: limit, audio: limit, media: limit, window: Window::Month };
        let plan = Plan {
            messages_per_day: limit,
            per_character: Some(per_character),
            ..Plan::clone(&super::plans().get("basic"))
        };
        let mut probe = Self {
            quota: Quota::default(),
            pace: Pace::default(),
            plan,
            user: UserId::new(),
            characters: (0..CHARACTERS).map(|_| CharacterId::new()).collect(),
            now: "2026-03-28T23:30:00Z".parse().expect("a valid time"),
            zone: TimeZone::get("Europe/Rome").expect("a known zone"),
        };
        for index in 0..CHARACTERS {
            probe.reserve(index).expect("there is room");
        }
        probe
    }
}

impl QuotaProbe {
    /// What happens from a room's question to its answer, and when the message is not stored in the end.
    pub fn reserve_and_release(&mut self) {
        let keys = self.reserve(0).expect("there is room");
        self.quota.release(&keys);
    }

    fn reserve(&mut self, character: usize) -> Option<Vec<MeterKey>> {
        let day = self.now.to_zoned(self.zone.clone()).date();
        let kind = counted(MessageKind::Text, None, &self.plan).ok()?;
        self.pace.take(PER_MINUTE, self.now).ok()?;
        let meters = Quota::meters(&self.plan, self.user, self.characters[character], kind, day);
        self.quota.reserve(&meters).ok()?;
        // As the ack tells it.
        drop(self.quota.lines(&self.plan, &meters, self.now, &self.zone));
        Some(meters.iter().map(|meter| meter.key).collect())
    }
}

//! A user's meters in memory: what is used, what is reserved, and whether one more fits. Pure.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::ReplyKind;
use crate::domain::{
    CharacterId, Feature, MessageKind, Meter, MeterKey, Plan, Scope, Usage, UsageLine, UserId, Window,
};
use crate::protocol::{Refusal, RefusalCode};

/// The kind as which a message counts, under this plan: that of the reply that it asks for, or its own where that is a
/// text. A kind of reply that the plan does not have is refused where it was asked for.
pub(crate) fn counted(
    own: MessageKind,
    reply: Option<ReplyKind>,
    plan: &Plan,
) -> Result<MessageKind, Refusal> {
    let has = |kind| kind != MessageKind::Audio || plan.has(Feature::AudioReplies);
    let reply = match reply {
        Some(ReplyKind::Asked(kind)) if !has(kind) => {
            let refusal = format!("the plan \u{201c}{}\u{201d} has no audio replies", plan.name);
            return Err(Refusal::new(RefusalCode::PremiumRequired, refusal));
        }
        Some(ReplyKind::Asked(kind) | ReplyKind::Usual(kind)) if has(kind) => kind,
        Some(_) | None => MessageKind::Text,
    };
    Ok(if reply == MessageKind::Text { own } else { reply })
}

/// A reserved use of a meter that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub key: MeterKey,
    /// What the database's meter stands at with it; `None` where the commit did not tell.
    pub used: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    used: u32,
    reserved: u32,
}

/// Invariant: for each meter of the present plan, `used + reserved <= limit` after every successful reservation.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    counts: HashMap<MeterKey, Count>,
}

impl Quota {
    /// The meters that a message of `kind` to `character` moves under `plan` on `day`.
    pub fn meters(
        plan: &Plan,
        user: UserId,
        character: CharacterId,
        kind: MessageKind,
        day: Date,
    ) -> Vec<Meter> {
        let per_character = plan.per_character.and_then(|per| Some((per.limit(kind)?, per.window)));
        let character = per_character.map(|(limit, window)| Meter {
            key: MeterKey { user, scope: Scope::Character(character, kind), period: window.period(day) },
            limit,
        });
        let daily = plan
            .messages_per_day
            .map(|limit| Meter { key: MeterKey { user, scope: Scope::Daily, period: day }, limit });
        character.into_iter().chain(daily).collect()
    }

    /// Whether one more fits on each meter, or the first that is full.
    pub fn fits(&self, meters: &[Meter]) -> Result<(), Meter> {
        let full = meters.iter().find(|meter| {
            let count = self.counts.get(&meter.key).copied().unwrap_or_default();
            count.used + count.reserved >= meter.limit
        });
        full.map_or(Ok(()), |full| Err(*full))
    }

    /// Reserves one on each meter, or none at all if one is full.
    pub fn reserve(&mut self, meters: &[Meter]) -> Result<(), Meter> {
        self.fits(meters)?;
        for meter in meters {
            self.counts.entry(meter.key).or_default().reserved += 1;
        }
        Ok(())
    }

    /// The reserved message is stored: it counts. Answers the count that it made, by the database's word where there is
    /// one.
    ///
    /// That word knows of what other nodes counted, and of messages from here whose settling is still on the way (commits
    /// of two lanes may be told in the other order): up to as many as are reserved still.
    pub fn settle(&mut self, settled: Settled) -> u32 {
        let count = self.counts.entry(settled.key).or_default();
        count.reserved = count.reserved.saturating_sub(1);
        count.used += 1;
        let Some(word) = settled.used else { return count.used };
        count.used = count.used.max(word.saturating_sub(count.reserved));
        word
    }

    /// The reserved message was not stored: it never counted.
    pub fn release(&mut self, keys: &[MeterKey]) {
        for key in keys {
            let count = self.counts.entry(*key).or_default();
            count.reserved = count.reserved.saturating_sub(1);
        }
    }

    /// A stored message got no reply: the journal gave its use back.
    pub fn refund(&mut self, keys: &[MeterKey]) {
        for key in keys {
            let count = self.counts.entry(*key).or_default();
            count.used = count.used.saturating_sub(1);
        }
    }

    /// The database's word on what is used. A meter with open reservations keeps its count: some of them may be in the
    /// database already, which only their settling tells. All others are forgotten, those of past days among them.
    pub fn load(&mut self, used: &[(MeterKey, u32)]) {
        self.counts.retain(|_, count| count.reserved > 0);
        for (key, used) in used {
            self.counts.entry(*key).or_insert(Count { used: *used, reserved: 0 });
        }
    }

    /// The database refused a message that memory had let through: another node counted too.
    pub fn correct(&mut self, key: MeterKey, used: u32) {
        let count = self.counts.entry(key).or_default();
        count.used = count.used.max(used);
    }

    pub fn holds_reservations(&self) -> bool {
        self.counts.values().any(|count| count.reserved > 0)
    }

    /// What clients see: a line per meter of the plan that this user has touched, and the daily one always.
    pub fn usage(&self, plan: &Plan, user: UserId, now: Timestamp, zone: &TimeZone) -> Usage {
        let day = now.to_zoned(zone.clone()).date();
        let mut lines: Vec<UsageLine> = Vec::new();
        if let Some(limit) = plan.messages_per_day {
            let key = MeterKey { user, scope: Scope::Daily, period: day };
            lines.push(self.line(key, Window::Day, limit, now, zone));
        }
        if let Some(per) = plan.per_character {
            let period = per.window.period(day);
            let mut keys: Vec<(MeterKey, u32)> = self
                .counts
                .keys()
                .filter(|key| key.period == period)
                .filter_map(|key| match key.scope {
                    Scope::Character(_, kind) => Some((*key, per.limit(kind)?)),
                    Scope::Daily => None,
                })
                .collect();
            keys.sort_unstable();
            lines.extend(keys.into_iter().map(|(key, limit)| self.line(key, per.window, limit, now, zone)));
        }
        Usage { plan: plan.name.clone(), lines }
    }

    /// The lines of just these meters: what the ack of one message tells.
    pub fn lines(&self, plan: &Plan, meters: &[Meter], now: Timestamp, zone: &TimeZone) -> Usage {
        let line = |meter: &Meter| {
            let window = plan.limit(meter.key.scope).map_or(Window::Day, |(_, window)| window);
            self.line(meter.key, window, meter.limit, now, zone)
        };
        Usage { plan: plan.name.clone(), lines: meters.iter().map(line).collect() }
    }

    fn line(&self, key: MeterKey, window: Window, limit: u32, now: Timestamp, zone: &TimeZone) -> UsageLine {
        let count = self.counts.get(&key).copied().unwrap_or_default();
        let used = count.used + count.reserved;
        UsageLine { scope: key.scope, window, used, limit, resets_at: window.resets_at(now, zone) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Features, PerCharacter, Priority, Term};

    fn plan(per_day: Option<u32>, text: Option<u32>) -> Plan {
        Plan {
            name: "test".into(),
            premium: false,
            priority: Priority(3),
            messages_per_day: per_day,
            per_character: text.map(|text| PerCharacter {
                text: Some(text),
                audio: Some(1),
                media: None,
                window: Window::Lifetime,
            }),
            price_cents: 0,
            term: Term::Endless,
            stripe_price: None,
            credits: 0,
            avatars: 1,
            media_bytes: None,
            features: Features::default(),
        }
    }

    fn day() -> Date {
        Date::constant(2026, 11, 20)
    }

    #[test]
    fn a_message_counts_as_its_own_kind_or_as_that_of_the_reply_that_it_asks_for() {
        let plan = Plan { features: Features::ALL, ..plan(None, Some(30)) };
        let counts = |own, reply| counted(own, reply, &plan).unwrap();
        for own in [MessageKind::Text, MessageKind::Audio, MessageKind::Media] {
            assert_eq!(counts(own, None), own, "without a reply");
            assert_eq!(
                counts(own, Some(ReplyKind::Usual(MessageKind::Text))),
                own,
                "a picture of one's own is media"
            );
            for reply in [MessageKind::Audio, MessageKind::Media] {
                assert_eq!(counts(own, Some(ReplyKind::Asked(reply))), reply);
            }
        }
    }

    #[test]
    fn a_full_meter_reserves_nothing_on_the_others() {
        let (user, character) = (UserId::new(), CharacterId::new());
        let meters = Quota::meters(&plan(Some(5), Some(1)), user, character, MessageKind::Text, day());
        let mut quota = Quota::default();
        quota.reserve(&meters).unwrap();
        assert_eq!(
            quota.reserve(&meters).unwrap_err().key.scope,
            Scope::Character(character, MessageKind::Text)
        );
        let other =
            Quota::meters(&plan(Some(5), Some(1)), user, CharacterId::new(), MessageKind::Text, day());
        for _ in 0..4 {
            quota.reserve(&other[1..]).unwrap();
        }
        assert_eq!(quota.reserve(&other[1..]).unwrap_err().key.scope, Scope::Daily);
    }

    #[test]
    fn an_unlimited_plan_has_no_meters() {
        let meters =
            Quota::meters(&plan(None, None), UserId::new(), CharacterId::new(), MessageKind::Text, day());
        assert!(meters.is_empty());
    }

    #[test]
    fn a_reservation_that_is_in_the_database_already_is_not_counted_twice() {
        let meters =
            Quota::meters(&plan(None, Some(2)), UserId::new(), CharacterId::new(), MessageKind::Text, day());
        let key = meters[0].key;
        let mut quota = Quota::default();
        quota.reserve(&meters).unwrap();
        // The commit is in the database, its settling is still on the way.
        quota.load(&[(key, 1)]);
        quota.settle(Settled { key, used: Some(1) });
        assert!(quota.reserve(&meters).is_ok());
        assert!(quota.reserve(&meters).is_err());
    }

    #[test]
    fn past_days_are_forgotten_at_the_next_load() {
        let (user, character) = (UserId::new(), CharacterId::new());
        let meters = Quota::meters(&plan(Some(1), None), user, character, MessageKind::Text, day());
        let mut quota = Quota::default();
        quota.load(&[(meters[0].key, 1)]);
        assert!(quota.reserve(&meters).is_err());
        quota.load(&[]);
        assert!(quota.counts.is_empty());
        assert!(quota.reserve(&meters).is_ok());
    }

    #[test]
    fn what_other_nodes_counted_comes_with_the_next_commit() {
        let meters =
            Quota::meters(&plan(Some(9), None), UserId::new(), CharacterId::new(), MessageKind::Text, day());
        let key = meters[0].key;
        let mut quota = Quota::default();
        quota.reserve(&meters).unwrap();
        assert_eq!(quota.settle(Settled { key, used: Some(4) }), 4);
        assert_eq!(quota.counts[&key], Count { used: 4, reserved: 0 });
    }

    proptest! {
        /// Commits of several lanes may be told in any order: what they say is never more than what was sent.
        #[test]
        fn words_in_any_order_count_each_message_once(elsewhere in 0_u32..5, mut order in Just((1_u32..9).collect::<Vec<_>>()).prop_shuffle()) {
            let meters = Quota::meters(&plan(Some(100), None), UserId::new(), CharacterId::new(), MessageKind::Text, day());
            let key = meters[0].key;
            let mut quota = Quota::default();
            for _ in &order {
                quota.reserve(&meters).unwrap();
            }
            let most = u32::try_from(order.len()).unwrap() + elsewhere;
            for word in order.drain(..) {
                quota.settle(Settled { key, used: Some(word + elsewhere) });
                let count = quota.counts[&key];
                prop_assert!(count.used + count.reserved <= most, "{count:?}");
            }
            prop_assert_eq!(quota.counts[&key], Count { used: most, reserved: 0 });
        }

        /// Whatever the order of reservations and their ends, the limit holds and nothing is counted that was not settled.
        #[test]
        fn never_over_the_limit(limit in 0_u32..6, steps in prop::collection::vec(0_u8..3, 0..60)) {
            let meters = Quota::meters(&plan(None, Some(limit)), UserId::new(), CharacterId::new(), MessageKind::Text, day());
            let keys: Vec<MeterKey> = meters.iter().map(|meter| meter.key).collect();
            let mut quota = Quota::default();
            let (mut open, mut settled) = (0_u32, 0_u32);
            for step in steps {
                match step {
                    0 => open += u32::from(quota.reserve(&meters).is_ok()),
                    1 if open > 0 => {
                        for key in &keys {
                            quota.settle(Settled { key: *key, used: None });
                        }
                        open -= 1;
                        settled += 1;
                    }
                    2 if open > 0 => { quota.release(&keys); open -= 1 }
                    _ => {}
                }
                let count = quota.counts.get(&keys[0]).copied().unwrap_or_default();
                prop_assert_eq!(count, Count { used: settled, reserved: open });
                prop_assert!(settled + open <= limit);
            }
        }
    }
}

//! Limits that this process holds: `governor`, with a bound on what it remembers.
//!
//! A limit lets `max` through at once and then one each `window / max` (GCRA). Beyond `keys_max` keys, keys are put
//! together into shared buckets: an attacker with many addresses gets less then, not more, and memory stays bounded.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

use super::{Exceeded, RateKey, Standing};
use crate::config::RateSettings;

/// How often the keys are counted: each so many checks.
const COUNT_EVERY: u32 = 512;
const SHARED_BUCKETS: u64 = 1_024;

/// The state of all keys, held twice: by the governor, and by us to give back what a key had taken.
#[derive(Clone, Default)]
struct Keys(Arc<DashMapStateStore<RateKey>>);

impl StateStore for Keys {
    type Key = RateKey;

    fn measure_and_replace<T, F, E>(&self, key: &RateKey, change: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, change)
    }
}

impl ShrinkableKeyedStateStore<RateKey> for Keys {
    fn retain_recent(&self, drop_below: Nanos) {
        ShrinkableKeyedStateStore::retain_recent(&*self.0, drop_below);
    }

    fn shrink_to_fit(&self) {
        ShrinkableKeyedStateStore::shrink_to_fit(&*self.0);
    }

    fn len(&self) -> usize {
        ShrinkableKeyedStateStore::len(&*self.0)
    }

    fn is_empty(&self) -> bool {
        ShrinkableKeyedStateStore::is_empty(&*self.0)
    }
}

type Governor<C> = RateLimiter<RateKey, Keys, C, StateInformationMiddleware>;

/// One limit for many keys. A limit that is switched off lets all through.
pub(super) struct RateLimit<C: Clock = DefaultClock> {
    inner: Option<Inner<C>>,
}

struct Inner<C: Clock> {
    governor: Governor<C>,
    keys: Keys,
    clock: C,
    /// The governor keeps times from here on.
    start: C::Instant,
    max: NonZeroU32,
    /// Time in which one of `max` comes free.
    step: Duration,
    keys_max: usize,
    checks: AtomicU32,
    full: AtomicBool,
    hasher: RandomState,
}

impl RateLimit {
    pub(super) fn new(settings: &RateSettings, keys_max: usize) -> Self {
        Self::with_clock(settings, keys_max, DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimit<C> {
    pub(super) fn with_clock(settings: &RateSettings, keys_max: usize, clock: C) -> Self {
        let max = NonZeroU32::new(settings.max).filter(|_| settings.enabled && settings.window_s > 0);
        let inner = max.and_then(|max| {
            let step = settings.window() / max.get();
            let quota = Quota::with_period(step)?.allow_burst(max);
            let keys = Keys::default();
            let start = clock.now();
            Some(Inner {
                start,
                governor: Governor::new(quota, keys.clone(), clock.clone()),
                keys,
                clock,
                max,
                step,
                keys_max,
                checks: AtomicU32::new(0),
                full: AtomicBool::new(false),
                hasher: RandomState::new(),
            })
        });
        Self { inner }
    }

    /// Counts one request of `key`, and answers under which key it was counted. `None`: there is no limit.
    pub(super) fn check(&self, key: RateKey) -> Result<Option<(Standing, RateKey)>, Exceeded> {
        self.inner.as_ref().map(|inner| inner.check(key)).transpose()
    }

    /// Takes one counted request back; `key` is what [`check`](Self::check) answered.
    pub(super) fn give_back(&self, key: &RateKey) {
        if let Some(inner) = &self.inner {
            let step = Nanos::from(inner.step);
            // A key that is forgotten meanwhile has all of its allowance again.
            let _ = inner.keys.measure_and_replace(key, |until| match until {
                Some(until) => Ok(((), until.saturating_sub(step))),
                None => Err(()),
            });
        }
    }

    /// Where `key` stands, without counting anything. `None`: there is no limit.
    pub(super) fn look(&self, key: &RateKey) -> Option<Standing> {
        self.inner.as_ref().map(|inner| inner.look(key))
    }

    /// Keys that are remembered now.
    #[cfg(test)]
    fn keys(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.governor.len())
    }
}

impl<C: Clock> Inner<C> {
    fn check(&self, key: RateKey) -> Result<(Standing, RateKey), Exceeded> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % COUNT_EVERY == COUNT_EVERY - 1 {
            self.tidy();
        }
        let key = if self.full.load(Ordering::Relaxed) {
            RateKey::Shared(self.hasher.hash_one(&key) % SHARED_BUCKETS)
        } else {
            key
        };
        let limit = self.max.get();
        match self.governor.check_key(&key) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity().min(limit);
                Ok((Standing { limit, remaining, reset_after: self.step * (limit - remaining) }, key))
            }
            Err(until) => Err(Exceeded {
                limit,
                retry_after: until.wait_time_from(self.clock.now()),
                reset_after: self.step * limit,
            }),
        }
    }

    fn look(&self, key: &RateKey) -> Standing {
        let now = self.clock.now().duration_since(self.start);
        // A refusal of a change changes nothing.
        let looked = self.keys.measure_and_replace(key, Err::<((), Nanos), _>);
        let until = looked.err().flatten().unwrap_or_default();
        let reset_after = Duration::from(until.saturating_sub(now));
        let step = self.step.as_nanos().max(1);
        let taken = u32::try_from(reset_after.as_nanos().div_ceil(step)).unwrap_or(u32::MAX);
        let limit = self.max.get();
        Standing { limit, remaining: limit.saturating_sub(taken), reset_after }
    }

    /// Forgets keys that stand as if they had never asked, and notes whether there are still too many.
    fn tidy(&self) {
        if self.governor.len() > self.keys_max / 2 {
            self.governor.retain_recent();
            self.governor.shrink_to_fit();
        }
        self.full.store(self.governor.len() >= self.keys_max, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use greenroom_actors::domain::UserId;

    use super::*;
    use crate::error::ApiError;

    fn user() -> RateKey {
        RateKey::User(UserId::new())
    }

    fn limit(max: u32, keys_max: usize) -> (RateLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let settings = RateSettings { enabled: true, max, window_s: 60 };
        (RateLimit::with_clock(&settings, keys_max, clock.clone()), clock)
    }

    #[test]
    fn a_key_gets_its_allowance_and_then_waits() {
        let (limit, clock) = limit(3, 100);
        let key = user();
        let remaining: Vec<u32> =
            (0..3).map(|_| limit.check(key.clone()).unwrap().unwrap().0.remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let exceeded = limit.check(key.clone()).unwrap_err();
        assert_eq!((exceeded.limit, exceeded.retry_after), (3, Duration::from_secs(20)));
        assert!(limit.check(user()).is_ok(), "another one is not held");
        clock.advance(Duration::from_secs(20));
        assert!(limit.check(key.clone()).is_ok());
        assert!(limit.check(key).is_err());
    }

    #[test]
    fn looking_takes_nothing() {
        let (limit, clock) = limit(3, 100);
        let key = user();
        let remaining = |key: &RateKey| limit.look(key).unwrap().remaining;
        assert_eq!(remaining(&key), 3);
        for left in [2, 1, 0] {
            assert!(limit.check(key.clone()).is_ok());
            assert_eq!([remaining(&key), remaining(&key)], [left, left]);
        }
        clock.advance(Duration::from_secs(25));
        assert_eq!(remaining(&key), 1);
    }

    #[test]
    fn what_is_given_back_may_be_taken_again_and_no_more() {
        let (limit, _) = limit(3, 100);
        let key = user();
        for _ in 0..2 {
            limit.check(key.clone()).unwrap();
        }
        let (_, counted) = limit.check(key.clone()).unwrap().unwrap();
        limit.give_back(&counted);
        assert!(limit.check(key.clone()).is_ok());
        assert!(limit.check(key.clone()).is_err());
        let rested = user();
        limit.give_back(&rested);
        limit.check(rested.clone()).unwrap();
        (0..9).for_each(|_| limit.give_back(&rested));
        assert_eq!((0..9).filter(|_| limit.check(rested.clone()).is_ok()).count(), 3, "never more than all");
    }

    #[test]
    fn a_limit_that_is_off_lets_all_through() {
        let settings = RateSettings { enabled: false, max: 1, window_s: 60 };
        let limit = RateLimit::new(&settings, 10);
        let key = user();
        assert!((0..100).all(|_| limit.check(key.clone()) == Ok(None)));
    }

    #[test]
    fn many_keys_do_not_grow_without_bound() {
        let (limit, _) = limit(5, 1_000);
        for _ in 0..20_000 {
            // Whether they pass does not matter here.
            let _ = limit.check(user());
        }
        let most = 1_000 + COUNT_EVERY as usize + SHARED_BUCKETS as usize;
        assert!(limit.keys() <= most, "{} keys", limit.keys());
    }

    #[test]
    fn keys_that_rested_are_forgotten() {
        let (limit, clock) = limit(5, 1_000);
        for _ in 0..900 {
            limit.check(user()).unwrap();
        }
        clock.advance(Duration::from_secs(120));
        for _ in 0..COUNT_EVERY {
            limit.check(user()).unwrap();
        }
        assert!(limit.keys() < 900, "{} keys", limit.keys());
    }

    #[test]
    fn an_answer_tells_the_limit_and_when_to_come_back() {
        let (limit, _) = limit(1, 100);
        let key = user();
        limit.check(key.clone()).unwrap();
        let error = ApiError::from(limit.check(key).unwrap_err());
        let response = actix_web::ResponseError::error_response(&error);
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(response.status(), 429);
        assert_eq!((header("retry-after"), header("x-ratelimit-limit")), ("60".to_owned(), "1".to_owned()));
        assert_eq!(
            (header("x-ratelimit-remaining"), header("x-ratelimit-reset")),
            ("0".to_owned(), "60".to_owned())
        );
    }
}

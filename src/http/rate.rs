//! How often one may ask: a small face on `governor`, with a bound on what it remembers.
//!
//! A limit lets `max` through at once and then one each `window / max` (GCRA). Beyond `keys_max` keys, keys are put
//! together into shared buckets: an attacker with many addresses gets less then, not more, and memory stays bounded.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use greenroom_actors::domain::UserId;

use super::address::limited_part;
use crate::config::RateSettings;
use crate::error::ApiError;

/// How often the keys are counted: each so many checks.
const COUNT_EVERY: u32 = 512;
const SHARED_BUCKETS: u64 = 1_024;

pub(super) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Whom a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RateKey {
    Address(IpAddr),
    User(UserId),
    /// An e-mail address or username, in the form in which it is unique.
    Identity(Box<str>),
    Shared(u64),
}

impl RateKey {
    /// An address, cut to what one customer has.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(limited_part(address))
    }
}

/// Where a key stands after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    pub remaining: u32,
    /// Until all of the limit is free again.
    pub reset_after: Duration,
}

impl Standing {
    /// Writes `X-RateLimit-*`.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset_after.as_secs_f64().ceil() as u64));
    }
}

/// Too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Exceeded {
    pub limit: u32,
    pub retry_after: Duration,
    pub reset_after: Duration,
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        let standing = Standing { limit: exceeded.limit, remaining: 0, reset_after: exceeded.reset_after };
        let mut error = Self::rate_limited(exceeded.retry_after);
        standing.write(error.headers.get_or_insert_default());
        error
    }
}

type Governor<C> = RateLimiter<RateKey, DashMapStateStore<RateKey>, C, StateInformationMiddleware>;

/// One limit for many keys. A limit that is switched off lets all through.
pub struct RateLimit<C: Clock = DefaultClock> {
    inner: Option<Inner<C>>,
}

struct Inner<C: Clock> {
    governor: Governor<C>,
    clock: C,
    max: NonZeroU32,
    /// Time in which one of `max` comes free.
    step: Duration,
    keys_max: usize,
    checks: AtomicU32,
    full: AtomicBool,
    hasher: RandomState,
}

impl RateLimit {
    #[must_use]
    pub fn new(settings: &RateSettings, keys_max: usize) -> Self {
        Self::with_clock(settings, keys_max, DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimit<C> {
    #[must_use]
    pub fn with_clock(settings: &RateSettings, keys_max: usize, clock: C) -> Self {
        let max = NonZeroU32::new(settings.max).filter(|_| settings.enabled && settings.window_s > 0);
        let inner = max.and_then(|max| {
            let step = settings.window() / max.get();
            let quota = Quota::with_period(step)?.allow_burst(max);
            Some(Inner {
                governor: Governor::new(quota, DashMapStateStore::default(), clock.clone()),
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

    /// Counts one request of `key`. `None`: there is no limit.
    pub fn check(&self, key: RateKey) -> Result<Option<Standing>, Exceeded> {
        self.inner.as_ref().map(|inner| inner.check(key)).transpose()
    }

    /// Keys that are remembered now.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.governor.len())
    }
}

impl<C: Clock> Inner<C> {
    fn check(&self, key: RateKey) -> Result<Standing, Exceeded> {
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
                Ok(Standing { limit, remaining, reset_after: self.step * (limit - remaining) })
            }
            Err(until) => Err(Exceeded {
                limit,
                retry_after: until.wait_time_from(self.clock.now()),
                reset_after: self.step * limit,
            }),
        }
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

    use super::*;

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
            (0..3).map(|_| limit.check(key.clone()).unwrap().unwrap().remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let exceeded = limit.check(key.clone()).unwrap_err();
        assert_eq!((exceeded.limit, exceeded.retry_after), (3, Duration::from_secs(20)));
        assert!(limit.check(user()).is_ok(), "another one is not held");
        clock.advance(Duration::from_secs(20));
        assert!(limit.check(key.clone()).is_ok());
        assert!(limit.check(key).is_err());
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

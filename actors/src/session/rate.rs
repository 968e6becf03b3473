//! How fast one socket may send commands. A bucket is a single number: the time at which it would be empty again
//! (the generic cell rate algorithm), so that an idle session pays eight bytes for it.

use std::time::Duration;

const MINUTE_MICROS: i64 = 60_000_000;

/// Allows `per_minute` at once and the same number each minute after that. Times are microseconds since the epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    empty_at: i64,
}

impl Bucket {
    /// Takes one, or tells how long to wait for the next. Zero per minute is no limit.
    pub(super) fn take(&mut self, per_minute: u32, now: i64) -> Result<(), Duration> {
        if per_minute == 0 {
            return Ok(());
        }
        let cost = MINUTE_MICROS / i64::from(per_minute);
        let filled = self.empty_at.max(now).saturating_add(cost);
        // `cost` is rounded down: that gives back at most one command a minute.
        let too_soon = filled.saturating_sub(now).saturating_sub(cost * i64::from(per_minute));
        if too_soon > 0 {
            return Err(Duration::from_micros(too_soon.unsigned_abs()));
        }
        self.empty_at = filled;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_is_taken_at_once_and_then_refills_evenly() {
        let mut bucket = Bucket::default();
        let start = 1_000_000_000;
        for _ in 0..10 {
            bucket.take(10, start).unwrap();
        }
        assert_eq!(bucket.take(10, start), Err(Duration::from_secs(6)));
        assert_eq!(bucket.take(10, start + 5_000_000), Err(Duration::from_secs(1)));
        bucket.take(10, start + 6_000_000).unwrap();
        assert!(bucket.take(10, start + 6_000_000).is_err());
    }

    #[test]
    fn a_refused_command_costs_nothing() {
        let mut bucket = Bucket::default();
        bucket.take(1, 0).unwrap();
        for _ in 0..100 {
            bucket.take(1, 0).unwrap_err();
        }
        bucket.take(1, MINUTE_MICROS).unwrap();
    }

    #[test]
    fn zero_is_no_limit_and_a_clock_that_steps_back_never_locks_for_longer_than_it_stepped() {
        let mut bucket = Bucket::default();
        for _ in 0..1_000 {
            bucket.take(0, 0).unwrap();
        }
        let mut bucket = Bucket::default();
        bucket.take(60, 100_000_000).unwrap();
        let wait = bucket.take(1, 90_000_000).unwrap_err();
        assert!(wait <= Duration::from_secs(11), "{wait:?}");
    }
}

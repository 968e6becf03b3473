//! How fast one user may send, over all sockets and requests together. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const WINDOW: Duration = Duration::from_secs(60);

/// The generic cell rate algorithm: a whole minute's messages at once, then one each `60 s / limit`.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When all that was let through would have been sent at the even pace.
    even: Option<Timestamp>,
}

impl Pace {
    /// Lets one message through, or says how long to wait. A limit of 0 is none.
    pub fn take(&mut self, per_minute: u32, now: Timestamp) -> Result<(), Duration> {
        if per_minute == 0 {
            return Ok(());
        }
        let (even, step) = self.look(per_minute, now)?;
        let step = SignedDuration::try_from(step).unwrap_or(SignedDuration::MAX);
        // Past the end of time there is nothing left to pace.
        self.even = Some(even.checked_add(step).unwrap_or(even));
        Ok(())
    }

    /// Whether [`take`](Self::take) would let one through; takes nothing.
    pub fn would_take(&self, per_minute: u32, now: Timestamp) -> Result<(), Duration> {
        if per_minute == 0 { Ok(()) } else { self.look(per_minute, now).map(drop) }
    }

    /// Where the even pace stands, and its step; or how long to wait.
    fn look(&self, per_minute: u32, now: Timestamp) -> Result<(Timestamp, Duration), Duration> {
        let step = WINDOW / per_minute;
        let even = self.even.unwrap_or(now).max(now);
        let ahead = even.duration_since(now).unsigned_abs();
        match ahead.checked_sub(WINDOW.saturating_sub(step)) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            _ => Ok((even, step)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_goes_at_once_and_then_one_by_one() {
        let mut pace = Pace::default();
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for _ in 0..10 {
            pace.take(10, start).unwrap();
        }
        assert_eq!(pace.take(10, start), Err(Duration::from_secs(6)));
        let later = start + Duration::from_secs(6);
        pace.take(10, later).unwrap();
        assert!(pace.take(10, later).is_err());
        let idle = start + Duration::from_secs(3_600);
        for _ in 0..10 {
            pace.take(10, idle).unwrap();
        }
        assert!(pace.take(10, idle).is_err());
    }

    #[test]
    fn no_limit_is_no_limit() {
        let mut pace = Pace::default();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!((0..1_000).all(|_| pace.take(0, now).is_ok()));
    }
}

//! One clock for all that is measured: wall-clock nanoseconds.
//!
//! The wall clock, because the kernel stamps received packets with it and because the simulator writes it into its
//! replies. A run is a few minutes long; a clock that is stepped meanwhile shows as an absurd maximum.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    pub fn now() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(since.as_nanos() as u64)
    }

    pub fn from_unix_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    pub fn from_unix_micros(micros: u64) -> Moment {
        Moment(micros * 1_000)
    }

    pub fn unix_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Microseconds from `earlier` to this, negative if `earlier` is later.
    pub fn micros_after(self, earlier: Moment) -> i64 {
        (self.0 as i64 - earlier.0 as i64) / 1_000
    }

    pub fn elapsed(self) -> Duration {
        Moment::now().since(self)
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Moment {
        Moment(self.0 + duration.as_nanos() as u64)
    }
}

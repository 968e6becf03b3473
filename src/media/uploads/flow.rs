//! How fast files come in, all uploads of this node together.
//!
//! A few who upload as fast as the network goes keep a core busy with nothing but bytes, and everybody else's messages wait
//! behind them. The bound is on what is taken from the network, so that those who send are slowed by TCP alone.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// What is counted, in bytes: pieces are some ten times as large.
const CELL: u64 = 1024;
/// Of a second: what may come at once after a pause.
const BURST: u64 = 20;
/// So that the largest piece passes at once.
const BURST_MIN: u32 = 512;

pub(super) struct Flow {
    limiter: DefaultDirectRateLimiter,
    burst: NonZeroU32,
}

impl Flow {
    pub fn new(bytes_per_s: u64) -> Self {
        let cells = |bytes: u64| u32::try_from(bytes / CELL).unwrap_or(u32::MAX);
        let per_second = NonZeroU32::new(cells(bytes_per_s)).unwrap_or(NonZeroU32::MIN);
        let burst = cells(bytes_per_s / BURST).max(BURST_MIN);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Self { limiter: RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst)), burst }
    }

    /// Waits until so many bytes may have come.
    pub async fn pass(&self, bytes: usize) {
        let cells = u32::try_from((bytes as u64).div_ceil(CELL)).unwrap_or(u32::MAX);
        if let Some(cells) = NonZeroU32::new(cells.min(self.burst.get())) {
            // Not more than a burst, so it is never refused.
            let _ = self.limiter.until_n_ready(cells).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_burst_passes_at_once_and_what_comes_behind_it_waits() {
        // So slow that nothing is given back while this runs.
        let flow = Flow::new(CELL);
        for _ in 0..8 {
            assert!(flow.pass(64 * 1024).now_or_never().is_some());
        }
        assert!(flow.pass(1).now_or_never().is_none());
        assert!(flow.pass(0).now_or_never().is_some());
        let large = Flow::new(1 << 36);
        assert!(large.pass(64 * 1024 * 1024).now_or_never().is_some(), "a twentieth of a second");
    }
}

//! How often running replies pass on what they heard.
//!
//! The first text of a reply goes out at once, always. What follows goes out every so often: each piece wakes a row of
//! tasks and is written to every socket that watches, so what it costs hangs on how many pieces there are and hardly on
//! how long they are. While the engine's threads have time to spare, that is the settings' span. When they have not, the
//! span grows up to its other end, so that with many replies at once there is room for what waits to begin.
//!
//! How busy the threads are is told by their runtime. Who asks for the span looks, at most once in [`LOOK_EVERY`]: there
//! is no task and no timer for it, and an engine without replies does nothing.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeMetrics};

/// Between two looks at the threads.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What was seen so long ago tells nothing of now.
const STALE: Duration = Duration::from_secs(2);
/// The part of their time that the threads are meant to be busy at most: what comes in then finds one that is free, or
/// soon will be.
const BUSY_AIM: f64 = 0.3;
/// The span grows and shrinks by so much in one look, at most: one busy moment is no load.
const STEP: f64 = 1.25;

/// Cheap to clone; all clones are one. The default passes on at once.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// As it is now, in microseconds.
    span: AtomicU64,
    threads: Option<Threads>,
}

#[derive(Debug)]
struct Threads {
    shortest: Duration,
    longest: Duration,
    runtime: RuntimeMetrics,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    /// Of all threads since they began.
    busy: Duration,
}

impl Pace {
    /// Always the same. Zero is at once.
    #[must_use]
    pub fn fixed(span: Duration) -> Self {
        Self(Arc::new(Inner { span: micros(span).into(), threads: None }))
    }

    /// From `shortest` on, up to `longest` while the threads of `runtime` are busy.
    #[must_use]
    pub fn of(runtime: &Handle, shortest: Duration, longest: Duration) -> Self {
        if shortest.is_zero() || longest <= shortest {
            return Self::fixed(shortest);
        }
        let runtime = runtime.metrics();
        let seen = Mutex::new(Seen { at: Instant::now(), busy: busy(&runtime) });
        let threads = Threads { shortest, longest, runtime, seen };
        Self(Arc::new(Inner { span: micros(shortest).into(), threads: Some(threads) }))
    }

    /// The span from one piece of a reply to its next one.
    #[must_use]
    pub fn every(&self) -> Duration {
        let span = Duration::from_micros(self.0.span.load(Relaxed));
        let Some(threads) = &self.0.threads else { return span };
        let Some(next) = threads.look(span) else { return span };
        self.0.span.store(micros(next), Relaxed);
        next
    }
}

impl Threads {
    /// The next span, when it is time to look.
    fn look(&self, span: Duration) -> Option<Duration> {
        // Whoever finds it locked leaves it to who is looking.
        let mut seen = self.seen.try_lock().ok()?;
        let past = seen.at.elapsed();
        if past < LOOK_EVERY {
            return None;
        }
        let total = busy(&self.runtime);
        let busy = total.saturating_sub(seen.busy);
        *seen = Seen { at: Instant::now(), busy: total };
        if past > STALE {
            return Some(self.shortest);
        }
        let all = past * u32::try_from(self.runtime.num_workers()).unwrap_or(u32::MAX);
        let share = busy.as_secs_f64() / all.as_secs_f64();
        Some(paced(span, share).clamp(self.shortest, self.longest))
    }
}

/// The span that follows on one with which the threads were busy for this share of their time.
fn paced(span: Duration, share: f64) -> Duration {
    span.mul_f64((share / BUSY_AIM).clamp(1.0 / STEP, STEP))
}

fn busy(runtime: &RuntimeMetrics) -> Duration {
    (0..runtime.num_workers()).map(|thread| runtime.worker_total_busy_duration(thread)).sum()
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_millis(40);
    const LONGEST: Duration = Duration::from_millis(200);

    /// Where it settles if one piece of each reply a second keeps the threads busy for `work` of their time.
    fn settled(work: f64, rest: f64) -> Duration {
        let mut span = SHORTEST;
        for _ in 0..100 {
            let share = rest + work / span.as_secs_f64();
            span = paced(span, share.min(1.0)).clamp(SHORTEST, LONGEST);
        }
        span
    }

    #[test]
    fn it_grows_with_the_work_as_far_as_it_may_and_no_further() {
        assert_eq!(settled(0.001, 0.05), SHORTEST, "little to do");
        let some = settled(0.04, 0.05).as_secs_f64();
        assert!((some - 0.04 / (BUSY_AIM - 0.05)).abs() < 0.005, "as busy as is meant: {some}");
        assert_eq!(settled(0.5, 0.05), LONGEST, "more than is borne");
        assert_eq!(settled(0.001, 0.9), LONGEST, "busy with something else");
    }

    #[test]
    fn one_look_changes_little() {
        assert_eq!(paced(SHORTEST, 1.0), SHORTEST.mul_f64(STEP));
        assert_eq!(paced(LONGEST, 0.0), LONGEST.div_f64(STEP));
        assert_eq!(paced(LONGEST, BUSY_AIM), LONGEST);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn busy_threads_make_it_longer_and_it_comes_back_when_they_rest() {
        let pace = Pace::of(&Handle::current(), Duration::from_millis(1), LONGEST);
        assert_eq!(pace.every(), Duration::from_millis(1));
        let of_the_thread = pace.clone();
        let longest = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while longest <= Duration::from_millis(1) {
                let begun = Instant::now();
                while begun.elapsed() < LOOK_EVERY {
                    std::hint::spin_loop();
                }
                tokio::task::yield_now().await;
                longest = of_the_thread.every();
            }
            longest
        });
        assert!(longest.await.unwrap() > Duration::from_millis(1));
        while pace.every() > Duration::from_millis(1) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    #[test]
    fn at_once_stays_at_once() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        assert_eq!(Pace::of(runtime.handle(), Duration::ZERO, LONGEST).every(), Duration::ZERO);
        assert_eq!(Pace::of(runtime.handle(), LONGEST, SHORTEST).every(), LONGEST);
        assert_eq!(Pace::default().every(), Duration::ZERO);
    }
}

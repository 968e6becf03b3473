//! Threads for long work, with less claim to a core than those that serve.
//!
//! To hash a password or to make a picture smaller takes a core for tens of milliseconds. On the runtime's blocking threads that
//! would stand beside the sockets as an equal, and whoever speaks would wait for whoever signs in or uploads. These threads are
//! `nice`: they have what the others leave, and a small share where those leave nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads; they end when this is dropped and their work is done.
pub(crate) struct Threads(Sender<Job>);

impl Threads {
    /// `nice`: 1 to 19. At 10 a thread has about a tenth of the claim of one that serves, at 15 a thirtieth; threads that the
    /// work starts have the same.
    pub(crate) fn start(name: &'static str, threads: usize, nice: i32) -> Self {
        let (sender, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            let started = thread::Builder::new().name(name.to_owned()).spawn(move || work(&jobs, nice));
            if let Err(error) = started {
                // With none at all each piece of work is answered as broken off, and the log says why.
                tracing::error!(%error, name, "a thread could not be started");
            }
        }
        Self(sender)
    }

    /// Runs `job` when a thread is free. `None`: it broke off. A caller that gives up does not end it.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        let job = move || {
            // Nobody may be waiting any more.
            let _ = done.send(job());
        };
        self.0.send(Box::new(job)).ok()?;
        result.await.ok()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, nice: i32) {
    stand_back(nice);
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Whoever waits for it hears that it broke off.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a piece of work panicked");
        }
    }
}

/// Lowers this thread's claim to a core. On Linux `nice` is of a thread, elsewhere of the whole process, so not there.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
fn stand_back(nice: i32) {
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    // SAFETY: plain numbers; 0 is the calling thread.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) } != 0 {
        let error = std::io::Error::last_os_error();
        tracing::warn!(%error, "threads for long work have the priority of all others");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_run_apart_and_a_broken_one_ends_no_thread() {
        let threads = Threads::start("hash", 1, 10);
        assert_eq!(
            threads.run(|| thread::current().name().map(str::to_owned)).await,
            Some(Some("hash".into()))
        );
        assert_eq!(threads.run(|| -> u32 { panic!("broken") }).await, None);
        assert_eq!(threads.run(|| 7).await, Some(7));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_have_less_claim_to_a_core_than_others() {
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // Field 19; the second one, the name, ends with the last bracket.
            stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let own = nice();
        let below = move || (nice(), thread::spawn(nice).join().unwrap());
        let claim = own.max(15);
        assert_eq!(Threads::start("media", 2, 15).run(below).await, Some((claim, claim)));
        assert_eq!(nice(), own, "and nobody else");
    }
}

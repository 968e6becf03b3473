//! How the store does, found by trying it.
//!
//! Anybody may ask, and who asks may go before there is an answer. So a try is nobody's own: a task brings it to its end, with
//! the object that it put taken away, all who ask meanwhile wait for it, and what it found is told for a while. While one
//! hangs no other begins: the store is down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Objects;

/// How long what was found is told again, from the try's beginning.
const TOLD: Duration = Duration::from_secs(5);
/// A store that takes longer to answer is down. Less than the health of all waits for it.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// The last try. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(super) struct Probes(Arc<Mutex<Option<Probe>>>);

#[derive(Clone)]
struct Probe {
    begun: Instant,
    /// Whether the store answered in time; closed when the try is over.
    found: watch::Receiver<Option<bool>>,
}

impl Probes {
    /// Whether the store takes objects and gives them away, as was found a few seconds ago at most.
    pub(super) async fn answers(&self, objects: &Objects) -> bool {
        let mut probe = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match &*last {
                Some(probe) if !probe.is_old() => probe.clone(),
                Some(_) | None => last.insert(Probe::begin(objects.clone())).clone(),
            }
        };
        let found = timeout_at(probe.begun + DEADLINE, probe.found.wait_for(Option::is_some)).await;
        matches!(found, Ok(Ok(answers)) if *answers == Some(true))
    }
}

impl Probe {
    fn begin(objects: Objects) -> Self {
        let (tell, found) = watch::channel(None);
        let begun = Instant::now();
        tokio::spawn(async move {
            let done = objects.probe().await;
            tell.send_replace(Some(done.is_ok() && begun.elapsed() < DEADLINE));
        });
        Self { begun, found }
    }

    fn is_old(&self) -> bool {
        let is_over = self.found.has_changed().is_err();
        is_over && self.begun.elapsed() >= TOLD
    }
}

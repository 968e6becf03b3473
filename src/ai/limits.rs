//! How many calls a provider has at a time. Who finds no place waits in turn, and leaves the queue by being dropped.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one provider. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(super) struct Places {
    limit: usize,
    /// `None`: there is no limit.
    free: Option<Arc<Semaphore>>,
    running: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    queue_max: usize,
}

/// One of them, taken until it is dropped.
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    _running: Counted,
}

/// Counts one for as long as it is there.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Places {
    /// `limit` 0 is none. At most `queue_max` wait.
    pub fn new(limit: usize, queue_max: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let free = (limit > 0).then(|| Arc::new(Semaphore::new(limit)));
        Self { limit, free, running: Arc::default(), waiting: Arc::default(), queue_max }
    }

    /// 0 is no limit.
    pub fn limit(&self) -> usize {
        self.limit
    }

    pub fn running(&self) -> usize {
        self.running.load(SeqCst)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// A place if one is free and nobody waits for it.
    pub fn try_take(&self) -> Option<Place> {
        let permit = match &self.free {
            None => None,
            Some(free) => Some(free.clone().try_acquire_owned().ok()?),
        };
        Some(self.place(permit))
    }

    /// The next place that is this one's turn; `None` when too many wait already.
    pub fn take(&self) -> Option<impl Future<Output = Place> + Send + use<>> {
        let counted = Counted::new(&self.waiting);
        if self.waiting() > self.queue_max {
            return None;
        }
        let places = self.clone();
        Some(async move {
            let permit = match &places.free {
                // It is never closed.
                Some(free) => free.clone().acquire_owned().await.ok(),
                None => None,
            };
            drop(counted);
            places.place(permit)
        })
    }

    fn place(&self, permit: Option<OwnedSemaphorePermit>) -> Place {
        Place { _permit: permit, _running: Counted::new(&self.running) }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn places_go_to_who_waits_the_longest_and_not_to_who_left() {
        let places = Places::new(1, 3);
        let first = places.try_take().unwrap();
        let mut second = Box::pin(places.take().unwrap());
        let mut third = Box::pin(places.take().unwrap());
        let mut fourth = Box::pin(places.take().unwrap());
        assert!(places.take().is_none(), "three wait already");
        for waiting in [&mut second, &mut third, &mut fourth] {
            assert!(waiting.now_or_never().is_none());
        }
        assert_eq!((places.running(), places.waiting()), (1, 3));
        drop(second);
        drop(first);
        assert!(places.try_take().is_none(), "somebody waits for it");
        assert!((&mut fourth).now_or_never().is_none());
        let place = third.now_or_never().unwrap();
        assert_eq!((places.running(), places.waiting()), (1, 1));
        drop(place);
        assert!(fourth.now_or_never().is_some());
        assert_eq!((places.running(), places.waiting()), (0, 0));
    }

    #[test]
    fn without_a_limit_all_get_one() {
        let places = Places::new(0, 0);
        let taken: Vec<_> = (0..100).filter_map(|_| places.try_take()).collect();
        assert_eq!((taken.len(), places.running()), (100, 100));
    }
}

//! Copies of what is read again and again and seldom changes: bounded, with an end to each entry, and never older than
//! the last change that this node heard of. [`Caches`] lists them for `GET /cache/status`.
//!
//! Who changes something commits first and then [forgets](Cache::forget) the copy. A reader that looked into the database
//! before that cannot put its older finding back: what was loaded before a `forget` is not kept.

mod engine;
mod routes;

use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache as Kept;

pub use engine::of_engine;
pub use routes::routes;

/// One kind of copies. Cheap to clone; all clones are the same.
pub struct Cache<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    name: &'static str,
    kept: Kept<K, V>,
    capacity: u64,
    life: Duration,
    hits: AtomicU64,
    misses: AtomicU64,
    /// Counts what was forgotten. Held while something is put in or forgotten, never while it is loaded.
    forgotten: Mutex<u64>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// Keeps at most `capacity` entries, each for at most `life`.
    #[must_use]
    pub fn new(name: &'static str, capacity: u64, life: Duration) -> Self {
        let kept = Kept::builder().max_capacity(capacity).time_to_live(life).build();
        Self::over(name, kept, capacity, life)
    }

    /// Keeps at most `capacity` entries that weigh at most `bytes` together, each for at most `life`; none where either is 0.
    ///
    /// One entry counts at least its share of the bytes, so that both bounds hold at once.
    #[must_use]
    pub fn weighed(
        name: &'static str,
        capacity: u64,
        bytes: u64,
        life: Duration,
        weigh: impl Fn(&V) -> usize + Send + Sync + 'static,
    ) -> Self {
        let share = (bytes / capacity.max(1)).max(1);
        let weigher = move |_: &K, value: &V| {
            let weight = u64::try_from(weigh(value)).unwrap_or(u64::MAX).max(share);
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        let most = if capacity == 0 { 0 } else { bytes };
        let kept = Kept::builder().max_capacity(most).weigher(weigher).time_to_live(life).build();
        Self::over(name, kept, capacity, life)
    }

    fn over(name: &'static str, kept: Kept<K, V>, capacity: u64, life: Duration) -> Self {
        Self(Arc::new(Inner {
            name,
            kept,
            capacity,
            life,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            forgotten: Mutex::new(0),
        }))
    }

    /// The copy, where there is one: counted as a hit or a miss.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        let found = self.0.kept.get(key);
        let counter = if found.is_some() { &self.0.hits } else { &self.0.misses };
        counter.fetch_add(1, Relaxed);
        found
    }

    /// Keeps this from now on, in the place of an older one.
    pub fn put(&self, key: K, value: V) {
        self.0.kept.insert(key, value);
    }

    /// The copy, or what `load` finds. `None` from it is not kept.
    pub async fn get_or<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        if let Some(found) = self.0.kept.get(&key) {
            self.0.hits.fetch_add(1, Relaxed);
            return Ok(Some(found));
        }
        self.0.misses.fetch_add(1, Relaxed);
        let before = *self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(loaded) = load.await? else { return Ok(None) };
        let forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        if *forgotten == before {
            self.0.kept.insert(key, loaded.clone());
        }
        drop(forgotten);
        Ok(Some(loaded))
    }

    /// From now on the copy is not given, and nothing that was loaded before becomes one.
    pub fn forget(&self, key: &K) {
        let mut forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        self.0.kept.invalidate(key);
    }

    pub fn forget_all(&self) {
        let mut forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        self.0.kept.invalidate_all();
    }
}

/// What is told of one cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheNumbers {
    pub name: &'static str,
    /// Since the server started.
    pub hits: u64,
    pub misses: u64,
    /// Entries, about: some whose time is over may still be counted.
    pub size: u64,
    pub capacity: u64,
    pub life: Duration,
}

/// A cache whose numbers can be read, whatever it keeps.
pub trait Counted: Send + Sync {
    fn numbers(&self) -> CacheNumbers;
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Counted for Cache<K, V> {
    fn numbers(&self) -> CacheNumbers {
        let Inner { name, kept, capacity, life, hits, misses, .. } = &*self.0;
        kept.run_pending_tasks();
        CacheNumbers {
            name,
            hits: hits.load(Relaxed),
            misses: misses.load(Relaxed),
            size: kept.entry_count(),
            capacity: *capacity,
            life: *life,
        }
    }
}

/// All caches of the server. Cheap to clone.
#[derive(Clone)]
pub struct Caches(Arc<[Box<dyn Counted>]>);

impl Caches {
    #[must_use]
    pub fn new(caches: Vec<Box<dyn Counted>>) -> Self {
        Self(caches.into())
    }

    #[must_use]
    pub fn numbers(&self) -> Vec<CacheNumbers> {
        self.0.iter().map(|cache| cache.numbers()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> Cache<u32, u32> {
        Cache::new("numbers", 10, Duration::from_secs(60))
    }

    async fn read(cache: &Cache<u32, u32>, key: u32, found: Option<u32>) -> Option<u32> {
        cache.get_or(key, async { Ok::<_, ()>(found) }).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_found_is_given_again_until_it_is_forgotten() {
        let cache = cache();
        assert_eq!(read(&cache, 1, Some(7)).await, Some(7));
        assert_eq!(read(&cache, 1, Some(8)).await, Some(7));
        cache.forget(&1);
        assert_eq!(read(&cache, 1, Some(8)).await, Some(8));
        let numbers = cache.numbers();
        assert_eq!((numbers.hits, numbers.misses, numbers.size), (1, 2, 1));
    }

    #[tokio::test]
    async fn what_is_not_there_is_looked_for_again() {
        let cache = cache();
        assert_eq!(read(&cache, 1, None).await, None);
        assert_eq!(read(&cache, 1, Some(7)).await, Some(7));
    }

    #[tokio::test]
    async fn what_was_loaded_before_a_change_is_not_kept_after_it() {
        let cache = cache();
        let older = cache.get_or(1, async {
            // Another one changes it just now.
            cache.forget(&1);
            Ok::<_, ()>(Some(7))
        });
        assert_eq!(older.await, Ok(Some(7)));
        assert_eq!(read(&cache, 1, Some(8)).await, Some(8));
    }

    #[tokio::test]
    async fn no_more_is_kept_than_there_is_room_for() {
        let cache = cache();
        for key in 0..1_000 {
            read(&cache, key, Some(key)).await;
        }
        assert!(cache.numbers().size <= 10);
    }

    #[test]
    fn neither_more_entries_nor_more_bytes_are_kept_than_there_is_room_for() {
        let kept = Cache::<u32, Vec<u8>>::weighed("texts", 10, 1_000, Duration::from_secs(60), Vec::len);
        for key in 0..100 {
            kept.put(key, vec![0; 1]);
        }
        assert!(kept.numbers().size <= 10, "{:?}", kept.numbers());
        for key in 0..100 {
            kept.put(key, vec![0; 400]);
        }
        assert!(kept.numbers().size <= 2, "{:?}", kept.numbers());
        kept.put(1_000, vec![0; 2_000]);
        kept.numbers();
        assert_eq!(kept.get(&1_000), None, "larger than all there is room for");
        for (capacity, bytes) in [(0, 1_000), (10, 0)] {
            let none =
                Cache::<u32, Vec<u8>>::weighed("none", capacity, bytes, Duration::from_secs(60), Vec::len);
            none.put(1, vec![0; 1]);
            none.numbers();
            assert_eq!(none.get(&1), None, "{capacity} {bytes}");
        }
    }
}

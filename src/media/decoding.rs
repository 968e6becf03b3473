//! Decoding what people send: on threads with less claim to a core than those that serve, and bounded in what it holds in memory at
//! once on this node, all files together. Each waits, in the order of coming, until what it takes is free; what takes more than
//! all of it runs alone.

use std::sync::{Arc, OnceLock};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::threads::Threads;

/// Bytes for which one permit stands.
const GRAIN: u64 = 64 * 1024;
/// How far its threads step back: pictures may come for as long as they like.
const NICE: i32 = 15;

/// Cheap to clone; all clones share it.
#[derive(Clone)]
pub(super) struct Decoding {
    free: Arc<Semaphore>,
    grains: u32,
    /// Started when there is something to decode.
    threads: Arc<OnceLock<Threads>>,
}

impl Decoding {
    /// Within so many bytes, `media.processing_max_bytes`.
    pub fn new(bytes: u64) -> Self {
        let grains = u32::try_from(bytes / GRAIN).unwrap_or(u32::MAX >> 4).max(1);
        Self { free: Arc::new(Semaphore::new(grains as usize)), grains, threads: Arc::default() }
    }

    /// Waits for so many bytes. To be held until what it counts is gone.
    pub async fn claim(&self, bytes: u64) -> Result<OwnedSemaphorePermit, AcquireError> {
        let grains = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX).min(self.grains);
        self.free.clone().acquire_many_owned(grains).await
    }

    /// Runs it when a thread is free, one for each core. `None`: it broke off.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let start = || {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Threads::start("media", cores, NICE)
        };
        self.threads.get_or_init(start).run(job).await
    }
}

//! The queue of jobs and its workers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::jobs::Settings;
use crate::postgres::archive::OtherNodes;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobSettings {
    /// Jobs done at the same time on this node.
    pub workers: usize,
    /// Between two looks into the queue when nothing woke the workers.
    pub poll_ms: u64,
    /// Without a sign of life of its node for so long, a job is taken by another.
    pub lease_ms: u64,
    /// For one try; a longer one is broken off and counts as failed.
    pub deadline_ms: u64,
    /// Further tries after the first one failed.
    pub retries: u32,
    /// Before the first further try; four times as long before each next one.
    pub backoff_ms: u64,
    pub backoff_max_ms: u64,
    pub keep_done_s: u64,
    pub keep_dead_s: u64,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            workers: 8,
            poll_ms: 1_000,
            lease_ms: 30_000,
            deadline_ms: 600_000,
            retries: 3,
            backoff_ms: 15_000,
            backoff_max_ms: 3_600_000,
            keep_done_s: 24 * 3_600,
            keep_dead_s: 30 * 24 * 3_600,
        }
    }
}

impl JobSettings {
    /// The same, as the queue takes them. `others`: what may be assumed of the other nodes.
    #[must_use]
    pub fn queue(&self, others: OtherNodes) -> Settings {
        Settings {
            workers: self.workers,
            poll: Duration::from_millis(self.poll_ms),
            lease: Duration::from_millis(self.lease_ms),
            deadline: Duration::from_millis(self.deadline_ms),
            retries: self.retries,
            backoff: Duration::from_millis(self.backoff_ms),
            backoff_max: Duration::from_millis(self.backoff_max_ms),
            keep_done: Duration::from_secs(self.keep_done_s),
            keep_dead: Duration::from_secs(self.keep_dead_s),
            others,
        }
    }
}

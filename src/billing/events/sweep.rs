//! The sweep of events: those that ended long ago go, and those that wait get a job where theirs was lost or dropped.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Webhooks, metrics, store};
use crate::jobs::{Handler, Job, JobError, QueueName, Recurring, enqueue};
use crate::postgres::{Stored, refusal};

/// Every few minutes, on one node for all.
pub const SWEEP: Recurring = Recurring {
    queue: QueueName::Maintenance,
    kind: "billing.events-sweep",
    every: Duration::from_secs(300),
};
/// Rows of one statement.
const BATCH: i64 = 500;
/// Statements of one sweep; what is left waits for the next.
const BATCHES_MAX: usize = 100;

pub(super) struct Sweep(pub Webhooks);

impl Webhooks {
    /// Answers how many events went, and how many got a job.
    pub async fn sweep(&self) -> Stored<(u64, u64)> {
        let client = self.0.pool.get().await?;
        let (mut gone, mut put) = (0, 0);
        for _ in 0..BATCHES_MAX {
            let swept = store::sweep(&client, self.0.settings.keep, BATCH).await?;
            gone += swept;
            if swept < BATCH.unsigned_abs() {
                break;
            }
        }
        for (event, tries) in store::waiting(&client, BATCH).await? {
            // One that has its job keeps it: it has the same key.
            put += u64::from(enqueue(&client, &self.job(&event, tries, Duration::ZERO)).await?.is_some());
        }
        let standing = store::standing(&client).await?;
        metrics::standing(&standing);
        Ok((gone, put))
    }
}

impl Handler for Sweep {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let (gone, put) =
                self.0.sweep().await.map_err(|error| JobError::Again(refusal(&error).message))?;
            if gone + put > 0 {
                tracing::info!(gone, put, "events of Stripe's were swept, and waiting ones got a job");
            }
            Ok(())
        }
        .boxed()
    }
}

//! The comparison as a job: now and again, on one node for all.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::Reconciler;
use crate::jobs::{Handler, Job, JobError, QueueName, Recurring};

pub const KIND: &str = "billing.reconcile";

#[must_use]
pub fn recurring(every: Duration) -> Recurring {
    Recurring { queue: QueueName::Maintenance, kind: KIND, every }
}

#[must_use]
pub fn handler(reconciler: &Reconciler) -> (&'static str, Arc<dyn Handler>) {
    (KIND, Arc::new(Compare(reconciler.clone())))
}

struct Compare(Reconciler);

impl Handler for Compare {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let report =
                self.0.run(Timestamp::now()).await.map_err(|error| JobError::Again(error.message))?;
            let gap = report.and_then(|report| report.incomplete);
            gap.map_or(Ok(()), |reason| Err(JobError::Again(reason)))
        }
        .boxed()
    }
}

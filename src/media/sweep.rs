//! Objects that no message carries any more are taken away: what was deleted or erased within a minute, what never came to
//! a message within an hour.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::protocol::Refusal;

use super::{Media, ObjectKey, store};
use crate::jobs::{Handler, Handlers, Job, JobError, QueueName, Recurring};
use crate::postgres::refusal;

/// Once a minute on one of the nodes.
pub const SWEEP: Recurring =
    Recurring { queue: QueueName::MediaProcessing, kind: "media.sweep", every: Duration::from_secs(60) };
/// Objects that are looked at in one transaction.
const AT_A_TIME: i64 = 200;

impl Media {
    /// Takes away what is due and in no use; answers how many objects.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        let mut taken = 0;
        loop {
            let client = self.client().await?;
            let unused = store::unused(&client, AT_A_TIME).await.map_err(|error| refusal(&error))?;
            drop(client);
            let mut gone = Vec::with_capacity(unused.len());
            for key in unused {
                // A row whose key is none leads to nothing.
                let done = match ObjectKey::parse(&key) {
                    Ok(object) => self.objects().delete(&object).await,
                    Err(_) => Ok(()),
                };
                match done {
                    Ok(()) => gone.push(key),
                    Err(error) => tracing::warn!(%error, key, "an object was not deleted; it is tried again"),
                }
            }
            let client = self.client().await?;
            let forgotten = store::forget(&client, &gone).await.map_err(|error| refusal(&error))?;
            taken += forgotten;
            if forgotten < AT_A_TIME.unsigned_abs() {
                return Ok(taken);
            }
        }
    }

    /// What does the jobs of this feature.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(SWEEP.kind, Arc::new(Sweeper(self.clone())))]
    }
}

struct Sweeper(Media);

impl Handler for Sweeper {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            match self.0.sweep().await {
                Ok(0) => Ok(()),
                Ok(objects) => {
                    tracing::info!(objects, "objects that no message carries were taken away");
                    Ok(())
                }
                Err(error) => Err(JobError::Again(error.message)),
            }
        }
        .boxed()
    }
}

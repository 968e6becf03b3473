//! The job that does a kept event again. It plans its next try itself, in the transaction that notes why this one failed, so that
//! an event may be tried for longer than other jobs: Stripe can be away for hours.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{EventState, Settling, Webhooks, store};
use crate::jobs::{Handler, Job, JobError, NewJob, QueueName};
use crate::postgres::refusal;

pub const KIND: &str = "billing.event";

impl Webhooks {
    /// The job for an event that was tried so often, after a pause.
    pub(super) fn job(&self, event: &str, tries: i32, pause: Duration) -> NewJob {
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::ZERO);
        NewJob {
            run_at: Timestamp::now().checked_add(pause).ok(),
            key: Some(format!("{event}:{tries}")),
            ..NewJob::new(QueueName::Maintenance, KIND, json!({ "event": event }))
        }
    }

    /// Doubled with each try.
    pub(super) fn pause(&self, tries: i32) -> Duration {
        let settings = &self.0.settings;
        let doubled = 1_u32.checked_shl(tries.clamp(1, 31).cast_unsigned() - 1).unwrap_or(u32::MAX);
        let pause = settings.backoff.saturating_mul(doubled).min(settings.backoff_max);
        // Those that failed together do not come again together.
        pause.mul_f64(0.75 + 0.5 * fastrand::f64())
    }

    async fn again(&self, id: &str) -> Result<(), greenroom_actors::protocol::Refusal> {
        let client = self.client().await?;
        let found = store::find(&client, id).await.map_err(|error| refusal(&error))?;
        drop(client);
        match found {
            Some((kept, event)) if kept.state == EventState::Waiting => {
                self.work(&event, Settling::IfChanged).await.map(drop)
            }
            // Somebody was sooner, or it was swept.
            _ => Ok(()),
        }
    }
}

pub(super) struct Retry(pub Webhooks);

impl Handler for Retry {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let event = job.payload.get("event").and_then(|id| id.as_str());
            let event = event.ok_or_else(|| JobError::Never("the job names no event".to_owned()))?;
            self.0.again(event).await.map_err(|refusal| JobError::Again(refusal.message))
        }
        .boxed()
    }
}

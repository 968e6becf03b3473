//! Who leaves is charged no more. A deactivated account's subscriptions end with their periods: an admin can bring the account
//! back with what it has paid for, and its person can keep them on then. An erased account's end at once, and the customer at
//! Stripe is deleted, with the cards and addresses that Stripe has.
//!
//! A job of kind `billing.leave` is put into the queue with the deactivation and with the erasure, and looks at how the account
//! stands when it runs: it may run twice, and late. Where Stripe is away for longer than jobs are tried, a daily sweep finds
//! whom it was not done for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::UserId;
use serde_json::json;
use uuid::Uuid;

use super::store::{self, Absence};
use super::{Shop, ShopError};
use crate::billing::records::SubscriptionStatus;
use crate::jobs::{Handler, Handlers, Job, JobError, NewJob, QueueName, Recurring, enqueue};

const LEAVE: &str = "billing.leave";
/// Finds accounts that left while Stripe was away, once a day on one of the nodes.
pub const SWEEP: Recurring = Recurring {
    queue: QueueName::Maintenance,
    kind: "billing.leave-sweep",
    every: Duration::from_secs(24 * 3_600),
};
/// Accounts that one sweep puts into the queue.
const SWEEP_MAX: i64 = 500;

/// The job for an account that was deactivated or erased, in the transaction of that.
#[must_use]
pub fn leaving(user: UserId) -> NewJob {
    NewJob::new(QueueName::Maintenance, LEAVE, json!({ "user": user.uuid() }))
}

impl Shop {
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(LEAVE, Arc::new(Leaver(self.clone()))), (SWEEP.kind, Arc::new(Sweeper(self.clone())))]
    }

    /// Ends what an account that left would be charged for. One that is there keeps all.
    pub async fn leave(&self, user: UserId) -> Result<(), ShopError> {
        if self.0.desk.is_none() {
            // Nothing can be done; the sweep does it once there is a key.
            return Ok(());
        }
        self.in_turn(user, move |shop: Self| async move { shop.leave_in_turn(user).await }).await
    }

    async fn leave_in_turn(&self, user: UserId) -> Result<(), ShopError> {
        let client = self.client().await?;
        let Some(absence) = store::absence(&client, user).await? else { return Ok(()) };
        if absence == Absence::Erased {
            store::forget_all(&client, user).await?;
        }
        let Some(customer) = store::customer_left(&client, user).await? else { return Ok(()) };
        drop(client);
        self.end_sessions(user, None).await?;
        let desk = self.desk()?;
        for state in self.at_stripe(&customer).await?.iter().filter(|state| state.status.is_live()) {
            if absence == Absence::Erased || state.status == SubscriptionStatus::Incomplete {
                desk.stripe.end_subscription(&state.id).boxed().await?;
                desk.sync.subscription(&state.id).boxed().await?;
            } else {
                self.cancel_in_turn(user, &state.id).await?;
            }
        }
        if absence == Absence::Erased {
            desk.stripe.delete_customer(&customer).boxed().await?;
            store::customer_deleted(&self.client().await?, user).await?;
            tracing::info!(%user, "an erased account's customer was deleted at Stripe");
        }
        Ok(())
    }

    /// Puts a job into the queue for each account that left and is still to be done; answers how many. To be called now and then.
    pub async fn sweep(&self) -> Result<u64, ShopError> {
        if self.0.desk.is_none() {
            return Ok(0);
        }
        let client = self.client().await?;
        let mut put = 0;
        for user in store::left_behind(&client, SWEEP_MAX).await? {
            let job = NewJob { key: Some(format!("{user}:sweep")), ..leaving(user) };
            put += u64::from(enqueue(&client, &job).await?.is_some());
        }
        Ok(put)
    }
}

fn again(error: &ShopError) -> JobError {
    match error {
        ShopError::Refused(refusal) => match refusal.retry_after {
            Some(wait) => JobError::NotBefore(wait, refusal.message.clone()),
            None => JobError::Again(refusal.message.clone()),
        },
        error => JobError::Again(error.to_string()),
    }
}

struct Leaver(Shop);

impl Handler for Leaver {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let user = job.payload.get("user").and_then(|id| Uuid::try_parse(id.as_str()?).ok());
            let user = user.ok_or_else(|| JobError::Never("the job names no account".to_owned()))?;
            self.0.leave(UserId::from_uuid(user)).await.map_err(|error| again(&error))
        }
        .boxed()
    }
}

struct Sweeper(Shop);

impl Handler for Sweeper {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move { self.0.sweep().await.map(drop).map_err(|error| again(&error)) }.boxed()
    }
}

//! What changes by the clock: plans that end, and credits that come month by month. By the clock alone a plan ends at each look
//! at it (the view `standing`); the job makes it seen: it tells people, and works out what comes after the next plan.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;

use super::{Terms, settle, store};
use crate::jobs::{Handler, Job, JobError, QueueName, Recurring};
use crate::postgres::{Stored, refusal};

/// People in one look, and in one run: the rest waits for the next one.
const BATCH: i64 = 100;
const RUN_MAX: usize = 2_000;
/// Of somebody who cannot be settled now.
const POSTPONED_MINUTES: i32 = 10;

/// Once a minute, on one node for all.
pub const SETTLE: Recurring =
    Recurring { queue: QueueName::Maintenance, kind: "billing.settle", every: Duration::from_secs(60) };

/// What does it.
#[must_use]
pub fn settle_handler(pool: &Pool, terms: &Terms) -> (&'static str, Arc<dyn Handler>) {
    (SETTLE.kind, Arc::new(Settling { pool: pool.clone(), terms: terms.clone() }))
}

struct Settling {
    pool: Pool,
    terms: Terms,
}

impl Handler for Settling {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let settled =
                settle_due(&self.pool, &self.terms).await.map_err(|error| JobError::Again(error.message))?;
            if settled > 0 {
                tracing::info!(settled, "plans and credits of people were brought up to date");
            }
            Ok(())
        }
        .boxed()
    }
}

/// Settles those of whom something is due, each in a transaction of its own; answers how many. Safe on several nodes at once.
pub async fn settle_due(pool: &Pool, terms: &Terms) -> Result<usize, Refusal> {
    let mut settled = 0;
    while settled < RUN_MAX {
        let due = due(pool, terms).await.map_err(|error| refusal(&error))?;
        if due.is_empty() {
            break;
        }
        for user in due {
            if let Err(refused) = settle_one(pool, terms, user).await {
                // It must not stand before all others for ever.
                tracing::warn!(%user, code = ?refused.code, "somebody's plan cannot be brought up to date: {}", refused.message);
                let client = pool.get().await.map_err(|error| refusal(&error))?;
                store::postpone(&client, user, POSTPONED_MINUTES).await.map_err(|error| refusal(&error))?;
            }
            settled += 1;
        }
    }
    Ok(settled)
}

async fn due(pool: &Pool, terms: &Terms) -> Stored<Vec<UserId>> {
    let plans = terms.plans.current();
    let with_credits: Vec<&str> =
        plans.by_name.values().filter(|plan| plan.credits > 0).map(|plan| &*plan.name).collect();
    let client = pool.get().await?;
    let due = store::due(&client, BATCH).await?;
    if !due.is_empty() || with_credits.is_empty() {
        return Ok(due);
    }
    store::unsettled(&client, &with_credits, BATCH).await
}

async fn settle_one(pool: &Pool, terms: &Terms, user: UserId) -> Result<(), Refusal> {
    let mut client = pool.get().await.map_err(|error| refusal(&error))?;
    let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
    let notices = settle(&transaction, user, terms).await?;
    transaction.commit().await.map_err(|error| refusal(&error))?;
    terms.tell(&notices);
    Ok(())
}

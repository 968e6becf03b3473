//! What ends by the clock: holds that nobody ended, and what is left of a plan's credits. Spending counts them as ended from
//! that moment on, whether the sweep has come by or not.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::decide::expire;
use super::orders::expiry;
use super::store::Writes;
use super::{Ledger, store};
use crate::jobs::{Handler, Job, JobError, QueueName, Recurring};
use crate::postgres::refusal;

/// Of each kind, in one look.
const BATCH: i64 = 500;

/// Once a minute, on one node for all.
pub const SWEEP: Recurring =
    Recurring { queue: QueueName::Maintenance, kind: "credits.sweep", every: Duration::from_secs(60) };

/// What does it.
#[must_use]
pub fn sweep_handler(ledger: &Ledger) -> (&'static str, Arc<dyn Handler>) {
    (SWEEP.kind, Arc::new(Sweep(ledger.clone())))
}

struct Sweep(Ledger);

impl Handler for Sweep {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let (holds, periods) = self.0.sweep().await.map_err(|error| JobError::Again(error.message))?;
            if holds + periods > 0 {
                tracing::info!(holds, periods, "credits were given back, and a plan's ended");
            }
            Ok(())
        }
        .boxed()
    }
}

impl Ledger {
    /// Gives back what was held too long, and ends what is left of periods that are over: how many of each.
    pub async fn sweep(&self) -> Result<(u64, u64), Refusal> {
        let (mut holds, mut periods) = (0, 0);
        loop {
            let client = self.client().await?;
            let expired = store::expired_holds(&client, BATCH).await.map_err(|error| refusal(&error))?;
            let ended = store::ended_periods(&client, BATCH).await.map_err(|error| refusal(&error))?;
            drop(client);
            let last = expired.len().max(ended.len()) < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for (hold, user) in expired {
                match self.end(user, hold, 0).await {
                    Ok(_) => holds += 1,
                    // Its owner ended it while we came.
                    Err(refusal) if matches!(refusal.code, RefusalCode::Conflict | RefusalCode::NotFound) => {
                    }
                    Err(refusal) => return Err(refusal),
                }
            }
            for user in ended {
                periods += u64::from(self.end_period(user).await?);
            }
            if last {
                return Ok((holds, periods));
            }
        }
    }

    async fn end_period(&self, user: UserId) -> Result<bool, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let book = store::lock(&transaction, &[user], &[], &[]).await.map_err(|error| refusal(&error))?;
        let mut standing = book.standing(user);
        let period = standing.plan_ends_at;
        if !standing.plan_is_over(book.now) {
            return Ok(false);
        }
        let Some(transfer) = expire(&mut standing, 0) else { return Ok(false) };
        let ends = Writes { transfers: vec![expiry(user, transfer, period)], ..Writes::default() };
        store::put(&transaction, &[ends]).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(true)
    }
}

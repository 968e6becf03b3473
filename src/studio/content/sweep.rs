//! What nobody brings to an end: contents whose job died, whose time is over, or that wait for a turn that is free.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::protocol::Refusal;
use jiff::{SignedDuration, Timestamp};

use super::decide::Happened;
use super::kinds::{Fault, State};
use super::moves::key;
use super::work::MAKE;
use super::{Content, Contents, store};
use crate::jobs::{self, Handler, Job, JobError, QueueName, Recurring};
use crate::postgres::refusal;

/// Once a minute on one of the nodes.
pub const SWEEP: Recurring =
    Recurring { queue: QueueName::Maintenance, kind: "content.sweep", every: Duration::from_secs(60) };
/// Contents that are looked at in one go.
const AT_A_TIME: i64 = 500;
/// One that has not moved for so long (seconds) has its job looked for.
const STILL: f64 = 60.0;

pub(super) struct Sweeper(pub Contents);

impl Handler for Sweeper {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            match self.0.sweep(Timestamp::now()).await {
                Ok(0) => Ok(()),
                Ok(ended) => {
                    tracing::warn!(ended, "contents that nobody brought to an end have failed");
                    Ok(())
                }
                Err(error) => Err(JobError::Again(error.message)),
            }
        }
        .boxed()
    }
}

impl Contents {
    /// Ends what is due, as of `now`; answers how many failed.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Refusal> {
        let give_up = SignedDuration::try_from(self.settings().give_up()).unwrap_or(SignedDuration::MAX);
        let asked_before = now.checked_sub(give_up).unwrap_or(Timestamp::MIN);
        let client = self.client().await?;
        let unfinished = store::unfinished(&client, STILL, asked_before, AT_A_TIME).await;
        drop(client);
        let mut failed = 0;
        for content in unfinished.map_err(|error| refusal(&error))? {
            let fault = if content.asked_at < asked_before {
                Some(Fault::Timeout)
            } else {
                self.abandoned(&content).await?
            };
            if let Some(fault) = fault {
                let at = (content.user, content.id, content.step);
                failed += u64::from(self.follow(at, Happened::Lost(fault), |_| {}).await?.is_some());
            }
        }
        Ok(failed)
    }

    async fn abandoned(&self, content: &Content) -> Result<Option<Fault>, Refusal> {
        if content.state == State::Queued && !content.turn {
            let mut client = self.client().await?;
            let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
            store::lock(&transaction, content.user).await.map_err(|error| refusal(&error))?;
            self.give_turns(&transaction, content.user).await?;
            transaction.commit().await.map_err(|error| refusal(&error))?;
            return Ok(None);
        }
        let client = self.client().await?;
        let open = jobs::is_open(&client, MAKE, &key(content.id, content.step)).await;
        Ok((!open.map_err(|error| refusal(&error))?).then_some(Fault::Internal))
    }
}

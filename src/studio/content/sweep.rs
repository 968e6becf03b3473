//! What nobody brings to an end: contents whose job died, whose time is over, or that wait for a turn that is free. And the end
//! of those that came to nothing, days later.

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
            let again = |error: Refusal| JobError::Again(error.message);
            let ended = self.0.sweep(Timestamp::now()).await.map_err(again)?;
            if ended > 0 {
                tracing::warn!(ended, "contents that nobody brought to an end have failed");
            }
            let purged = self.0.purge(Timestamp::now()).await.map_err(again)?;
            if purged > 0 {
                tracing::info!(purged, "contents that came to nothing long ago are gone");
            }
            Ok(())
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

    /// Deletes what failed or was cancelled so long ago that it is kept no more, as of `now`; answers how many.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, Refusal> {
        let before = now.checked_sub(self.settings().failed_keep()).unwrap_or(Timestamp::MIN);
        let client = self.client().await?;
        let over = store::over(&client, before, AT_A_TIME).await;
        drop(client);
        let mut purged = 0;
        for (user, id) in over.map_err(|error| refusal(&error))? {
            let mut client = self.client().await?;
            let Some(moving) = self.moving(&mut client, user, id).await? else { continue };
            // It may have been asked for again meanwhile.
            let content = &moving.content;
            let came_to_nothing = matches!(content.state, State::Failed | State::Canceled);
            if !came_to_nothing || content.ended_at.is_none_or(|ended| ended >= before) {
                continue;
            }
            self.erase(moving).await?;
            purged += 1;
        }
        Ok(purged)
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

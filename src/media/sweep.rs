//! Objects that nothing carries any more are taken away: what was deleted or erased within a minute, what never came to a
//! message within an hour. Rows of files that were deleted or failed go after `media.ended_keep_days`. What nobody brings to an
//! end is ended here: files that came and were never taken, and files whose job died, which fail.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;

use super::files::{self, State};
use super::process::Processor;
use super::{Media, ObjectKey, PROCESS, keep, store};
use crate::jobs::{self, Handler, Handlers, Job, JobError, QueueName, Recurring};
use crate::postgres::refusal;

/// Once a minute on one of the nodes.
pub const SWEEP: Recurring =
    Recurring { queue: QueueName::MediaProcessing, kind: "media.sweep", every: Duration::from_secs(60) };
/// Objects, or files, that are looked at in one go.
const AT_A_TIME: i64 = 200;
/// A file that is processed for so long (seconds) has its job looked for.
const IN_WORK: f64 = 60.0;
/// What its owner is told.
const FAULT: &str = "the file could not be processed";

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that nothing carried.
    pub objects: u64,
    /// Of these under `temp/`.
    pub temporary: u64,
    /// Files that failed since their job had died.
    pub failed: u64,
    /// Files of galleries and avatars that none of them shows any more.
    pub unlisted: u64,
    /// Rows of files that were deleted long ago, and files that failed long ago.
    pub purged: u64,
}

impl Media {
    /// Takes away what is due and in no use; answers how many objects.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        let mut taken = 0;
        loop {
            let client = self.client().await?;
            let looked = store::look(&client, AT_A_TIME).await.map_err(|error| refusal(&error))?;
            drop(client);
            let mut gone = Vec::with_capacity(looked.unused.len());
            for key in looked.unused {
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
            if !gone.is_empty() {
                let client = self.client().await?;
                taken += store::forget(&client, &gone).await.map_err(|error| refusal(&error))?;
            }
            // All that was looked at is due no more, what stays too.
            if looked.at < usize::try_from(AT_A_TIME).unwrap_or(usize::MAX) {
                return Ok(taken);
            }
        }
    }

    /// All that the recurring job does.
    pub async fn sweep_all(&self, now: Timestamp) -> Result<Swept, Refusal> {
        let failed = self.fail_abandoned().await?;
        let unlisted = self.delete_unlisted().await?;
        let temporary = self.sweep_temp(now).await?;
        let objects = self.sweep().await? + temporary;
        let purged = self.purge().await?;
        Ok(Swept { objects, temporary, failed, unlisted, purged })
    }

    /// Files whose job died fail: nobody would bring them to an end.
    async fn fail_abandoned(&self) -> Result<u64, Refusal> {
        let client = self.client().await?;
        let overdue = files::overdue(&client, IN_WORK, AT_A_TIME).await.map_err(|error| refusal(&error))?;
        let mut abandoned = Vec::new();
        for id in overdue {
            let open = jobs::is_open(&client, PROCESS, &id.to_string()).await;
            if !open.map_err(|error| refusal(&error))? {
                abandoned.push(id);
            }
        }
        drop(client);
        let mut failed = 0;
        for id in abandoned {
            failed += u64::from(self.fail(id, FAULT).await?.is_some());
        }
        Ok(failed)
    }

    /// Files of galleries whose entry was deleted go with it, and thumbnails whose avatar has another one or is gone.
    async fn delete_unlisted(&self) -> Result<u64, Refusal> {
        let client = self.client().await?;
        let unlisted = files::unlisted(&client, AT_A_TIME).await.map_err(|error| refusal(&error))?;
        drop(client);
        let mut deleted = 0;
        for id in unlisted {
            let mut client = self.client().await?;
            let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
            deleted += u64::from(self.delete_in(transaction, id).await.is_ok());
        }
        Ok(deleted)
    }

    /// What ended badly becomes a tombstone after a while, and tombstones go after another.
    async fn purge(&self) -> Result<u64, Refusal> {
        let days = i32::try_from(self.settings().ended_keep_days).unwrap_or(i32::MAX);
        let client = self.client().await?;
        let mut purged = files::purge(&client, days, AT_A_TIME).await.map_err(|error| refusal(&error))?;
        let spoiled = files::spoiled(&client, days, AT_A_TIME).await.map_err(|error| refusal(&error))?;
        drop(client);
        for id in spoiled {
            let mut client = self.client().await?;
            let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
            purged += u64::from(self.delete_in(transaction, id).await.is_ok());
        }
        Ok(purged)
    }

    /// What came and was not taken within its time, or whose file has ended.
    async fn sweep_temp(&self, now: Timestamp) -> Result<u64, Refusal> {
        let before = now.checked_sub(self.settings().temp_keep()).unwrap_or(Timestamp::MIN);
        let old = self.objects().temporary(before).await.map_err(|error| keep::store_away(&error))?;
        let mut taken = 0;
        for key in old {
            let Some(id) = key.temp_of() else { continue };
            let client = self.client().await?;
            let file = files::by_id(&client, id).await.map_err(|error| refusal(&error))?;
            drop(client);
            if file.is_some_and(|file| file.state == State::Processing) {
                continue;
            }
            match self.objects().delete(&key).await {
                Ok(()) => taken += 1,
                Err(error) => tracing::warn!(%error, %key, "what is left of an upload is tried again"),
            }
        }
        Ok(taken)
    }

    /// What does the jobs of this feature.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(SWEEP.kind, Arc::new(Sweeper(self.clone()))), (PROCESS, Arc::new(Processor::new(self.clone())))]
    }
}

struct Sweeper(Media);

impl Handler for Sweeper {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            match self.0.sweep_all(Timestamp::now()).await {
                Ok(swept) if swept == Swept::default() => Ok(()),
                Ok(swept) => {
                    let Swept { objects, temporary, failed, unlisted, purged } = swept;
                    tracing::info!(
                        objects,
                        temporary,
                        failed,
                        unlisted,
                        purged,
                        "files in no use were taken away"
                    );
                    Ok(())
                }
                Err(error) => Err(JobError::Again(error.message)),
            }
        }
        .boxed()
    }
}

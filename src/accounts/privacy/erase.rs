//! Erasure: after the time in which an admin can bring a deactivated account back, its personal data goes for good.
//!
//! A job of kind `account.erase` is put into the queue with the deactivation, for when the time is over; a sweep finds
//! those whose job was lost. When it runs it looks again: an account that came back meanwhile stays. It may run twice,
//! and go on where it was killed: rooms first, one at a time, then the account in one transaction.
//!
//! What goes: the rooms that only this account was in, with their logs; sign-ins, identities, keys, links, codes,
//! history, counters; avatars with all that was written of them, their names too; files, of which messages of others' rooms keep tombstones (what an admin put into galleries is the
//! characters'); and all of the account's row that says who it was. What stays: the row as a pseudonym, under which
//! messages in rooms of others stay readable, the membership there (the room's log knows no leaving yet), the audit
//! log, what the AI took (`ai/usage`), and what was paid, which name the row by its id alone. Its customer at Stripe is deleted
//! by a job of the shop's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode, Responder};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{Privacy, store};
use crate::accounts::random_hex;
use crate::accounts::rules::ERASED_PREFIX;
use crate::ai::usage;
use crate::billing::shop;
use crate::characters::owned;
use crate::jobs::{Handler, Handlers, Job, JobError, NewJob, QueueName, Recurring, enqueue};
use crate::postgres::{journal, refusal};
use crate::studio::content;
use crate::{audit, media, outbound};

const ERASE: &str = "account.erase";
/// Finds accounts whose time is over and whose job was lost, once a day on one of the nodes.
pub const SWEEP: Recurring = Recurring {
    queue: QueueName::Maintenance,
    kind: "account.erase-sweep",
    every: Duration::from_secs(24 * 3_600),
};
/// Accounts that one sweep puts into the queue.
const SWEEP_MAX: i64 = 500;
/// Rooms that are looked up at a time.
const ROOMS_PAGE: i64 = 100;
/// What the engine may take to delete a room.
const ENGINE_DEADLINE: Duration = Duration::from_secs(15);
/// What an erased account is called.
const DISPLAY_NAME: &str = "Erased account";

/// An account that is to be erased at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deactivated {
    pub user: UserId,
    pub at: Timestamp,
    pub erase_at: Timestamp,
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    Now {
        rooms: u64,
    },
    /// It is gone, came back, or its time is not over: nothing was done.
    NotDue,
}

/// Its key names the deactivation: who comes back and leaves again gets the whole time again.
pub(super) fn job(deactivated: &Deactivated) -> NewJob {
    let Deactivated { user, at, erase_at } = deactivated;
    NewJob {
        run_at: Some(*erase_at),
        key: Some(format!("{user}:{}", at.as_microsecond())),
        ..NewJob::new(QueueName::Maintenance, ERASE, json!({ "user": user.uuid() }))
    }
}

impl Privacy {
    /// What does the jobs of this part.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(ERASE, Arc::new(Eraser(self.clone()))), (SWEEP.kind, Arc::new(Sweeper(self.clone())))]
    }

    /// Puts a job into the queue for each account whose time is over and that has none; answers how many. To be called
    /// now and then.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        let accounts = &self.0.accounts;
        let client = accounts.client().await?;
        let days = accounts.0.config.auth.erase_after_days;
        let overdue = store::overdue(&client, days, SWEEP_MAX).await.map_err(|error| refusal(&error))?;
        let mut put = 0;
        for deactivated in &overdue {
            let job = enqueue(&client, &job(deactivated)).await.map_err(|error| refusal(&error))?;
            put += u64::from(job.is_some());
        }
        Ok(put)
    }

    /// Erases the account if its time is over.
    pub async fn erase(&self, user: UserId) -> Result<Erased, Refusal> {
        let accounts = &self.0.accounts;
        let days = accounts.0.config.auth.erase_after_days;
        let mut client = accounts.client().await?;
        if !store::is_due(&client, user, days).await.map_err(|error| refusal(&error))? {
            return Ok(Erased::NotDue);
        }
        let mut rooms = 0;
        loop {
            let alone =
                store::lone_rooms(&client, user, ROOMS_PAGE).await.map_err(|error| refusal(&error))?;
            if alone.is_empty() {
                break;
            }
            for (room, open) in alone {
                if open {
                    self.close_room(room, user).await?;
                }
                journal::erase_room(&mut client, room).await.map_err(|error| refusal(&error))?;
                rooms += 1;
            }
        }
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        // Looked at again, under the lock: another node may have done it meanwhile.
        let username = format!("{ERASED_PREFIX}{}", random_hex::<4>());
        let plan = accounts.default_plan();
        let known = store::addresses(&transaction, user).await.map_err(|error| refusal(&error))?;
        let erased = store::erase(&transaction, user, days, &username, DISPLAY_NAME, &plan)
            .await
            .map_err(|error| refusal(&error))?;
        if !erased {
            return Ok(Erased::NotDue);
        }
        outbound::forget(&transaction, &known).await.map_err(|error| refusal(&error))?;
        content::forget(&transaction, user).await.map_err(|error| refusal(&error))?;
        let avatars = owned::forget(&transaction, user).await.map_err(|error| refusal(&error))?;
        media::forget(&transaction, user).await.map_err(|error| refusal(&error))?;
        usage::forget(&transaction, user).await.map_err(|error| refusal(&error))?;
        enqueue(&transaction, &shop::leaving(user)).await.map_err(|error| refusal(&error))?;
        let detail = json!({ "rooms": rooms, "avatars": avatars.len(), "pseudonym": username });
        audit::record_own(&transaction, ERASE, ("user", user.to_string()), &detail)
            .await
            .map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        accounts.changed(user);
        tracing::info!(%user, rooms, "an account was erased");
        Ok(Erased::Now { rooms })
    }

    /// Has the room's actor delete it, so that one that is alive knows.
    async fn close_room(&self, room: RoomId, user: UserId) -> Result<(), Refusal> {
        let (responder, answer) = Responder::channel();
        self.0.engine.delete_room(room, user, responder);
        let unknown = || Refusal::new(RefusalCode::OutcomeUnknown, "the conversation did not answer in time");
        let answer = tokio::time::timeout(ENGINE_DEADLINE, answer).await.map_err(|_| unknown())?;
        match answer.unwrap_or_else(|_| Err(unknown())) {
            Ok(_) => Ok(()),
            // It is deleted, or somebody else's and everybody has left: the log goes all the same.
            Err(refusal) if matches!(refusal.code, RefusalCode::NotFound | RefusalCode::Forbidden) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}

struct Eraser(Privacy);

impl Handler for Eraser {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let user = job.payload.get("user").and_then(|id| Uuid::try_parse(id.as_str()?).ok());
            let user = user.ok_or_else(|| JobError::Never("the job names no account".to_owned()))?;
            match self.0.erase(UserId::from_uuid(user)).await {
                Ok(_) => Ok(()),
                Err(refusal) => Err(JobError::Again(refusal.message)),
            }
        }
        .boxed()
    }
}

struct Sweeper(Privacy);

impl Handler for Sweeper {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            match self.0.sweep().await {
                Ok(_) => Ok(()),
                Err(refusal) => Err(JobError::Again(refusal.message)),
            }
        }
        .boxed()
    }
}

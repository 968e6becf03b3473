//! Writing an avatar: the job that asks a model and ends what was begun, paid or paid back; and the sweep of what was lost, and of
//! what came to nothing long ago.
//!
//! Everything that is kept is kept in one transaction, under the lock of the writing's row: whoever comes second, by a second
//! taking of the same job or after its owner deleted the avatar, finds it ended and does nothing. A hold that has ended
//! meanwhile pays nothing, so nothing is made for it.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{CharacterId, Purpose, UserId};
use greenroom_actors::ports::Side;
use greenroom_actors::protocol::{Notification, NotificationLevel, Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::profile::{NoProfile, Profile};
use super::store::WritingRow;
use super::{Avatars, judge, offline, profile, store, thumbnail};
use crate::ai::WriteRequest;
use crate::billing::ledger;
use crate::characters::owned::{self, Ownership};
use crate::characters::{Making, checked_draft};
use crate::jobs::{Handler, Job, JobError, QueueName, Recurring, enqueue, is_open};
use crate::postgres::refusal;
use crate::studio::content::RETRY_MAX;

/// The job that writes one: its payload is `{"avatar": <id>}`, its key the id.
pub const WRITE: &str = "avatar.write";
/// Gives back what was held for writings whose job is gone, on one node for all.
pub const SWEEP: Recurring =
    Recurring { queue: QueueName::Maintenance, kind: "avatar.sweep", every: Duration::from_secs(300) };
/// Times that a model is asked by one job, where what it says is no profile.
const ASKED_MAX: usize = 3;
/// A writing without a job is lost when it is so old: by then its own transaction has long been seen.
const LOST_AFTER: Duration = Duration::from_secs(120);
/// In one look.
const LOST_MAX: i64 = 500;
/// Taken away at a time.
const PURGED_MAX: i64 = 200;

/// Why a writing comes to nothing, for its owner.
struct Fault {
    code: &'static str,
    words: String,
}

impl Fault {
    fn new(code: &'static str, words: &str) -> Self {
        Self { code, words: words.to_owned() }
    }
}

/// How asking went.
enum Told {
    Profile(Box<Profile>, String),
    /// It would be the same again.
    Never(Fault),
    /// It may go better later.
    Later(Refusal),
}

impl Avatars {
    /// Writes one, if it is still to be written. `last`: no further try comes after this one.
    async fn write(&self, avatar: CharacterId, last: Last) -> Result<(), JobError> {
        let client = self.client().await.map_err(again)?;
        let row = store::of(&client, avatar).await.map_err(|error| again(refusal(&error)))?;
        drop(client);
        let Some(row) = row.filter(|row| row.open) else { return Ok(()) };
        match self.ask(&row).await {
            Told::Profile(profile, by) => self.finish(&row, *profile, &by).await.map_err(again),
            Told::Never(fault) => self.fail(avatar, &fault).await.map_err(again),
            Told::Later(_) if last == Last::Yes => {
                let fault = Fault::new("dependency_down", "nobody could write it: try again later");
                self.fail(avatar, &fault).await.map_err(again)
            }
            Told::Later(refusal) => Err(match refusal.retry_after {
                // Its owner waits for it: not for longer than for a picture.
                Some(pause) => JobError::NotBefore(pause.min(RETRY_MAX), refusal.message),
                None => JobError::Again(refusal.message),
            }),
        }
    }

    async fn ask(&self, row: &WritingRow) -> Told {
        let mut wrong: Option<NoProfile> = None;
        for _ in 0..ASKED_MAX {
            let request = WriteRequest {
                system: profile::instruction(),
                ask: profile::question(&row.wish, wrong.as_ref()),
                max_tokens: self.0.settings.max_tokens,
                purpose: Purpose::Writing,
                user: row.owner,
            };
            let written = match self.0.writer.written(request).await {
                Ok(written) => written,
                Err(refusal) if refusal.code == RefusalCode::ContentRefused => {
                    return Told::Never(Fault::new("content_refused", "the provider will not write this"));
                }
                Err(refusal) => return Told::Later(refusal),
            };
            let read = if written.offline {
                Ok(offline::profile(&row.wish))
            } else {
                profile::read(&row.wish, &written.text)
            };
            let read = read.and_then(|profile| {
                let said = |faults: Vec<crate::error::FieldError>| {
                    let fault = faults.first().map(|fault| format!("{} {}", fault.field, fault.message));
                    NoProfile(fault.unwrap_or_default())
                };
                let draft = checked_draft(profile.draft).map_err(said)?;
                Ok(Profile { draft, appearance: profile.appearance })
            });
            let profile = match read {
                Ok(profile) => profile,
                Err(why) => {
                    tracing::info!(avatar = %row.avatar, why = why.0, "a model wrote no profile");
                    wrong = Some(why);
                    continue;
                }
            };
            let said = judge::texts(&profile.draft, &profile.appearance);
            return match self.judge(row.owner, &said, Side::Reply).await {
                Ok(()) => Told::Profile(Box::new(profile), written.writer()),
                Err(refusal) if refusal.code == RefusalCode::ContentRefused => {
                    Told::Never(Fault::new("content_refused", "what was written of it may not be here"))
                }
                Err(refusal) => Told::Later(refusal),
            };
        }
        Told::Never(Fault::new("invalid_answer", "no usable profile was written: describe it in other words"))
    }

    /// It is written: paid, and its picture is to be made.
    async fn finish(&self, row: &WritingRow, profile: Profile, by: &str) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let still = store::lock(&transaction, row.avatar).await.map_err(|error| refusal(&error))?;
        let Some(still) = still.filter(|row| row.open) else { return Ok(()) };
        let before = match owned::lock(&transaction, still.owner, row.avatar).await {
            Ok(before) => before,
            Err(refusal) if refusal.code == RefusalCode::NotFound => {
                drop(transaction);
                drop(client);
                return self.fail(row.avatar, &Fault::new("deleted", "it was deleted")).await;
            }
            Err(refusal) => return Err(refusal),
        };
        match ledger::end(&transaction, still.owner, still.hold, still.credits).await {
            Ok(_) => {}
            Err(refusal) if matches!(refusal.code, RefusalCode::Conflict | RefusalCode::NotFound) => {
                drop(transaction);
                drop(client);
                return self
                    .fail(row.avatar, &Fault::new("expired", "it took too long, and was paid back"))
                    .await;
            }
            Err(refusal) => return Err(refusal),
        }
        let Profile { draft, appearance } = profile;
        let draft = crate::characters::CharacterDraft { slug: before.draft.slug.clone(), ..draft };
        let (owner, visibility) = (still.owner, before.access.visibility);
        let ownership = Ownership { owner, visibility, making: Making::Ready, appearance };
        owned::rewrite(&transaction, &before, &draft, &ownership).await?;
        store::end(&transaction, row.avatar, "done", Some(by), None)
            .await
            .map_err(|error| refusal(&error))?;
        enqueue(&transaction, &thumbnail::job(owner, row.avatar)).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.0.characters.written(row.avatar);
        self.tell(still.owner, "avatar.ready", format!("{} is ready", draft.name), NotificationLevel::Info);
        Ok(())
    }

    fn tell(&self, owner: UserId, kind: &str, title: String, level: NotificationLevel) {
        let body = match level {
            NotificationLevel::Info => "You can talk with your new avatar now.",
            NotificationLevel::Warning | NotificationLevel::Critical => {
                "Your avatar could not be written. The credits are yours again."
            }
        };
        (self.0.tell)(owner, Notification { kind: kind.to_owned(), title, body: body.to_owned(), level });
    }

    /// Nothing comes of it: paid back, and its owner reads why.
    async fn fail(&self, avatar: CharacterId, fault: &Fault) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let row = store::lock(&transaction, avatar).await.map_err(|error| refusal(&error))?;
        let Some(row) = row.filter(|row| row.open) else { return Ok(()) };
        let told = Some((fault.code, fault.words.as_str()));
        self.give_back(&transaction, &row, "failed", told).await?;
        match owned::lock(&transaction, row.owner, avatar).await {
            Ok(before) => {
                let ownership = Ownership {
                    owner: row.owner,
                    visibility: before.access.visibility,
                    making: Making::Failed,
                    appearance: String::new(),
                };
                owned::rewrite(&transaction, &before, &before.draft, &ownership).await?;
            }
            // An admin deleted it.
            Err(refusal) if refusal.code == RefusalCode::NotFound => {}
            Err(refusal) => return Err(refusal),
        }
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.0.characters.written(avatar);
        let title = format!("{} was not written", row.wish.name);
        self.tell(row.owner, "avatar.failed", title, NotificationLevel::Warning);
        tracing::info!(%avatar, code = fault.code, "an avatar was not written");
        Ok(())
    }

    /// Ends a locked writing without a payment.
    pub(super) async fn give_back(
        &self,
        transaction: &deadpool_postgres::Transaction<'_>,
        row: &WritingRow,
        state: &str,
        fault: Option<(&str, &str)>,
    ) -> Result<(), Refusal> {
        match ledger::end(transaction, row.owner, row.hold, 0).await {
            Ok(_) => {}
            // It ended by itself.
            Err(refusal) if matches!(refusal.code, RefusalCode::Conflict | RefusalCode::NotFound) => {}
            Err(refusal) => return Err(refusal),
        }
        store::end(transaction, row.avatar, state, None, fault).await.map_err(|error| refusal(&error))
    }

    /// Gives back what is held for writings that no job does any more; answers how many. To be called now and then.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        self.sweep_after(LOST_AFTER).await
    }

    /// The same for those that are so old.
    pub async fn sweep_after(&self, age: Duration) -> Result<u64, Refusal> {
        let mut lost = Vec::new();
        {
            let client = self.client().await?;
            let open = store::open(&client, age.as_secs_f64(), LOST_MAX).await;
            for avatar in open.map_err(|error| refusal(&error))? {
                let has_job = is_open(&client, WRITE, &avatar.to_string()).await;
                if !has_job.map_err(|error| refusal(&error))? {
                    lost.push(avatar);
                }
            }
        }
        for avatar in &lost {
            self.fail(*avatar, &Fault::new("interrupted", "it was interrupted, and was paid back")).await?;
        }
        Ok(lost.len() as u64)
    }

    /// Takes away for good what was not written so long ago that it is kept no more, as of `now`; answers how many.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, Refusal> {
        let before = now.checked_sub(self.0.settings.failed_keep()).unwrap_or(Timestamp::MIN);
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let gone = owned::purge(&transaction, before, PURGED_MAX).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        gone.iter().for_each(|avatar| self.0.characters.taken_away(*avatar));
        Ok(gone.len() as u64)
    }
}

/// Whether a job is tried again when this try fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

impl Last {
    pub fn of(job: &Job, retries: u32) -> Self {
        if job.attempt > retries { Self::Yes } else { Self::No }
    }
}

pub(super) fn again(refusal: Refusal) -> JobError {
    JobError::Again(refusal.message)
}

/// Which avatar a job is about.
pub(super) fn avatar_of(job: &Job) -> Result<CharacterId, JobError> {
    let id = job.payload.get("avatar").and_then(|id| Uuid::try_parse(id.as_str()?).ok());
    id.map(CharacterId::from_uuid).ok_or_else(|| JobError::Never("the job names no avatar".to_owned()))
}

pub(super) struct Writing(pub Avatars);

impl Handler for Writing {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let last = Last::of(job, self.0.0.job_retries);
            self.0.write(avatar_of(job)?, last).await
        }
        .boxed()
    }
}

pub(super) struct Sweeper(pub Avatars);

impl Handler for Sweeper {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let lost = self.0.sweep().await.map_err(again)?;
            if lost > 0 {
                tracing::warn!(lost, "writings of avatars were lost, and paid back");
            }
            let purged = self.0.purge(Timestamp::now()).await.map_err(again)?;
            if purged > 0 {
                tracing::info!(purged, "avatars that were never written are gone");
            }
            Ok(())
        }
        .boxed()
    }
}

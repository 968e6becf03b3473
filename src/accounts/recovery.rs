//! A new password: by a link sent by mail when the old one is forgotten, or by the old one.
//!
//! Asking for a link does the same for every address, known or not: it queues a job. The job looks whose address it is;
//! of one that nobody has, or whose account is blocked or deactivated, nothing comes.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::history::{AuthEvent, Happened};
use super::links::{LinkPurpose, bad_link};
use super::passwords::Verdict;
use super::rules::Email;
use super::{Accounts, LinkToken, NewPassword, Origin, Profile, Which, store};
use crate::error::FieldError;
use crate::jobs::{Handler, Handlers, Job, JobError, NewJob, QueueName, enqueue};
use crate::outbound::{Channel, Letter};
use crate::postgres::refusal;

/// The kind of the job that sends the link.
const RESET_LINK: &str = "account.reset_link";
/// Somebody waits for it.
const PRIORITY: i16 = -10;
/// Who asked so long ago has asked again, or does not want it any more.
const STALE: Duration = Duration::from_secs(3_600);

/// What the job is given: an address that somebody typed.
#[derive(Serialize, Deserialize)]
struct Asked {
    email: String,
    at: Timestamp,
}

impl Accounts {
    /// What does the jobs that are queued here.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(RESET_LINK, Arc::new(SendResetLink(self.clone())))]
    }

    /// Sends a link that sets a new password, if somebody has this address; answers the same if not.
    pub async fn forgot_by_email(&self, email: &Email) -> Result<(), Refusal> {
        self.0.outbound.needs_mail()?;
        let asked = Asked { email: email.key.clone(), at: Timestamp::now() };
        let payload = serde_json::to_value(asked).map_err(|error| {
            tracing::error!(%error, "a job cannot be written");
            Refusal::new(RefusalCode::Internal, "something went wrong here")
        })?;
        let key = Some(digest(&email.key));
        let job = NewJob { priority: PRIORITY, key, ..NewJob::new(QueueName::Emails, RESET_LINK, payload) };
        let client = self.client().await?;
        enqueue(&client, &job).await.map(drop).map_err(|error| refusal(&error))
    }

    async fn send_reset_link(&self, email: &str) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let found = store::by_email(&transaction, email).await.map_err(|error| refusal(&error))?;
        let Some(found) = found else { return Ok(()) };
        let account = store::lock(&transaction, found.profile.id).await.map_err(|error| refusal(&error))?;
        let Some(account) = account.filter(store::Account::is_active) else { return Ok(()) };
        // Another address may stand there since.
        if account.profile.email.as_ref().is_some_and(|now| now.to_lowercase() == email) {
            self.send_reset(&transaction, &account.profile).await?;
        }
        transaction.commit().await.map_err(|error| refusal(&error))
    }

    /// Sets a password by a link and ends all of the account's sign-ins. Where nobody had proved the address before, the
    /// other ways in are shut too: API keys, identities, a mobile number.
    pub async fn reset_password(
        &self,
        token: &LinkToken,
        password: &NewPassword,
        origin: &Origin,
    ) -> Result<Result<(), FieldError>, Refusal> {
        // Before anything is locked: no lock waits for a hash.
        let hash = self.hash(password).await?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let Some(profile) = self.use_link(&transaction, token, LinkPurpose::ResetPassword).await? else {
            return Ok(Err(bad_link()));
        };
        store::set_password(&transaction, profile.id, &hash).await.map_err(|error| refusal(&error))?;
        if !profile.email_verified {
            // Whoever made the account may be somebody else, who waits for the owner of the address to move in.
            store::links::shut_other_doors(&transaction, profile.id)
                .await
                .map_err(|error| refusal(&error))?;
        }
        let reset = Happened::new(profile.id, AuthEvent::PasswordReset, origin);
        reset.record(&transaction).await.map_err(|error| refusal(&error))?;
        self.end_sign_ins(&transaction, profile.id, Which::All, "password_reset").await?;
        let profile = Profile { email_verified: true, ..profile };
        self.tell_of_change(&transaction, &profile, origin).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        tracing::info!(user = %profile.id, "a password was reset by mail");
        Ok(Ok(()))
    }

    /// Sets a password in the place of `current`, or a first one, and ends the user's other sign-ins; answers how many.
    pub async fn change_password(
        &self,
        user: UserId,
        sign_in: SessionId,
        current: Option<&str>,
        password: &NewPassword,
        origin: &Origin,
    ) -> Result<Result<u64, FieldError>, Refusal> {
        let account = self.active(user).await?;
        let kept = account.password_hash.as_deref();
        if let Some(kept) = kept {
            let Some(current) = current else {
                return Ok(Err(FieldError::new("currentPassword", "is missing")));
            };
            if self.0.passwords.verify(current, Some(kept)).await? == Verdict::Wrong {
                let refused = Happened {
                    refused_why: Some("wrong_password"),
                    sign_in: Some(sign_in),
                    ..Happened::new(user, AuthEvent::PasswordChanged, origin)
                };
                let client = self.client().await?;
                refused.record(&client).await.map_err(|error| refusal(&error))?;
                return Ok(Err(FieldError::new("currentPassword", "is not the present password")));
            }
        }
        let hash = self.hash(password).await?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let changed = store::replace_password(&transaction, user, kept, &hash)
            .await
            .map_err(|error| refusal(&error))?;
        if !changed {
            return Err(Refusal::new(RefusalCode::Conflict, "the password was changed meanwhile: try again"));
        }
        let event =
            Happened { sign_in: Some(sign_in), ..Happened::new(user, AuthEvent::PasswordChanged, origin) };
        event.record(&transaction).await.map_err(|error| refusal(&error))?;
        let ended = self.end_sign_ins(&transaction, user, Which::AllBut(sign_in), "password_changed").await?;
        self.tell_of_change(&transaction, &account.profile, origin).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(Ok(ended))
    }

    /// A letter to the owner, who may not be the one who did it.
    pub(super) async fn tell_of_change(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        profile: &Profile,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        match &profile.email {
            Some(to) if profile.email_verified && self.0.outbound.mail() != Channel::Off => {
                let (name, address) = (profile.display_name.clone(), origin.address.clone());
                let letter = Letter::PasswordChanged { name, address };
                self.0.outbound.send_mail(client, to, &profile.locale, &letter).await
            }
            _ => Ok(()),
        }
    }
}

/// Names an address among the jobs without telling it.
fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

struct SendResetLink(Accounts);

impl Handler for SendResetLink {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let asked = Asked::deserialize(&job.payload)
                .map_err(|_| JobError::Never("the payload is of another form".to_owned()))?;
            let age = Timestamp::now().duration_since(asked.at);
            if Duration::try_from(age).unwrap_or_default() > STALE {
                return Ok(());
            }
            self.0.send_reset_link(&asked.email).await.map_err(|refusal| match refusal.code {
                RefusalCode::FeatureUnavailable => JobError::Never(refusal.message),
                _ => JobError::Again(refusal.message),
            })
        }
        .boxed()
    }
}

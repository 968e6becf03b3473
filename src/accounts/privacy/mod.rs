//! What a person may do with all that is kept of them: take it along, and leave.
//!
//! Leaving is soft at first: the account is deactivated, and an admin can bring it back for `auth.erase_after_days`.
//! Then a job [erases](erase) it. [`export`] writes a zip file of all that belongs to the account.

mod erase;
mod export;
mod records;
mod routes;
mod store;
mod zipped;

use std::sync::Arc;

use deadpool_postgres::Transaction;
use greenroom_actors::engine::Engine;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::history::{AuthEvent, Happened};
use super::people::{last_admin, lock_active_admins};
use super::{Accounts, Origin, Profile, Verdict, Which};
use crate::billing::shop;
use crate::error::FieldError;
use crate::http::Caller;
use crate::jobs::enqueue;
use crate::outbound::{Channel, Letter};
use crate::postgres::refusal;

pub use erase::{Erased, SWEEP};
pub use routes::routes;

use export::Exports;

/// Cheap to clone.
#[derive(Clone)]
pub struct Privacy(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    engine: Engine,
    exports: Exports,
}

impl Privacy {
    #[must_use]
    pub fn new(accounts: Accounts, engine: Engine) -> Self {
        let exports = Exports::new(&accounts.0.config.data_dir);
        Self(Arc::new(Inner { accounts, engine, exports }))
    }

    /// Deactivates the caller's account: all sign-ins end, and in some weeks it is erased. The password is demanded of
    /// those who have one: a token alone, left open on a device, takes nobody's account.
    pub async fn deactivate(
        &self,
        caller: &Caller,
        password: Option<&str>,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let accounts = &self.0.accounts;
        let days = accounts.0.config.auth.erase_after_days;
        self.check_password(caller, password, origin).await?;
        let mut client = accounts.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let admins = lock_active_admins(&transaction).await.map_err(|error| refusal(&error))?;
        if admins == [caller.user] {
            return Err(last_admin());
        }
        let profile =
            super::store::by_id(&transaction, caller.user).await.map_err(|error| refusal(&error))?;
        let deactivated =
            store::deactivate(&transaction, caller.user, days).await.map_err(|error| refusal(&error))?;
        let Some(deactivated) = deactivated else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        accounts.end_sign_ins(&transaction, caller.user, Which::All, "deactivated").await?;
        let happened = Happened::new(caller.user, AuthEvent::Deactivated, origin);
        happened.record(&transaction).await.map_err(|error| refusal(&error))?;
        enqueue(&transaction, &erase::job(&deactivated)).await.map_err(|error| refusal(&error))?;
        enqueue(&transaction, &shop::leaving(caller.user)).await.map_err(|error| refusal(&error))?;
        if let Some(profile) = profile.map(|account| account.profile) {
            self.send_farewell(&transaction, &profile, days).await?;
        }
        transaction.commit().await.map_err(|error| refusal(&error))?;
        tracing::info!(user = %caller.user, "an account was deactivated by its user");
        accounts.changed(caller.user);
        Ok(())
    }

    /// A mail that says so, to whoever has an address and where mail goes out: it may have been somebody else.
    async fn send_farewell(
        &self,
        transaction: &Transaction<'_>,
        profile: &Profile,
        days: u32,
    ) -> Result<(), Refusal> {
        let outbound = &self.0.accounts.0.outbound;
        let Some(email) = profile.email.as_deref().filter(|_| outbound.mail() != Channel::Off) else {
            return Ok(());
        };
        let letter = Letter::Deactivated { name: profile.display_name.clone(), days };
        outbound.send_mail(transaction, email, &profile.locale, &letter).await
    }

    async fn check_password(
        &self,
        caller: &Caller,
        password: Option<&str>,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let accounts = &self.0.accounts;
        let client = accounts.client().await?;
        let account = super::store::by_id(&client, caller.user).await.map_err(|error| refusal(&error))?;
        // Hashing takes its time: others need the connection meanwhile.
        drop(client);
        let Some(hash) = account.and_then(|account| account.password_hash) else { return Ok(()) };
        let Some(password) = password.filter(|password| !password.is_empty()) else {
            return Err(FieldError::new("password", "is missing").into());
        };
        if accounts.0.passwords.verify(password, Some(&hash)).await? != Verdict::Wrong {
            return Ok(());
        }
        let refused = Happened {
            refused_why: Some("wrong_password"),
            ..Happened::new(caller.user, AuthEvent::Deactivated, origin)
        };
        let client = accounts.client().await?;
        refused.record(&client).await.map_err(|error| refusal(&error))?;
        Err(Refusal::new(RefusalCode::Forbidden, "the password is wrong"))
    }
}

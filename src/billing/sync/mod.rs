//! From Stripe's state to ours: asks Stripe how an object stands, and writes it with its effect in one transaction.
//!
//! An event says only that something may have changed. What is written is always the object's present state, and what
//! somebody has by it is worked out from all rows anew ([`settle`]): so the order of events, and how often they come, does
//! not matter. Rows follow Stripe's states in their order: who [looks](Sync::look) notes how often the object was written
//! before it asks Stripe, and who [writes](Sync::write) while that number has changed is stale and looks again, at most
//! [`TRIES`] times. No connection to the database is held while Stripe is asked.
//!
//! What we did not make has no effect: a session or a payment must have its row in `checkouts`, and fit what was offered
//! there; a subscription must be of a customer of ours, at the price of one of our plans. Owned here: `stripe_synced`.

mod fits;
mod look;
mod plan;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::{Client, Pool, Transaction};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use self::look::boxed;
use super::records::{Payment, Subscription, keep_payment, keep_subscription};
use super::stripe::{Stripe, StripeError};
use super::terms::{Notice, Terms, settle};
use crate::postgres::refusal;

/// How often one object is looked at before others, who write it all the time, are left alone with it.
pub const TRIES: u32 = 8;
/// When to come again where Stripe did not say.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A session, and what it led to.
    Checkout(String),
    Intent(String),
    /// By its intent.
    Charge(String),
    Invoice(String),
    /// With its latest invoice.
    Subscription(String),
}

/// Why an object was not written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("{}", .0.message)]
    Database(Refusal),
    #[error("Stripe gives no answer in time")]
    Late,
    /// Others wrote it each time between our look and our write.
    #[error("others write the same all the time")]
    Contended,
    /// What Stripe says cannot be of what was offered here: for a person to look at.
    #[error("{0}")]
    Unfit(String),
}

impl From<Refusal> for SyncError {
    fn from(refusal: Refusal) -> Self {
        Self::Database(refusal)
    }
}

impl From<deadpool_postgres::PoolError> for SyncError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Database(refusal(&error))
    }
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Self {
        let (code, wait) = match error {
            SyncError::Database(refusal) => return refusal,
            SyncError::Stripe(StripeError::Away { retry_after, .. }) => {
                (RefusalCode::DependencyDown, retry_after.unwrap_or(RETRY_AFTER))
            }
            SyncError::Stripe(StripeError::NotFound) => {
                return Self::new(RefusalCode::NotFound, "Stripe knows of no such thing");
            }
            SyncError::Stripe(error) => {
                tracing::error!(%error, "Stripe does not answer as it should");
                (RefusalCode::DependencyDown, RETRY_AFTER)
            }
            SyncError::Late => (RefusalCode::DependencyDown, RETRY_AFTER),
            SyncError::Contended => (RefusalCode::DependencyDown, Duration::from_secs(1)),
            SyncError::Unfit(what) => {
                tracing::error!(what, "a payment does not fit what was offered");
                return Self::new(
                    RefusalCode::Conflict,
                    "what was paid does not fit what was offered: an admin has to look at it",
                );
            }
        };
        Self::temporary(code, "the payment service does not answer: try again", wait)
    }
}

/// Whether rows that stand as they stood are settled anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// They were settled when they were written.
    IfChanged,
    Always,
}

/// How an object stands at Stripe, made ready to be written.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Whose it is; `None`: none of ours.
    pub user: Option<UserId>,
    payment: Option<Seen<Payment>>,
    subscription: Option<Seen<Subscription>>,
    /// What is written, and how often it had been when we began to look.
    versions: BTreeMap<String, i64>,
}

#[derive(Clone, Debug)]
struct Seen<T> {
    row: T,
    changed: bool,
}

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Written {
    /// To be told after the commit.
    Done(Vec<Notice>),
    /// Somebody wrote since we looked: the transaction is to be rolled back, and the object looked at anew.
    Stale,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Sync {
    pool: Pool,
    stripe: Stripe,
    terms: Terms,
    /// Which plan a price is of: a price keeps its plan.
    prices: Arc<Mutex<HashMap<String, String>>>,
}

impl Sync {
    #[must_use]
    pub fn new(pool: Pool, stripe: Stripe, terms: Terms) -> Self {
        Self { pool, stripe, terms, prices: Arc::default() }
    }

    /// A checkout session and all that it led to (payment or subscription with its invoice). Answers whose it is; `None`: it
    /// is none of ours.
    pub async fn checkout(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        self.whole(Object::Checkout(id.to_owned())).await
    }

    pub async fn intent(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        self.whole(Object::Intent(id.to_owned())).await
    }

    pub async fn invoice(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        self.whole(Object::Invoice(id.to_owned())).await
    }

    /// With its latest invoice.
    pub async fn subscription(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        self.whole(Object::Subscription(id.to_owned())).await
    }

    /// Looks and writes, in a transaction of its own.
    async fn whole(&self, object: Object) -> Result<Option<UserId>, Refusal> {
        for _ in 0..TRIES {
            let look = self.look(&object).await?;
            let mut client = self.client().await?;
            let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
            match self.write(&transaction, &look, Settling::Always).await? {
                Written::Stale => {}
                Written::Done(notices) => {
                    transaction.commit().await.map_err(|error| refusal(&error))?;
                    self.tell(&notices);
                    return Ok(look.user);
                }
            }
        }
        Err(SyncError::Contended.into())
    }

    /// Asks Stripe how the object stands. Writes nothing.
    pub async fn look(&self, object: &Object) -> Result<Look, SyncError> {
        match object {
            Object::Checkout(id) => boxed(self.look_at_checkout(id)).await,
            Object::Intent(id) => boxed(self.look_at_intent(id, None)).await,
            Object::Charge(id) => match boxed(self.stripe.charge(id)).await {
                Ok(charge) => match charge.intent_id {
                    Some(intent) => boxed(self.look_at_intent(&intent, None)).await,
                    None => Ok(Look::default()),
                },
                Err(StripeError::NotFound) => Ok(Look::default()),
                Err(error) => Err(error.into()),
            },
            Object::Invoice(id) => boxed(self.look_at_invoice(id)).await,
            Object::Subscription(id) => boxed(self.look_at_subscription(id)).await,
        }
    }

    /// Writes what was seen, with what follows from it, in the caller's transaction. Locks the objects' rows, in the order of
    /// their ids, and then the person's.
    pub async fn write(
        &self,
        transaction: &Transaction<'_>,
        look: &Look,
        settling: Settling,
    ) -> Result<Written, SyncError> {
        let Some(user) = look.user else { return Ok(Written::Done(Vec::new())) };
        let changed = look.payment.as_ref().is_some_and(|seen| seen.changed)
            || look.subscription.as_ref().is_some_and(|seen| seen.changed);
        if !changed && settling == Settling::IfChanged {
            return Ok(Written::Done(Vec::new()));
        }
        if changed {
            if !store::is_latest(transaction, &look.versions).await? {
                return Ok(Written::Stale);
            }
            if let Some(Seen { row, .. }) = &look.subscription {
                keep_subscription(transaction, row).await?;
            }
            if let Some(Seen { row, .. }) = &look.payment {
                keep_payment(transaction, row).await?;
            }
        }
        Ok(Written::Done(settle(transaction, user, &self.terms).await?))
    }

    /// Tells people what has changed for them, once it is committed.
    pub fn tell(&self, notices: &[Notice]) {
        self.terms.tell(notices);
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

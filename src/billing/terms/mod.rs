//! What somebody has by what was bought and given: their plan and until when, and the credits that came with it.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::{Catalogue, UserId};
use greenroom_actors::protocol::Refusal;

use crate::config::BillingSettings;

/// What has changed for somebody, to be told once it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub user: UserId,
    /// Machine-readable: `plan.started`, `plan.extended`, `plan.ended`, `payment.failed`, `payment.refunded`, `credits.added`…
    pub code: &'static str,
    pub message: String,
    pub warning: bool,
}

/// Works out what a person has now from the rows of `payments`, `subscriptions` and `plan_grants`, and writes it: plan, its
/// end and what comes after it in `users`, credits in the ledger, letters in the outbox, news for all nodes. What holds
/// already is not written again, so it may be done at any time and any number of times. Locks the person's row.
pub async fn settle(
    transaction: &Transaction<'_>,
    user: UserId,
    terms: &Terms,
) -> Result<Vec<Notice>, Refusal> {
    let _ = (transaction, user, terms);
    todo!()
}

/// What settling needs beside the database. Cheap to clone.
#[derive(Clone)]
pub struct Terms {
    pub plans: Catalogue,
    pub settings: BillingSettings,
}

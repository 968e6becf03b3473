//! Credits: who has how many, where they came from and where they went. A double-entry ledger in which nothing is ever changed.
//!
//! **Two phases.** What costs credits [`hold`](Ledger::hold)s them first, and then [`end`](Ledger::end)s the hold: paid in whole or
//! in part, or given back. A hold that nobody ends is given back when its time is over. **Two accounts.** A plan's credits
//! end with its period and are spent first (an extended period carries them on); bought and granted ones stay. **Once.** Every transfer has a key: the same order
//! under the same key is the same transfer and the same answer; another order under it is a conflict.
//!
//! What an order does is decided in [`decide`], pure, under the lock of the person's row; that no balance is below zero, that
//! entries come to nothing, that a hold ends once and that nothing is changed or taken out is the database's own rule
//! (migration V25). One person's transfers go one after the other; no row is shared between people.

pub mod decide;
mod lane;
mod orders;
mod sweep;
mod store;

use std::time::Duration;

use deadpool_postgres::{Client, GenericClient, Pool};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use self::decide::Standing;
pub use self::decide::{Order, Purse, TransferKind};
use self::lane::Lanes;
use self::orders::{Anew, Ask};
pub use self::orders::{end, move_end, record, take};
pub use self::sweep::{SWEEP, sweep_handler};
use crate::audit::{self, Act};
use crate::http::{Page, PageQuery, moment_cursor};
use crate::postgres::{Stored, refusal};

/// Faults that a verification lists.
const FAULTS_MAX: i64 = 100;

/// What a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BalanceView {
    /// What can be spent now.
    pub available: i64,
    /// Part of `available` that ends with the plan's period.
    pub plan: i64,
    /// Part of `available` that was bought or granted, and stays.
    pub own: i64,
    /// Set aside for what is under way.
    pub held: i64,
    /// When the plan's part ends.
    pub plan_ends_at: Option<Timestamp>,
}

impl BalanceView {
    fn new(standing: &Standing, now: Timestamp) -> Self {
        let over = standing.plan_is_over(now);
        Self {
            available: standing.available(now),
            plan: if over { 0 } else { standing.plan },
            own: standing.own,
            held: standing.held,
            plan_ends_at: standing.plan_ends_at.filter(|_| !over),
        }
    }
}

/// A transfer as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferView {
    pub id: Uuid,
    /// `plan`, `grant`, `purchase`, `revoke`, `hold`, `settle`, `release` or `expire`.
    pub kind: String,
    pub amount: i64,
    /// By how much what can be spent changed.
    pub change: i64,
    /// The hold that this ended.
    pub hold_id: Option<Uuid>,
    /// What it was for.
    pub reference: Option<String>,
    pub reason: Option<String>,
    pub created_at: Timestamp,
}

/// A transfer that was made, now or before under the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub id: Uuid,
    pub kind: TransferKind,
    pub user: UserId,
    pub amount: i64,
    pub hold: Option<Uuid>,
    pub reference: String,
}

/// What stands beside an order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Note<'a> {
    /// Who asks twice with the same key asks once; 1 to 200 bytes, one name space for all.
    pub key: &'a str,
    /// What it is for: `avatar:<id>`.
    pub reference: &'a str,
    /// For a person to read.
    pub reason: &'a str,
    /// The admin who wants it.
    pub actor: Option<UserId>,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub transfers: i64,
    /// In words; empty where all is as it must be.
    pub faults: Vec<String>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    pool: Pool,
    lanes: Lanes,
}

impl Ledger {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool, lanes: Lanes::default() }
    }

    pub async fn balance(&self, user: UserId) -> Result<BalanceView, Refusal> {
        let client = self.client().await?;
        balance(&client, user).await.map_err(|error| refusal(&error))
    }

    /// The latest first.
    pub async fn transfers(&self, user: UserId, page: &PageQuery) -> Result<Page<TransferView>, Refusal> {
        let after = page.after_moment()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let found =
            store::transfers(&client, user, after, limit + 1, skip).await.map_err(|error| refusal(&error))?;
        let total = store::count(&client, user).await.map_err(|error| refusal(&error))?;
        Ok(Page::cut(page, found, Some(total), |last| moment_cursor(last.created_at, last.id)))
    }

    /// Sets credits aside for `lasting`; refused with `out_of_credits` where there are not enough.
    pub async fn hold(
        &self,
        user: UserId,
        amount: i64,
        lasting: Duration,
        note: &Note<'_>,
    ) -> Result<Recorded, Refusal> {
        let lasting = jiff::SignedDuration::try_from(lasting).unwrap_or(jiff::SignedDuration::MAX);
        let expires_at = Timestamp::now().checked_add(lasting).unwrap_or(Timestamp::MAX);
        self.record(user, &Order::Hold { amount, expires_at }, note).await
    }

    /// Ends a hold: `pay` of it is spent, the rest goes back. One that has ended is a conflict, but for the same end again.
    pub async fn end(&self, user: UserId, hold: Uuid, pay: i64) -> Result<Recorded, Refusal> {
        self.lanes.ask(&self.pool, Ask::end(user, hold, pay)).await
    }

    /// Carries out any other order, in a transaction that others may share.
    pub async fn record(&self, user: UserId, order: &Order, note: &Note<'_>) -> Result<Recorded, Refusal> {
        self.lanes.ask(&self.pool, Ask::order(user, order, note)).await
    }

    /// The same for an admin's order, with the entry in the audit log.
    pub async fn adjust(
        &self,
        user: UserId,
        order: &Order,
        note: &Note<'_>,
        act: &Act<'_>,
    ) -> Result<Recorded, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let (recorded, anew) = orders::adjust(&transaction, Ask::order(user, order, note)).await?;
        if anew == Anew::Yes {
            audit::record(&transaction, act).await.map_err(|error| refusal(&error))?;
        }
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(recorded)
    }

    /// Adds up the whole ledger.
    pub async fn verify(&self) -> Result<Verdict, Refusal> {
        let client = self.client().await?;
        let read = async {
            let faults = store::faults(&client, FAULTS_MAX).await?;
            let (transfers, sum) = store::totals(&client).await?;
            Stored::Ok((transfers, sum, faults))
        };
        let (transfers, sum, mut faults) = read.await.map_err(|error| refusal(&error))?;
        if sum != 0 {
            faults.insert(0, format!("all entries together come to {sum}"));
        }
        Ok(Verdict { transfers, faults })
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// What a person has, read on the caller's connection.
pub async fn balance(client: &impl GenericClient, user: UserId) -> Stored<BalanceView> {
    let (standing, now) = store::balances(client, user).await?;
    Ok(BalanceView::new(&standing, now))
}

/// A person's transfers with ids above `after`, the oldest first: for the export of their account.
pub async fn records(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<TransferView>> {
    store::records(client, user, after, limit).await
}

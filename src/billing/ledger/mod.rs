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
mod sweep;
mod store;

use std::time::Duration;

use deadpool_postgres::{Client, GenericClient, Pool, Transaction};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use self::decide::{Hold, Refused, Standing, decide};
pub use self::decide::{Order, Purse, TransferKind};
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
}

impl Ledger {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
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
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let ended = end(&transaction, user, hold, pay).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(ended)
    }

    /// Carries out any other order, in a transaction of its own.
    pub async fn record(&self, user: UserId, order: &Order, note: &Note<'_>) -> Result<Recorded, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let recorded = record(&transaction, user, order, note).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(recorded)
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
        let locked =
            store::lock(&transaction, user, note.key, None).await.map_err(|error| refusal(&error))?;
        if let Some(before) = locked.before {
            return same(before, user, order, note);
        }
        let recorded = write(&transaction, user, order, note, locked).await?;
        audit::record(&transaction, act).await.map_err(|error| refusal(&error))?;
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

/// Carries out an order in the caller's transaction: the effect of an event stands or falls with the event.
pub async fn record(
    transaction: &Transaction<'_>,
    user: UserId,
    order: &Order,
    note: &Note<'_>,
) -> Result<Recorded, Refusal> {
    let ends = match order {
        Order::End { hold, .. } => Some(hold.id),
        _ => None,
    };
    let locked = store::lock(transaction, user, note.key, ends).await.map_err(|error| refusal(&error))?;
    if let Some(before) = locked.before {
        return same(before, user, order, note);
    }
    write(transaction, user, order, note, locked).await
}

/// Takes as many of one purse's credits as there are, `amount` at most, in the caller's transaction; answers how many. Where
/// there are none, nothing is recorded.
pub async fn take(
    transaction: &Transaction<'_>,
    user: UserId,
    amount: i64,
    of: Purse,
    note: &Note<'_>,
) -> Result<i64, Refusal> {
    let order = Order::Revoke { amount, of: Some(of) };
    let locked = store::lock(transaction, user, note.key, None).await.map_err(|error| refusal(&error))?;
    if let Some(before) = locked.before {
        return same(before, user, &order, note).map(|before| before.amount);
    }
    let there = match of {
        Purse::Own => locked.standing.own,
        Purse::Plan if locked.standing.plan_is_over(locked.now) => 0,
        Purse::Plan => locked.standing.plan,
    };
    if there == 0 {
        return Ok(0);
    }
    write(transaction, user, &order, note, locked).await.map(|taken| taken.amount)
}

/// Moves the end of what a person has of a plan's credits, in the caller's transaction. What is over already stays over.
pub async fn move_end(
    transaction: &Transaction<'_>,
    user: UserId,
    ends_at: Timestamp,
) -> Result<(), Refusal> {
    let moved = async {
        let mut locked = store::lock(transaction, user, "", None).await?;
        let period = locked.standing.plan_ends_at;
        if period == Some(ends_at) {
            return Ok(());
        }
        if locked.standing.plan_is_over(locked.now) {
            if let Some(transfer) = decide::expire(&mut locked.standing, 0) {
                write_expiry(transaction, user, &transfer, period).await?;
            }
        } else {
            store::move_holds(transaction, user, period, ends_at).await?;
        }
        store::set_period(transaction, user, ends_at).await
    };
    moved.await.map_err(|error| refusal(&error))
}

/// Ends a hold in the caller's transaction; see [`Ledger::end`].
pub async fn end(
    transaction: &Transaction<'_>,
    user: UserId,
    hold: Uuid,
    pay: i64,
) -> Result<Recorded, Refusal> {
    let key = format!("end:{hold}");
    let note = Note { key: &key, ..Note::default() };
    let locked = store::lock(transaction, user, &key, Some(hold)).await.map_err(|error| refusal(&error))?;
    let now = locked.now;
    match (&locked.before, locked.hold) {
        (Some(before), _) => {
            let paid = if before.kind == TransferKind::Settle { before.amount } else { 0 };
            if before.user == user && paid == pay { Ok(before.clone()) } else { Err(ended()) }
        }
        (None, None) => Err(Refusal::new(RefusalCode::NotFound, "there is no such hold")),
        // It may have been over for a while when the work that it was for came to its end: what is still held pays.
        (None, Some(found)) => {
            let order = Order::End { hold: found, pay };
            write(transaction, user, &order, &note, store::Locked { now, ..locked }).await
        }
    }
}

async fn write(
    transaction: &Transaction<'_>,
    user: UserId,
    order: &Order,
    note: &Note<'_>,
    locked: store::Locked,
) -> Result<Recorded, Refusal> {
    let mut standing = locked.standing;
    let period = standing.plan_ends_at;
    let runs = !standing.plan_is_over(locked.now);
    let transfers = decide(&mut standing, order, locked.now).map_err(|refused| refused_as(&refused))?;
    let failed = |error: deadpool_postgres::PoolError| {
        // The rules of the database stand behind `decide`: here they agree, or a hold was ended beside us.
        if store::is_refused(&error) { overtaken() } else { refusal(&error) }
    };
    let (last, first) = transfers.split_last().expect("an order that is carried out is a transfer");
    for transfer in first {
        write_expiry(transaction, user, transfer, period).await.map_err(failed)?;
    }
    let id = Uuid::now_v7();
    let ends = match order {
        Order::End { hold, .. } => Some(hold.id),
        _ => None,
    };
    let new = store::NewTransfer {
        id,
        key: note.key,
        transfer: last,
        hold: ends,
        reference: note.reference,
        reason: note.reason,
        actor: note.actor.map(UserId::uuid),
    };
    store::add(transaction, user, &new).await.map_err(failed)?;
    match order {
        Order::Plan { ends_at, carry, .. } => {
            // What is under way may come back to what is carried on.
            if runs && *carry > 0 {
                store::move_holds(transaction, user, period, *ends_at).await.map_err(failed)?;
            }
            store::set_period(transaction, user, *ends_at).await
        }
        Order::Hold { expires_at, .. } => {
            let taken =
                |account| last.entries.iter().find(|(one, _)| *one == account).map_or(0, |(_, moves)| -moves);
            let hold = Hold {
                id,
                from_plan: taken(decide::Account::Plan),
                from_own: taken(decide::Account::Own),
                plan_ends_at: period,
                expires_at: *expires_at,
            };
            store::open_hold(transaction, user, &hold).await
        }
        Order::End { hold, .. } => store::close_hold(transaction, hold.id).await,
        Order::Grant { .. } | Order::Purchase { .. } | Order::Revoke { .. } => Ok(()),
    }
    .map_err(failed)?;
    Ok(Recorded {
        id,
        kind: last.kind,
        user,
        amount: last.amount,
        hold: ends,
        reference: note.reference.to_owned(),
    })
}

/// Writes the end of a period's credits.
async fn write_expiry(
    transaction: &Transaction<'_>,
    user: UserId,
    transfer: &decide::Transfer,
    period: Option<Timestamp>,
) -> Stored<()> {
    let id = Uuid::now_v7();
    let (key, reference) =
        (format!("expire:{id}"), period.map(|end| format!("period:{end}")).unwrap_or_default());
    let new = store::NewTransfer {
        id,
        key: &key,
        transfer,
        hold: None,
        reference: &reference,
        reason: "",
        actor: None,
    };
    store::add(transaction, user, &new).await
}

/// The key was used before: for the same order it is the answer, for another a conflict.
fn same(before: Recorded, user: UserId, order: &Order, note: &Note<'_>) -> Result<Recorded, Refusal> {
    let (kind, amount) = match *order {
        Order::Plan { amount, .. } => (TransferKind::Plan, amount),
        Order::Grant { amount } => (TransferKind::Grant, amount),
        Order::Purchase { amount } => (TransferKind::Purchase, amount),
        // It took what there was.
        Order::Revoke { amount, .. } => (TransferKind::Revoke, before.amount.min(amount)),
        Order::Hold { amount, .. } => (TransferKind::Hold, amount),
        Order::End { pay: 0, hold } => (TransferKind::Release, hold.amount()),
        Order::End { pay, .. } => (TransferKind::Settle, pay),
    };
    let fits = before.user == user && before.kind == kind && before.amount == amount;
    if fits && before.reference == note.reference {
        Ok(before)
    } else {
        Err(Refusal::new(RefusalCode::Conflict, "this key stands for another transfer"))
    }
}

fn overtaken() -> Refusal {
    Refusal::new(
        RefusalCode::Conflict,
        "another transfer under this key, or another end of this hold, came first",
    )
}

fn ended() -> Refusal {
    Refusal::new(RefusalCode::Conflict, "this hold has ended otherwise")
}

fn refused_as(refused: &Refused) -> Refusal {
    let code = match refused {
        Refused::NotEnough { .. } => RefusalCode::OutOfCredits,
        Refused::Amount | Refused::MoreThanHeld => RefusalCode::BadRequest,
        Refused::Nothing => RefusalCode::Conflict,
    };
    Refusal::new(code, refused.to_string())
}

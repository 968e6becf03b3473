//! Carrying out orders in the caller's transaction, under the lock of the person's row: what is decided is written, and what
//! was written before under the same key is answered.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::decide::{self, Hold, Order, Purse, Refused, TransferKind, decide};
use super::{Note, Recorded, store};
use crate::postgres::{Stored, refusal};

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

pub(super) async fn write(
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
pub(super) async fn write_expiry(
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
pub(super) fn same(
    before: Recorded,
    user: UserId,
    order: &Order,
    note: &Note<'_>,
) -> Result<Recorded, Refusal> {
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

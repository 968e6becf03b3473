//! Carrying out orders under the locks of people's rows: what is decided is written, and what was written before under the
//! same key is answered. Many at once, or one in the caller's transaction.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::decide::{self, Account, Hold, Order, Purse, Refused, TransferKind, decide};
use super::store::{self, Book, NewTransfer, Period, Writes};
use super::{Note, Recorded};
use crate::postgres::{Stored, refusal};

/// What is asked of the ledger.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Order(Order),
    /// Of a hold that is known by its id.
    End {
        hold: Uuid,
        pay: i64,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub user: UserId,
    pub wish: Wish,
    pub key: String,
    reference: String,
    reason: String,
    actor: Option<UserId>,
}

impl Ask {
    pub fn order(user: UserId, order: &Order, note: &Note<'_>) -> Self {
        Self {
            user,
            wish: Wish::Order(order.clone()),
            key: note.key.to_owned(),
            reference: note.reference.to_owned(),
            reason: note.reason.to_owned(),
            actor: note.actor,
        }
    }

    pub fn end(user: UserId, hold: Uuid, pay: i64) -> Self {
        let wish = Wish::End { hold, pay };
        let key = format!("end:{hold}");
        Self { user, wish, key, reference: String::new(), reason: String::new(), actor: None }
    }

    fn ends(&self) -> Option<Uuid> {
        match &self.wish {
            Wish::End { hold, .. } | Wish::Order(Order::End { hold: Hold { id: hold, .. }, .. }) => {
                Some(*hold)
            }
            Wish::Order(_) => None,
        }
    }
}

/// Locks all that the asks touch.
pub(super) async fn lock(transaction: &Transaction<'_>, asks: &[Ask]) -> Stored<Book> {
    let users: Vec<UserId> = asks.iter().map(|ask| ask.user).collect();
    let keys: Vec<&str> = asks.iter().map(|ask| ask.key.as_str()).collect();
    let holds: Vec<Uuid> = asks.iter().filter_map(Ask::ends).collect();
    store::lock(transaction, &users, &keys, &holds).await
}

/// Carries out all of them in the caller's transaction, in this order. An error is the database's, and of all.
pub(super) async fn carry_out(
    transaction: &Transaction<'_>,
    asks: &[Ask],
) -> Stored<Vec<Result<Recorded, Refusal>>> {
    let mut book = lock(transaction, asks).await?;
    let mut writes = Vec::with_capacity(asks.len());
    let answers = asks.iter().map(|ask| book.carry_out(ask, &mut writes)).collect();
    store::put(transaction, &writes).await?;
    Ok(answers)
}

/// The same for one.
pub(super) async fn carry_out_one(transaction: &Transaction<'_>, ask: Ask) -> Result<Recorded, Refusal> {
    adjust(transaction, ask).await.map(|(recorded, _)| recorded)
}

/// Carries out an order in the caller's transaction: the effect of an event stands or falls with the event.
pub async fn record(
    transaction: &Transaction<'_>,
    user: UserId,
    order: &Order,
    note: &Note<'_>,
) -> Result<Recorded, Refusal> {
    carry_out_one(transaction, Ask::order(user, order, note)).await
}

/// Whether something was written, or had been before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anew {
    Yes,
    No,
}

/// Carries out one, and says whether it had been before.
pub(super) async fn adjust(transaction: &Transaction<'_>, ask: Ask) -> Result<(Recorded, Anew), Refusal> {
    let mut book = lock(transaction, std::slice::from_ref(&ask)).await.map_err(|error| refusal(&error))?;
    let mut writes = Vec::new();
    let recorded = book.carry_out(&ask, &mut writes)?;
    store::put(transaction, &writes).await.map_err(|error| refused_by_rule(&error))?;
    Ok((recorded, if writes.is_empty() { Anew::No } else { Anew::Yes }))
}

/// Ends a hold in the caller's transaction; see [`super::Ledger::end`].
pub async fn end(
    transaction: &Transaction<'_>,
    user: UserId,
    hold: Uuid,
    pay: i64,
) -> Result<Recorded, Refusal> {
    carry_out_one(transaction, Ask::end(user, hold, pay)).await
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
    let ask = Ask::order(user, &Order::Revoke { amount, of: Some(of) }, note);
    let mut book = lock(transaction, std::slice::from_ref(&ask)).await.map_err(|error| refusal(&error))?;
    let standing = book.standing(user);
    let there = match of {
        Purse::Own => standing.own,
        Purse::Plan if standing.plan_is_over(book.now) => 0,
        Purse::Plan => standing.plan,
    };
    if there == 0 && !book.before.contains_key(&ask.key) {
        return Ok(0);
    }
    let mut writes = Vec::new();
    let taken = book.carry_out(&ask, &mut writes)?;
    store::put(transaction, &writes).await.map_err(|error| refused_by_rule(&error))?;
    Ok(taken.amount)
}

/// Moves the end of what a person has of a plan's credits, in the caller's transaction. What is over already stays over.
pub async fn move_end(
    transaction: &Transaction<'_>,
    user: UserId,
    ends_at: Timestamp,
) -> Result<(), Refusal> {
    let moved = async {
        let mut book = store::lock(transaction, &[user], &[], &[]).await?;
        let mut standing = book.standing(user);
        let period = standing.plan_ends_at;
        if period == Some(ends_at) {
            return Ok(());
        }
        let mut writes = Writes::default();
        let carries = !standing.plan_is_over(book.now);
        if !carries && let Some(transfer) = decide::expire(&mut standing, 0) {
            writes.transfers.push(expiry(user, transfer, period));
        }
        let from = period.filter(|_| carries);
        writes.period = Some(Period { user, from, to: ends_at });
        book.standings.insert(user, standing);
        store::put(transaction, &[writes]).await
    };
    moved.await.map_err(|error| refusal(&error))
}

impl Book {
    pub(super) fn standing(&self, user: UserId) -> decide::Standing {
        self.standings.get(&user).copied().unwrap_or_default()
    }

    /// Decides one ask and adds what is to be written for it; what was recorded under its key before is the answer, or stands
    /// in its way.
    pub(super) fn carry_out(&mut self, ask: &Ask, writes: &mut Vec<Writes>) -> Result<Recorded, Refusal> {
        if let Some(before) = self.before.get(&ask.key) {
            return match &ask.wish {
                Wish::Order(order) => same(before, ask, order),
                Wish::End { pay, .. } => same_end(before, ask.user, *pay),
            };
        }
        let order = match &ask.wish {
            Wish::Order(order) => order.clone(),
            // It may have been over for a while when the work that it was for came to its end: what is still held pays.
            Wish::End { hold, pay } => match self.holds.get(hold) {
                Some(hold) => Order::End { hold: *hold, pay: *pay },
                None => return Err(Refusal::new(RefusalCode::NotFound, "there is no such hold")),
            },
        };
        let mut standing = self.standing(ask.user);
        let period = standing.plan_ends_at;
        let runs = !standing.plan_is_over(self.now);
        let mut transfers =
            decide(&mut standing, &order, self.now).map_err(|refused| refused_as(&refused))?;
        let last = transfers.pop().expect("an order that is carried out is a transfer");
        let id = Uuid::now_v7();
        let ends = ask.ends();
        let recorded = Recorded {
            id,
            kind: last.kind,
            user: ask.user,
            amount: last.amount,
            hold: ends,
            reference: ask.reference.clone(),
        };
        let taken =
            |account| last.entries.iter().find(|(one, _)| *one == account).map_or(0, |(_, moves)| -moves);
        let opened = match &order {
            Order::Hold { expires_at, .. } => Some(Hold {
                id,
                from_plan: taken(Account::Plan),
                from_own: taken(Account::Own),
                plan_ends_at: period,
                expires_at: *expires_at,
            }),
            _ => None,
        };
        let to_write = Writes {
            opened: opened.map(|hold| (ask.user, hold)),
            closed: ends,
            period: match order {
                // What is under way may come back to what is carried on.
                Order::Plan { ends_at, carry, .. } => {
                    Some(Period { user: ask.user, from: period.filter(|_| runs && carry > 0), to: ends_at })
                }
                _ => None,
            },
            transfers: transfers
                .into_iter()
                .map(|transfer| expiry(ask.user, transfer, period))
                .chain([NewTransfer {
                    id,
                    key: ask.key.clone(),
                    user: ask.user,
                    transfer: last,
                    hold: ends,
                    reference: ask.reference.clone(),
                    reason: ask.reason.clone(),
                    actor: ask.actor.map(UserId::uuid),
                }])
                .collect(),
        };
        writes.push(to_write);
        // For those that come after it in the same transaction.
        self.standings.insert(ask.user, standing);
        self.before.insert(ask.key.clone(), recorded.clone());
        if let Some(hold) = ends {
            self.holds.remove(&hold);
        }
        Ok(recorded)
    }
}

/// The end of a period's credits.
pub(super) fn expiry(user: UserId, transfer: decide::Transfer, period: Option<Timestamp>) -> NewTransfer {
    let id = Uuid::now_v7();
    NewTransfer {
        id,
        key: format!("expire:{id}"),
        user,
        transfer,
        hold: None,
        reference: period.map(|end| format!("period:{end}")).unwrap_or_default(),
        reason: String::new(),
        actor: None,
    }
}

/// The key was used before: for the same order it is the answer, for another a conflict.
fn same(before: &Recorded, ask: &Ask, order: &Order) -> Result<Recorded, Refusal> {
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
    let fits = before.user == ask.user && before.kind == kind && before.amount == amount;
    if fits && before.reference == ask.reference {
        Ok(before.clone())
    } else {
        Err(Refusal::new(RefusalCode::Conflict, "this key stands for another transfer"))
    }
}

fn same_end(before: &Recorded, user: UserId, pay: i64) -> Result<Recorded, Refusal> {
    let paid = if before.kind == TransferKind::Settle { before.amount } else { 0 };
    if before.user == user && paid == pay {
        Ok(before.clone())
    } else {
        Err(Refusal::new(RefusalCode::Conflict, "this hold has ended otherwise"))
    }
}

/// The rules of the database stand behind `decide`: here they agree, or a key or an end came first by another way.
pub(super) fn refused_by_rule(error: &deadpool_postgres::PoolError) -> Refusal {
    if store::is_refused(error) { overtaken() } else { refusal(error) }
}

fn overtaken() -> Refusal {
    Refusal::new(
        RefusalCode::Conflict,
        "another transfer under this key, or another end of this hold, came first",
    )
}

fn refused_as(refused: &Refused) -> Refusal {
    let code = match refused {
        Refused::NotEnough { .. } => RefusalCode::OutOfCredits,
        Refused::Amount | Refused::MoreThanHeld => RefusalCode::BadRequest,
        Refused::Nothing => RefusalCode::Conflict,
    };
    Refusal::new(code, refused.to_string())
}

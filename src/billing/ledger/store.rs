//! The SQL of credits. Rules stand in migration V25 too; here rows are locked, read and added.

use std::collections::HashMap;

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::decide::{Account, Hold, Standing, Transfer, TransferKind};
use super::{Recorded, TransferView};
use crate::conversations::view::wire_time;
use crate::postgres::{Stored, execute, query, query_opt};

type Value<'a> = &'a (dyn ToSql + Sync);

/// What is known of a person when an order of theirs is decided.
pub struct Locked {
    pub standing: Standing,
    /// The database's clock.
    pub now: Timestamp,
    /// What was recorded under the order's key before.
    pub before: Option<Recorded>,
    /// The hold that the order ends, while it is open.
    pub hold: Option<Hold>,
}

const MAKE: &str = "insert into credit_accounts (user_id) values ($1) on conflict do nothing";
const LOCK: &str =
    "select plan_ends_at, clock_timestamp() from credit_accounts where user_id = $1 for no key update";
const BALANCES: &str = "select account, balance from credit_balances where user_id = $1";
const BEFORE: &str =
    "select id, kind, user_id, amount, hold_id, reference from credit_transfers where key = $1";
const HOLD: &str = "select id, from_plan, from_own, plan_ends_at, expires_at from credit_holds where id = $1";

/// Locks the person's row, so that their transfers come one after the other, and reads the rest behind the lock.
pub async fn lock(
    transaction: &Transaction<'_>,
    user: UserId,
    key: &str,
    hold: Option<Uuid>,
) -> Stored<Locked> {
    let user = user.uuid();
    let mut locked = query_opt(transaction, LOCK, &[&user]).await?;
    if locked.is_none() {
        execute(transaction, MAKE, &[&user]).await?;
        locked = query_opt(transaction, LOCK, &[&user]).await?;
    }
    let (whose, keys, holds): ([Value<'_>; 1], [Value<'_>; 1], [Value<'_>; 1]) = ([&user], [&key], [&hold]);
    // In whatever order they run: what they read changes under the lock alone.
    let (balances, before, hold) = tokio::try_join!(
        query(transaction, BALANCES, &whose),
        query_opt(transaction, BEFORE, &keys),
        query_opt(transaction, HOLD, &holds),
    )?;
    let mut standing = standing(&balances);
    standing.plan_ends_at = locked.as_ref().and_then(|row| row.get(0));
    let now = locked.map_or_else(Timestamp::now, |row| row.get(1));
    Ok(Locked {
        standing,
        now,
        before: before.map(|row| recorded(&row)),
        hold: hold.map(|row| hold_of(&row)),
    })
}

fn standing(balances: &[Row]) -> Standing {
    let by_account: HashMap<String, i64> = balances.iter().map(|row| (row.get(0), row.get(1))).collect();
    let of = |account: Account| by_account.get(account.as_str()).copied().unwrap_or(0);
    Standing { plan: of(Account::Plan), own: of(Account::Own), held: of(Account::Held), plan_ends_at: None }
}

fn hold_of(row: &Row) -> Hold {
    Hold {
        id: row.get(0),
        from_plan: row.get(1),
        from_own: row.get(2),
        plan_ends_at: row.get(3),
        expires_at: row.get(4),
    }
}

fn recorded(row: &Row) -> Recorded {
    Recorded {
        id: row.get(0),
        kind: TransferKind::parse(row.get(1)).unwrap_or(TransferKind::Grant),
        user: UserId::from_uuid(row.get(2)),
        amount: row.get(3),
        hold: row.get(4),
        reference: row.get(5),
    }
}

/// One transfer with its names.
pub struct NewTransfer<'a> {
    pub id: Uuid,
    pub key: &'a str,
    pub transfer: &'a Transfer,
    pub hold: Option<Uuid>,
    pub reference: &'a str,
    pub reason: &'a str,
    pub actor: Option<Uuid>,
}

const TRANSFER: &str =
    "insert into credit_transfers (id, key, kind, user_id, amount, hold_id, reference, reason, actor_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const ENTRIES: &str = "insert into credit_entries (transfer_id, user_id, account, amount)
    select $1, * from unnest($2::uuid[], $3::text[], $4::bigint[])";

/// Adds a transfer with its entries. The balances follow.
pub async fn add(transaction: &Transaction<'_>, user: UserId, new: &NewTransfer<'_>) -> Stored<()> {
    let Transfer { kind, amount, entries } = new.transfer;
    let user = user.uuid();
    let whose: Vec<Uuid> =
        entries.iter().map(|(account, _)| if account.is_persons() { user } else { Uuid::nil() }).collect();
    let accounts: Vec<&str> = entries.iter().map(|(account, _)| account.as_str()).collect();
    let amounts: Vec<i64> = entries.iter().map(|(_, moves)| *moves).collect();
    let kind = kind.as_str();
    let transfer: [Value<'_>; 9] =
        [&new.id, &new.key, &kind, &user, amount, &new.hold, &new.reference, &new.reason, &new.actor];
    execute(transaction, TRANSFER, &transfer).await?;
    execute(transaction, ENTRIES, &[&new.id, &whose, &accounts, &amounts]).await?;
    Ok(())
}

pub async fn set_period(transaction: &Transaction<'_>, user: UserId, ends_at: Timestamp) -> Stored<()> {
    let sql = "update credit_accounts set plan_ends_at = $2 where user_id = $1";
    execute(transaction, sql, &[&user.uuid(), &ends_at]).await?;
    Ok(())
}

/// What is held of the plan's credits goes back to them also when their end was moved.
pub async fn move_holds(
    transaction: &Transaction<'_>,
    user: UserId,
    from: Option<Timestamp>,
    to: Timestamp,
) -> Stored<()> {
    let sql = "update credit_holds set plan_ends_at = $3 where user_id = $1 and plan_ends_at = $2";
    execute(transaction, sql, &[&user.uuid(), &from, &to]).await?;
    Ok(())
}

pub async fn open_hold(transaction: &Transaction<'_>, user: UserId, hold: &Hold) -> Stored<()> {
    let sql = "insert into credit_holds (id, user_id, from_plan, from_own, plan_ends_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)";
    let values: [Value<'_>; 6] =
        [&hold.id, &user.uuid(), &hold.from_plan, &hold.from_own, &hold.plan_ends_at, &hold.expires_at];
    execute(transaction, sql, &values).await?;
    Ok(())
}

pub async fn close_hold(transaction: &Transaction<'_>, hold: Uuid) -> Stored<()> {
    execute(transaction, "delete from credit_holds where id = $1", &[&hold]).await?;
    Ok(())
}

/// Holds whose time is over, the oldest first: whose they are.
pub async fn expired_holds(client: &impl GenericClient, limit: i64) -> Stored<Vec<(Uuid, UserId)>> {
    let sql = "select id, user_id from credit_holds where expires_at <= clock_timestamp() order by expires_at limit $1";
    let rows = query(client, sql, &[&limit]).await?;
    Ok(rows.iter().map(|row| (row.get(0), UserId::from_uuid(row.get(1)))).collect())
}

/// People whose plan's credits have ended and still stand, by the order of their end.
pub async fn ended_periods(client: &impl GenericClient, limit: i64) -> Stored<Vec<UserId>> {
    let sql = "select a.user_id from credit_accounts a join credit_balances b
            on b.user_id = a.user_id and b.account = 'plan' and b.balance > 0
        where a.plan_ends_at <= clock_timestamp() order by a.plan_ends_at limit $1";
    let rows = query(client, sql, &[&limit]).await?;
    Ok(rows.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

/// A person's accounts in one snapshot, with the database's clock.
pub async fn balances(client: &impl GenericClient, user: UserId) -> Stored<(Standing, Timestamp)> {
    let sql =
        "select b.account, b.balance, a.plan_ends_at, clock_timestamp() from (select $1::uuid as user_id) u
        left join credit_accounts a on a.user_id = u.user_id
        left join credit_balances b on b.user_id = u.user_id";
    let rows = query(client, sql, &[&user.uuid()]).await?;
    let known: Vec<&Row> = rows.iter().filter(|row| row.get::<_, Option<String>>(0).is_some()).collect();
    let of = |account: Account| {
        known.iter().find(|row| row.get::<_, String>(0) == account.as_str()).map_or(0, |row| row.get(1))
    };
    let standing = Standing {
        plan: of(Account::Plan),
        own: of(Account::Own),
        held: of(Account::Held),
        plan_ends_at: rows.first().and_then(|row| row.get(2)),
    };
    Ok((standing, rows.first().map_or_else(Timestamp::now, |row| row.get(3))))
}

const VIEWS: &str = "select t.id, t.kind, t.amount, t.reference, t.reason, t.created_at, t.hold_id,
        (select coalesce(sum(e.amount), 0)::bigint from credit_entries e
            where e.transfer_id = t.id and e.user_id = t.user_id and e.account in ('plan', 'own'))
    from credit_transfers t";

/// The oldest first, with ids above `after`.
pub async fn records(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<TransferView>> {
    let sql = format!("{VIEWS} where t.user_id = $1 and t.id > $2 order by t.id limit $3");
    let rows = query(client, &sql, &[&user.uuid(), &after, &limit]).await?;
    Ok(rows.iter().map(transfer_view).collect())
}

/// The latest first, from below `after`; with what each did to what the person could spend.
pub async fn transfers(
    client: &impl GenericClient,
    user: UserId,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<TransferView>> {
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql = format!(
        "{VIEWS} where t.user_id = $1 and ($2::timestamptz is null or (t.created_at, t.id) < ($2, $3::uuid))
        order by t.created_at desc, t.id desc limit $4 offset $5"
    );
    let rows = query(client, &sql, &[&user.uuid(), &at, &id, &limit, &skip]).await?;
    Ok(rows.iter().map(transfer_view).collect())
}

fn transfer_view(row: &Row) -> TransferView {
    TransferView {
        id: row.get(0),
        kind: row.get(1),
        amount: row.get(2),
        reference: Some(row.get(3)).filter(|text: &String| !text.is_empty()),
        reason: Some(row.get(4)).filter(|text: &String| !text.is_empty()),
        created_at: wire_time(row.get(5)),
        hold_id: row.get(6),
        change: row.get(7),
    }
}

pub async fn count(client: &impl GenericClient, user: UserId) -> Stored<u64> {
    let sql = "select count(*) from credit_transfers where user_id = $1";
    Ok(query_opt(client, sql, &[&user.uuid()]).await?.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

/// Whether the database itself would not have it: a balance below zero, an end that was there already.
pub fn is_refused(error: &deadpool_postgres::PoolError) -> bool {
    let deadpool_postgres::PoolError::Backend(error) = error else { return false };
    matches!(error.code(), Some(code) if *code == SqlState::CHECK_VIOLATION || *code == SqlState::UNIQUE_VIOLATION)
}

/// What is not as it must be, each in words; nothing where all is well.
pub async fn faults(client: &impl GenericClient, limit: i64) -> Stored<Vec<String>> {
    // One snapshot: the statement is one.
    let sql = "with
        sums as (select user_id, account, sum(amount)::bigint as total from credit_entries
            where user_id <> '00000000-0000-0000-0000-000000000000' group by 1, 2),
        unbalanced as (select transfer_id from credit_entries group by 1 having sum(amount) <> 0),
        held as (select user_id, sum(from_plan + from_own)::bigint as total from credit_holds group by 1)
    select format('transfer %s: its entries do not come to nothing', transfer_id) from unbalanced
    union all select format('transfer %s has no entries', t.id) from credit_transfers t
        where not exists (select from credit_entries e where e.transfer_id = t.id)
    union all select format('user %s, account %s: the balance is %s, the entries come to %s',
            coalesce(b.user_id, s.user_id), coalesce(b.account, s.account), coalesce(b.balance, 0), coalesce(s.total, 0))
        from credit_balances b full join sums s using (user_id, account)
        where coalesce(b.balance, 0) <> coalesce(s.total, 0)
    union all select format('user %s: %s are held, the open holds come to %s', coalesce(b.user_id, h.user_id),
            coalesce(b.balance, 0), coalesce(h.total, 0))
        from (select user_id, balance from credit_balances where account = 'held') b full join held h using (user_id)
        where coalesce(b.balance, 0) <> coalesce(h.total, 0)
    union all select format('hold %s is open and has ended', h.id) from credit_holds h
        where exists (select from credit_transfers t where t.hold_id = h.id)
    limit $1";
    Ok(query(client, sql, &[&limit]).await?.iter().map(|row| row.get(0)).collect())
}

/// Transfers, and the sum of all entries.
pub async fn totals(client: &impl GenericClient) -> Stored<(i64, i64)> {
    let sql = "select (select count(*) from credit_transfers), (select coalesce(sum(amount), 0)::bigint from credit_entries)";
    Ok(query_opt(client, sql, &[]).await?.map_or((0, 0), |row| (row.get(0), row.get(1))))
}

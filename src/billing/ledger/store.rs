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

/// What is known of people when their orders are decided, under the locks of their rows.
pub struct Book {
    /// The database's clock.
    pub now: Timestamp,
    pub standings: HashMap<UserId, Standing>,
    /// What was recorded before under the keys that were asked for.
    pub before: HashMap<String, Recorded>,
    /// Of the holds that were asked for, those that are open.
    pub holds: HashMap<Uuid, Hold>,
}

const MAKE: &str =
    "insert into credit_accounts (user_id) select unnest($1::uuid[]) order by 1 on conflict do nothing";
const LOCK: &str = "select user_id, plan_ends_at, clock_timestamp() from credit_accounts
    where user_id = any($1) order by user_id for no key update";
const BALANCES: &str = "select user_id, account, balance from credit_balances where user_id = any($1)";
const BEFORE: &str =
    "select id, kind, user_id, amount, hold_id, reference, key from credit_transfers where key = any($1)";
const HOLDS: &str =
    "select id, from_plan, from_own, plan_ends_at, expires_at from credit_holds where id = any($1)";

/// Locks people's rows, in the order of their ids, so that the transfers of each come one after the other, and reads the rest
/// behind the locks.
pub async fn lock(
    transaction: &Transaction<'_>,
    users: &[UserId],
    keys: &[&str],
    holds: &[Uuid],
) -> Stored<Book> {
    let mut users: Vec<Uuid> = users.iter().map(|user| user.uuid()).collect();
    users.sort_unstable();
    users.dedup();
    let mut locked = query(transaction, LOCK, &[&users]).await?;
    if locked.len() < users.len() {
        execute(transaction, MAKE, &[&users]).await?;
        locked = query(transaction, LOCK, &[&users]).await?;
    }
    let (whose, by_key, by_id): ([Value<'_>; 1], [Value<'_>; 1], [Value<'_>; 1]) =
        ([&users], [&keys], [&holds]);
    // In whatever order they run: what they read changes under the locks alone.
    let (balances, before, holds) = tokio::try_join!(
        query(transaction, BALANCES, &whose),
        query(transaction, BEFORE, &by_key),
        query(transaction, HOLDS, &by_id),
    )?;
    let mut standings: HashMap<UserId, Standing> = locked
        .iter()
        .map(|row| {
            let standing = Standing { plan_ends_at: row.get(1), ..Standing::default() };
            (UserId::from_uuid(row.get(0)), standing)
        })
        .collect();
    for row in &balances {
        if let Some(standing) = standings.get_mut(&UserId::from_uuid(row.get(0))) {
            standing.set(row.get(1), row.get(2));
        }
    }
    Ok(Book {
        now: locked.last().map_or_else(Timestamp::now, |row| row.get(2)),
        standings,
        before: before.iter().map(|row| (row.get(6), recorded(row))).collect(),
        holds: holds.iter().map(|row| (row.get(0), hold_of(row))).collect(),
    })
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
pub struct NewTransfer {
    pub id: Uuid,
    pub key: String,
    pub user: UserId,
    pub transfer: Transfer,
    pub hold: Option<Uuid>,
    pub reference: String,
    pub reason: String,
    pub actor: Option<Uuid>,
}

/// What an order comes to.
#[derive(Default)]
pub struct Writes {
    pub transfers: Vec<NewTransfer>,
    pub opened: Option<(UserId, Hold)>,
    pub closed: Option<Uuid>,
    pub period: Option<Period>,
}

/// The end of a person's plan's credits moves.
pub struct Period {
    pub user: UserId,
    /// What is held of a period that ended then goes back to the new one.
    pub from: Option<Timestamp>,
    pub to: Timestamp,
}

const TRANSFERS: &str =
    "insert into credit_transfers (id, key, kind, user_id, amount, hold_id, reference, reason, actor_id)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::uuid[], $7::text[], $8::text[],
        $9::uuid[])";
const ENTRIES: &str = "insert into credit_entries (transfer_id, user_id, account, amount)
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])";
const OPEN: &str = "insert into credit_holds (id, user_id, from_plan, from_own, plan_ends_at, expires_at)
    select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])";
const MOVE_HOLDS: &str = "update credit_holds set plan_ends_at = $3 where user_id = $1 and plan_ends_at = $2";
const SET_PERIOD: &str = "update credit_accounts set plan_ends_at = $2 where user_id = $1";
const CLOSE: &str = "delete from credit_holds where id = any($1)";

/// Adds transfers with their entries, opens and closes holds: of all orders together. The balances follow.
pub async fn put(transaction: &Transaction<'_>, writes: &[Writes]) -> Stored<()> {
    let transfers: Vec<&NewTransfer> = writes.iter().flat_map(|one| &one.transfers).collect();
    let opened: Vec<&(UserId, Hold)> = writes.iter().filter_map(|one| one.opened.as_ref()).collect();
    let closed: Vec<Uuid> = writes.iter().filter_map(|one| one.closed).collect();
    // What is prepared already costs nothing; so the statements go out in this order, without waiting for one another.
    let prepared = (
        transaction.prepare_cached(TRANSFERS).await?,
        transaction.prepare_cached(ENTRIES).await?,
        transaction.prepare_cached(OPEN).await?,
        transaction.prepare_cached(CLOSE).await?,
    );
    let (ids, keys) = (of(&transfers, |one| one.id), of(&transfers, |one| one.key.as_str()));
    let (kinds, users) =
        (of(&transfers, |one| one.transfer.kind.as_str()), of(&transfers, |one| one.user.uuid()));
    let (amounts, ends) = (of(&transfers, |one| one.transfer.amount), of(&transfers, |one| one.hold));
    let references = of(&transfers, |one| one.reference.as_str());
    let (reasons, actors) = (of(&transfers, |one| one.reason.as_str()), of(&transfers, |one| one.actor));
    let of_transfers: [Value<'_>; 9] =
        [&ids, &keys, &kinds, &users, &amounts, &ends, &references, &reasons, &actors];
    let entries: Vec<(&NewTransfer, Account, i64)> = transfers
        .iter()
        .flat_map(|one| one.transfer.entries.iter().map(|(account, moves)| (*one, *account, *moves)))
        .collect();
    let of_transfer = of(&entries, |(one, ..)| one.id);
    let whose =
        of(&entries, |(one, account, _)| if account.is_persons() { one.user.uuid() } else { Uuid::nil() });
    let (accounts, moves) =
        (of(&entries, |(_, account, _)| account.as_str()), of(&entries, |(.., moves)| *moves));
    let of_entries: [Value<'_>; 4] = [&of_transfer, &whose, &accounts, &moves];
    let (holds, holders) = (of(&opened, |(_, hold)| hold.id), of(&opened, |(user, _)| user.uuid()));
    let (plan, own) = (of(&opened, |(_, hold)| hold.from_plan), of(&opened, |(_, hold)| hold.from_own));
    let (periods, expiries) =
        (of(&opened, |(_, hold)| hold.plan_ends_at), of(&opened, |(_, hold)| hold.expires_at));
    let of_opened: [Value<'_>; 6] = [&holds, &holders, &plan, &own, &periods, &expiries];
    let of_closed: [Value<'_>; 1] = [&closed];
    let open =
        async { if opened.is_empty() { Ok(0) } else { transaction.execute(&prepared.2, &of_opened).await } };
    let close =
        async { if closed.is_empty() { Ok(0) } else { transaction.execute(&prepared.3, &of_closed).await } };
    let add = async {
        if transfers.is_empty() { Ok(0) } else { transaction.execute(&prepared.0, &of_transfers).await }
    };
    let enter = async {
        if entries.is_empty() { Ok(0) } else { transaction.execute(&prepared.1, &of_entries).await }
    };
    // Polled in this order, which tokio's own join does not promise.
    futures_util::future::try_join4(add, enter, open, close).await?;
    for period in writes.iter().filter_map(|one| one.period.as_ref()) {
        if period.from.is_some() {
            let moved: [Value<'_>; 3] = [&period.user.uuid(), &period.from, &period.to];
            execute(transaction, MOVE_HOLDS, &moved).await?;
        }
        execute(transaction, SET_PERIOD, &[&period.user.uuid(), &period.to]).await?;
    }
    Ok(())
}

fn of<'a, T, V>(rows: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
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

//! The SQL of sign-ins and their refresh tokens.

use deadpool_postgres::{Client, GenericClient, Transaction};
use greenroom_actors::domain::{SessionId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::news::notify;
use super::{Account, COLUMNS, USERS, account};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::news::News;
use crate::accounts::refresh::Kept;
use crate::accounts::{Origin, SignInInfo, Which};
use crate::postgres::{Stored, execute, query, query_opt};

const OPEN_SIGN_IN: &str = "insert into sign_ins (id, user_id, user_agent, address) values ($1, $2, $3, $4)";
const END_OLDEST: &str = "update sign_ins set ended_at = now(), ended_why = 'too_many' where id in (
    select id from sign_ins where user_id = $1 and ended_at is null order by created_at desc, id desc offset $2)
    returning id";
const INSERT_TOKEN: &str = "insert into refresh_tokens (hash, sign_in_id, expires_at)
    values ($1, $2, now() + make_interval(secs => $3))";

/// Waits for who is changing the account. If it was blocked, or the password that was right is another by then, what
/// ended all sign-ins has passed this one over, and it must not be opened.
const STANDS: &str = "select from users where id = $1 and blocked_at is null and deactivated_at is null
    and ($2::text is null or password_hash = $2) for share";

/// A sign-in that is to be opened.
pub struct NewSignIn<'a> {
    pub id: SessionId,
    pub user: UserId,
    /// The hash of the password that was shown, if one was.
    pub password_hash: Option<&'a str>,
    pub origin: &'a Origin,
    pub token_hash: &'a [u8],
    pub ttl_s: f64,
    /// Open sign-ins of the user, this one included; the oldest beyond it end.
    pub most: i64,
}

/// Opens a sign-in with its first token; answers those that ended for it. `None`: the account does not stand any more as
/// it was seen.
pub async fn open_sign_in(client: &mut Client, new: &NewSignIn<'_>) -> Stored<Option<Vec<SessionId>>> {
    let NewSignIn { id, user, password_hash, origin, token_hash, ttl_s, most } = *new;
    let transaction = client.transaction().await?;
    if query_opt(&transaction, STANDS, &[&user.uuid(), &password_hash]).await?.is_none() {
        return Ok(None);
    }
    execute(&transaction, OPEN_SIGN_IN, &[&id.uuid(), &user.uuid(), &origin.user_agent, &origin.address])
        .await?;
    execute(&transaction, INSERT_TOKEN, &[&token_hash, &id.uuid(), &ttl_s]).await?;
    let ended = query(&transaction, END_OLDEST, &[&user.uuid(), &most]).await?;
    let ended: Vec<_> = ended.iter().map(|row| SessionId::from_uuid(row.get(0))).collect();
    for sign_in in &ended {
        notify(&transaction, News::Ended(user, *sign_in)).await?;
    }
    let signed_in = Happened { sign_in: Some(id), ..Happened::new(user, AuthEvent::SignedIn, origin) };
    signed_in.record(&transaction).await?;
    transaction.commit().await?;
    Ok(Some(ended))
}

/// A token that was found, locked with its sign-in until the transaction ends.
pub struct Found {
    pub kept: Kept,
    pub sign_in: SessionId,
    pub account: Account,
    /// The database's clock.
    pub now: Timestamp,
}

/// The sign-in first: all who change a sign-in or its tokens lock it, and so come one after the other.
const LOCK_SIGN_IN: &str = "select s.id from sign_ins s where s.id =
    (select sign_in_id from refresh_tokens where hash = $1) for update";

pub async fn find_token(transaction: &Transaction<'_>, hash: &[u8]) -> Stored<Option<Found>> {
    if query(transaction, LOCK_SIGN_IN, &[&hash]).await?.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "select {COLUMNS}, t.expires_at, t.used_at, i.ended_at is not null as ended, i.id as sign_in_id,
            clock_timestamp() as checked_at
        from {USERS} join sign_ins i on i.user_id = u.id join refresh_tokens t on t.sign_in_id = i.id
        where t.hash = $1"
    );
    Ok(query(transaction, &sql, &[&hash]).await?.first().map(|row| {
        let account = account(row);
        let kept = Kept {
            expires_at: row.get("expires_at"),
            used_at: row.get("used_at"),
            sign_in_ended: row.get("ended"),
            account_active: !account.blocked && !account.deactivated,
        };
        Found {
            kept,
            sign_in: SessionId::from_uuid(row.get("sign_in_id")),
            account,
            now: row.get("checked_at"),
        }
    }))
}

/// Exchanges a token for another of the same sign-in. The time of its first use stays.
pub async fn exchange(
    transaction: &Transaction<'_>,
    old_hash: &[u8],
    sign_in: SessionId,
    new_hash: &[u8],
    ttl_s: f64,
) -> Stored<()> {
    let used = "update refresh_tokens set used_at = coalesce(used_at, clock_timestamp()) where hash = $1";
    execute(transaction, used, &[&old_hash]).await?;
    execute(transaction, INSERT_TOKEN, &[&new_hash, &sign_in.uuid(), &ttl_s]).await?;
    let last = "update sign_ins set last_used_at = now() where id = $1";
    execute(transaction, last, &[&sign_in.uuid()]).await.map(drop)
}

/// In the order of their ids: who ends several at the same moment as another waits for them in the same order.
const END: &str = "with open as (select id from sign_ins
        where user_id = $1 and ended_at is null and ($2::uuid is null or id = $2) and id is distinct from $3
        order by id for update)
    update sign_ins set ended_at = now(), ended_why = $4 where id in (select id from open) returning id";

/// Ends these sign-ins of the user at `at`, and tells all nodes when that is committed; answers those that had been open.
pub async fn end_sign_ins(
    client: &impl GenericClient,
    user: UserId,
    which: Which,
    why: &str,
    at: Timestamp,
) -> Stored<Vec<SessionId>> {
    let (one, kept) = match which {
        Which::One(id) => (Some(id.uuid()), None),
        Which::AllBut(id) => (None, Some(id.uuid())),
        Which::All => (None, None),
    };
    let rows = query(client, END, &[&user.uuid(), &one, &kept, &why]).await?;
    let ended: Vec<_> = rows.iter().map(|row| SessionId::from_uuid(row.get(0))).collect();
    for sign_in in &ended {
        notify(client, News::Ended(user, *sign_in)).await?;
    }
    if which == Which::All {
        notify(client, News::AllEnded(user, at)).await?;
    }
    Ok(ended)
}

/// The user's sign-in that a token belongs to.
pub async fn of_token(client: &impl GenericClient, hash: &[u8], user: UserId) -> Stored<Option<SessionId>> {
    let sql = "select s.id from refresh_tokens t join sign_ins s on s.id = t.sign_in_id
        where t.hash = $1 and s.user_id = $2";
    Ok(query_opt(client, sql, &[&hash, &user.uuid()]).await?.map(|row| SessionId::from_uuid(row.get(0))))
}

/// The account behind a token, and whether its sign-in has ended. One that nobody knows has not: some tokens are made
/// without.
pub async fn account_of(
    client: &impl GenericClient,
    user: UserId,
    sign_in: SessionId,
) -> Stored<Option<(Account, bool)>> {
    let sql = format!(
        "select {COLUMNS}, exists (select from sign_ins i
            where i.id = $2 and (i.user_id <> u.id or i.ended_at is not null)) as sign_in_ended
        from {USERS} where u.id = $1"
    );
    let row = query_opt(client, &sql, &[&user.uuid(), &sign_in.uuid()]).await?;
    Ok(row.map(|row| (account(&row), row.get("sign_in_ended"))))
}

/// The newest first: ids are made in the order of time.
const OPEN: &str = "select id, user_agent, address, created_at, last_used_at from sign_ins
    where user_id = $1 and ended_at is null and ($2::uuid is null or id < $2)
    order by id desc offset $3 limit $4";

/// The user's open sign-ins before this one.
pub async fn open(
    client: &impl GenericClient,
    user: UserId,
    before: Option<Uuid>,
    skip: i64,
    limit: i64,
) -> Stored<Vec<SignInInfo>> {
    let rows = query(client, OPEN, &[&user.uuid(), &before, &skip, &limit]).await?;
    Ok(rows
        .iter()
        .map(|row| SignInInfo {
            id: SessionId::from_uuid(row.get("id")),
            user_agent: row.get("user_agent"),
            address: row.get("address"),
            created_at: row.get("created_at"),
            last_used_at: row.get("last_used_at"),
        })
        .collect())
}

pub async fn count_open(client: &impl GenericClient, user: UserId) -> Stored<i64> {
    let sql = "select count(*) from sign_ins where user_id = $1 and ended_at is null";
    Ok(query(client, sql, &[&user.uuid()]).await?.first().map_or(0, |row| row.get(0)))
}

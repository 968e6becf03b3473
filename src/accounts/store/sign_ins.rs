//! The SQL of sign-ins and their refresh tokens.

use deadpool_postgres::{Client, GenericClient, Transaction};
use greenroom_actors::domain::{SessionId, UserId};
use jiff::Timestamp;

use super::{Account, COLUMNS, USERS, account};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::refresh::Kept;
use crate::accounts::{Origin, Which};
use crate::postgres::{Stored, execute, query};

const OPEN_SIGN_IN: &str = "insert into sign_ins (id, user_id, user_agent, address) values ($1, $2, $3, $4)";
const END_OLDEST: &str = "update sign_ins set ended_at = now(), ended_why = 'too_many' where id in (
    select id from sign_ins where user_id = $1 and ended_at is null order by created_at desc, id desc offset $2)";
const INSERT_TOKEN: &str = "insert into refresh_tokens (hash, sign_in_id, expires_at)
    values ($1, $2, now() + make_interval(secs => $3))";

/// Opens a sign-in with its first token; ends the oldest ones beyond `most`.
pub async fn open_sign_in(
    client: &mut Client,
    id: SessionId,
    user: UserId,
    origin: &Origin,
    token_hash: &[u8],
    ttl_s: f64,
    most: i64,
) -> Stored<()> {
    let transaction = client.transaction().await?;
    execute(&transaction, OPEN_SIGN_IN, &[&id.uuid(), &user.uuid(), &origin.user_agent, &origin.address])
        .await?;
    execute(&transaction, INSERT_TOKEN, &[&token_hash, &id.uuid(), &ttl_s]).await?;
    execute(&transaction, END_OLDEST, &[&user.uuid(), &most]).await?;
    let signed_in = Happened { sign_in: Some(id), ..Happened::new(user, AuthEvent::SignedIn, origin) };
    signed_in.record(&transaction).await?;
    Ok(transaction.commit().await?)
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

/// Ends a sign-in of this user; answers whether it had been open.
pub async fn end_sign_in(
    client: &impl GenericClient,
    sign_in: SessionId,
    user: UserId,
    why: &str,
) -> Stored<bool> {
    let sql = "update sign_ins set ended_at = now(), ended_why = $3
        where id = $1 and user_id = $2 and ended_at is null";
    Ok(execute(client, sql, &[&sign_in.uuid(), &user.uuid(), &why]).await? > 0)
}

/// In the order of their ids: who ends several at the same moment as another waits for them in the same order.
const END: &str = "with open as (select id from sign_ins
        where user_id = $1 and ended_at is null and ($2::uuid is null or id = $2) and id is distinct from $3
        order by id for update)
    update sign_ins set ended_at = now(), ended_why = $4 where id in (select id from open) returning id";

/// Ends these sign-ins of the user; answers those that had been open.
pub async fn end_sign_ins(
    client: &impl GenericClient,
    user: UserId,
    which: Which,
    why: &str,
) -> Stored<Vec<SessionId>> {
    let (one, kept) = match which {
        Which::One(id) => (Some(id.uuid()), None),
        Which::AllBut(id) => (None, Some(id.uuid())),
        Which::All => (None, None),
    };
    let rows = query(client, END, &[&user.uuid(), &one, &kept, &why]).await?;
    Ok(rows.iter().map(|row| SessionId::from_uuid(row.get(0))).collect())
}

/// Ends the sign-in that a token of this user belongs to.
pub async fn end_by_token(client: &Client, hash: &[u8], user: UserId, why: &str) -> Stored<()> {
    let sql = "update sign_ins set ended_at = now(), ended_why = $3
        where id = (select sign_in_id from refresh_tokens where hash = $1) and user_id = $2 and ended_at is null";
    execute(client, sql, &[&hash, &user.uuid(), &why]).await.map(drop)
}

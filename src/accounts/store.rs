//! The SQL of accounts and sign-ins.

pub(super) mod seed;

use deadpool_postgres::{Client, GenericClient, PoolError, Transaction};
use greenroom_actors::domain::{SessionId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::refresh::Kept;
use super::rules::{Email, Username};
use super::{Profile, Role};

/// A connection was not had, or the database said no; `postgres::refusal` says which.
pub(super) type Stored<T> = Result<T, PoolError>;

pub(super) async fn query(
    client: &impl GenericClient,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Stored<Vec<Row>> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.query(&statement, parameters).await?)
}

async fn execute(
    client: &impl GenericClient,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Stored<u64> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.execute(&statement, parameters).await?)
}

/// An account with what a sign-in needs of it.
pub struct Account {
    pub profile: Profile,
    pub password_hash: Option<String>,
    pub blocked: bool,
    pub deactivated: bool,
}

const COLUMNS: &str = "u.id, u.username, u.display_name, u.email, u.role, u.plan, u.time_zone, u.created_at, \
    u.password_hash, u.blocked_at is not null, u.deactivated_at is not null";

fn account(row: &Row) -> Account {
    Account {
        profile: Profile {
            id: UserId::from_uuid(row.get(0)),
            username: row.get(1),
            display_name: row.get(2),
            email: row.get(3),
            role: Role::from_text(row.get(4)),
            plan: row.get(5),
            time_zone: row.get(6),
            created_at: row.get(7),
        },
        password_hash: row.get(8),
        blocked: row.get(9),
        deactivated: row.get(10),
    }
}

pub async fn by_id(client: &Client, user: UserId) -> Stored<Option<Account>> {
    let rows =
        query(client, &format!("select {COLUMNS} from users u where u.id = $1"), &[&user.uuid()]).await?;
    Ok(rows.first().map(account))
}

pub async fn by_email(client: &Client, key: &str) -> Stored<Option<Account>> {
    let rows =
        query(client, &format!("select {COLUMNS} from users u where u.email_key = $1"), &[&key]).await?;
    Ok(rows.first().map(account))
}

pub async fn by_username(client: &Client, key: &str) -> Stored<Option<Account>> {
    let rows =
        query(client, &format!("select {COLUMNS} from users u where u.username_key = $1"), &[&key]).await?;
    Ok(rows.first().map(account))
}

pub struct NewAccount<'a> {
    pub id: UserId,
    pub email: &'a Email,
    pub username: &'a Username,
    pub display_name: &'a str,
    pub role: Role,
    pub plan: &'a str,
    pub password_hash: &'a str,
    pub seeded: bool,
}

/// Which unique value stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Username,
}

const INSERT: &str = "insert into users (id, email, email_key, username, username_key, display_name, role, plan, \
    password_hash, seeded) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
    on conflict do nothing returning created_at";
const TAKEN: &str = "select exists (select from users where email_key = $1)";

pub async fn insert(client: &impl GenericClient, new: &NewAccount<'_>) -> Stored<Result<Profile, Taken>> {
    let rows = query(
        client,
        INSERT,
        &[
            &new.id.uuid(),
            &new.email.typed,
            &new.email.key,
            &new.username.typed,
            &new.username.key,
            &new.display_name,
            &new.role.as_str(),
            &new.plan,
            &new.password_hash,
            &new.seeded,
        ],
    )
    .await?;
    let Some(row) = rows.first() else {
        let email = query(client, TAKEN, &[&new.email.key]).await?.first().is_some_and(|row| row.get(0));
        return Ok(Err(if email { Taken::Email } else { Taken::Username }));
    };
    Ok(Ok(Profile {
        id: new.id,
        username: new.username.typed.clone(),
        display_name: new.display_name.to_owned(),
        email: Some(new.email.typed.clone()),
        role: new.role,
        plan: new.plan.to_owned(),
        time_zone: "UTC".to_owned(),
        created_at: row.get(0),
    }))
}

pub async fn set_password(client: &Client, user: UserId, hash: &str) -> Stored<()> {
    let sql = "update users set password_hash = $2, updated_at = now() where id = $1";
    execute(client, sql, &[&user.uuid(), &hash]).await.map(drop)
}

pub async fn is_active(client: &Client, user: UserId) -> Stored<bool> {
    let sql =
        "select exists (select from users where id = $1 and blocked_at is null and deactivated_at is null)";
    Ok(query(client, sql, &[&user.uuid()]).await?.first().is_some_and(|row| row.get(0)))
}

/// Where a sign-in came from, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

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
        "select {COLUMNS}, t.expires_at, t.used_at, s.ended_at is not null, s.id, clock_timestamp()
        from refresh_tokens t join sign_ins s on s.id = t.sign_in_id join users u on u.id = s.user_id
        where t.hash = $1"
    );
    Ok(query(transaction, &sql, &[&hash]).await?.first().map(|row| {
        let account = account(row);
        let kept = Kept {
            expires_at: row.get(11),
            used_at: row.get(12),
            sign_in_ended: row.get(13),
            account_active: !account.blocked && !account.deactivated,
        };
        Found { kept, sign_in: SessionId::from_uuid(row.get(14)), account, now: row.get(15) }
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

/// Ends the sign-in that a token of this user belongs to.
pub async fn end_by_token(client: &Client, hash: &[u8], user: UserId, why: &str) -> Stored<()> {
    let sql = "update sign_ins set ended_at = now(), ended_why = $3
        where id = (select sign_in_id from refresh_tokens where hash = $1) and user_id = $2 and ended_at is null";
    execute(client, sql, &[&hash, &user.uuid(), &why]).await.map(drop)
}

/// Removes tokens that ran out and what is left of ended sign-ins; answers how many tokens. History stays 90 days.
pub async fn sweep(client: &Client) -> Stored<u64> {
    let tokens = "delete from refresh_tokens where hash in (
        select hash from refresh_tokens where expires_at < now() - interval '1 day' limit 10000)";
    let ended = "delete from sign_ins where id in (
        select id from sign_ins where ended_at < now() - interval '90 days' limit 10000)";
    let removed = execute(client, tokens, &[]).await?;
    execute(client, ended, &[]).await?;
    Ok(removed)
}

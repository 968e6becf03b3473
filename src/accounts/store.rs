//! The SQL of accounts and sign-ins.

pub(super) mod history;
pub(super) mod links;
pub(super) mod news;
pub(super) mod profile;
pub(super) mod revoked;
pub(super) mod seed;
pub(super) mod sign_ins;

use deadpool_postgres::{Client, GenericClient};
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::rules::{Email, Username};
use super::{Profile, Role};
use crate::postgres::{Stored, execute, query, query_opt};

pub use sign_ins::{NewSignIn, end_sign_ins, exchange, find_token, open_sign_in};

/// An account with what a sign-in needs of it.
pub struct Account {
    pub profile: Profile,
    pub password_hash: Option<String>,
    pub blocked: bool,
    pub blocked_why: Option<String>,
    pub deactivated: bool,
    pub deactivated_at: Option<Timestamp>,
}

impl Account {
    /// Neither blocked nor deactivated.
    pub fn is_active(&self) -> bool {
        !self.blocked && !self.deactivated
    }
}

/// Of `users u`; [`account`] reads them by name.
pub(super) const COLUMNS: &str = "u.id, u.username, u.display_name, u.email, u.email_verified_at is not null as email_verified, \
    u.mobile, u.bio, u.locale, u.role, u.created_at, u.password_hash, u.blocked_at is not null as blocked, \
    u.blocked_why, u.deactivated_at is not null as deactivated, u.deactivated_at, s.plan, s.plan_until, \
    s.time_zone, s.next_time_zone";
pub(super) const USERS: &str = "users u join standing s on s.id = u.id";

pub(super) fn account(row: &Row) -> Account {
    let password_hash: Option<String> = row.get("password_hash");
    Account {
        profile: Profile {
            id: UserId::from_uuid(row.get("id")),
            username: row.get("username"),
            display_name: row.get("display_name"),
            email: row.get("email"),
            email_verified: row.get("email_verified"),
            mobile: row.get("mobile"),
            bio: row.get("bio"),
            locale: row.get("locale"),
            role: Role::from_text(row.get("role")),
            plan: row.get("plan"),
            plan_until: row.get("plan_until"),
            time_zone: row.get("time_zone"),
            next_time_zone: row.get("next_time_zone"),
            has_password: password_hash.is_some(),
            created_at: row.get("created_at"),
        },
        password_hash,
        blocked: row.get("blocked"),
        blocked_why: row.get("blocked_why"),
        deactivated: row.get("deactivated"),
        deactivated_at: row.get("deactivated_at"),
    }
}

/// The account that fits this condition on `u`, with `$1`.
async fn find(
    client: &impl GenericClient,
    condition: &str,
    value: &(dyn ToSql + Sync),
) -> Stored<Option<Account>> {
    let sql = format!("select {COLUMNS} from {USERS} where {condition}");
    Ok(query_opt(client, &sql, &[value]).await?.as_ref().map(account))
}

pub async fn by_id(client: &impl GenericClient, user: UserId) -> Stored<Option<Account>> {
    find(client, "u.id = $1", &user.uuid()).await
}

pub async fn by_email(client: &impl GenericClient, key: &str) -> Stored<Option<Account>> {
    find(client, "u.email_key = $1", &key).await
}

pub async fn by_username(client: &impl GenericClient, key: &str) -> Stored<Option<Account>> {
    find(client, "u.username_key = $1", &key).await
}

/// The account, its row locked until the transaction ends. First of all rows: who also needs sign-ins or links of it
/// takes them afterwards. Others may go on referring to it.
pub async fn lock(client: &impl GenericClient, user: UserId) -> Stored<Option<Account>> {
    let sql = format!("select {COLUMNS} from {USERS} where u.id = $1 for no key update of u");
    Ok(query_opt(client, &sql, &[&user.uuid()]).await?.as_ref().map(account))
}

/// The database's clock.
pub async fn now(client: &impl GenericClient) -> Stored<Timestamp> {
    let rows = query(client, "select now()", &[]).await?;
    Ok(rows.first().map_or(Timestamp::UNIX_EPOCH, |row| row.get(0)))
}

/// `mobile` in E.164.
pub async fn by_mobile(client: &impl GenericClient, mobile: &str) -> Stored<Option<Account>> {
    find(client, "u.mobile = $1", &mobile).await
}

/// Somebody new, by whichever way in.
pub struct NewAccount<'a> {
    pub id: UserId,
    pub email: Option<&'a Email>,
    /// A provider vouched for the address.
    pub email_verified: bool,
    /// In E.164, proved by a code.
    pub mobile: Option<&'a str>,
    pub username: &'a Username,
    pub display_name: &'a str,
    pub role: Role,
    pub plan: &'a str,
    pub password_hash: Option<&'a str>,
    pub seeded: bool,
}

/// Which unique value stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Mobile,
    Username,
}

const INSERT: &str = "insert into users (id, email, email_key, email_verified_at, mobile, username, username_key, \
    display_name, role, plan, password_hash, seeded) \
    values ($1, $2, $3, case when $4 then now() end, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing";
const TAKEN: &str = "select exists (select from users where email_key = $1), \
    exists (select from users where mobile = $2)";

pub async fn insert(client: &impl GenericClient, new: &NewAccount<'_>) -> Stored<Result<(), Taken>> {
    let email_key = new.email.map(|email| &email.key);
    let inserted = execute(
        client,
        INSERT,
        &[
            &new.id.uuid(),
            &new.email.map(|email| &email.typed),
            &email_key,
            &new.email_verified,
            &new.mobile,
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
    if inserted > 0 {
        return Ok(Ok(()));
    }
    let taken = query_opt(client, TAKEN, &[&email_key, &new.mobile]).await?;
    let is_taken = |column: usize| taken.as_ref().is_some_and(|row| row.get(column));
    Ok(Err(match (is_taken(0), is_taken(1)) {
        (true, _) => Taken::Email,
        (_, true) => Taken::Mobile,
        _ => Taken::Username,
    }))
}

pub async fn set_password(client: &impl GenericClient, user: UserId, hash: &str) -> Stored<()> {
    let sql =
        "update users set password_hash = $2, password_changed_at = now(), updated_at = now() where id = $1";
    execute(client, sql, &[&user.uuid(), &hash]).await.map(drop)
}

/// Sets another password, if the hash of the one before still is `old`.
pub async fn replace_password(
    client: &impl GenericClient,
    user: UserId,
    old: Option<&str>,
    hash: &str,
) -> Stored<bool> {
    let sql = "update users set password_hash = $3, password_changed_at = now(), updated_at = now()
        where id = $1 and password_hash is not distinct from $2";
    Ok(execute(client, sql, &[&user.uuid(), &old, &hash]).await? > 0)
}

/// Keeps the same password by another hash, if `old` still stands.
pub async fn rehash(client: &impl GenericClient, user: UserId, old: Option<&str>, hash: &str) -> Stored<()> {
    let sql = "update users set password_hash = $3 where id = $1 and password_hash is not distinct from $2";
    execute(client, sql, &[&user.uuid(), &old, &hash]).await.map(drop)
}

pub async fn is_active(client: &Client, user: UserId) -> Stored<bool> {
    let sql =
        "select exists (select from users where id = $1 and blocked_at is null and deactivated_at is null)";
    Ok(query(client, sql, &[&user.uuid()]).await?.first().is_some_and(|row| row.get(0)))
}

/// What is of no more use. Ended sign-ins and history stay 90 days.
const SWEEP: [&str; 4] = [
    "delete from refresh_tokens where hash in (
        select hash from refresh_tokens where expires_at < now() - interval '1 day' limit 10000)",
    "delete from sign_ins where id in (
        select id from sign_ins where ended_at < now() - interval '90 days' limit 10000)",
    "delete from auth_history where id in (
        select id from auth_history where created_at < now() - interval '90 days' limit 10000)",
    "delete from mail_links where hash in (
        select hash from mail_links where expires_at < now() - interval '1 day' limit 10000)",
];

/// Rows that a statement of the sweep removes at most, and how often it is repeated.
const SWEEP_ROUND: u64 = 10_000;
const SWEEP_ROUNDS_MAX: u32 = 100;

/// Answers how many rows were removed.
pub async fn sweep(client: &Client) -> Stored<u64> {
    let mut removed = 0;
    for sql in SWEEP {
        for _ in 0..SWEEP_ROUNDS_MAX {
            let round = execute(client, sql, &[]).await?;
            removed += round;
            if round < SWEEP_ROUND {
                break;
            }
        }
    }
    Ok(removed)
}

const STANDING: &str = "select s.plan, s.valid_until from standing s join users u on u.id = s.id
    where s.id = $1 and u.erased_at is null";

/// The plan that holds now, and until when that is known to be so.
pub async fn standing(
    client: &impl GenericClient,
    user: UserId,
) -> Stored<Option<(String, Option<Timestamp>)>> {
    Ok(query_opt(client, STANDING, &[&user.uuid()]).await?.map(|row| (row.get(0), row.get(1))))
}

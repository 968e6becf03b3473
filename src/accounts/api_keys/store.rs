//! The SQL of API keys.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{ApiKey, Holder, KeyInfo, Scope};
use crate::postgres::{Stored, execute, query, query_opt};

const COLUMNS: &str = "id, name, prefix, scopes, created_at, last_used_at, expires_at";
/// Revoked keys and such as ran out stay so long for those who look into what happened.
const KEPT: &str = "interval '90 days'";

fn scopes(row: &Row) -> Vec<Scope> {
    let names: Vec<String> = row.get("scopes");
    names.iter().filter_map(|name| Scope::from_text(name)).collect()
}

fn info(row: &Row) -> KeyInfo {
    KeyInfo {
        id: row.get("id"),
        name: row.get("name"),
        prefix: row.get("prefix"),
        scopes: scopes(row),
        created_at: row.get("created_at"),
        last_used_at: row.get("last_used_at"),
        expires_at: row.get("expires_at"),
    }
}

/// How many live keys the user has; `None` without an active account. Whoever makes a key comes after this one.
pub async fn live_keys(client: &impl GenericClient, user: UserId) -> Stored<Option<i64>> {
    let lock = "select from users where id = $1 and blocked_at is null and deactivated_at is null for update";
    if query(client, lock, &[&user.uuid()]).await?.is_empty() {
        return Ok(None);
    }
    let sql = "select count(*) from api_keys
        where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())";
    Ok(query_opt(client, sql, &[&user.uuid()]).await?.map(|row| row.get(0)))
}

pub async fn insert(
    client: &impl GenericClient,
    user: UserId,
    key: &ApiKey,
    name: &str,
    scopes: &[Scope],
    days: Option<u32>,
) -> Stored<KeyInfo> {
    let sql = format!(
        "insert into api_keys (id, user_id, name, prefix, hash, scopes, expires_at)
        values ($1, $2, $3, $4, $5, $6, now() + make_interval(days => $7)) returning {COLUMNS}"
    );
    let id = Uuid::now_v7();
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let days = days.map(|days| i32::try_from(days).unwrap_or(i32::MAX));
    let rows =
        query(client, &sql, &[&id, &user.uuid(), &name, &key.shown(), &key.hash(), &scopes, &days]).await?;
    Ok(info(&rows[0]))
}

/// Newest first, with how many there are in all.
pub async fn list(
    client: &impl GenericClient,
    user: UserId,
    limit: u32,
    skip: u64,
) -> Stored<(Vec<KeyInfo>, u64)> {
    let sql = format!(
        "select {COLUMNS} from api_keys where user_id = $1 and revoked_at is null
        order by created_at desc, id desc limit $2 offset $3"
    );
    let (limit, skip) = (i64::from(limit), i64::try_from(skip).unwrap_or(i64::MAX));
    let items = query(client, &sql, &[&user.uuid(), &limit, &skip]).await?.iter().map(info).collect();
    let count = "select count(*) from api_keys where user_id = $1 and revoked_at is null";
    let total: i64 = query_opt(client, count, &[&user.uuid()]).await?.map_or(0, |row| row.get(0));
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

/// Answers whether it was the user's and had not been revoked.
pub async fn revoke(client: &impl GenericClient, user: UserId, key: Uuid) -> Stored<bool> {
    let sql = "update api_keys set revoked_at = now() where id = $1 and user_id = $2 and revoked_at is null";
    Ok(execute(client, sql, &[&key, &user.uuid()]).await? > 0)
}

/// A key that holds.
pub struct Found {
    pub holder: Holder,
    /// Its last use was noted a minute ago, or never.
    pub is_use_noted_late: bool,
}

const FIND: &str = "select k.id, k.user_id, k.scopes, s.plan,
        coalesce(k.last_used_at < now() - interval '1 minute', true) as late
    from api_keys k join users u on u.id = k.user_id join standing s on s.id = u.id
    where k.hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
        and u.blocked_at is null and u.deactivated_at is null";

pub async fn find(client: &impl GenericClient, key: &ApiKey) -> Stored<Option<Found>> {
    Ok(query_opt(client, FIND, &[&key.hash()]).await?.map(|row| Found {
        holder: Holder {
            key: row.get("id"),
            user: UserId::from_uuid(row.get("user_id")),
            scopes: scopes(&row),
            plan: row.get("plan"),
        },
        is_use_noted_late: row.get("late"),
    }))
}

/// Of many uses at the same moment one writes.
pub async fn note_use(client: &impl GenericClient, key: Uuid) -> Stored<()> {
    let sql = "update api_keys set last_used_at = now()
        where id = $1 and coalesce(last_used_at < now() - interval '1 minute', true)";
    execute(client, sql, &[&key]).await.map(drop)
}

/// Forgets keys that were over long ago; answers how many.
pub async fn sweep(client: &impl GenericClient) -> Stored<u64> {
    let sql = format!(
        "delete from api_keys where id in (select id from api_keys
            where least(revoked_at, expires_at) < now() - {KEPT} limit 10000)"
    );
    execute(client, &sql, &[]).await
}

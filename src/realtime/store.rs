//! The SQL of when users were last seen.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::postgres::{Stored, execute, query};

pub async fn last_seen(client: &impl GenericClient, users: &[UserId]) -> Stored<Vec<(UserId, Timestamp)>> {
    let users: Vec<Uuid> = users.iter().map(|user| user.uuid()).collect();
    let sql = "select user_id, seen_at from last_seen where user_id = any($1)";
    let rows = query(client, sql, &[&users]).await?;
    Ok(rows.iter().map(|row| (UserId::from_uuid(row.get(0)), row.get(1))).collect())
}

/// In the order of the ids, so that two nodes never wait for one another. An account that was erased meanwhile has none.
const SEE: &str = "insert into last_seen (user_id, seen_at)
    select u.id, s.seen_at from unnest($1::uuid[], $2::timestamptz[]) as s (user_id, seen_at)
    join users u on u.id = s.user_id and u.erased_at is null order by u.id
    on conflict (user_id) do update set seen_at = greatest(last_seen.seen_at, excluded.seen_at)";

pub async fn see(client: &impl GenericClient, seen: &[(UserId, Timestamp)]) -> Stored<u64> {
    let (users, times): (Vec<Uuid>, Vec<Timestamp>) =
        seen.iter().map(|(user, at)| (user.uuid(), *at)).unzip();
    execute(client, SEE, &[&users, &times]).await
}

//! SQL of the comparison.

use std::collections::HashSet;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::Report;
use crate::postgres::{Stored, execute, query, query_opt};

/// Of people, in one run.
pub const PEOPLE_BATCHES: usize = 20;

/// Notes that it began, unless another one runs, and forgets reports that nobody looks at any more. One that began longer ago
/// than a job may take has died.
pub async fn begin(client: &impl GenericClient, id: Uuid) -> Stored<bool> {
    execute(client, "delete from reconciliations where started_at < now() - interval '90 days'", &[]).await?;
    let sql = "insert into reconciliations (id) select $1 where not exists (select from reconciliations
        where finished_at is null and started_at > now() - interval '15 minutes')";
    Ok(execute(client, sql, &[&id]).await? > 0)
}

/// It came to nothing.
pub async fn forget(client: &impl GenericClient, id: Uuid) -> Stored<()> {
    let sql = "delete from reconciliations where id = $1 and finished_at is null";
    execute(client, sql, &[&id]).await.map(drop)
}

pub async fn is_running(client: &impl GenericClient) -> Stored<bool> {
    let sql = "select exists (select from reconciliations
        where finished_at is null and started_at > now() - interval '15 minutes')";
    Ok(query_opt(client, sql, &[]).await?.is_some_and(|row| row.get(0)))
}

pub async fn finish(client: &impl GenericClient, id: Uuid, report: &Report) -> Stored<()> {
    let sql = "update reconciliations set finished_at = now(), report = $2 where id = $1";
    execute(client, sql, &[&id, &Json(report)]).await.map(drop)
}

pub async fn last(client: &impl GenericClient) -> Stored<Option<(Timestamp, Report)>> {
    let sql = "select finished_at, report from reconciliations where finished_at is not null
        order by finished_at desc limit 1";
    let read = |row: tokio_postgres::Row| (row.get(0), row.get::<_, Json<Report>>(1).0);
    Ok(query_opt(client, sql, &[]).await?.map(read))
}

pub async fn known_events(client: &impl GenericClient, ids: &[&str]) -> Stored<HashSet<String>> {
    let rows = query(client, "select id from stripe_events where id = any($1)", &[&ids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub async fn failed_events(client: &impl GenericClient) -> Stored<i64> {
    let sql = "select count(*) from stripe_events where state = 'failed'";
    Ok(query_opt(client, sql, &[]).await?.map_or(0, |row| row.get(0)))
}

/// Those that run by our word and are none of these, the one that ends first first.
pub async fn live_but(client: &impl GenericClient, seen: &[&str], limit: i64) -> Stored<Vec<String>> {
    let sql = "select id from subscriptions
        where status in ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete') and id <> all($1)
        order by current_period_end limit $2";
    Ok(query(client, sql, &[&seen, &limit]).await?.iter().map(|row| row.get(0)).collect())
}

/// People who bought something or were given a plan, in the order of their ids.
pub async fn people(client: &impl GenericClient, after: Uuid, limit: i64) -> Stored<Vec<UserId>> {
    let sql = "select user_id from (
            (select distinct user_id from payments where user_id > $1 order by user_id limit $2)
            union (select distinct user_id from subscriptions where user_id > $1 order by user_id limit $2)
            union (select distinct user_id from plan_grants where user_id > $1 order by user_id limit $2)
        ) as people order by user_id limit $2";
    Ok(query(client, sql, &[&after, &limit]).await?.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

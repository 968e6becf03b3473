//! From what waits to the sums.
//!
//! Lock order: the roll-up's row, then active days, sums, characters and buckets, each by their keys.

use std::sync::LazyLock;

use deadpool_postgres::{Client, GenericClient};
use uuid::Uuid;

use super::{NIL, SUMMED, SUMS, WAS_ACTIVE};
use crate::postgres::{Stored, execute, query};

const LOCK: &str = "select from insight_rollup where one for no key update";

/// The set of a row that is there.
fn added() -> String {
    let columns = SUMS.split(',').map(str::trim).chain(["active"]);
    columns.map(|name| format!("{name} = d.{name} + excluded.{name}")).collect::<Vec<_>>().join(", ")
}

// Each row is summed twice: for its user, unless that account is erased or gone, and for all together.
static ROLL_UP: LazyLock<String> = LazyLock::new(|| {
    let added = added();
    format!(
        "with gone as materialized (
            delete from insight_waiting where ctid = any (array(select ctid from insight_waiting limit $1)) returning *
        ), said as materialized (
            select g.user_id as whose, insight_day(g.user_id, g.at) as day, g.*
            from gone g join users u on u.id = g.user_id and u.erased_at is null
            union all
            select {NIL}, (g.at at time zone 'UTC')::date, g.* from gone g
        ), came as (
            insert into insight_active (user_id, day)
            select distinct user_id, (at at time zone 'UTC')::date from said where whose <> {NIL} and {WAS_ACTIVE}
            order by 1, 2 on conflict do nothing returning day
        ), sums as (
            insert into insight_days as d (user_id, day, {SUMS}, active)
            select whose, day, {SUMMED}, coalesce(case when whose = {NIL} then (select count(*) from came where came.day = said.day) end, 0)
            from said group by 1, 2 order by 1, 2
            on conflict (user_id, day) do update set {added}
        ), replied as (
            insert into insight_characters as d (user_id, day, character_id, replies)
            select whose, day, character_id, sum(replies) from said where character_id is not null
            group by 1, 2, 3 order by 1, 2, 3
            on conflict (user_id, day, character_id) do update set replies = d.replies + excluded.replies
        ), waited as (
            insert into insight_first_tokens as d (user_id, day, bucket, count)
            select whose, day, insight_bucket(first_token_ms), count(*) from said where first_token_ms is not null
            group by 1, 2, 3 order by 1, 2, 3
            on conflict (user_id, day, bucket) do update set count = d.count + excluded.count
        )
        select count(*) from gone"
    )
});

/// Takes up to `limit` rows that wait and adds them to the sums, in one transaction that lets no other one do it meanwhile;
/// answers how many.
pub(in crate::insights) async fn roll_up(client: &mut Client, limit: i64) -> Stored<i64> {
    let transaction = client.transaction().await?;
    // The lock comes in a statement of its own: the next one's snapshot has what the last roll-up committed.
    query(&transaction, LOCK, &[]).await?;
    let rows = query(&transaction, &ROLL_UP, &[&limit]).await?;
    transaction.commit().await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

const WAITING: &str =
    "select count(*) from (select from insight_waiting where user_id = $1 limit $2) waiting";
const ALL_WAITING: &str = "select count(*) from (select from insight_waiting limit $1) waiting";

/// How much of a user's, or of everybody's, is in no sum yet; counted up to `most`.
pub(in crate::insights) async fn waiting(
    client: &impl GenericClient,
    user: Option<Uuid>,
    most: i64,
) -> Stored<i64> {
    let rows = match user {
        Some(user) => query(client, WAITING, &[&user, &most]).await?,
        None => query(client, ALL_WAITING, &[&most]).await?,
    };
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

// What waits goes into the sums of all as nobody's.
const FORGET: [&str; 6] = [
    "update insight_waiting set user_id = '00000000-0000-0000-0000-000000000000' where user_id = $1",
    "delete from insight_days where user_id = $1",
    "delete from insight_characters where user_id = $1",
    "delete from insight_first_tokens where user_id = $1",
    "delete from insight_active where user_id = $1",
    "delete from insight_limits where user_id = $1",
];

/// Takes away a user's own figures. No roll-up runs until the caller's transaction ends; those after it see what it did.
pub(in crate::insights) async fn forget(client: &impl GenericClient, user: Uuid) -> Stored<()> {
    query(client, LOCK, &[]).await?;
    for sql in FORGET {
        execute(client, sql, &[&user]).await?;
    }
    Ok(())
}

//! The SQL of the accounts; how they count, and why exactly, stands in `ai/usage`.
//!
//! Lock order: the roll-up's row, then the sums of users, then those of all, each by their keys.

use deadpool_postgres::{Client, GenericClient};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Group;
use super::group::{GroupBy, Position, UsageFilter};
use crate::postgres::{Stored, execute, query};

/// Stands for nobody and for no character in the sums' keys.
const NIL: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

/// What calls took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    pub calls: i64,
    /// Of these calls: the provider failed.
    pub failed: i64,
    /// Of these: broken off by us, mostly since a person pressed stop.
    pub stopped: i64,
    /// Of these: answered from the response cache. They have tokens, and cost nothing.
    pub cached: i64,
    pub prompt_tokens: i64,
    /// Of the prompts' tokens: those that the provider had in its own cache.
    pub cached_tokens: i64,
    pub completion_tokens: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
}

const SUM_COUNT: usize = 8;
/// The columns of [`Sums`] in their order.
const SUMS: &str =
    "calls, failed, stopped, cached, prompt_tokens, cached_tokens, completion_tokens, cost_micros";
/// They, summed.
const SUMMED: &str = "coalesce(sum(calls), 0)::bigint as calls, coalesce(sum(failed), 0)::bigint as failed,
    coalesce(sum(stopped), 0)::bigint as stopped, coalesce(sum(cached), 0)::bigint as cached,
    coalesce(sum(prompt_tokens), 0)::bigint as prompt_tokens, coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
    coalesce(sum(completion_tokens), 0)::bigint as completion_tokens, coalesce(sum(cost_micros), 0)::bigint as cost_micros";
/// The set of a row that is there.
const ADDED: &str = "calls = d.calls + excluded.calls, failed = d.failed + excluded.failed,
    stopped = d.stopped + excluded.stopped, cached = d.cached + excluded.cached,
    prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
    cached_tokens = d.cached_tokens + excluded.cached_tokens,
    completion_tokens = d.completion_tokens + excluded.completion_tokens,
    cost_micros = d.cost_micros + excluded.cost_micros";
/// A call `c` as a row of sums.
fn call() -> String {
    format!(
        "(c.at at time zone 'UTC')::date as day, coalesce(c.user_id, {NIL}) as user_id,
        coalesce(c.character_id, {NIL}) as character_id, c.provider, c.model, c.purpose, 1 as calls,
        (c.outcome = 'failed')::int as failed, (c.outcome = 'stopped')::int as stopped,
        (c.outcome = 'cached')::int as cached, c.prompt_tokens::bigint as prompt_tokens,
        c.cached_tokens::bigint as cached_tokens, c.completion_tokens::bigint as completion_tokens, c.cost_micros"
    )
}

fn sums(row: &Row, first: usize) -> Sums {
    let at = |column: usize| row.get(first + column);
    Sums {
        calls: at(0),
        failed: at(1),
        stopped: at(2),
        cached: at(3),
        prompt_tokens: at(4),
        cached_tokens: at(5),
        completion_tokens: at(6),
        cost_micros: at(7),
    }
}

/// What one transaction added.
pub(super) struct Batch {
    pub taken: u64,
    pub sums: Vec<Told>,
}

/// Sums as the metrics tell them.
pub(super) struct Told {
    pub provider: String,
    pub model: String,
    pub purpose: String,
    pub sums: Sums,
}

const LOCK: &str = "select from ai_usage_rollup where one for no key update";

/// Takes up to `limit` calls that wait and adds them to the sums, in one transaction that lets no other one do it meanwhile.
pub(super) async fn roll_up(client: &mut Client, limit: i64) -> Stored<Batch> {
    let call = call();
    let sql = format!(
        "with gone as (
            delete from ai_calls_uncounted where id in (select id from ai_calls_uncounted order by id limit $1)
            returning id
        ), said as materialized (
            select {call} from gone join ai_calls c using (id)
        ), of_users as (
            insert into ai_usage_days as d (day, user_id, character_id, provider, model, purpose, {SUMS})
            select day, user_id, character_id, provider, model, purpose, {SUMMED} from said
            group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
            on conflict (day, user_id, character_id, provider, model, purpose) do update set {ADDED}
        ), of_all as (
            insert into ai_usage_totals as d (day, character_id, provider, model, purpose, {SUMS})
            select day, character_id, provider, model, purpose, {SUMMED} from said
            group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
            on conflict (day, character_id, provider, model, purpose) do update set {ADDED}
        )
        select (select count(*) from gone), told.* from (select 1) one
        left join (select provider, model, purpose, {SUMMED} from said group by 1, 2, 3) told on true"
    );
    let transaction = client.transaction().await?;
    // The lock comes in a statement of its own: the next one's snapshot has what the last roll-up committed.
    query(&transaction, LOCK, &[]).await?;
    let rows = query(&transaction, &sql, &[&limit]).await?;
    transaction.commit().await?;
    let told = |row: &Row| {
        Some(Told {
            provider: row.get::<_, Option<String>>(1)?,
            model: row.get(2),
            purpose: row.get(3),
            sums: sums(row, 4),
        })
    };
    let taken = rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs());
    Ok(Batch { taken, sums: rows.iter().filter_map(told).collect() })
}

const WAITING: &str = "select count(*) from (select from ai_calls_uncounted limit $1) waiting";

/// How many calls are in no sum yet, counted up to `most`.
pub(super) async fn waiting(client: &impl GenericClient, most: i64) -> Stored<i64> {
    Ok(query(client, WAITING, &[&most]).await?.first().map_or(0, |row| row.get(0)))
}

// Ids are made when calls are: those up to one of a moment are found by their index, with none between.
const SWEEP: &str = "delete from ai_calls where id in (
    select c.id from ai_calls c where c.id < $2 and c.at < $1
        and not exists (select from ai_calls_uncounted u where u.id = c.id)
    order by c.id limit $3)";

/// Takes away up to `limit` calls of before `at`, which is when ids below `id` were made.
pub(super) async fn sweep(client: &impl GenericClient, at: Timestamp, id: Uuid, limit: i64) -> Stored<u64> {
    execute(client, SWEEP, &[&at, &id, &limit]).await
}

const FORGET: &str = "update ai_calls set room_id = null, turn_id = null
    where user_id = $1 and (room_id is not null or turn_id is not null)";

pub(super) async fn forget(client: &impl GenericClient, user: Uuid) -> Stored<()> {
    execute(client, FORGET, &[&user]).await.map(drop)
}

/// The key of a group, and what it is called, given the key.
fn key(by: GroupBy) -> (&'static str, &'static str) {
    match by {
        GroupBy::Day => ("to_char(d.day, 'YYYY-MM-DD')", "page.key"),
        GroupBy::User => {
            ("d.user_id::text", "(select username::text from users u where u.id = page.key::uuid)")
        }
        GroupBy::Character => {
            ("d.character_id::text", "(select name from characters c where c.id = page.key::uuid)")
        }
        GroupBy::Model => ("d.model", "page.key"),
        GroupBy::Provider => ("d.provider", "page.key"),
        GroupBy::Purpose => ("d.purpose", "page.key"),
    }
}

/// A page of the groups with one more, how many there are in all, and the sums of all.
pub(super) async fn list(
    client: &impl GenericClient,
    filter: &UsageFilter,
    after: Option<&Position>,
    (skip, limit): (i64, i64),
) -> Stored<(Vec<Group>, u64, Sums)> {
    let of_users = filter.by == GroupBy::User || filter.user.is_some();
    let (table, of_user) = match of_users {
        true => ("ai_usage_days", "and ($3::uuid is null or d.user_id = $3)"),
        false => ("ai_usage_totals", "and $3::uuid is null"),
    };
    let (key, label) = key(filter.by);
    let rank = match filter.by {
        GroupBy::Day => "0::bigint as cost, 0::bigint as tokens",
        _ => "cost_micros as cost, prompt_tokens + completion_tokens as tokens",
    };
    let fitting = format!(
        "d.day between $1 and $2 {of_user} and ($4::uuid is null or d.character_id = $4)
        and ($5::text is null or d.provider = $5) and ($6::text is null or d.model = $6)
        and ($7::text is null or d.purpose = $7)"
    );
    let call = call();
    let sql = format!(
        "with said as (
            select {key} as key, {SUMS} from {table} d where {fitting}
            union all
            select {key}, {SUMS} from (
                select {call} from ai_calls_uncounted w join ai_calls c using (id)) d where {fitting}
        ), groups as materialized (
            select key collate \"C\" as key, {SUMMED} from said group by 1
        ), ranked as (
            select *, {rank} from groups
        )
        select t.*, page.key, {label}, page.calls, page.failed, page.stopped, page.cached, page.prompt_tokens,
            page.cached_tokens, page.completion_tokens, page.cost_micros
        from (select count(*), {SUMMED} from groups) t
        left join lateral (
            select * from ranked where $8::bigint is null or cost < $8
                or (cost = $8 and (tokens < $9 or (tokens = $9 and key > $10)))
            order by cost desc, tokens desc, key limit $11 offset $12
        ) page on true
        order by page.cost desc, page.tokens desc, page.key"
    );
    let (cost, tokens) = (after.map(|at| at.cost), after.map(|at| at.tokens));
    let last = after.map(|at| at.key.as_str());
    let UsageFilter { from, to, user, character, provider, model, purpose, .. } = filter;
    let limit = limit + 1;
    let rows = query(
        client,
        &sql,
        &[from, to, user, character, provider, model, purpose, &cost, &tokens, &last, &limit, &skip],
    )
    .await?;
    let group = |row: &Row| {
        let key: String = row.get::<_, Option<String>>(SUM_COUNT + 1)?;
        let key =
            Some(key).filter(|key| Uuid::try_parse(key).is_ok_and(|id| !id.is_nil()) || !is_id(filter.by));
        Some(Group { key, label: row.get(SUM_COUNT + 2), sums: sums(row, SUM_COUNT + 3) })
    };
    let (total, totals) =
        rows.first().map_or((0, Sums::default()), |row| (row.get::<_, i64>(0).unsigned_abs(), sums(row, 1)));
    Ok((rows.iter().filter_map(group).collect(), total, totals))
}

fn is_id(by: GroupBy) -> bool {
    matches!(by, GroupBy::User | GroupBy::Character)
}

/// What a user's calls of one kind took on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageDay {
    day: Date,
    character_id: Option<Uuid>,
    character: Option<String>,
    provider: String,
    model: String,
    purpose: String,
    #[serde(flatten)]
    sums: Sums,
}

/// A page of them, by day.
pub(super) async fn of_user(
    client: &impl GenericClient,
    user: Uuid,
    limit: i64,
    skip: i64,
) -> Stored<Vec<UsageDay>> {
    let call = call();
    let sql = format!(
        "with said as (
            select day, character_id, provider, model, purpose, {SUMS} from ai_usage_days where user_id = $1
            union all
            select day, character_id, provider, model, purpose, {SUMS} from (
                select {call} from ai_calls_uncounted w join ai_calls c using (id) where c.user_id = $1) d
        )
        select said.day, said.character_id, (select name from characters c where c.id = said.character_id),
            provider, model, purpose, {SUMMED}
        from said group by 1, 2, 4, 5, 6 order by 1, 2, 4, 5, 6 limit $2 offset $3"
    );
    let day = |row: &Row| UsageDay {
        day: row.get(0),
        character_id: Some(row.get::<_, Uuid>(1)).filter(|id| !id.is_nil()),
        character: row.get(2),
        provider: row.get(3),
        model: row.get(4),
        purpose: row.get(5),
        sums: sums(row, 6),
    };
    Ok(query(client, &sql, &[&user, &limit, &skip]).await?.iter().map(day).collect())
}

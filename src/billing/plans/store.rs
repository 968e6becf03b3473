//! The SQL of plans: who has which.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;

use crate::postgres::{Stored, query, query_opt};

/// By name, how many people have a plan that is none of `$1`: now, next, as what holds when nothing else does, by a
/// subscription that is not over, or by a gift.
const UNKNOWN: &str = "select plan, count(distinct user_id) from (
        select case when plan_until <= now() then null else plan end as plan, id as user_id from users
            where erased_at is null
        union all select plan_after, id from users where plan_until is not null and erased_at is null
        union all select base_plan, id from users where erased_at is null
        union all select plan, user_id from subscriptions
            where status in ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete')
        union all select plan, user_id from plan_grants where taken_at is null and ends_at > now()
    ) held where plan <> all($1) group by plan order by plan";

pub async fn held_beside(client: &impl GenericClient, known: &[&str]) -> Stored<Vec<(String, i64)>> {
    let rows = query(client, UNKNOWN, &[&known]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub async fn is_set_up(client: &impl GenericClient) -> Stored<bool> {
    const TABLES: &str = "select to_regclass('users') is not null and to_regclass('plan_grants') is not null";
    Ok(query(client, TABLES, &[]).await?.first().is_some_and(|row| row.get(0)))
}

/// When the user's plan ends by itself, and what comes then; `None` for one that does not.
pub async fn end(client: &impl GenericClient, user: UserId) -> Stored<Option<(Timestamp, Option<String>)>> {
    const END: &str = "select plan_until, plan_after from users where id = $1 and plan_until > now()";
    Ok(query_opt(client, END, &[&user.uuid()]).await?.map(|row| (row.get(0), row.get(1))))
}

//! What a user's figures come to at a glance, in one statement.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::{ALL, SUMMED, SUMS, json};
use crate::insights::figures::Sums;
use crate::postgres::{Stored, query};

/// At a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    pub today: Sums,
    /// The seven days up to today.
    pub week: Sums,
    pub ever: Sums,
    /// That one is in.
    pub conversations: i64,
    /// That ever replied.
    pub characters: i64,
    /// Days in a row on which one said something, up to today or yesterday.
    pub streak_days: i64,
}

static OVERVIEW: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with asked as materialized (
            select insight_day($1, now()) as today
        ), waiting as materialized (
            select insight_day(user_id, at) as day, * from insight_waiting where user_id = $1
        ), days as materialized (
            select day, {SUMMED} from (
                select day, {SUMS} from insight_days where user_id = $1
                union all
                select day, {SUMS} from waiting) said
            group by day
        ), spoke as (
            select day, row_number() over (order by day desc) as nth, max(day) over () as latest
            from days, asked where messages > 0 and day <= today
        )
        select
            (select to_jsonb(s) from (select {SUMMED} from days, asked where day = today) s),
            (select to_jsonb(s) from (select {SUMMED} from days, asked where day between today - 6 and today) s),
            (select to_jsonb(s) from (select {SUMMED} from days) s),
            (select count(*) from room_members m join rooms r on r.id = m.room_id and r.deleted_at is null
                where m.user_id = $1 and m.left_at is null),
            (select count(*) from (
                select character_id from insight_characters where user_id = $1
                union
                select character_id from waiting where character_id is not null) c),
            (select count(*) from spoke, asked where latest >= today - 1 and latest - day = nth - 1)"
    )
});

pub(in crate::insights) async fn overview(client: &impl GenericClient, user: Uuid) -> Stored<Overview> {
    let rows = query(client, &OVERVIEW, &[&user]).await?;
    Ok(rows.first().map_or_else(Overview::default, |row| Overview {
        today: json(row, 0),
        week: json(row, 1),
        ever: json(row, 2),
        conversations: row.get(3),
        characters: row.get(4),
        streak_days: row.get(5),
    }))
}

const REGISTERED: &str =
    "select (select coalesce(sum(accounts), 0)::bigint from insight_days where user_id = $1)
    + (select coalesce(sum(accounts), 0)::bigint from insight_waiting)";

/// How many accounts were ever made.
pub(in crate::insights) async fn registered(client: &impl GenericClient) -> Stored<i64> {
    let rows = query(client, REGISTERED, &[&ALL]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

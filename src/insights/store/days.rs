//! Figures of some days up to today: what is in the sums and what waits, in one statement.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ALL, SUMMED, SUMS, WAS_ACTIVE, json};
use crate::insights::figures::Sums;
use crate::insights::histogram::Histogram;
use crate::postgres::{Stored, query};

/// One day, as it is summed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub struct DayRow {
    #[schema(value_type = String, format = Date)]
    pub day: Date,
    #[serde(flatten)]
    pub sums: Sums,
    /// Of all together: users who said something or were answered.
    pub active: i64,
    /// Characters that replied.
    pub characters: i64,
}

/// How much a character said.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ShareRow {
    pub character_id: Uuid,
    /// `None`: it is gone.
    pub name: Option<String>,
    pub slug: Option<String>,
    pub replies: i64,
}

#[derive(Deserialize)]
struct BucketRow {
    day: Date,
    bucket: i16,
    count: i64,
}

/// What was found of a span of days.
pub struct Days {
    pub from: Date,
    /// Today, which is included.
    pub to: Date,
    /// Those on which anything was.
    pub rows: Vec<DayRow>,
    /// Of the days on which a first token came.
    pub first_tokens: Vec<(Date, Histogram)>,
    /// Who said most, at most as many as asked for.
    pub characters: Vec<ShareRow>,
    /// Of all characters.
    pub replies: i64,
}

fn sql(of_all: bool) -> String {
    let (today, day, whose, active) = match of_all {
        false => ("insight_day($1, now())", "insight_day(w.user_id, w.at)", "w.user_id = $1", "select 0".to_owned()),
        true => (
            "(now() at time zone 'UTC')::date",
            "(w.at at time zone 'UTC')::date",
            "true",
            format!(
                "select count(distinct w.user_id) from waiting w join users u on u.id = w.user_id and u.erased_at is null
                where w.day = days.day and {WAS_ACTIVE} and not exists (
                    select from insight_active a where a.user_id = w.user_id and a.day = w.day)"
            ),
        ),
    };
    format!(
        "with span as materialized (
            select today - ($2::int - 1) as first, today as last from (select {today} as today) t
        ), waiting as materialized (
            select * from (select {day} as day, w.* from insight_waiting w where {whose}) w, span
            where w.day between first and last
        ), said as (
            select d.day, {SUMS}, active from insight_days d, span where d.user_id = $1 and d.day between first and last
            union all
            select day, {SUMS}, 0 from waiting
        ), days as (
            select day, {SUMMED}, sum(active)::bigint as active from said group by day
        ), replied as materialized (
            select day, character_id, sum(replies)::bigint as replies from (
                select c.day, character_id, replies from insight_characters c, span
                where c.user_id = $1 and c.day between first and last
                union all
                select day, character_id, replies from waiting where character_id is not null) r
            group by 1, 2
        ), casts as (
            select day, count(*) as characters from replied group by day
        ), told as (
            select day, {SUMS}, active + ({active}) as active, coalesce(characters, 0) as characters
            from days left join casts using (day)
        ), buckets as (
            select day, bucket, sum(count)::bigint as count from (
                select f.day, bucket, count from insight_first_tokens f, span
                where f.user_id = $1 and f.day between first and last
                union all
                select day, insight_bucket(first_token_ms), 1 from waiting where first_token_ms is not null) b
            group by 1, 2
        ), most as (
            select character_id, sum(replies)::bigint as replies from replied
            group by character_id order by 2 desc, 1 limit $3
        ), named as (
            select character_id, name, case when deleted_at is null then slug end as slug, replies
            from most left join characters c on c.id = character_id
        )
        select first, last,
            (select coalesce(jsonb_agg(to_jsonb(told) order by day), '[]') from told),
            (select coalesce(jsonb_agg(to_jsonb(buckets) order by day, bucket), '[]') from buckets),
            (select coalesce(jsonb_agg(to_jsonb(named) order by replies desc, character_id), '[]') from named),
            (select coalesce(sum(replies), 0)::bigint from replied)
        from span"
    )
}

static OF_ONE: LazyLock<String> = LazyLock::new(|| sql(false));
static OF_ALL: LazyLock<String> = LazyLock::new(|| sql(true));

/// So many days up to today, of a user or of all together, and the characters that said most.
pub(in crate::insights) async fn days(
    client: &impl GenericClient,
    user: Option<Uuid>,
    span: i32,
    characters: i64,
) -> Stored<Days> {
    let sql = if user.is_some() { &*OF_ONE } else { &*OF_ALL };
    let rows = query(client, sql, &[&user.unwrap_or(ALL), &span, &characters]).await?;
    let Some(row) = rows.first() else {
        return Ok(Days::none());
    };
    let mut first_tokens: Vec<(Date, Histogram)> = Vec::new();
    for BucketRow { day, bucket, count } in json::<Vec<BucketRow>>(row, 3) {
        if first_tokens.last().is_none_or(|(last, _)| *last != day) {
            first_tokens.push((day, Histogram::default()));
        }
        if let Some((_, histogram)) = first_tokens.last_mut() {
            histogram.add(bucket, count);
        }
    }
    Ok(Days {
        from: row.get(0),
        to: row.get(1),
        rows: json(row, 2),
        first_tokens,
        characters: json(row, 4),
        replies: row.get(5),
    })
}

impl Days {
    fn none() -> Self {
        let today = Date::constant(1970, 1, 1);
        let (rows, first_tokens, characters) = (Vec::new(), Vec::new(), Vec::new());
        Self { from: today, to: today, rows, first_tokens, characters, replies: 0 }
    }
}

static RECORDS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with told as (
            select day, {SUMMED}, 0 as active, 0 as characters from (
                select day, {SUMS} from insight_days where user_id = $1
                union all
                select insight_day(user_id, at), {SUMS} from insight_waiting where user_id = $1) said
            group by day order by day limit $2 offset $3
        )
        select coalesce(jsonb_agg(to_jsonb(told) order by day), '[]') from told"
    )
});

/// A page of a user's days, for the user's own export.
pub(in crate::insights) async fn records(
    client: &impl GenericClient,
    user: Uuid,
    limit: i64,
    skip: i64,
) -> Stored<Vec<DayRow>> {
    let rows = query(client, &RECORDS, &[&user, &limit, &skip]).await?;
    Ok(rows.first().map(|row| json(row, 0)).unwrap_or_default())
}

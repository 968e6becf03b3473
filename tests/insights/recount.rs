//! What the figures are to be, counted anew from the raw rows; and what they are, in the same words.

use std::collections::BTreeMap;

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use uuid::Uuid;

use super::support::database::TestDatabase;

/// By user (nil: all together), day, and what is counted: messages, tokens, `character <id>`, `bucket <n>`.
pub type Figures = BTreeMap<(Uuid, String, String), i64>;

/// The day of a moment is told by the zone that held then: written here in another way than the server does it.
const RAW: &str = r#"
with zoned as (
    select user_id, zone, from_at, coalesce(lead(from_at) over (partition by user_id order by from_at), 'infinity') as until_at
    from insight_zones
), users_of as (
    select id from users where erased_at is null
), happened as (
    select sender_id as user_id, created_at as at, 'messages' as what, 1::bigint as n from messages where sender_kind = 0
    union all
    select t.user_id, m.created_at, w.what, 1 from messages m join turns t on t.id = m.id,
        lateral (values ('replies'), ('character ' || m.sender_id)) w(what) where m.sender_kind = 1
    union all
    select coalesce(c.user_id, '00000000-0000-0000-0000-000000000000'), c.at, w.what, w.n from ai_calls c,
        lateral (values ('calls', 1::bigint), ('prompt_tokens', c.prompt_tokens), ('completion_tokens', c.completion_tokens),
            ('cost_micros', c.cost_micros),
            ('bucket ' || ceil(4 * log(2.0, greatest(c.first_token_ms, 1)::numeric) - 0.0000001),
                case when c.first_token_ms is not null and c.purpose in ('reply', 'completion') then 1 end)) w(what, n)
    union all
    select user_id, created_at, case kind when 'settle' then 'credits_spent' when 'purchase' then 'credits_bought'
        else 'credits_received' end, amount
    from credit_transfers where kind in ('settle', 'purchase', 'grant', 'plan')
    union all
    select owner_id, created_at, 'conversations', 1 from rooms
    union all
    select id, created_at, 'accounts', 1 from users
), active as (
    select distinct user_id, (at at time zone 'UTC')::date as day from happened
    where what in ('messages', 'replies', 'calls') and user_id in (select id from users_of)
), told as (
    select h.user_id, (h.at at time zone coalesce(z.zone, 'UTC'))::date as day, what, n from happened h
        left join zoned z on z.user_id = h.user_id and h.at >= z.from_at and h.at < z.until_at
    where h.user_id in (select id from users_of)
    union all
    select '00000000-0000-0000-0000-000000000000', (at at time zone 'UTC')::date, what, n from happened
    union all
    select '00000000-0000-0000-0000-000000000000', day, 'active', 1 from active
)
select user_id, day::text, what, sum(n)::bigint from told where n is not null group by 1, 2, 3 having sum(n) <> 0"#;

/// What is rolled up and what waits, summed as the server sums it.
const KEPT: &str = r#"
with waiting as (
    select w.user_id, insight_day(w.user_id, w.at) as day, w.* from insight_waiting w
        join users u on u.id = w.user_id and u.erased_at is null
    union all
    select '00000000-0000-0000-0000-000000000000', (at at time zone 'UTC')::date, w.* from insight_waiting w
), sums as (
    select user_id, day, messages, replies, calls, prompt_tokens, completion_tokens, cost_micros, credits_spent,
        credits_bought, credits_received, conversations, accounts, active from insight_days
), told as (
    select user_id, day, w.what, w.n from sums, lateral (values ('messages', messages), ('replies', replies), ('calls', calls),
        ('prompt_tokens', prompt_tokens), ('completion_tokens', completion_tokens), ('cost_micros', cost_micros),
        ('credits_spent', credits_spent), ('credits_bought', credits_bought), ('credits_received', credits_received),
        ('conversations', conversations), ('accounts', accounts), ('active', active)) w(what, n)
    union all
    select user_id, day, 'character ' || character_id, replies from insight_characters
    union all
    select user_id, day, 'bucket ' || bucket, count from insight_first_tokens
)
select user_id, day::text, what, sum(n)::bigint from told group by 1, 2, 3 having sum(n) <> 0"#;

fn figures(rows: &[Row]) -> Figures {
    rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3))).collect()
}

pub async fn raw(client: &impl GenericClient) -> Figures {
    figures(&client.query(RAW, &[]).await.unwrap())
}

/// What the sums have. With nothing waiting this must be the recount.
pub async fn kept(client: &impl GenericClient) -> Figures {
    figures(&client.query(KEPT.split("waiting as").next().map(|_| KEPT).unwrap(), &[]).await.unwrap())
}

/// The rows and the sums agree, with nothing waiting.
pub async fn assert_equal(database: &TestDatabase, when: &str) {
    let client = database.pool().get().await.unwrap();
    let (raw, kept) = (raw(&client).await, kept(&client).await);
    let differ: Vec<_> = raw
        .keys()
        .chain(kept.keys())
        .filter(|key| raw.get(*key) != kept.get(*key))
        .map(|key| (key, raw.get(key), kept.get(key)))
        .collect();
    assert!(differ.is_empty(), "{when}: {differ:#?}");
}

//! What the figures are to be, counted anew from the raw rows; and what they are, in the same words.

use std::collections::BTreeMap;

use deadpool_postgres::GenericClient;
use greenroom::insights::{self, Timeframe};
use greenroom_actors::domain::UserId;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use crate::support::database::TestDatabase;

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

/// The same of what is rolled up.
const KEPT: &str = r#"
with sums as (
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

/// What the sums have: the recount, where nothing waits.
pub async fn kept(client: &impl GenericClient) -> Figures {
    figures(&client.query(KEPT, &[]).await.unwrap())
}

/// The rows and the sums agree, with nothing waiting.
pub async fn assert_equal(database: &TestDatabase, when: &str) {
    let client = database.pool().get().await.unwrap();
    let (raw, kept) = (raw(&client).await, kept(&client).await);
    assert_same(&raw, &kept, when);
}

/// What the server tells of these users and of all together, in the words of the recount.
pub async fn told(client: &impl GenericClient, users: &[Uuid]) -> Figures {
    let mut told = Figures::new();
    for user in users.iter().copied().map(Some).chain([None]) {
        let view =
            insights::analytics(client, user.map(UserId::from_uuid), Timeframe::Quarter).await.unwrap();
        let whose = user.unwrap_or_default();
        assert_eq!(view.days.len(), 90);
        for day in &view.days {
            let sums = &day.sums;
            for (what, count) in [
                ("messages", sums.messages),
                ("replies", sums.replies),
                ("calls", sums.calls),
                ("prompt_tokens", sums.prompt_tokens),
                ("completion_tokens", sums.completion_tokens),
                ("cost_micros", sums.cost_micros),
                ("credits_spent", sums.credits_spent),
                ("credits_bought", sums.credits_bought),
                ("credits_received", sums.credits_received),
                ("conversations", sums.conversations),
                ("accounts", sums.accounts),
                ("active", day.active),
                ("characters", day.characters),
            ] {
                if count != 0 {
                    told.insert((whose, day.date.to_string(), what.to_owned()), count);
                }
            }
        }
        for character in &view.characters {
            let what = format!("character {}", character.character_id);
            told.insert((whose, "all".to_owned(), what), character.messages);
        }
    }
    told
}

/// The recount as far as [`told`] tells of it.
fn as_told(raw: Figures) -> Figures {
    let mut told = Figures::new();
    for ((whose, day, what), count) in raw {
        if what.starts_with("bucket") {
            continue;
        }
        if what.starts_with("character ") {
            *told.entry((whose, day, "characters".to_owned())).or_default() += 1;
            *told.entry((whose, "all".to_owned(), what)).or_default() += count;
        } else {
            told.insert((whose, day, what), count);
        }
    }
    told
}

/// What is told at this moment is what the rows say at this moment, whatever waits. Everything must be of the last 90 days.
pub async fn assert_told(database: &TestDatabase, users: &[Uuid], when: &str) {
    let mut client = database.pool().get().await.unwrap();
    // One snapshot for both.
    let snapshot =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await.unwrap();
    let (raw, told) = (as_told(raw(&snapshot).await), told(&snapshot, users).await);
    assert_same(&raw, &told, when);
}

fn assert_same(raw: &Figures, told: &Figures, when: &str) {
    let keys = raw.keys().chain(told.keys()).filter(|key| raw.get(*key) != told.get(*key));
    let differ: Vec<_> = keys.map(|key| (key, raw.get(key), told.get(key))).collect();
    assert!(differ.is_empty(), "{when}: (what, recounted, told) {differ:#?}");
}

//! What a look costs: the same with a hundred thousand messages as with a hundred.

use std::collections::HashMap;

use uuid::Uuid;

use super::world::{execute, number, roll_up, room, user};
use crate::support::app::TestApp;
use crate::support::database::TestDatabase;
use greenroom::insights::{self, Timeframe};
use greenroom_actors::domain::UserId;

const FEW: i64 = 100;
const MANY: i64 = 100_000;

/// So many messages and replies, spread over the last 60 days.
async fn fill(database: &TestDatabase, who: Uuid, count: i64) {
    let place = room(database, who, "2026-01-01T00:00:00Z").await;
    let character = Uuid::now_v7();
    let at = "now() - interval '1 minute' - interval '60 days' * (k::float8 / $3)";
    let turns = "insert into turns (id, room_id, character_id, asked_id, asked_offset, user_id, priority, state, node)
        select md5($1::uuid::text || k)::uuid, $1, $2, $1, 1, $4, 3, 1, $1 from generate_series(1, $3::bigint, 2) k";
    execute(database, turns, &[&place, &character, &count, &who]).await;
    let messages = format!(
        "insert into messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind, content, created_at)
        select md5($1::uuid::text || k)::uuid, $1, k, k, k % 2, case when k % 2 = 1 then $2 else $4::uuid end, k::text, 0, 'x', {at}
        from generate_series(1, $3::bigint) k"
    );
    execute(database, &messages, &[&place, &character, &count, &who]).await;
    let calls = format!(
        "insert into ai_calls (id, at, purpose, outcome, provider, model, user_id, prompt_tokens, completion_tokens,
            cached_tokens, counted_here, cost_micros, first_token_ms, took_ms)
        select gen_random_uuid(), {at}, 'reply', 'done', 'p', 'm', $2, 10, 5, 0, false, 3, 50 + k % 50, 9
        from generate_series(1, $3::bigint, 2) k where $1::uuid is not null"
    );
    execute(database, &calls, &[&place, &who, &count]).await;
}

/// Blocks of the insights' own tables that a read touched, as the database counts them.
async fn blocks(database: &TestDatabase) -> HashMap<String, i64> {
    let client = database.pool().get().await.unwrap();
    let sql = "select relname, coalesce(heap_blks_read + heap_blks_hit, 0) + coalesce(idx_blks_read + idx_blks_hit, 0)
        from pg_statio_user_tables where relname in ('messages', 'ai_calls', 'turns') or relname like 'insight%'";
    client.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// How many blocks a user's analytics took.
async fn cost(database: &TestDatabase, who: Option<Uuid>) -> i64 {
    let client = database.pool().get().await.unwrap();
    let flush = async || {
        client.execute("select pg_stat_force_next_flush()", &[]).await.unwrap();
        client.execute("select pg_stat_clear_snapshot()", &[]).await.unwrap();
    };
    flush().await;
    let before = blocks(database).await;
    for _ in 0..4 {
        insights::analytics(&client, who.map(UserId::from_uuid), Timeframe::Quarter).await.unwrap();
    }
    flush().await;
    let after = blocks(database).await;
    for untouched in ["messages", "ai_calls", "turns"] {
        assert_eq!(before[untouched], after[untouched], "{untouched} are not read");
    }
    after.iter().map(|(table, count)| count - before[table]).sum::<i64>() / 4
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_costs_the_same_with_a_hundred_thousand_messages_as_with_a_hundred() {
    let database = TestDatabase::create().await;
    let (few, many) = (user(&database, "Europe/Berlin").await, user(&database, "Europe/Berlin").await);
    fill(&database, few, FEW).await;
    fill(&database, many, MANY).await;
    assert!(roll_up(&database).await > MANY);
    // As the database does by itself, a minute later: until then what was taken out of the queue stands in its index.
    execute(&database, "vacuum analyze", &[]).await;
    assert_eq!(number(&database, "select count(*) from insight_waiting").await, 0);
    let rows = "select count(*) from insight_days where user_id <> '00000000-0000-0000-0000-000000000000'";
    assert!(number(&database, rows).await < 130);
    // The first look of a connection reads what the planner wants to know.
    cost(&database, Some(few)).await;
    let (small, large) = (cost(&database, Some(few)).await, cost(&database, Some(many)).await);
    assert!(small > 0 && large <= small * 2 + 10, "{small} blocks for {FEW} messages, {large} for {MANY}");
    let all = cost(&database, None).await;
    assert!(all <= small * 2 + 40, "{all} blocks for all together");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_adds_up_first_what_waits_in_heaps() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let admin = app.admin().await;
    let id: Uuid = mira.id.parse().unwrap();
    fill(&app.database, id, 7_000).await;
    let (status, view) = app.get("/api/dashboard/analytics?timeframe=90d", Some(&mira.token)).await;
    assert_eq!(
        (status, &view["totals"]["messages"], &view["totals"]["replies"]),
        (200, &3_500.into(), &3_500.into())
    );
    let waiting = "select count(*) from insight_waiting where messages > 0";
    assert_eq!(number(&app.database, waiting).await, 0);
    let (_, view) = app.get("/api/admin/dashboard?timeframe=90d", Some(&admin.token)).await;
    assert_eq!(view["totals"]["messages"], 3_500);
    app.stop().await;
}

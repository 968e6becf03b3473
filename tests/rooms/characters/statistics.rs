//! Statistics: equal to a recount at any moment after a roll-up, whoever writes meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use greenroom::characters::{Characters, Viewer};
use greenroom::config::CharacterSettings;
use serde_json::json;

use super::{execute, id, make, number};
use crate::support::app::TestApp;

/// Characters whose numbers differ from what the log and the casts say.
const WRONG: &str = "select count(*) from character_stats s where
    messages <> (select count(*) from messages m where m.sender_kind = 1 and m.sender_id = s.character_id)
    or conversations <> (select count(*) from room_characters r where r.character_id = s.character_id)
    or last_active_at is distinct from
        (select max(created_at) from messages m where m.sender_kind = 1 and m.sender_id = s.character_id)
    or abs(power(2, heat - (extract(epoch from now())::float8 - 1767225600) / 604800)
        - (select coalesce(sum(power(2, -extract(epoch from now() - m.created_at)::float8 / 604800)), 0)
           from messages m where m.sender_kind = 1 and m.sender_id = s.character_id)) > 1e-6";

fn counter(app: &TestApp, half_life_s: u64) -> Characters {
    let settings = CharacterSettings { popularity_half_life_s: half_life_s, ..CharacterSettings::default() };
    Characters::open(app.database.pool(), &settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statistics_equal_a_recount_though_many_write_and_several_count_at_once() {
    let app = TestApp::start_with(|config| {
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_iterations = 1;
        config.ai.offline_word_delay_ms = 0;
        config.server.drain_timeout_ms = 60_000;
    })
    .await;
    let users = super::ratings::people(&app, 12).await;
    let (_, list) = app.get("/api/characters?limit=4", None).await;
    let cast: Vec<String> = list["items"].as_array().unwrap().iter().map(id).collect();
    let writing = Arc::new(AtomicBool::new(true));
    // Three nodes that count all the time, each in its own way of running twice.
    let counters = (0..3).map(|_| {
        let (writing, counter) = (writing.clone(), counter(&app, 604_800));
        tokio::spawn(async move {
            let mut runs = 0;
            while writing.load(Relaxed) {
                counter.roll_up().await.expect("a roll-up");
                runs += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            runs
        })
    });
    let counters: Vec<_> = counters.collect();
    join_all(users.iter().enumerate().map(|(n, user)| {
        let (app, cast) = (&app, &cast);
        async move {
            let mut socket = app.socket(user).await;
            for turn in 0..8 {
                let character = &cast[(n + turn) % cast.len()];
                if turn % 3 == 2 {
                    let body = json!({ "characterIds": [character, cast[(n + turn + 1) % cast.len()]] });
                    assert_eq!(app.post("/api/conversations", Some(&user.token), body).await.0, 201);
                }
                let body = json!({ "characterId": character, "content": format!("Good evening {turn}") });
                let sent = socket.ask("message:send", body).await;
                // Over the plan, or too fast: not what is tested here.
                if sent["success"] == true {
                    let reply = sent["replies"][0]["messageId"].clone();
                    socket
                        .ask(
                            "conversation:join",
                            json!({ "conversationId": sent["message"]["conversationId"] }),
                        )
                        .await;
                    drop(reply);
                }
            }
        }
    }))
    .await;
    // All replies have ended.
    crate::support::app::eventually("no open turns", async || {
        number(&app, "select count(*) from turns where state = 0").await == 0
    })
    .await;
    writing.store(false, Relaxed);
    for runs in join_all(counters).await {
        assert!(runs.unwrap() > 0);
    }
    counter(&app, 604_800).roll_up().await.unwrap();
    assert!(number(&app, "select count(*) from messages where sender_kind = 1").await > 60);
    assert_eq!(number(&app, WRONG).await, 0);
    // Counting again changes nothing.
    assert_eq!(counter(&app, 604_800).roll_up().await.unwrap(), 0);
    assert_eq!(number(&app, WRONG).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_lately_is_found_when_all_rooms_are_looked_at() {
    let app = TestApp::start().await;
    let user = app.user().await;
    app.conversation(&user).await;
    let counter = counter(&app, 604_800);
    counter.roll_up().await.unwrap();
    assert_eq!(number(&app, WRONG).await, 0);
    // A message whose id is older than any that is looked for lately, in a room with a thousand more.
    let late = "with head as (select room_id, last_revision from heads limit 1),
        new as (insert into messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind,
            content, created_at)
        select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, room_id, last_revision + n,
            last_revision + n, 1, (select character_id from room_characters r where r.room_id = head.room_id),
            'late' || n, 0, 'late', now() - n * interval '1 hour'
        from head, generate_series(1, 1000) n)
        update heads h set last_revision = h.last_revision + 1000 from head where h.room_id = head.room_id";
    assert_eq!(execute(&app, late).await, 1);
    execute(&app, "update character_rollup set last_at = now() + interval '1 hour'").await;
    assert_eq!(counter.roll_up().await.unwrap(), 0, "it is not looked for yet");
    execute(&app, "update character_rollup set full_at = now() - interval '2 hours'").await;
    assert_eq!(counter.roll_up().await.unwrap(), 1);
    assert_eq!(number(&app, WRONG).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_half_life_keeps_the_order_of_the_moment() {
    let app = TestApp::start().await;
    let user = app.user().await;
    app.conversation(&user).await;
    let popularity = async |half_life: u64| {
        let counter = counter(&app, half_life);
        counter.roll_up().await.unwrap();
        let slug = app.get("/api/characters?limit=1", None).await.1["items"][0]["slug"].clone();
        counter.get(Viewer::Nobody, slug.as_str().unwrap()).await.unwrap().statistics.popularity
    };
    let before = popularity(604_800).await;
    assert!((before - 1.0).abs() < 0.01, "one message just now: {before}");
    let after = popularity(3_600).await;
    assert!((after - before).abs() < 0.02, "{before} {after}");
    execute(&app, "update character_stats set heat = heat - 1 where heat > '-infinity'").await;
    let half = popularity(3_600).await;
    assert!((half - 0.5).abs() < 0.02, "{half}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_spoken_with_leads_the_popular_and_a_half_life_later_half_as_much() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Zora", "greeting": "Hello." })).await);
    for _ in 0..3 {
        let body = json!({ "characterId": made });
        assert_eq!(app.post("/api/conversations", Some(&user.token), body).await.0, 201);
    }
    counter(&app, 604_800).roll_up().await.unwrap();
    let (_, list) = app.get("/api/characters?sort=popular&limit=1", None).await;
    let first = &list["items"][0];
    assert_eq!(first["name"], "Zora", "{list}");
    assert_eq!(
        (&first["statistics"]["conversations"], &first["statistics"]["messages"]),
        (&json!(3), &json!(3))
    );
    assert!((first["statistics"]["popularity"].as_f64().unwrap() - 3.0).abs() < 0.01);
    assert!(first["statistics"]["lastActiveAt"].is_string());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_counts_by_itself() {
    let app = TestApp::start().await;
    crate::support::app::eventually("the first run", async || {
        number(&app, "select count(*) from character_rollup where full_at is not null").await == 1
    })
    .await;
    let done = "select count(*) from jobs where kind = 'characters.statistics' and queue = 'analytics' and state = 2";
    crate::support::app::eventually("it is done", async || number(&app, done).await == 1).await;
    app.stop().await;
}

//! The feed and the figures over a whole server: what was done is told, to its doer alone.

use std::collections::HashSet;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{avatar, content, credits, execute, number, roll_up, room};
use crate::support::app::{TestApp, TestUser, eventually};

pub async fn get(app: &TestApp, user: &TestUser, path: &str) -> Value {
    let (status, answer) = app.get(path, Some(&user.token)).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// When something happened. As text times do not compare: zeros at the end of a fraction are left out.
pub fn moment(item: &Value) -> Timestamp {
    item["at"].as_str().unwrap().parse().unwrap()
}

pub fn kinds(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_said_and_was_answered_is_told_at_once_and_after_the_roll_up() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let (ada, bo) = (app.user().await, app.user().await);
    let place = app.conversation(&ada).await;
    let path = format!("/api/conversations/{place}/messages");
    let (status, said) = app.post(&path, Some(&ada.token), json!({ "content": "Good evening!" })).await;
    assert!(status < 300, "{said}");
    eventually("it is answered and accounted", async || {
        get(&app, &ada, "/api/dashboard/analytics").await["totals"]["replies"] == 1
    })
    .await;
    let id = said["message"]["id"].as_str().unwrap();
    let deleted = app.call(Method::DELETE, &format!("{path}/{id}"), Some(&ada.token), None).await;
    assert!(deleted.0 < 300, "{deleted:?}");

    let looks = async || {
        let mut all = Vec::new();
        for path in ["/api/dashboard/analytics?timeframe=30d", "/api/dashboard", "/api/dashboard/activity"] {
            all.push(get(&app, &ada, path).await);
        }
        all
    };
    let before = looks().await;
    roll_up(&app.database).await;
    let after = looks().await;
    assert_eq!(before, after, "what is rolled up and what waits are one");
    let [view, dashboard, activity] = &after[..] else { panic!("three answers") };
    let today = view["days"].as_array().unwrap().last().unwrap();
    assert_eq!(view["days"].as_array().unwrap().len(), 30);
    assert_eq!((&today["date"], &today["messages"], &today["replies"]), (&view["to"], &json!(1), &json!(1)));
    assert_eq!(
        (&today["characters"], &today["calls"], &today["conversations"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert!(today["promptTokens"].as_i64().unwrap() > 0 && today["firstTokenMs"]["p95"].is_i64(), "{today}");
    assert_eq!(
        (&view["characters"][0]["messages"], &view["characters"][0]["share"]),
        (&json!(1), &json!(100.0))
    );
    assert!(view["characters"][0]["name"].is_string());
    assert_eq!(dashboard["user"]["id"], ada.id.as_str());
    assert_eq!((&dashboard["today"]["messages"], &dashboard["week"]["replies"]), (&json!(1), &json!(1)));
    assert_eq!(dashboard["topCharacters"], view["characters"]);
    assert!(
        dashboard["limits"].as_array().unwrap().iter().any(|limit| limit["name"] == "messagesPerCharacter")
    );
    assert_eq!(kinds(activity), ["conversation.begun", "device.new"], "{activity}");
    assert_eq!(activity["items"][0]["link"], format!("/c/{place}"));
    assert_eq!(dashboard["recent"], activity["items"]);
    let stats = get(&app, &ada, "/api/dashboard/quick-stats").await;
    assert_eq!(
        (&stats["messagesToday"], &stats["messagesTotal"], &stats["streakDays"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&stats["conversations"], &stats["characters"], &stats["credits"]),
        (&json!(1), &json!(1), &json!(0))
    );

    // Nobody else sees any of it.
    let nothing = get(&app, &bo, "/api/dashboard/analytics").await;
    assert_eq!((&nothing["totals"]["messages"], &nothing["totals"]["calls"]), (&json!(0), &json!(0)));
    assert_eq!(nothing["characters"], json!([]));
    assert_eq!(kinds(&get(&app, &bo, "/api/dashboard/activity").await), ["device.new"]);
    assert_eq!(get(&app, &bo, "/api/dashboard").await["today"]["messages"], 0);
    assert!(!nothing.to_string().contains(&ada.id));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_was_begun_by_who_began_it_whoever_has_it_now() {
    let app = TestApp::start().await;
    let (ada, bo) = (app.user().await, app.user().await);
    let place = app.conversation(&ada).await;
    let members = format!("/api/conversations/{place}/members");
    let (status, added) = app.post(&members, Some(&ada.token), json!({ "userId": bo.id })).await;
    assert!(status < 300, "{added}");
    let hand_over = async |from: &TestUser, to: &TestUser| {
        let path = format!("{members}/{}", to.id);
        let owner = Some(json!({ "role": "owner" }));
        let (status, answer) = app.call(Method::PUT, &path, Some(&from.token), owner).await;
        assert!(status < 300, "{answer}");
    };
    let begun = ["conversation.begun", "device.new"];
    for (from, to) in [(&ada, &bo), (&bo, &ada), (&ada, &bo)] {
        hand_over(from, to).await;
        assert_eq!(kinds(&get(&app, &ada, "/api/dashboard/activity").await), begun);
        assert_eq!(kinds(&get(&app, &bo, "/api/dashboard/activity").await), ["device.new"]);
    }
    // Whoever left it is led there no more.
    let led = get(&app, &ada, "/api/dashboard/activity").await["items"][0]["link"].clone();
    assert_eq!(led, format!("/c/{place}"));
    let left = app.call(Method::DELETE, &format!("{members}/{}", ada.id), Some(&ada.token), None).await;
    assert!(left.0 < 300, "{left:?}");
    let after = get(&app, &ada, "/api/dashboard/activity").await;
    assert_eq!((kinds(&after), &after["items"][0]["link"]), (begun.to_vec(), &Value::Null));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streak_goes_on_until_a_day_is_left_out() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let id: Uuid = mira.id.parse().unwrap();
    let place = room(&app.database, id, "2026-01-01T00:00:00Z").await;
    let say = async |offset: i64, days_ago: f64| {
        let sql = "insert into messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind, content,
                created_at)
            values (gen_random_uuid(), $1, $2, $2, 0, $3, $2::bigint::text, 0, 'x',
                (date_trunc('day', now() at time zone 'UTC') - interval '1 day' * $4 + interval '1 second') at time zone 'UTC')";
        execute(&app.database, sql, &[&place, &offset, &id, &days_ago]).await;
    };
    let streak =
        async || get(&app, &mira, "/api/dashboard/quick-stats").await["streakDays"].as_i64().unwrap();
    assert_eq!(streak().await, 0);
    say(1, 2.0).await;
    assert_eq!(streak().await, 0, "it ended the day before yesterday");
    say(2, 1.0).await;
    assert_eq!(streak().await, 2, "today is not over");
    say(3, 0.0).await;
    say(4, 4.0).await;
    assert_eq!(streak().await, 3);
    roll_up(&app.database).await;
    say(5, 3.0).await;
    assert_eq!(streak().await, 5);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_feed_neither_repeat_nor_hide_anything() {
    let app = TestApp::start().await;
    let (mira, other) = (app.user().await, app.user().await);
    let (id, stranger): (Uuid, Uuid) = (mira.id.parse().unwrap(), other.id.parse().unwrap());
    for hour in 0..12 {
        // Several things at the same moment, from different sources.
        let at = format!("2026-02-03T{hour:02}:00:00Z");
        room(&app.database, id, &at).await;
        credits(&app.database, id, &at, "grant", 1 + hour).await;
        avatar(&app.database, id, &at, "ready", "public").await;
        content(&app.database, id, &at, if hour % 2 == 0 { "done" } else { "failed" }).await;
        room(&app.database, stranger, &at).await;
        let sql = "insert into payments (id, user_id, kind, credits, intent_id, amount_cents, currency, status, paid_at, created_at)
            values (gen_random_uuid(), $1, 'credits', 100, $2, 700, 'usd', 'succeeded', now(), $2::text::timestamptz)";
        execute(&app.database, sql, &[&id, &at]).await;
    }
    let agent = "insert into auth_history (id, user_id, event, user_agent, address, created_at)
        values (gen_random_uuid(), $1, 'signed_in', $2, '10.0.0.1', now() - $3::text::interval)";
    for (name, ago) in [
        ("Firefox", "50 days"),
        ("Firefox", "10 days"),
        ("Old", "80 days"),
        ("Old", "1 day"),
        ("Curl", "3 days"),
    ] {
        execute(&app.database, agent, &[&id, &name, &ago]).await;
    }
    let all = get(&app, &mira, "/api/dashboard/activity?limit=100").await;
    let items = all["items"].as_array().unwrap();
    assert_eq!((items.len(), &all["nextCursor"]), (75, &Value::Null));
    assert_eq!(items.iter().map(|item| item["id"].as_str()).collect::<HashSet<_>>().len(), 75);
    assert!(items.is_sorted_by(|one, next| moment(one) >= moment(next)));
    let new: Vec<&str> = items
        .iter()
        .filter(|item| item["kind"] == "device.new")
        .map(|item| item["detail"].as_str().unwrap())
        .collect();
    assert_eq!(new[1..], ["Curl, from 10.0.0.1", "Firefox, from 10.0.0.1"], "the old one is not new");
    for limit in [1, 5, 7] {
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                get(&app, &mira, &format!("/api/dashboard/activity?limit={limit}&cursor={cursor}")).await;
            walked.extend(page["items"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
            if walked.len() == 14 {
                // What comes meanwhile comes before: the walk does not see it.
                room(&app.database, id, "2026-06-01T00:00:00Z").await;
                execute(&app.database, "delete from rooms where created_at = '2026-06-01T00:00:00Z'", &[])
                    .await;
            }
        }
        assert_eq!(&walked, items, "{limit} at a time");
    }
    let third = get(&app, &mira, "/api/dashboard/activity?limit=5&page=3").await;
    assert_eq!(third["items"].as_array().unwrap()[..], items[10..15]);
    assert_eq!(
        get(&app, &other, "/api/dashboard/activity?limit=100").await["items"].as_array().unwrap().len(),
        13
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_is_told_instead_of_what_was_paid() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let id: Uuid = mira.id.parse().unwrap();
    let paid = "insert into payments (id, user_id, kind, credits, intent_id, amount_cents, refunded_cents, currency, status,
            paid_at, created_at)
        values (gen_random_uuid(), $1, 'credits', 100, $2, 700, $3, 'usd', 'succeeded', now(), '2030-01-01'::timestamptz
            - $3::bigint * interval '1 hour')";
    for (name, back) in [("a", 0_i64), ("b", 250), ("c", 700)] {
        execute(&app.database, paid, &[&id, &name, &back]).await;
    }
    let feed = get(&app, &mira, "/api/dashboard/activity?limit=3").await;
    let told = |at: usize| {
        let item = &feed["items"][at];
        (
            item["kind"].as_str().unwrap(),
            item["amount"].clone(),
            item["ofAmount"].clone(),
            item["currency"].clone(),
        )
    };
    assert_eq!(told(0), ("payment.succeeded", json!(700), Value::Null, json!("usd")));
    assert_eq!(told(1), ("payment.refunded", json!(250), json!(700), json!("usd")));
    assert_eq!(told(2), ("payment.refunded", json!(700), Value::Null, json!("usd")));
    assert_eq!(feed["items"][1]["title"], "A part of what you paid for 100 credits was given back");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let app = TestApp::start().await;
    let (mira, admin) = (app.user().await, app.admin().await);
    for path in [
        "/api/dashboard",
        "/api/dashboard/quick-stats",
        "/api/dashboard/analytics",
        "/api/dashboard/activity",
        "/api/dashboard/limits",
        "/api/admin/dashboard",
    ] {
        assert_eq!(app.get(path, None).await.0, 401, "{path}");
    }
    assert_eq!(app.get("/api/admin/dashboard", Some(&mira.token)).await.0, 403);
    for path in ["/api/dashboard/analytics", "/api/admin/dashboard"] {
        for timeframe in ["8d", "7", "1y", "7D", "-7d", "7d%00", "90d;drop"] {
            let (status, refused) =
                app.get(&format!("{path}?timeframe={timeframe}"), Some(&admin.token)).await;
            assert_eq!(
                (status, &refused["details"][0]["field"]),
                (400, &json!("timeframe")),
                "{timeframe}: {refused}"
            );
        }
        assert_eq!(app.get(&format!("{path}?timeframe=7d&timeframe=30d"), Some(&admin.token)).await.0, 400);
        for (timeframe, days) in
            [("", 7), ("?timeframe=7d", 7), ("?timeframe=30d", 30), ("?timeframe=90d", 90)]
        {
            let (status, view) = app.get(&format!("{path}{timeframe}"), Some(&admin.token)).await;
            assert_eq!((status, view["days"].as_array().unwrap().len()), (200, days));
        }
    }
    for query in ["limit=0", "limit=101", "cursor=nonsense", "page=51", "page=1&cursor=1.2"] {
        assert_eq!(
            app.get(&format!("/api/dashboard/activity?{query}"), Some(&mira.token)).await.0,
            400,
            "{query}"
        );
    }
    assert_eq!(number(&app.database, "select count(*) from insight_limits").await, 0);
    app.stop().await;
}

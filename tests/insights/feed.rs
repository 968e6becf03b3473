//! The feed and the figures over a whole server: what was done is told, to its doer alone.

use serde_json::{Value, json};
use uuid::Uuid;

use super::support::app::{TestApp, TestUser, eventually};
use super::world::{credits, execute, number, roll_up, room};

async fn get(app: &TestApp, user: &TestUser, path: &str) -> Value {
    let (status, answer) = app.get(path, Some(&user.token)).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn kinds(page: &Value) -> Vec<&str> {
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
    let deleted = app.call(reqwest::Method::DELETE, &format!("{path}/{id}"), Some(&ada.token), None).await;
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
    assert_eq!((items.len(), &all["nextCursor"]), (39, &Value::Null));
    assert!(items.is_sorted_by(|one, next| one["at"].as_str() >= next["at"].as_str()));
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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_for_one_is_told_and_counts() {
    let app = TestApp::start().await;
    let (mira, admin) = (app.user().await, app.admin().await);
    let given = json!({ "amount": 100, "reason": "to try it" });
    let path = format!("/api/admin/users/{}/credits", mira.id);
    assert_eq!(app.post(&path, Some(&admin.token), given).await.0, 200);
    let wish = json!({ "name": "Nadia", "description": "A dry retired pilot who grows tea." });
    let (status, made) = app.post("/api/avatars", Some(&mira.token), wish).await;
    assert_eq!(status, 201, "{made}");
    let wish = json!({ "prompt": "a fox in the snow", "optimize": false });
    let (status, asked) = app.post("/api/content/generate/image", Some(&mira.token), wish).await;
    assert_eq!(status, 202, "{asked}");
    let feed = async || get(&app, &mira, "/api/dashboard/activity").await;
    eventually("both are told", async || {
        let page = feed().await;
        ["avatar.made", "content.made"].iter().all(|kind| kinds(&page).contains(kind))
    })
    .await;
    let page = feed().await;
    let items = page["items"].as_array().unwrap();
    let of = |kind: &str| items.iter().find(|item| item["kind"] == kind).unwrap();
    assert_eq!(of("avatar.made")["detail"], "Nadia");
    assert_eq!(of("avatar.made")["link"], format!("/avatars/{}", made["avatar"]["id"].as_str().unwrap()));
    assert_eq!(of("content.made")["detail"], "a fox in the snow");
    let limits = get(&app, &mira, "/api/dashboard/limits").await;
    let limits = limits["items"].as_array().unwrap();
    let avatars = limits.iter().find(|item| item["name"] == "avatars").unwrap();
    assert_eq!(
        (&avatars["used"], &avatars["limit"], &avatars["level"]),
        (&json!(1), &json!(1), &json!("reached"))
    );
    let theirs = get(&app, &admin, "/api/dashboard/activity").await;
    assert!(!kinds(&theirs).contains(&"avatar.made"), "{theirs}");
    app.stop().await;
}

//! How much of the limits is used, and that reaching one is told in the feed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{avatar, content, credits, execute, spend};
use crate::support::app::{TestApp, TestUser, eventually};

async fn limits(app: &TestApp, user: &TestUser) -> Vec<Value> {
    let (status, answer) = app.get("/api/dashboard/limits", Some(&user.token)).await;
    assert_eq!(status, 200, "{answer}");
    answer["items"].as_array().unwrap().clone()
}

fn named<'a>(items: &'a [Value], name: &str) -> &'a Value {
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{name}: {items:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_goes_from_ok_to_warning_to_reached_and_the_feed_tells_once() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    execute(
        &app.database,
        "update users set plan = 'basic' where id = $1",
        &[&mira.id.parse::<Uuid>().unwrap()],
    )
    .await;
    let place = app.conversation(&mira).await;
    let mut levels = Vec::new();
    for _ in 0..5 {
        let items = limits(&app, &mira).await;
        let day = named(&items, "messagesPerDay");
        levels.push((day["used"].as_i64().unwrap(), day["level"].as_str().unwrap().to_owned()));
        let body = json!({ "content": "Hello", "reply": "none" });
        let (status, said) =
            app.post(&format!("/api/conversations/{place}/messages"), Some(&mira.token), body).await;
        assert!(status < 300, "{said}");
    }
    let level = |used, level: &str| (used, level.to_owned());
    assert_eq!(levels, [level(0, "ok"), level(1, "ok"), level(2, "ok"), level(3, "ok"), level(4, "warning")]);
    let items = limits(&app, &mira).await;
    let day = &items[0];
    assert_eq!(
        (&day["name"], &day["level"], &day["percent"]),
        (&json!("messagesPerDay"), &json!("reached"), &json!(100))
    );
    assert!(day["resetsAt"].is_string() && day["limit"] == 5);
    let feed = async || app.get("/api/dashboard/activity", Some(&mira.token)).await.1;
    eventually("the feed tells of it", async || feed().await["items"][0]["kind"] == "limit.reached").await;
    let told = feed().await;
    assert_eq!(told["items"][0]["detail"], "All 5 messages of the day are used");
    assert_eq!(
        told["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "limit.reached").count(),
        1
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_and_files_are_told_beside_messages() {
    let app = TestApp::start().await;
    let (mira, other) = (app.user().await, app.user().await);
    let id: Uuid = mira.id.parse().unwrap();
    let items = limits(&app, &mira).await;
    assert!(items.iter().all(|item| item["name"] != "credits"), "who has none has no limit of them");
    assert_eq!(
        (&named(&items, "storage")["used"], &named(&items, "storage")["level"]),
        (&json!(0), &json!("ok"))
    );
    credits(&app.database, id, "2026-02-03T00:00:00Z", "grant", 10).await;
    let file = "insert into media_files (id, owner_id, purpose, kind, state, key, mime, bytes, total_bytes)
        values (gen_random_uuid(), $1, $5, 'image', $2, $3, 'image/png', 5, $4)";
    // What is in galleries is the characters'.
    for (state, key, bytes, purpose) in [
        ("ready", "a", 700_i64, "upload"),
        ("processing", "b", 41, "content"),
        ("deleted", "c", 9_000, "upload"),
        ("ready", "d", 9_000, "gallery"),
    ] {
        execute(&app.database, file, &[&id, &state, &key, &bytes, &purpose]).await;
    }
    let items = limits(&app, &mira).await;
    let of_credits = named(&items, "credits");
    assert_eq!(
        (&of_credits["used"], &of_credits["limit"], &of_credits["level"]),
        (&json!(0), &json!(10), &json!("ok"))
    );
    assert_eq!(named(&items, "storage")["used"], 741);
    assert_eq!(named(&items, "storage")["limit"], 500 * 1024 * 1024, "the plan's");
    spend(&app.database, id, "2026-02-04T00:00:00Z", "settle", 4).await;
    assert_eq!(named(&limits(&app, &mira).await, "credits")["limit"], 6, "what is spent for good is no more");
    assert_eq!(named(&limits(&app, &other).await, "storage")["used"], 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn avatars_and_what_is_being_made_are_told_as_they_are_judged() {
    let app = TestApp::start_with(|config| config.plans.get_mut("basic").unwrap().avatars = 0).await;
    let (mira, other) = (app.user().await, app.user().await);
    let id: Uuid = mira.id.parse().unwrap();
    let line = async |name: &str| {
        let items = limits(&app, &mira).await;
        let line = named(&items, name);
        (
            line["used"].as_i64().unwrap(),
            line["limit"].as_i64().unwrap(),
            line["level"].as_str().unwrap().to_owned(),
        )
    };
    let told = |used, limit, level: &str| (used, limit, level.to_owned());
    assert_eq!(line("avatars").await, told(0, 1, "ok"));
    assert_eq!(line("contentUnderWay").await, told(0, 10, "ok"));
    let at = "2026-02-03T00:00:00Z";
    avatar(&app.database, id, at, "failed", "private").await;
    assert_eq!(line("avatars").await, told(0, 1, "ok"), "what failed is none");
    avatar(&app.database, id, at, "writing", "private").await;
    assert_eq!(line("avatars").await, told(1, 1, "reached"));
    let (status, refused) = app
        .post("/api/avatars", Some(&mira.token), json!({ "name": "Nadia", "description": "A dry pilot." }))
        .await;
    assert_eq!((status, &refused["error"]), (402, &json!("quota_exceeded")), "{refused}");
    for state in ["done", "failed", "canceled"] {
        content(&app.database, id, at, state).await;
    }
    for state in ["queued", "optimizing", "generating", "storing"].into_iter().cycle().take(8) {
        content(&app.database, id, at, state).await;
    }
    assert_eq!(line("contentUnderWay").await, told(8, 10, "warning"));
    content(&app.database, id, at, "queued").await;
    content(&app.database, id, at, "queued").await;
    assert_eq!(line("contentUnderWay").await, told(10, 10, "reached"));
    assert_eq!(named(&limits(&app, &other).await, "avatars")["used"], 0);
    assert_eq!(named(&limits(&app, &other).await, "contentUnderWay")["used"], 0);
    // A plan without avatars has no limit of them, but for those that are left of another one.
    let plan = "update users set plan = 'basic' where id = any ($1)";
    let both: Vec<Uuid> = [&mira, &other].map(|user| user.id.parse().unwrap()).to_vec();
    execute(&app.database, plan, &[&both]).await;
    assert_eq!(line("avatars").await, told(1, 0, "reached"));
    assert!(limits(&app, &other).await.iter().all(|item| item["name"] != "avatars"));
    app.stop().await;
}

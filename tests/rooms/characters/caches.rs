//! `/cache/status`, and that what is kept is never stale to the one who changed it.

use futures_util::future::join_all;
use serde_json::json;

use super::{change, id, make};
use crate::support::app::{TestApp, eventually};

const CACHES: [&str; 8] = [
    "characters",
    "character-slugs",
    "character-counts",
    "premium",
    "conversation-lists",
    "ai-answers",
    "room-tails",
    "memories",
];

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_that_the_caches_work_and_admins_how_well() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let character = app.character().await;
    for token in [None, Some(user.token.as_str()), Some("a.bad.token")] {
        let (status, view) = app.get("/cache/status", token).await;
        assert_eq!((status, &view["status"]), (200, &json!("OK")));
        assert!(view.get("caches").is_none(), "{view}");
    }
    let views = async || {
        let (_, view) = app.get("/cache/status", Some(&admin.token)).await;
        let caches = view["caches"].as_array().unwrap().clone();
        let names: Vec<_> = caches.iter().map(|cache| cache["name"].as_str().unwrap()).collect();
        assert_eq!(names, CACHES);
        caches[0].clone()
    };
    // What was seeded is looked at once by the news of it.
    eventually("the news are passed on", async || views().await["size"] == 12).await;
    let before = views().await;
    for _ in 0..3 {
        app.get(&format!("/api/characters/{character}"), None).await;
    }
    assert_eq!(change(&app, &admin, &character, json!({ "tagline": "new" })).await.0, 200);
    eventually("it is read anew", async || views().await["misses"] != before["misses"]).await;
    let after = views().await;
    assert_eq!(after["hits"], before["hits"].as_u64().unwrap() + 3, "{before} {after}");
    assert_eq!((&after["capacity"], &after["lifeS"]), (&json!(10_000), &json!(600)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_a_character_never_reads_the_old_one_however_many_read_meanwhile() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = id(&make(&app, &admin, json!({ "name": "Mira", "slug": "mira" })).await);
    for round in 0..30 {
        let body = json!({ "tagline": round.to_string() });
        let (changed, _) = tokio::join!(
            change(&app, &admin, &made, body),
            join_all((0..8).map(|n| {
                app.get(if n % 2 == 0 { "/api/characters/mira" } else { "/api/characters?q=mira" }, None)
            })),
        );
        assert_eq!(changed.0, 200);
        let (_, read) = app.get("/api/characters/mira", None).await;
        assert_eq!(read["tagline"], round.to_string());
    }
    let count = async || app.get("/api/characters?q=mira", None).await.1["total"].clone();
    let before = count().await.as_u64().unwrap();
    make(&app, &admin, json!({ "name": "Mira too" })).await;
    assert_eq!(count().await, before + 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_conversations_shows_what_was_just_said_by_socket_or_by_request() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let room = app.conversation(&user).await;
    let mut socket = app.socket(&user).await;
    let path = format!("/api/conversations/{room}/messages");
    for round in 0..5 {
        let (by_socket, by_request) = (format!("by socket {round}"), format!("by request {round}"));
        let said = json!({ "conversationId": room, "type": "text", "content": by_socket, "reply": "none" });
        assert_eq!(socket.ask("message:send", said).await["success"], true);
        for _ in 0..2 {
            let (_, list) = app.get("/api/conversations", Some(&user.token)).await;
            assert_eq!(list["items"][0]["lastMessage"]["content"], by_socket);
        }
        let body = json!({ "content": by_request, "reply": "none" });
        assert_eq!(app.post(&path, Some(&user.token), body).await.0, 201);
        let list = socket.ask("conversation:list", json!({})).await;
        assert_eq!(list["items"][0]["lastMessage"]["content"], by_request, "{list}");
    }
    let character = app.character().await;
    assert_eq!(change(&app, &admin, &character, json!({ "name": "Another name" })).await.0, 200);
    let (_, list) = app.get("/api/conversations", Some(&user.token)).await;
    assert_eq!(list["items"][0]["characters"][0]["name"], "Another name");
    let (_, view) = app.get("/cache/status", Some(&admin.token)).await;
    let lists = view["caches"].as_array().unwrap().iter().find(|one| one["name"] == "conversation-lists");
    assert!(lists.unwrap()["hits"].as_u64().unwrap() >= 5, "{view}");
    app.stop().await;
}

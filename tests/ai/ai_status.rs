//! What anybody may ask of the AI: who speaks, and whether it is a model at all; and what admins switch.

use greenroom::app::App;
use greenroom::config::{Config, ProviderSettings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::provider::{Act, Provider};

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_see_which_provider_speaks_and_that_it_is_offline() {
    let app = TestApp::start().await;
    let offline = json!({
        "providers": [{ "name": "offline", "kind": "offline", "state": "up", "model": null }],
        "default": "offline",
    });
    assert_eq!(app.get("/api/ai/status", None).await, (200, offline.clone()));
    assert_eq!(app.get("/api/v1/ai/status", None).await, (200, offline));
    let (status, health) = app.get("/gemini/health", None).await;
    assert_eq!((status, &health["status"], &health["default"]), (200, &json!("OK"), &json!("offline")));
    let user = app.user().await;
    assert_eq!(app.get("/api/ai/models", Some(&user.token)).await, (200, json!({ "items": [] })));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_shown_without_its_address_or_key() {
    let app = TestApp::start_with(|config| {
        let house = config.ai.providers.get_mut("ollama").expect("a preset");
        house.enabled = true;
        house.base_url = "http://127.0.0.1:9/v1".into();
        house.api_key = "sk-never-shown".to_owned().into();
        house.model = "home-made".into();
    })
    .await;
    let (status, body) = app.get("/api/ai/status", None).await;
    assert_eq!(status, 200);
    assert_eq!(body["default"], "ollama");
    assert_eq!(
        body["providers"][1],
        json!({ "name": "ollama", "kind": "openai-compatible", "state": "idle", "model": "home-made" })
    );
    let user = app.user().await;
    let (status, models) = app.get("/api/ai/models", Some(&user.token)).await;
    let free = json!({ "input": 0, "cachedInput": 0, "output": 0 });
    let known = json!({
        "provider": "ollama", "model": "llama3.2", "default": false, "contextTokens": 131_072,
        "price": free, "capabilities": ["chat"],
    });
    let own = json!({
        "provider": "ollama", "model": "home-made", "default": true, "contextTokens": null,
        "price": null, "capabilities": ["chat"],
    });
    assert_eq!((status, models), (200, json!({ "items": [known, own] })));
    let admin = app.admin().await;
    let (_, all) = app.get("/api/admin/providers", Some(&admin.token)).await;
    for text in [body.to_string(), all.to_string()] {
        assert!(!text.contains("sk-never-shown") && !text.contains("127.0.0.1"), "{text}");
    }
    app.stop().await;
}

fn two(config: &mut Config, one: &Provider, two: &Provider) {
    config.ai.providers.clear();
    for (name, provider) in [("one", one), ("two", two)] {
        let settings = ProviderSettings {
            base_url: provider.base_url(),
            model: "house-model".into(),
            concurrency: 7,
            ..ProviderSettings::default()
        };
        config.ai.providers.insert(name.into(), settings);
    }
    let off = ProviderSettings { enabled: false, base_url: "http://x".into(), ..ProviderSettings::default() };
    config.ai.providers.insert("off".into(), off);
    config.ai.default_provider = "one".into();
    config.pool.backoff_ms = 1;
}

async fn switch(app: &TestApp, admin: &TestUser, name: &str, body: Value) -> (u16, Value) {
    app.call(Method::PUT, &format!("/api/admin/providers/{name}"), Some(&admin.token), Some(body)).await
}

/// Says something, and waits for the whole reply.
async fn reply(app: &TestApp, user: &TestUser, room: &str) -> String {
    let path = format!("/api/conversations/{room}/messages");
    let text = || async {
        let (_, list) = app.get(&path, Some(&user.token)).await;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let replies = items.iter().filter(|message| message["sender"]["kind"] == "character");
        let last = replies.max_by_key(|message| message["offset"].as_i64());
        last.map_or((0, String::new()), |message| {
            (message["offset"].as_i64().unwrap(), message["content"].as_str().unwrap().to_owned())
        })
    };
    let before = text().await.0;
    let (status, answer) = app.post(&path, Some(&user.token), json!({ "content": "Good evening" })).await;
    assert!(status < 300, "{answer}");
    eventually("the reply is there", async || text().await.0 > before).await;
    text().await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_switched_off_or_drained_gets_no_more_and_stays_so() {
    let (one, second) = (Provider::start().await, Provider::start().await);
    let mut app = TestApp::start_with(|config| two(config, &one, &second)).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let room = app.conversation(&user).await;
    one.script([Act::say(["From one."])]);
    second.script((0..2).map(|_| Act::say(["From two."])));
    assert_eq!(reply(&app, &user, &room).await, "From one.");
    for (body, off) in
        [(json!({"draining": true}), false), (json!({"enabled": false, "draining": false}), true)]
    {
        let (status, view) = switch(&app, &admin, "one", body).await;
        assert_eq!((status, view["enabled"] == false, view["draining"] == true), (200, off, !off), "{view}");
        assert_eq!(reply(&app, &user, &room).await, "From two.");
    }
    let (_, health) = app.get("/gemini/health", None).await;
    assert_eq!((&health["status"], &health["providers"][0]["state"]), (&json!("DEGRADED"), &json!("off")));
    // It is kept.
    app.restart().await;
    let (_, list) = app.get("/api/admin/providers", Some(&admin.token)).await;
    assert_eq!(list["chain"], json!(["one", "two"]));
    let item =
        |name: &str| list["items"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!((&item("one")["enabled"], &item("off")["enabled"]), (&json!(false), &json!(false)));
    assert_eq!(item("two")["concurrency"], json!({ "limit": 7, "running": 0, "waiting": 0, "aside": 0 }));
    assert_eq!(item("two")["breaker"], json!({ "state": "closed", "failures": 0 }));
    let (_, view) = switch(&app, &admin, "one", json!({ "enabled": true })).await;
    assert_eq!(
        (&view["enabled"], &view["default"], &view["state"]),
        (&json!(true), &json!(true), &json!("idle"))
    );
    one.script([Act::say(["From one again."])]);
    assert_eq!(reply(&app, &user, &room).await, "From one again.");
    // Who did it, and what it was.
    let (_, audit) = app.get("/api/admin/audit?action=provider.switch", Some(&admin.token)).await;
    assert_eq!(audit["total"], 3);
    assert_eq!(audit["items"][0]["detail"]["after"], json!({ "enabled": true, "draining": false }));
    let metrics = app.text("/metrics").await;
    assert!(metrics.contains("greenroom_ai_breaker_state{provider=\"one\"} 0"), "the breaker is told");
    assert!(metrics.contains("greenroom_ai_provider_calls_total{"), "calls are counted");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_switched_is_refused() {
    let (one, second) = (Provider::start().await, Provider::start().await);
    let app = TestApp::start_with(|config| two(config, &one, &second)).await;
    let admin = app.admin().await;
    for (name, body, expected) in [
        ("nobody", json!({ "enabled": true }), 404),
        ("one", json!({}), 400),
        ("one", json!({ "enabled": "yes" }), 400),
        ("one", json!({ "weight": 3 }), 400),
        ("off", json!({ "enabled": true }), 409),
    ] {
        let (status, answer) = switch(&app, &admin, name, body.clone()).await;
        assert_eq!(status, expected, "{name} {body}: {answer}");
    }
    let user = app.user().await;
    assert_eq!(switch(&app, &user, "one", json!({ "enabled": false })).await.0, 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_follows_what_is_switched() {
    let (one, second) = (Provider::start().await, Provider::start().await);
    let same = |config: &mut Config| {
        two(config, &one, &second);
        config.auth.jwt_secret = "the same secret on both of the nodes".to_owned().into();
    };
    let app = TestApp::start_with(same).await;
    let admin = app.admin().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
    same(&mut config);
    config.server.port = 0;
    config.server.workers = 2;
    config.database.url = app.database.url().into();
    config.database.pool_size = 4;
    let other = App::start(config).await.unwrap();
    switch(&app, &admin, "one", json!({ "draining": true })).await;
    let list = format!("http://{}/api/admin/providers", other.address());
    let drained = async || {
        let list = app.http.get(&list).bearer_auth(&admin.token).send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        let items = list["items"].as_array().unwrap_or_else(|| panic!("{list}"));
        items.iter().any(|it| it["name"] == "one" && it["draining"] == true)
    };
    eventually("the other node drains it too", drained).await;
    assert_eq!(other.stop().await, 0);
    app.stop().await;
}

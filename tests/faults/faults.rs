//! Postgres goes away and comes back: no crash, honest answers meanwhile, nothing acked is lost.

use std::path::PathBuf;

use greenroom::config::ProviderSettings;
use secrecy::SecretString;
use serde_json::json;

use crate::support;
use crate::support::app::{TestApp, eventually};
use crate::support::chaos::{ChaosProxy, Target};

/// A server whose database stands behind a proxy.
async fn behind_a_proxy() -> (TestApp, ChaosProxy) {
    let database = support::database::TestDatabase::create().await;
    let url = database.url();
    let part = |name: &str| {
        let value = url.split_whitespace().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().to_owned()
    };
    let socket = PathBuf::from(part("host")).join(".s.PGSQL.5432");
    let proxy = ChaosProxy::start(Target::Unix(socket)).await;
    let through = format!(
        "host=127.0.0.1 port={} user={} dbname={} sslmode=disable",
        proxy.address.port(),
        part("user"),
        part("dbname")
    );
    let app = TestApp::start_on(database, |config| config.database.url = SecretString::from(through)).await;
    (app, proxy)
}

/// What `/health/detailed` says of one dependency.
async fn state_of(app: &TestApp, dependency: &str) -> String {
    let (_, detailed) = app.get("/health/detailed", None).await;
    let found = detailed["dependencies"].as_array().unwrap().iter().find(|one| one["name"] == dependency);
    found.unwrap()["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_fails_the_reply_and_shows_in_health_but_not_in_readiness() {
    let app = TestApp::start_with(|config| {
        let nobody =
            ProviderSettings { base_url: "http://127.0.0.1:9/v1".into(), ..ProviderSettings::default() };
        config.ai.providers.insert("nobody".into(), nobody);
        config.ai.default_provider = "nobody".into();
        config.pool.backoff_ms = 1;
    })
    .await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let mut socket = app.socket(&user).await;
    socket.ask("conversation:join", json!({ "conversationId": room })).await;
    socket.ask("message:send", json!({ "conversationId": room, "content": "Good evening" })).await;
    let failed = socket
        .find(|frame| frame["event"] == "message:status" && frame["data"]["state"] == "failed")
        .await
        .unwrap();
    assert_eq!(failed["data"]["code"], "provider_unavailable");
    assert_eq!(state_of(&app, "ai").await, "down");
    assert_eq!(app.get("/health/ready", None).await.0, 200);
    let (_, me) = app.get("/api/auth/me", Some(&user.token)).await;
    assert_eq!(me["usage"]["limits"][0]["used"], 0, "the quota came back: {me}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_the_server_says_so_and_then_goes_on() {
    let (app, proxy) = behind_a_proxy().await;
    let user = app.premium().await;
    let room = app.conversation(&user).await;
    let path = format!("/api/conversations/{room}/messages");
    let say = |text: &str, id: &str| json!({ "content": text, "reply": "none", "clientId": id });
    assert_eq!(app.post(&path, Some(&user.token), say("before", "1")).await.0, 201);
    let mut socket = app.socket(&user).await;

    proxy.take_down();
    eventually("not ready", async || app.get("/health/ready", None).await.0 == 503).await;
    let (status, refusal) = app.get("/api/conversations", Some(&user.token)).await;
    assert_eq!((status, &refusal["error"]), (503, &json!("dependency_down")));
    let (status, refusal) = app.post(&path, Some(&user.token), say("during", "2")).await;
    assert_eq!(status, 503, "{refusal}");
    assert_eq!(app.get("/health/live", None).await.0, 200);
    // The room is in memory, so this one gets as far as the journal, which keeps it.
    let send = json!({ "conversationId": room, "content": "kept", "reply": "none", "clientId": "3" });
    let kept = socket.tell("message:send", send).await;
    for dependency in ["database", "journal"] {
        eventually(dependency, async || state_of(&app, dependency).await == "down").await;
    }

    proxy.restore();
    eventually("ready again", async || app.get("/health/ready", None).await.0 == 200).await;
    assert_eq!(socket.ack(&kept).await["success"], true);
    eventually("the message goes through", async || {
        matches!(app.post(&path, Some(&user.token), say("during", "2")).await.0, 200 | 201)
    })
    .await;
    let (_, all) = app.get(&path, Some(&user.token)).await;
    let texts: Vec<&str> =
        all["items"].as_array().unwrap().iter().skip(1).filter_map(|m| m["content"].as_str()).collect();
    assert_eq!(texts, ["before", "kept", "during"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_in_mid_send_lose_and_double_nothing() {
    let (app, proxy) = behind_a_proxy().await;
    let user = app.premium().await;
    let room = app.conversation(&user).await;
    let mut socket = app.socket(&user).await;
    socket.ask("conversation:join", json!({ "conversationId": room })).await;
    for n in 0..60 {
        if n % 6 == 5 {
            proxy.cut();
        }
        let send = json!({ "conversationId": room, "content": format!("message {n}"), "reply": "none", "clientId": n.to_string() });
        // Said again until it is acked, as a client would.
        eventually("acked", async || socket.ask("message:send", send.clone()).await["success"] == true).await;
    }
    let (_, all) = app.get(&format!("/api/conversations/{room}/messages?limit=100"), Some(&user.token)).await;
    let texts: Vec<String> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .filter_map(|message| message["content"].as_str().map(str::to_owned))
        .collect();
    let said: Vec<String> = (0..60).map(|n| format!("message {n}")).collect();
    assert_eq!(texts, said);
    app.stop().await;
}

//! Taking all of one's account along, leaving, coming back, and being forgotten; over a whole server.

mod erasing;
mod export;
mod leaving;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{PASSWORD, TestApp, TestUser};

async fn execute(app: &TestApp, sql: &str) -> u64 {
    let client = app.database.pool().get().await.unwrap();
    client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

async fn count(app: &TestApp, sql: &str) -> i64 {
    let client = app.database.pool().get().await.unwrap();
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

async fn leave(app: &TestApp, user: &TestUser, body: Option<Value>) -> (u16, Value) {
    app.call(Method::DELETE, "/api/auth/me", Some(&user.token), body).await
}

async fn leaves(app: &TestApp, user: &TestUser) {
    let (status, answer) = leave(app, user, Some(json!({ "password": PASSWORD }))).await;
    assert_eq!(status, 204, "{answer}");
}

async fn login(app: &TestApp, user: &TestUser, password: &str) -> (u16, Value) {
    app.post("/api/auth/login", None, json!({ "email": user.email, "password": password })).await
}

/// A conversation of both, with a character: its id.
async fn shared(app: &TestApp, owner: &TestUser, other: &TestUser) -> String {
    let body = json!({ "characterIds": [app.character().await], "memberIds": [other.id] });
    let (status, made) = app.post("/api/conversations", Some(&owner.token), body).await;
    assert_eq!(status, 201, "{made}");
    made["conversation"]["id"].as_str().unwrap().to_owned()
}

async fn says(app: &TestApp, user: &TestUser, room: &str, text: &str) {
    let body = json!({ "content": text, "reply": "none" });
    let (status, said) =
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
    assert_eq!(status, 201, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_or_ends_an_account_without_being_signed_in_to_it() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/api/auth/export", None).await.0, 401);
    assert_eq!(app.call(Method::DELETE, "/api/auth/me", None, None).await.0, 401);
    assert_eq!(app.get("/api/auth/export", Some("nonsense")).await.0, 401);
    app.stop().await;
}

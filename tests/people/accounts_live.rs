//! Links sent by mail and the end of sign-ins, through a whole server: its jobs, its outbox, its sockets.

mod links;
mod recovery;
mod sockets;

use serde_json::{Value, json};

use crate::support;
use crate::support::app::{TestApp, TestUser, eventually};

const NEW_PASSWORD: &str = "another long Passphrase 8";

/// The links of all mails to this address with this subject's kind of link, the newest first, once there are so many.
async fn links(app: &TestApp, address: &str, before: &str, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    eventually("a mail", async || {
        let client = app.database.pool().get().await.unwrap();
        let sql =
            "select body_text from outbox where channel = 'mail' and recipient = $1 order by number desc";
        let rows = client.query(sql, &[&address]).await.unwrap();
        found = rows.iter().filter_map(|row| token_after(row.get(0), before)).collect();
        found.len() >= count
    })
    .await;
    found
}

/// What follows `before` in a text: the token of a link.
fn token_after(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.chars().take_while(char::is_ascii_alphanumeric).collect())
}

async fn execute(app: &TestApp, sql: &str) -> u64 {
    app.database.pool().get().await.unwrap().execute(sql, &[]).await.unwrap()
}

async fn count(app: &TestApp, sql: &str) -> i64 {
    app.database.pool().get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

/// Another device of the same person.
async fn another_device(app: &TestApp, user: &TestUser) -> TestUser {
    app.sign_in(&user.email, support::app::PASSWORD).await
}

async fn login(app: &TestApp, user: &TestUser, password: &str) -> u16 {
    app.post("/api/auth/login", None, json!({"email": user.email, "password": password})).await.0
}

/// Whether the access token still opens something.
async fn is_in(app: &TestApp, user: &TestUser) -> bool {
    app.get("/api/auth/sessions", Some(&user.token)).await.0 == 200
}

/// A body without what each answer has of its own.
fn said(mut body: Value) -> Value {
    if let Some(id) = body.get_mut("requestId") {
        *id = Value::Null;
    }
    body
}

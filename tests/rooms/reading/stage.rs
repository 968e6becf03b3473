//! Conversations with something in them, and what only their publishing by SQL can give yet.

use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::support::app::{TestApp, TestUser};

pub fn id(text: &str) -> Uuid {
    Uuid::parse_str(text).expect("an id")
}

pub async fn execute(app: &TestApp, sql: &str, values: &[&(dyn ToSql + Sync)]) -> u64 {
    app.database.pool().get().await.expect("a connection").execute(sql, values).await.expect("it runs")
}

pub async fn number(app: &TestApp, sql: &str, values: &[&(dyn ToSql + Sync)]) -> i64 {
    app.database.pool().get().await.expect("a connection").query_one(sql, values).await.expect("a row").get(0)
}

/// Says something, without a reply: the message's id and offset.
pub async fn say(app: &TestApp, user: &TestUser, room: &str, content: &str) -> (String, i64) {
    let body = json!({ "content": content, "reply": "none" });
    let path = format!("/api/conversations/{room}/messages");
    let (status, sent) = app.post(&path, Some(&user.token), body).await;
    assert_eq!(status, 201, "{sent}");
    let message = &sent["message"];
    (message["id"].as_str().expect("an id").to_owned(), message["offset"].as_i64().expect("an offset"))
}

/// A conversation of this user with that title.
pub async fn room(app: &TestApp, user: &TestUser, title: &str) -> String {
    let body = json!({ "characterId": app.character().await, "title": title });
    let (status, made) = app.post("/api/conversations", Some(&user.token), body).await;
    assert_eq!(status, 201, "{made}");
    made["conversation"]["id"].as_str().expect("an id").to_owned()
}

pub async fn show(app: &TestApp, room: &str, visibility: &str, category: Option<&str>, tags: &[&str]) {
    let sql = "update rooms set visibility = $2, category = $3, tags = $4 where id = $1";
    execute(app, sql, &[&id(room), &visibility, &category, &tags]).await;
}

pub async fn slug(app: &TestApp, room: &str) -> String {
    let client = app.database.pool().get().await.expect("a connection");
    client.query_one("select slug from rooms where id = $1", &[&id(room)]).await.expect("a room").get(0)
}

/// What an edit, a deletion or a choice of variants does to the row.
pub async fn becomes(app: &TestApp, message: &str, content: &str) {
    execute(
        app,
        "update messages set content = $2, edited_at = now() where id = $1",
        &[&id(message), &content],
    )
    .await;
}

pub async fn tombstone(app: &TestApp, message: &str) {
    execute(app, "update messages set content = '', deleted_at = now() where id = $1", &[&id(message)]).await;
}

pub async fn react(app: &TestApp, room: &str, message: &str, user: &TestUser, emoji: &str) {
    let sql = "insert into reactions (message_id, emoji, user_id, room_id, created_at) values ($1, $2, $3, $4, now())";
    execute(app, sql, &[&id(message), &emoji, &id(&user.id), &id(room)]).await;
    // Only a message that changed is looked at for reactions.
    execute(
        app,
        "with next as (update heads set last_revision = last_revision + 1 where room_id = $1 returning last_revision)
         update messages set revision = (select last_revision from next) where id = $2",
        &[&id(room), &id(message)],
    )
    .await;
}

/// The contents of a page of hits.
pub fn contents(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("no list: {page}"));
    items.iter().map(|item| item["message"]["content"].as_str().expect("a content")).collect()
}

/// The titles of a page of conversations.
pub fn titles(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("no list: {page}"));
    items.iter().map(|item| item["title"].as_str().expect("a title")).collect()
}

//! Characters over a whole server: who may write them, what the public sees, ratings, galleries, statistics, news.

mod caches;
mod gallery;
mod listing;
mod live;
mod ratings;
mod secrecy;
mod statistics;
mod writing;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};

/// Makes a character and answers it as its admin sees it.
async fn make(app: &TestApp, admin: &TestUser, body: Value) -> Value {
    let (status, made) = app.post("/api/characters", Some(&admin.token), body).await;
    assert_eq!(status, 201, "{made}");
    made
}

async fn change(app: &TestApp, admin: &TestUser, id: &str, body: Value) -> (u16, Value) {
    app.call(Method::PUT, &format!("/api/characters/{id}"), Some(&admin.token), Some(body)).await
}

async fn delete(app: &TestApp, admin: &TestUser, id: &str) -> u16 {
    app.call(Method::DELETE, &format!("/api/characters/{id}"), Some(&admin.token), None).await.0
}

fn id(character: &Value) -> String {
    character["id"].as_str().expect("an id").to_owned()
}

/// Names of the fields that a refusal is about.
fn fields(refused: &Value) -> Vec<&str> {
    refused["details"].as_array().into_iter().flatten().filter_map(|fault| fault["field"].as_str()).collect()
}

async fn number(app: &TestApp, sql: &str) -> i64 {
    app.database.pool().get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

async fn execute(app: &TestApp, sql: &str) -> u64 {
    app.database.pool().get().await.unwrap().execute(sql, &[]).await.unwrap()
}

/// One with something in each field.
fn everything(name: &str) -> Value {
    json!({
        "name": name, "tagline": "One line", "description": "A description", "category": "tests",
        "tags": ["one", "two"], "color": "#102030", "greeting": "Hello, {{user}}.",
        "alternateGreetings": ["You again."], "tone": "dry", "traits": ["dry", "patient"], "talkativeness": 0.25,
        "dials": { "formality": 0.1, "humor": 0.2, "empathy": 0.3, "creativity": 0.4, "confidence": 0.6, "emoji": 0.7 },
        "avatarUrl": "https://example.com/a.webp", "voice": "alto", "premium": true,
        "settings": {
            "personality": "SECRET-personality", "scenario": "SECRET-scenario",
            "examples": [{ "from": "user", "text": "SECRET-question" }, { "from": "character", "text": "SECRET-answer" }],
            "knowledge": ["SECRET-knowledge"], "restrictedTopics": ["SECRET-topic"],
            "lorebook": { "scanDepth": 4, "tokenBudget": 500, "recursive": true, "entries": [
                { "name": "SECRET-entry", "keys": ["SECRET-key"], "content": "SECRET-content", "priority": 3 }] },
            "systemPrompt": "SECRET-prompt", "postHistory": "SECRET-history",
            "ai": { "provider": "SECRET-provider", "model": "SECRET-model", "temperature": 1.5, "maxTokens": 321,
                "contextTokens": 4321 },
        },
    })
}

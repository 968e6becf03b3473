//! Avatars over a whole server: written and paid once, whatever is stopped meanwhile; and seen by whom they are for, everywhere.

mod gallery;
mod judging;
mod leaving;
mod owning;
mod pictures;
mod providers;
mod seeing;
mod writing;

use greenroom::billing::Ledger;
use greenroom::billing::ledger::{Note, Order};
use greenroom::config::{Config, ProviderSettings};
use greenroom_actors::domain::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::content::stage;
use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::house;
use crate::support::provider;

/// A server whose models are a stand-in's.
async fn with_provider(house: &provider::Provider, change: impl FnOnce(&mut Config)) -> TestApp {
    let settings = ProviderSettings {
        base_url: house.base_url(),
        api_key: "sk-of-the-house".to_owned().into(),
        model: "house-model".to_owned(),
        ..ProviderSettings::default()
    };
    TestApp::start_with(|config| {
        config.ai.providers.insert("house".into(), settings);
        config.ai.default_provider = "house".into();
        config.jobs.backoff_ms = 1;
        config.server.drain_timeout_ms = 500;
        change(config);
    })
    .await
}

async fn number(app: &TestApp, sql: &str) -> i64 {
    app.database
        .pool()
        .get()
        .await
        .unwrap()
        .query_one(sql, &[])
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e:?}"))
        .get(0)
}

async fn execute(app: &TestApp, sql: &str) -> u64 {
    app.database
        .pool()
        .get()
        .await
        .unwrap()
        .execute(sql, &[])
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

fn uuid(user: &TestUser) -> UserId {
    user.id.parse().unwrap()
}

async fn grant(app: &TestApp, user: &TestUser, amount: i64) {
    let key = format!("test:{}", uuid::Uuid::now_v7());
    let note = Note { key: &key, ..Note::default() };
    Ledger::new(app.database.pool()).record(uuid(user), &Order::Grant { amount }, &note).await.unwrap();
}

/// What can be spent, and what is held; the whole ledger is right.
async fn credits(app: &TestApp, user: &TestUser) -> (i64, i64) {
    let ledger = Ledger::new(app.database.pool());
    assert_eq!(ledger.verify().await.unwrap().faults, Vec::<String>::new());
    let balance = ledger.balance(uuid(user)).await.unwrap();
    (balance.available, balance.held)
}

/// Gives somebody room for many avatars.
async fn plan(app: &TestApp, user: &TestUser, plan: &str) {
    assert_eq!(execute(app, &format!("update users set plan = '{plan}' where id = '{}'", user.id)).await, 1);
}

fn wish(name: &str) -> Value {
    json!({ "name": name, "description": "A dry retired pilot who grows tea. SECRET-idea of hers." })
}

async fn ask(app: &TestApp, user: &TestUser, body: Value) -> (u16, Value) {
    app.post("/api/avatars", Some(&user.token), body).await
}

async fn get(app: &TestApp, user: &TestUser, id: &str) -> Value {
    let (status, avatar) = app.get(&format!("/api/avatars/{id}"), Some(&user.token)).await;
    assert_eq!(status, 200, "{avatar}");
    avatar
}

async fn change(app: &TestApp, user: &TestUser, id: &str, body: Value) -> (u16, Value) {
    app.call(Method::PUT, &format!("/api/avatars/{id}"), Some(&user.token), Some(body)).await
}

fn id(avatar: &Value) -> String {
    avatar["id"].as_str().unwrap_or_else(|| panic!("{avatar}")).to_owned()
}

/// Waits until its writing has ended.
async fn ended(app: &TestApp, user: &TestUser, id: &str) -> Value {
    eventually("a writing ends", async || get(app, user, id).await["state"] != "writing").await;
    get(app, user, id).await
}

/// One that is written.
async fn ready(app: &TestApp, user: &TestUser, name: &str) -> Value {
    grant(app, user, 10).await;
    let (status, made) = ask(app, user, wish(name)).await;
    assert_eq!(status, 201, "{made}");
    let avatar = ended(app, user, &id(&made["avatar"])).await;
    assert_eq!(avatar["state"], "ready", "{avatar}");
    avatar
}

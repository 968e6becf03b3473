//! Plans of a running server: what they allow and what is told of it, also over two nodes; other plans while it runs; and
//! that none vanishes which somebody has.

mod can_send;
mod in_use;
mod nodes;
mod reload;
mod told;

use std::sync::{Arc, Mutex};

use greenroom::config::{Config, ConfigError, Source};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};

/// The settings as they stand in the operator's file.
type Settings = Arc<Mutex<Result<Config, ConfigError>>>;

/// A server whose settings can be edited while it runs.
struct World {
    app: TestApp,
    settings: Settings,
    admin: TestUser,
    character: String,
}

/// The settings of one more reader of the same file.
fn read_from(settings: &Settings) -> Source {
    let settings = settings.clone();
    Source::new(move || settings.lock().unwrap().clone())
}

impl World {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let settings: Settings = Arc::new(Mutex::new(Ok(Config::default())));
        let app = TestApp::start_with(|config| {
            config.auth.jwt_secret = "one secret for all nodes of this test".into();
            change(config);
            *settings.lock().unwrap() = Ok(config.clone());
            config.source = read_from(&settings);
        })
        .await;
        let (admin, character) = (app.admin().await, app.character().await);
        Self { app, settings, admin, character }
    }

    /// Edits the settings; the server is not told.
    fn edit(&self, change: impl FnOnce(&mut Config)) {
        change(self.settings.lock().unwrap().as_mut().unwrap());
    }

    async fn reload(&self) -> (u16, Value) {
        self.app.post("/api/admin/config/reload", Some(&self.admin.token), json!({})).await
    }

    /// Somebody new with that plan.
    async fn user(&self, plan: &str) -> TestUser {
        let user = self.app.user().await;
        self.give(&user, plan).await;
        user
    }

    async fn give(&self, user: &TestUser, plan: &str) {
        let path = format!("/api/admin/users/{}", user.id);
        let body = Some(json!({ "plan": plan }));
        let (status, answer) = self.app.call(Method::PUT, &path, Some(&self.admin.token), body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// A text without a reply.
    async fn say(&self, user: &TestUser, room: &str) -> (u16, Value) {
        let path = format!("/api/conversations/{room}/messages");
        self.app.post(&path, Some(&user.token), json!({"content": "Good evening", "reply": "none"})).await
    }

    /// Sends so many, all of which are stored.
    async fn say_all(&self, user: &TestUser, room: &str, count: usize) {
        for _ in 0..count {
            let (status, answer) = self.say(user, room).await;
            assert!(status < 300, "{status} {answer}");
        }
    }

    async fn can_send(&self, user: &TestUser, more: &str) -> Value {
        let path = format!("/api/subscription/can-send?characterId={}{more}", self.character);
        let (status, answer) = self.app.get(&path, Some(&user.token)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Of the daily limit: used of how many.
    async fn today(&self, user: &TestUser) -> (u64, u64) {
        let (_, usage) = self.app.get("/api/subscription/usage", Some(&user.token)).await;
        let line = &usage["limits"][0];
        assert_eq!(line["scope"], "daily", "{usage}");
        (line["used"].as_u64().unwrap(), line["limit"].as_u64().unwrap())
    }

    async fn stop(self) {
        self.app.stop().await;
    }
}

fn per_day(config: &mut Config, plan: &str, messages: u32) {
    config.plans.get_mut(plan).unwrap().messages_per_day = messages;
}

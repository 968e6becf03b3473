//! A server whose characters speak through a stand-in provider, and somebody with an API key.

use futures_util::StreamExt;
use greenroom::config::{Config, ProviderKind, ProviderSettings};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};
use crate::support::provider::Provider;

pub struct World {
    pub app: TestApp,
    pub provider: Provider,
    pub user: TestUser,
    pub key: String,
    /// `character/<slug>` of a seeded character.
    pub model: String,
    pub character: String,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let provider = Provider::start().await;
        let house = ProviderSettings {
            kind: ProviderKind::OpenAiCompatible,
            base_url: provider.base_url(),
            api_key: "sk-test-key".to_owned().into(),
            model: "house-model".into(),
            ..ProviderSettings::default()
        };
        let app = TestApp::start_with(|config| {
            config.auth.argon2_memory_kib = 64;
            config.auth.argon2_iterations = 1;
            config.ai.providers.insert("house".to_owned(), house);
            config.ai.default_provider = "house".to_owned();
            config.engine.delta_merge_ms = 1;
            change(config);
        })
        .await;
        let user = app.user().await;
        let key = Self::key_of(&app, &user, "chat").await;
        let (_, list) = app.get("/api/characters?limit=1", None).await;
        let text = |name: &str| list["items"][0][name].as_str().unwrap().to_owned();
        let (model, character) = (format!("character/{}", text("slug")), text("id"));
        Self { app, provider, user, key, model, character }
    }

    pub async fn key_of(app: &TestApp, user: &TestUser, scope: &str) -> String {
        let body = json!({"name": "a program", "scopes": [scope]});
        let (status, made) = app.post("/api/auth/api-keys", Some(&user.token), body).await;
        assert_eq!(status, 201, "{made}");
        made["key"].as_str().unwrap().to_owned()
    }

    /// A request that says `text`, changed by `change`.
    pub fn body(&self, text: &str, change: Value) -> Value {
        let mut body = json!({"model": self.model, "messages": [{"role": "user", "content": text}]});
        let Value::Object(change) = change else { panic!("{change}") };
        for (name, value) in change {
            body[name] = value;
        }
        body
    }

    pub async fn ask(&self, body: Value) -> (u16, Value) {
        self.app.post("/v1/chat/completions", Some(&self.key), body).await
    }

    pub async fn open(&self, body: Value) -> Response {
        self.app.send(reqwest::Method::POST, "/v1/chat/completions", Some(&self.key), Some(body)).await
    }

    /// What the user has used of the plan with the character.
    pub async fn used(&self) -> i64 {
        let client = self.app.database.pool().get().await.unwrap();
        let sql = "select coalesce(sum(used), 0)::bigint from usage where user_id = $1::text::uuid";
        client.query_one(sql, &[&self.user.id]).await.unwrap().get(0)
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.app.database.pool().get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Ends the server; no charge is left open.
    pub async fn stop(self) {
        let database = self.app.ended().await;
        let client = database.pool().get().await.unwrap();
        let open: i64 = client.query_one("select count(*) from charges", &[]).await.unwrap().get(0);
        assert_eq!(open, 0, "no charge is left open");
        self.provider.stop().await;
    }
}

/// The data of all events of a stream, `[DONE]` as text.
pub async fn events(response: Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let text = response.text().await.unwrap();
    let data = |event: &str| {
        let data = event.strip_prefix("data: ")?;
        Some(serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
    };
    text.split("\n\n").filter(|event| !event.is_empty()).filter_map(data).collect()
}

/// The texts of the events, joined.
pub fn said(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

/// Reads until the body has this text in it, and leaves the rest.
pub async fn read_until(response: Response, text: &str) -> impl futures_util::Stream {
    let mut body = Box::pin(response.bytes_stream());
    let mut heard = String::new();
    while !heard.contains(text) {
        let part = body.next().await.expect("more").expect("a part");
        heard.push_str(&String::from_utf8_lossy(&part));
    }
    body
}

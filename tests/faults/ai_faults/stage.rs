//! A whole server whose providers are simulators, and a person who asks and follows what comes of it.

use std::time::Duration;

use greenroom::config::{Config, Continues, ProviderSettings};
use loadtest::net::http;
use loadtest::sim::{Background, Plan, Settings, Words, known_text};
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::socket::Socket;

/// Of each reply.
pub const TOKENS: u32 = 40;

/// A provider that answers at once, says its text quickly, and fails as these plans want.
pub struct Provider(Background);

impl Provider {
    pub fn start(plans: &[&str]) -> Self {
        Self::start_with(plans, |_| {})
    }

    pub fn start_with(plans: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            first_token_delay_ms: 2.0,
            tokens_per_second: 1_000.0,
            length_tokens: TOKENS,
            stamped: false,
            plans: parsed(plans),
            retry_after_seconds: 0.2,
            slow_first_ms: 200.0,
            slow_tokens_per_second: 60.0,
            huge_tokens: 50_000,
            ..Settings::default()
        };
        change(&mut settings);
        Self(Background::start(0, settings).expect("a simulator"))
    }

    /// From now on it fails so.
    pub fn fails(&self, plans: &[&str]) {
        self.change(&json!({ "plans": parsed(plans) }));
    }

    pub fn change(&self, settings: &Value) {
        let answer = http::put(self.0.address(), "/sim/config", settings.to_string().as_bytes());
        assert_eq!(answer.expect("an answer").status, 200, "{settings}");
    }

    pub fn stats(&self) -> Value {
        self.get("/sim/stats")
    }

    /// The bodies of the latest requests.
    pub fn asked(&self) -> Vec<Value> {
        let mut asked = self.get("/sim/asked");
        let items = asked["items"].as_array_mut().expect("a list");
        items.iter_mut().map(|item| item["body"].take()).collect()
    }

    fn get(&self, path: &str) -> Value {
        http::get(self.0.address(), path, None).expect("an answer").json().expect("JSON")
    }

    fn settings(&self, continues: Continues) -> ProviderSettings {
        ProviderSettings {
            base_url: format!("http://{}/v1", self.0.address()),
            model: "sim-1".into(),
            continues,
            ..ProviderSettings::default()
        }
    }

    /// Waits until nothing is under way there.
    pub async fn is_quiet(&self) {
        eventually("nothing is open upstream", async || self.stats()["streamsOpen"] == 0).await;
    }
}

fn parsed(plans: &[&str]) -> Vec<Plan> {
    plans.iter().map(|plan| plan.parse().expect("a plan")).collect()
}

/// Short waits; breakers that do not open by themselves: they have tests of their own.
fn quick(config: &mut Config) {
    config.pool.backoff_ms = 5;
    config.pool.first_token_timeout_ms = 600;
    config.engine.delta_merge_ms = 5;
    config.ai.breaker.failures = 1_000;
    config.ai.breaker.window = 1_000;
}

pub async fn server(providers: &[(&str, &Provider)], change: impl FnOnce(&mut Config)) -> TestApp {
    let settings: Vec<_> = providers
        .iter()
        .map(|(name, provider)| ((*name).to_owned(), provider.settings(Continues::Prefill)))
        .collect();
    TestApp::start_with(move |config| {
        quick(config);
        config.ai.default_provider.clone_from(&settings[0].0);
        config.ai.providers.extend(settings);
        change(config);
    })
    .await
}

/// What came of a message.
#[derive(Debug)]
pub struct Heard {
    /// Of the reply.
    pub id: String,
    /// As it stood at the end, put together from the deltas.
    pub streamed: String,
    pub attempts: Vec<u64>,
    pub end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The stored reply: what it says and how it finished.
    Reply(String, String),
    /// The code of its failure.
    Failed(String),
}

impl Heard {
    /// What a reply says that ended well.
    #[track_caller]
    pub fn complete(&self) -> &str {
        match &self.end {
            End::Reply(content, finish) if finish == "complete" => content,
            end => panic!("not complete: {end:?}, behind `{}`", self.streamed),
        }
    }
}

/// Somebody in a room of their own.
pub struct Person {
    pub user: TestUser,
    pub room: String,
    pub socket: Socket,
    asked: u32,
}

impl Person {
    pub async fn enters(app: &TestApp) -> Self {
        let user = app.user().await;
        let room = app.conversation(&user).await;
        let mut socket = app.socket(&user).await;
        socket.ask("conversation:join", json!({ "conversationId": room })).await;
        Self { user, room, socket, asked: 0 }
    }

    /// Says something new; gives what was said and the id of the reply.
    pub async fn says(&mut self) -> (String, String) {
        self.asked += 1;
        let content = format!("question {} of {}", self.asked, self.user.username);
        let id = self.says_this(&content).await;
        (content, id)
    }

    pub async fn says_this(&mut self, content: &str) -> String {
        let data = json!({ "conversationId": self.room, "content": content });
        let ack = self.socket.ask("message:send", data).await;
        ack["replies"][0]["messageId"].as_str().unwrap_or_else(|| panic!("no reply: {ack}")).to_owned()
    }

    /// Says something new and follows the reply to its end.
    pub async fn asks(&mut self) -> (String, Heard) {
        let (content, id) = self.says().await;
        (content, self.hears(&id).await)
    }

    /// Follows a reply to its end. No text may have a hole.
    pub async fn hears(&mut self, id: &str) -> Heard {
        let (mut streamed, mut attempts): (Vec<u16>, Vec<u64>) = (Vec::new(), Vec::new());
        loop {
            let frame = self.socket.next().await.expect("an open socket");
            let data = &frame["data"];
            let own = data["messageId"] == id || data["message"]["id"] == id;
            match frame["event"].as_str() {
                _ if !own => {}
                Some("message:delta") => {
                    let (attempt, position) = (&data["attempt"], data["position"].as_u64().unwrap() as usize);
                    let attempt = attempt.as_u64().unwrap();
                    match attempts.last() {
                        Some(last) if attempt < *last => continue,
                        Some(last) if attempt == *last => {}
                        _ => {
                            attempts.push(attempt);
                            streamed.clear();
                        }
                    }
                    assert!(position <= streamed.len(), "a hole from {} to {position}", streamed.len());
                    streamed.truncate(position);
                    streamed.extend(data["text"].as_str().unwrap().encode_utf16());
                }
                Some("message:receive") => {
                    let field = |name: &str| data["message"][name].as_str().unwrap_or_default().to_owned();
                    let end = End::Reply(field("content"), field("finish"));
                    return Heard { id: id.to_owned(), streamed: text(&streamed), attempts, end };
                }
                Some("message:status") if data["offset"].is_u64() && data["state"] != "done" => {
                    let end = End::Failed(data["code"].as_str().unwrap_or_default().to_owned());
                    return Heard { id: id.to_owned(), streamed: text(&streamed), attempts, end };
                }
                _ => {}
            }
        }
    }

    /// Messages that were counted.
    pub async fn used(&self, app: &TestApp) -> u64 {
        let (_, me) = app.get("/api/auth/me", Some(&self.user.token)).await;
        me["usage"]["limits"][0]["used"].as_u64().unwrap_or_else(|| panic!("no usage: {me}"))
    }
}

fn text(utf16: &[u16]) -> String {
    String::from_utf16(utf16).expect("whole characters")
}

pub fn whole(question: &str) -> String {
    known_text(question, TOKENS, Words::Latin)
}

/// A call to a model, as the accounts have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub provider: String,
    pub outcome: String,
    pub completion_tokens: i32,
    pub counted_here: bool,
}

/// The calls that were made for a reply, in order.
pub async fn calls(app: &TestApp, reply: &str) -> Vec<Call> {
    let client = app.database.pool().get().await.expect("a connection");
    let sql = "SELECT provider, outcome, completion_tokens, counted_here FROM ai_calls WHERE turn_id = $1 ORDER BY id";
    let id: uuid::Uuid = reply.parse().expect("an id");
    let rows = client.query(sql, &[&id]).await.expect("the calls");
    let call = |row: &tokio_postgres::Row| Call {
        provider: row.get(0),
        outcome: row.get(1),
        completion_tokens: row.get(2),
        counted_here: row.get(3),
    };
    rows.iter().map(call).collect()
}

/// How the calls for a reply ended.
pub async fn outcomes(app: &TestApp, reply: &str) -> Vec<String> {
    calls(app, reply).await.into_iter().map(|call| format!("{} {}", call.provider, call.outcome)).collect()
}

/// Longer than anything takes here, and shorter than a test may.
pub const SOON: Duration = Duration::from_secs(20);

//! The real binary on a database that can be read while it runs and when it is dead, beside a provider that outlives it.
//!
//! A kill is kill -9. What it leaves in the database is looked at as time leaves it: leases are over at once.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use deadpool_postgres::Client as Connection;
use greenroom::billing::Ledger;
use greenroom::billing::ledger::{Note, Order};
use greenroom_actors::domain::UserId;
use loadtest::net::http;
use loadtest::sim::{Background, Settings};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::stage::Killed;
use crate::support::app::{PASSWORD, eventually};
use crate::support::database::TestDatabase;
use crate::support::process::{free_port, greenroom};

/// Pictures cost 5 credits, videos 15, an avatar 10.
const CONFIG: &str = r#"
environment = "development"

[limits]
enabled = false

[database]
pool_size = 8

[jobs]
# Longer than any stop of a busy machine: what a kill leaves is freed by the test.
lease_ms = 20000
poll_ms = 50
backoff_ms = 100

[content]
retry_ms = 100
video_look_ms = 100
store_look_ms = 200

[ai]
default_provider = "sim"

[ai.providers.sim]
kind = "openai-compatible"
enabled = true
key_required = false
base_url = "BASE_URL"
model = "sim-1"

[ai.providers.sim.models."gpt-image-1"]
capabilities = ["image"]

[ai.providers.sim.models."sora-2"]
capabilities = ["video"]
"#;

pub struct Person {
    pub id: Uuid,
    pub token: String,
}

pub struct House {
    pub database: TestDatabase,
    pub http: Client,
    pub port: u16,
    sim: Background,
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
    server: Option<Killed>,
    people: usize,
}

impl House {
    /// It runs. `more`: settings in the environment.
    pub async fn open(more: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            first_token_delay_ms: 0.0,
            tokens_per_second: 10_000.0,
            length_tokens: 4,
            stamped: false,
            video_ms: 0.0,
            ..Settings::default()
        };
        let sim = Background::start(0, settings).expect("a simulator");
        let config = CONFIG.replace("BASE_URL", &format!("http://{}/v1", sim.address()));
        std::fs::write(folder.path().join("config.toml"), config).expect("settings");
        let database = TestDatabase::create().await;
        let port = free_port();
        let mut environment = vec![
            ("DATABASE_URL", database.url()),
            ("JWT_SECRET", "a secret for this test of thirty-two characters".to_owned()),
            ("GREENROOM__SERVER__PORT", port.to_string()),
            ("GREENROOM__DATA_DIR", folder.path().join("data").display().to_string()),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // Connections of a dead server are of no use.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        let mut house = Self { database, http, port, sim, folder, environment, server: None, people: 0 };
        house.start().await;
        house
    }

    pub async fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("a log");
        let server = Command::new(greenroom())
            .args(["serve", "--config"])
            .arg(self.folder.path().join("config.toml"))
            .envs(self.environment.clone())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.server = Some(Killed(server));
        let url = self.url("/health/ready");
        eventually("the server is ready", async || {
            self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    pub async fn kill(&mut self) {
        self.dies().await;
        self.time_passes().await;
    }

    /// It dies. What its connections wait for in the database dies with it, as where the machine dies.
    pub async fn dies(&mut self) {
        drop(self.server.take().expect("it runs"));
        let waiting = "from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and wait_event_type = 'Lock'";
        let end = format!("select count(pg_terminate_backend(pid)) {waiting}");
        self.count(&end).await;
        let left = format!("select count(*) {waiting}");
        eventually("none of them waits", async || self.count(&left).await == 0).await;
    }

    /// What the dead have held is free.
    pub async fn time_passes(&self) {
        self.execute("update jobs set lease_until = now() - interval '1 second' where state = 1").await;
    }

    pub async fn connection(&self) -> Connection {
        self.database.pool().get().await.expect("a connection")
    }

    pub async fn execute(&self, sql: &str) -> u64 {
        self.connection().await.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.count_of(sql, &[]).await
    }

    pub async fn count_of(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> i64 {
        let row = self.connection().await.query_one(sql, values).await;
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }

    /// Waits until the query counts anything.
    pub async fn until(&self, what: &str, sql: &str) {
        eventually(what, async || self.count(sql).await > 0).await;
    }

    /// A queue is left alone, or worked again, from the next look on.
    pub async fn pause(&self, queue: &str) {
        self.execute(&format!("insert into paused_queues (queue) values ('{queue}')")).await;
    }

    pub async fn resume(&self, queue: &str) {
        self.execute(&format!("delete from paused_queues where queue = '{queue}'")).await;
    }

    /// Some connection of the server waits for a lock.
    pub async fn waits(&self, event: &str) {
        let sql = format!(
            "select count(*) from pg_stat_activity where datname = current_database()
            and wait_event_type = 'Lock' and wait_event = '{event}'"
        );
        self.until("it waits for a lock", &sql).await;
    }

    /// Changes what the provider does.
    pub fn provider(&self, change: &Value) {
        let answer = http::put(self.sim.address(), "/sim/config", change.to_string().as_bytes());
        assert_eq!(answer.expect("an answer").status, 200, "{change}");
    }

    /// Requests that the provider has seen of an endpoint.
    pub fn calls(&self, endpoint: &str) -> u64 {
        let answer = http::get(self.sim.address(), "/sim/stats", None).expect("an answer");
        let stats: Value = serde_json::from_slice(&answer.body).expect("JSON");
        stats["calls"][endpoint].as_u64().unwrap_or_default()
    }

    pub async fn called(&self, endpoint: &str, times: u64) {
        eventually(endpoint, async || self.calls(endpoint) >= times).await;
    }

    /// How the provider answers a question about a video of this name.
    pub fn film_status(&self, id: &str) -> u16 {
        http::get(self.sim.address(), &format!("/v1/videos/{id}"), None).expect("an answer").status
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub async fn call(&self, method: Method, path: &str, who: &Person, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, self.url(path)).bearer_auth(&who.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str, who: &Person) -> Value {
        let (status, body) = self.call(Method::GET, path, who, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, who: &Person, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, who, Some(body)).await
    }

    /// Somebody new with so many credits.
    pub async fn person(&mut self, credits: i64) -> Person {
        self.people += 1;
        let name = format!("person{}", self.people);
        let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "username": name,
            "displayName": "Mira" });
        let answer =
            self.http.post(self.url("/api/auth/register")).json(&body).send().await.expect("an answer");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a body"));
        assert_eq!(status, 201, "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let person = Person {
            id: text(&answer["user"]["id"]).parse().expect("an id"),
            token: text(&answer["accessToken"]),
        };
        if credits > 0 {
            let key = format!("test:{}", person.id);
            let note = Note { key: &key, ..Note::default() };
            let order = Order::Grant { amount: credits };
            self.ledger().record(UserId::from_uuid(person.id), &order, &note).await.expect("credits");
        }
        person
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.database.pool())
    }

    /// What can be spent, and what is held.
    pub async fn credits(&self, who: &Person) -> (i64, i64) {
        let balance = self.ledger().balance(UserId::from_uuid(who.id)).await.expect("a balance");
        (balance.available, balance.held)
    }

    /// Where the objects lie.
    pub fn media(&self) -> PathBuf {
        self.folder.path().join("data/media")
    }
}

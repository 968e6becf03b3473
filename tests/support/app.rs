//! A whole server: real HTTP, real sockets, a real database of its own. Its end asserts that nothing was left behind.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use greenroom::app::{App, Outside};
use greenroom::config::Config;
use reqwest::{Client, Method, Response};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::database::TestDatabase;
use super::socket::Socket;

static NEXT_USER: AtomicUsize = AtomicUsize::new(0);

pub const PASSWORD: &str = "a long enough Passphrase 7";

pub struct TestApp {
    pub address: SocketAddr,
    pub http: Client,
    pub database: TestDatabase,
    app: Option<Box<App>>,
    config: Box<Config>,
    outside: Outside,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Debug)]
pub struct TestUser {
    pub id: String,
    pub username: String,
    pub email: String,
    pub token: String,
    pub refresh: String,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(TestDatabase::create().await, change).await
    }

    pub async fn start_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_around(database, Outside::default(), change).await
    }

    /// With others in the place of providers.
    pub async fn start_around(
        database: TestDatabase,
        outside: Outside,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        config.server.port = 0;
        config.server.workers = 2;
        config.server.engine_threads = 2;
        config.database.url = SecretString::from(database.url());
        config.database.pool_size = 8;
        // Tests ask more often than people; the limits have tests of their own.
        config.limits.enabled = false;
        quick(&mut config);
        change(&mut config);
        let app = App::start_around(config.clone(), outside.clone()).await.expect("the server starts");
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self {
            address: app.address(),
            http,
            database,
            app: Some(Box::new(app)),
            config: Box::new(config),
            outside,
            _folder: folder,
        }
    }

    pub fn app(&self) -> &App {
        self.app.as_deref().expect("running")
    }

    /// Ends the server and starts it again: the same database and secrets, the same port.
    pub async fn restart(&mut self) {
        let app = self.app.take().expect("running");
        assert_eq!(Box::pin(app.stop()).await, 0, "a drain leaves no reply unfinished");
        let mut config = (*self.config).clone();
        config.server.port = self.address.port();
        let app = App::start_around(config, self.outside.clone()).await.expect("the server starts again");
        self.app = Some(Box::new(app));
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Response {
        let mut request = self.http.request(method, self.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("an answer")
    }

    /// Status and body; an empty body is null.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let response = self.send(method, path, token, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A body that is not JSON.
    pub async fn text(&self, path: &str) -> String {
        self.send(Method::GET, path, None, None).await.text().await.expect("a body")
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        self.call(Method::GET, path, token, None).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, token, Some(body)).await
    }

    /// Registers somebody new.
    pub async fn user(&self) -> TestUser {
        let n = NEXT_USER.fetch_add(1, Relaxed);
        let (username, email) = (format!("person{n}"), format!("person{n}@example.com"));
        let body =
            json!({ "email": email, "password": PASSWORD, "username": username, "displayName": "Mira" });
        let (status, answer) = self.post("/api/auth/register", None, body).await;
        assert_eq!(status, 201, "{answer}");
        from_session(&answer, username, email)
    }

    /// Signs in as one of the seeded accounts.
    pub async fn sign_in(&self, email: &str, password: &str) -> TestUser {
        let body = json!({ "email": email, "password": password });
        let (status, answer) = self.post("/api/auth/login", None, body).await;
        assert_eq!(status, 200, "{answer}");
        let username = answer["user"]["username"].as_str().unwrap_or_default().to_owned();
        from_session(&answer, username, email.to_owned())
    }

    pub async fn admin(&self) -> TestUser {
        self.sign_in("testadmin@example.com", "AdminPassword123!").await
    }

    pub async fn premium(&self) -> TestUser {
        self.sign_in("premium@example.com", "PremiumPassword123!").await
    }

    pub async fn socket(&self, user: &TestUser) -> Socket {
        Socket::signed_in(self.address, &user.token).await
    }

    /// The id of one of the seeded characters.
    pub async fn character(&self) -> String {
        let (status, list) = self.get("/api/characters?limit=1", None).await;
        assert_eq!(status, 200, "{list}");
        list["items"][0]["id"].as_str().expect("a seeded character").to_owned()
    }

    /// A new conversation of this user with a seeded character: its id.
    pub async fn conversation(&self, user: &TestUser) -> String {
        let body = json!({ "characterId": self.character().await });
        let (status, made) = self.post("/api/conversations", Some(&user.token), body).await;
        assert_eq!(status, 201, "{made}");
        made["conversation"]["id"].as_str().expect("an id").to_owned()
    }

    /// Ends the server and checks what must hold at every end.
    pub async fn stop(self) {
        drop(self.ended().await);
    }

    /// The same, and gives back the database.
    pub async fn ended(mut self) -> TestDatabase {
        let app = self.app.take().expect("running");
        assert_eq!(Box::pin(app.stop()).await, 0, "a drain leaves no reply unfinished");
        let client = self.database.pool().get().await.expect("a connection");
        let open: i64 = client
            .query_one("SELECT count(*) FROM turns WHERE state = 0", &[])
            .await
            .expect("a count")
            .get(0);
        assert_eq!(open, 0, "no open turn is left");
        self.database
    }
}

fn quick(config: &mut Config) {
    config.engine.read_merge_ms = 10;
    config.server.drain_timeout_ms = 20_000;
}

fn from_session(answer: &Value, username: String, email: String) -> TestUser {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    TestUser {
        id: text(&answer["user"]["id"]),
        username,
        email,
        token: text(&answer["accessToken"]),
        refresh: text(&answer["refreshToken"]),
    }
}

/// Waits until something holds, without believing in any machine's speed.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(super::socket::PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: never"));
}

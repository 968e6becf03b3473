//! Accounts behind the whole HTTP frame, on a database of their own, in this process.

use std::sync::Arc;
use std::time::Duration;

use actix_web::cookie::Cookie;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web;
use greenroom::accounts::{Accounts, routes};
use greenroom::config::Config;
use greenroom::http::{Health, Site, app};
use greenroom::outbound::Outbound;
use greenroom_actors::domain::Catalogue;
use serde_json::{Value, json};

use super::database::TestDatabase;

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(30);
pub const PASSWORD: &str = "a long enough Passphrase 7";

pub struct World {
    pub database: TestDatabase,
    pub accounts: Accounts,
    pub site: Site,
}

pub async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let database = TestDatabase::create().await;
    let mut config = Config::default();
    config.auth.jwt_secret = "a signing secret for the tests alone".into();
    config.auth.argon2_memory_kib = 64;
    config.auth.argon2_iterations = 1;
    config.limits.enabled = false;
    change(&mut config);
    let config = Arc::new(config);
    let accounts =
        Accounts::open(database.pool(), Arc::clone(&config), Outbound::open(&config).unwrap()).unwrap();
    let plans = Catalogue::new(config.engine_plans());
    let site = Site::new(config, plans, accounts.tokens().clone(), Health::new(Vec::new()), &[routes], &[]);
    World { database, accounts, site }
}

pub async fn world() -> World {
    world_with(|_| ()).await
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub cookie: Option<Cookie<'static>>,
}

impl Answer {
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

impl World {
    pub async fn send(&self, request: TestRequest) -> Answer {
        let service = init_service(app(&self.site).app_data(web::Data::new(self.accounts.clone()))).await;
        let response = call_service(&service, request.to_request()).await;
        let status = response.status().as_u16();
        let cookie = response.response().cookies().next().map(Cookie::into_owned);
        let body = read_body(response).await;
        Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null), cookie }
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::post().uri(path).set_json(body)).await
    }

    /// With an access token; without a body where it is null.
    pub async fn call_as(&self, token: &str, request: TestRequest, body: Value) -> Answer {
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        self.send(if body.is_null() { request } else { request.set_json(body) }).await
    }

    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.call_as(token, TestRequest::get().uri(path), Value::Null).await
    }

    pub async fn put_as(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call_as(token, TestRequest::put().uri(path), body).await
    }

    pub async fn login(&self, name: &str, password: &str) -> Answer {
        self.post("/api/auth/login", json!({"username": name, "password": password})).await
    }

    /// The lines of a user's history, the newest first, once there are so many: refusals are written after their answer.
    pub async fn history(&self, token: &str, lines: usize) -> Vec<Value> {
        let read = async {
            loop {
                let page = self.get_as(token, "/api/auth/history?limit=100").await;
                assert_eq!(page.status, 200, "{}", page.body);
                let items = page.body["items"].as_array().unwrap().clone();
                if items.len() >= lines {
                    return items;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("so many lines")
    }

    pub async fn register(&self, name: &str) -> Answer {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD, "username": name});
        let answer = self.post("/api/auth/register", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/auth/refresh-token", json!({"refreshToken": token})).await
    }

    pub async fn execute(&self, sql: &str) -> u64 {
        self.database.pool().get().await.unwrap().execute(sql, &[]).await.unwrap()
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.database.pool().get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
    }
}

//! What admins see and change of people, over a whole server, and the log of what they did.

mod acts;
mod admins;
mod audit;
mod bought;
mod finding;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support;
use crate::support::app::{TestApp, TestUser};

/// An admin's own change of somebody.
async fn change(app: &TestApp, admin: &TestUser, user: &TestUser, body: Value) -> (u16, Value) {
    app.call(Method::PUT, &format!("/api/admin/users/{}", user.id), Some(&admin.token), Some(body)).await
}

async fn execute(app: &TestApp, sql: &str) -> u64 {
    app.database.pool().get().await.unwrap().execute(sql, &[]).await.unwrap()
}

async fn count(app: &TestApp, sql: &str) -> i64 {
    app.database.pool().get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

/// A further admin, signed in.
async fn another_admin(app: &TestApp) -> TestUser {
    let user = app.user().await;
    execute(app, &format!("update users set role = 'admin' where id = '{}'", user.id)).await;
    app.sign_in(&user.email, support::app::PASSWORD).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_admins_is_for_nobody_else() {
    let app = TestApp::start().await;
    let (admin, user, other) = (app.admin().await, app.user().await, app.user().await);
    let paths = [
        (Method::GET, format!("/api/users/{}", user.id), None),
        (Method::PUT, format!("/api/users/{}/premium", user.id), Some(json!({"isPremium": true}))),
        (Method::GET, "/api/admin/users".to_owned(), None),
        (Method::PUT, format!("/api/admin/users/{}", user.id), Some(json!({"plan": "pro"}))),
        (Method::GET, "/api/admin/audit".to_owned(), None),
    ];
    for (method, path, body) in paths {
        let call = async |token: Option<&str>| app.call(method.clone(), &path, token, body.clone()).await;
        assert_eq!(call(None).await.0, 401, "{method} {path}");
        for token in [&user.token, &other.token] {
            let (status, refused) = call(Some(token)).await;
            assert_eq!((status, refused["error"].as_str()), (403, Some("forbidden")), "{method} {path}");
        }
        let (status, answer) = call(Some(&admin.token)).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
    }
    let missing = uuid::Uuid::now_v7();
    for id in [missing.to_string().as_str(), "me", "%00", "'; drop table users; --"] {
        let path = format!("/api/users/{id}");
        assert_eq!(app.get(&path, Some(&admin.token)).await.0, 404, "{id}");
    }
    app.stop().await;
}

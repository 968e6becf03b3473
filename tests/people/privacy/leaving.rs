//! Deactivation, and coming back.

use greenroom::accounts::{Accounts, Erased, Privacy};
use greenroom::config::Config;
use greenroom::outbound::Outbound;
use greenroom_actors::domain::UserId;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;

use super::{count, execute, leave, leaves, login};
use crate::support::app::{PASSWORD, TestApp, TestUser, eventually};

/// The part itself, on the server's database and engine.
pub fn privacy(app: &TestApp) -> Privacy {
    let mut config = Config::default();
    config.auth.jwt_secret = "a signing secret for the tests alone".into();
    let config = Arc::new(config);
    let outbound = Outbound::open(&config).unwrap();
    let accounts = Accounts::open(app.database.pool(), config, outbound).unwrap();
    Privacy::new(accounts, app.app().engine().clone())
}

pub fn id(user: &TestUser) -> UserId {
    UserId::from_uuid(user.id.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_says_the_password_and_is_signed_out_everywhere() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let mut socket = app.socket(&user).await;
    for missing in [None, Some(json!({})), Some(json!({ "password": "" })), Some(json!({ "password": 7 }))] {
        assert_eq!(leave(&app, &user, missing).await.0, 400);
    }
    let (status, refused) = leave(&app, &user, Some(json!({ "password": "' or 1=1; --" }))).await;
    assert_eq!((status, refused["error"].as_str()), (403, Some("forbidden")));
    assert_eq!(leave(&app, &user, Some(json!({ "password": "of somebody else 7" }))).await.0, 403);
    assert_eq!(socket.ask("ping", json!({})).await["success"], true);
    leaves(&app, &user).await;
    assert_eq!(socket.closed().await, Some(4001));
    assert_eq!(app.get("/api/auth/me", Some(&other.token)).await.0, 200);
    let refresh = json!({ "refreshToken": user.refresh });
    assert_eq!(app.post("/api/auth/refresh-token", None, refresh).await.0, 401);
    assert_eq!(app.get(&format!("/api/users/username/{}", user.username), None).await.0, 404);
    // With the right password it is told; a stranger hears what is told of nobody.
    let (status, told) = login(&app, &user, PASSWORD).await;
    assert_eq!(status, 403);
    assert!(told["message"].as_str().unwrap().contains("bring it back until"), "{told}");
    let (status, stranger) = login(&app, &user, "the wrong Passphrase 7").await;
    assert_eq!((status, stranger["error"].as_str()), (401, Some("unauthenticated")));
    assert!(!stranger.to_string().contains("deactivated"));
    // A mail says so, and a job waits for the end of the time.
    let letter = format!(
        "select count(*) from outbox where recipient = '{}' and body_text ilike '%switched off%'",
        user.email
    );
    eventually("the letter is written", async || count(&app, &letter).await == 1).await;
    let waits = "select count(*) from jobs where kind = 'account.erase' and state = 0
        and run_at between now() + interval '29 days' and now() + interval '31 days'";
    assert_eq!(count(&app, waits).await, 1);
    let history =
        format!("select count(*) from auth_history where user_id = '{}' and event = 'deactivated'", user.id);
    assert_eq!(count(&app, &history).await, 3, "two wrong passwords and the act");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_password_needs_none_to_leave() {
    let app = TestApp::start().await;
    let user = app.user().await;
    execute(&app, &format!("update users set password_hash = null where id = '{}'", user.id)).await;
    assert_eq!(leave(&app, &user, None).await.0, 204);
    assert!(matches!(leave(&app, &user, None).await.0, 401 | 404), "once");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_brings_an_account_back_within_the_time_and_not_after_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let room = app.conversation(&user).await;
    leaves(&app, &user).await;
    let path = format!("/api/admin/users/{}", user.id);
    let bring_back = json!({ "deactivated": false, "reason": "asked by mail" });
    let put = async |body: Value| app.call(Method::PUT, &path, Some(&admin.token), Some(body)).await;
    assert_eq!(put(json!({ "deactivated": true })).await.0, 400);
    let (status, stands) = put(bring_back.clone()).await;
    assert_eq!((status, &stands["deactivatedAt"]), (200, &Value::Null), "{stands}");
    let user = app.sign_in(&user.email, PASSWORD).await;
    assert_eq!(app.get(&format!("/api/conversations/{room}"), Some(&user.token)).await.0, 200);
    // The job that still waits finds nothing to do, whenever it runs.
    assert_eq!(privacy(&app).erase(id(&user)).await.unwrap(), Erased::NotDue);
    assert_eq!(app.get("/api/auth/me", Some(&user.token)).await.0, 200);
    // Leaving again has a job of its own, with the whole time.
    leaves(&app, &user).await;
    assert_eq!(count(&app, "select count(*) from jobs where kind = 'account.erase' and state = 0").await, 2);
    let later = "update users set deactivated_at = now() - interval '30 days 1 second' where id";
    execute(&app, &format!("{later} = '{}'", user.id)).await;
    let (status, refused) = put(bring_back).await;
    assert_eq!((status, refused["error"].as_str()), (409, Some("conflict")));
    let acts = app.get(&format!("/api/admin/audit?target={}", user.id), Some(&admin.token)).await.1;
    assert_eq!((&acts["total"], &acts["items"][0]["action"]), (&json!(1), &json!("user.reactivate")));
    app.stop().await;
}

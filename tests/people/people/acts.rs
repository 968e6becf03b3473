//! Premium, plans and blocks, and what they do to whoever is connected.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{change, execute};
use crate::support::app::{PASSWORD, TestApp, TestUser, eventually};

async fn premium(app: &TestApp, admin: &TestUser, user: &TestUser, body: Value) -> (u16, Value) {
    let path = format!("/api/users/{}/premium", user.id);
    app.call(Method::PUT, &path, Some(&admin.token), Some(body)).await
}

async fn say(app: &TestApp, user: &TestUser, room: &str) -> u16 {
    let body = json!({ "content": "one more", "reply": "none" });
    app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await.0
}

async fn login(app: &TestApp, user: &TestUser, password: &str) -> (u16, Value) {
    app.post("/api/auth/login", None, json!({ "email": user.email, "password": password })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_lifts_the_quota_of_who_is_here_at_once_and_ends_by_itself() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let room = app.conversation(&user).await;
    let mut socket = app.socket(&user).await;
    for _ in 0..30 {
        assert_eq!(say(&app, &user, &room).await, 201);
    }
    assert_eq!(say(&app, &user, &room).await, 402, "the free plan is used up");
    let (status, stands) = premium(&app, &admin, &user, json!({ "isPremium": true, "days": 3 })).await;
    assert_eq!((status, stands["user"]["plan"].as_str()), (200, Some("premium")), "{stands}");
    assert_eq!(stands["planAfter"], "free");
    assert_eq!(say(&app, &user, &room).await, 201, "at once");
    let told = socket.find(|frame| frame["event"] == "usage" && frame["data"]["plan"] == "premium").await;
    assert!(told.is_ok(), "{told:?}");
    // The same again, with another end that comes soon.
    let end = Timestamp::now() + SignedDuration::from_secs(2);
    let (status, stands) =
        premium(&app, &admin, &user, json!({ "isPremium": true, "expiresAt": end.to_string() })).await;
    assert_eq!((status, stands["planAfter"].as_str()), (200, Some("free")), "{stands}");
    eventually("premium ends", async || say(&app, &user, &room).await == 402).await;
    let (_, me) = app.get("/api/auth/me", Some(&user.token)).await;
    assert_eq!((&me["user"]["plan"], &me["user"]["planUntil"]), (&json!("free"), &Value::Null));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_is_taken_back_and_what_there_was_before_comes_after_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    assert_eq!(change(&app, &admin, &user, json!({ "plan": "pro" })).await.0, 200);
    let (_, stands) = premium(&app, &admin, &user, json!({ "isPremium": true, "days": 1 })).await;
    assert_eq!(
        (stands["user"]["plan"].as_str(), stands["planAfter"].as_str()),
        (Some("premium"), Some("pro"))
    );
    let (_, stands) = premium(&app, &admin, &user, json!({ "isPremium": false })).await;
    assert_eq!((stands["user"]["plan"].as_str(), &stands["planAfter"]), (Some("pro"), &Value::Null));
    // Taken where there is none: nothing happens.
    let (status, stands) = premium(&app, &admin, &user, json!({ "isPremium": false })).await;
    assert_eq!((status, stands["user"]["plan"].as_str()), (200, Some("pro")));
    // One that was paid for until a date is nobody's to overwrite by accident.
    let paid =
        "update users set plan = 'starter', plan_until = now() + interval '9 days', plan_after = 'free'";
    execute(&app, &format!("{paid} where id = '{}'", user.id)).await;
    assert_eq!(premium(&app, &admin, &user, json!({ "isPremium": true, "days": 1 })).await.0, 409);
    for wrong in [
        json!({}),
        json!({ "isPremium": "yes" }),
        json!({ "isPremium": true, "days": 0 }),
        json!({ "isPremium": true, "days": 1, "expiresAt": "2099-01-01T00:00:00Z" }),
        json!({ "isPremium": true, "expiresAt": "2001-01-01T00:00:00Z" }),
        json!({ "isPremium": true, "expiresAt": "9000-01-01T00:00:00Z" }),
        json!({ "isPremium": false, "days": 3 }),
    ] {
        assert_eq!(premium(&app, &admin, &user, wrong.clone()).await.0, 400, "{wrong}");
    }
    let (status, refused) = change(&app, &admin, &user, json!({ "plan": "gold'; --" })).await;
    assert_eq!((status, refused["error"].as_str()), (400, Some("bad_request")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_plan_of_that_name_premium_is_not_offered() {
    let app = TestApp::start_with(|config| {
        config.plans.remove("premium");
        config.environment = greenroom::config::Environment::Production;
        config.auth.jwt_secret = "a signing secret for the tests alone".into();
        config.admin.email = "boss@example.com".to_owned();
        config.admin.password = PASSWORD.into();
    })
    .await;
    let (admin, user) = (app.sign_in("boss@example.com", PASSWORD).await, app.user().await);
    let (status, refused) = premium(&app, &admin, &user, json!({ "isPremium": true })).await;
    assert_eq!((status, refused["error"].as_str()), (503, Some("feature_unavailable")));
    assert!(refused["message"].as_str().unwrap().contains("plans.premium"), "{refused}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_closes_the_sockets_and_tells_its_reason_only_after_the_right_password() {
    let app = TestApp::start().await;
    let (admin, user, other) = (app.admin().await, app.user().await, app.user().await);
    let mut sockets = [app.socket(&user).await, app.socket(&user).await];
    let mut bystander = app.socket(&other).await;
    let reason = "spam <b>in</b> \"rooms\"";
    let body = json!({ "blocked": true, "reason": reason });
    let (status, stands) = change(&app, &admin, &user, body.clone()).await;
    assert_eq!((status, &stands["blocked"], &stands["blockedWhy"]), (200, &json!(true), &json!(reason)));
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(4001));
    }
    assert_eq!(bystander.ask("ping", json!({})).await["success"], true);
    let (status, refused) = login(&app, &user, PASSWORD).await;
    assert_eq!((status, refused["error"].as_str()), (403, Some("forbidden")));
    assert!(refused["message"].as_str().unwrap().contains(reason), "{refused}");
    let (status, wrong) = login(&app, &user, "not the password 7").await;
    assert_eq!((status, wrong["error"].as_str()), (401, Some("unauthenticated")));
    assert!(!wrong.to_string().contains("block") && !wrong.to_string().contains("spam"), "{wrong}");
    let refresh = json!({ "refreshToken": user.refresh });
    assert_eq!(app.post("/api/auth/refresh-token", None, refresh).await.0, 401);
    assert_eq!(app.get(&format!("/api/users/username/{}", user.username), None).await.0, 404);
    // Again, with the same reason: nothing more happens.
    assert_eq!(change(&app, &admin, &user, body).await.0, 200);
    let entries = app.get(&format!("/api/admin/audit?target={}", user.id), Some(&admin.token)).await.1;
    assert_eq!(entries["total"], 1, "{entries}");
    assert_eq!(change(&app, &admin, &user, json!({ "blocked": false })).await.0, 200);
    assert_eq!(login(&app, &user, PASSWORD).await.0, 200);
    for wrong in
        [json!({}), json!({ "reason": "why" }), json!({ "blocked": true, "reason": "x".repeat(301) })]
    {
        assert_eq!(change(&app, &admin, &user, wrong).await.0, 400);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_runs_when_its_user_is_blocked_is_left_to_end() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let room = app.conversation(&user).await;
    let body = json!({ "content": "Tell me about the harbour" });
    let (status, sent) =
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
    assert_eq!(status, 201, "{sent}");
    assert_eq!(change(&app, &admin, &user, json!({ "blocked": true })).await.0, 200);
    let done = format!("select count(*) from turns where room_id = '{room}' and state = 1");
    eventually("the reply ends well", async || super::count(&app, &done).await == 1).await;
    app.stop().await;
}

//! Forgotten and changed passwords.

use serde_json::{Value, json};

use super::{NEW_PASSWORD, another_device, count, execute, is_in, links, login, said};
use crate::support::app::{PASSWORD, TestApp, TestUser, eventually};

const RESET: &str = "/#/reset/";

async fn forgot(app: &TestApp, address: &str) -> (u16, Value) {
    let (status, body) = app.post("/api/auth/forgot-password", None, json!({ "email": address })).await;
    (status, said(body))
}

async fn reset(app: &TestApp, token: &str, password: &str) -> (u16, Value) {
    app.post("/api/auth/reset-password", None, json!({"token": token, "newPassword": password})).await
}

async fn change(app: &TestApp, user: &TestUser, body: Value) -> (u16, Value) {
    app.post("/api/auth/change-password", Some(&user.token), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_anew_by_the_link_and_all_sign_ins_end() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let phone = another_device(&app, &mira).await;
    let mut socket = app.socket(&phone).await;
    assert_eq!(forgot(&app, &mira.email.to_uppercase()).await.0, 202);
    let token = links(&app, &mira.email, RESET, 1).await.remove(0);
    let weak = reset(&app, &token, "password123").await;
    assert_eq!((weak.0, &weak.1["details"][0]["field"]), (400, &json!("newPassword")));
    let own = reset(&app, &token, &mira.email).await;
    assert_eq!(own.0, 400, "what is known of the person is no password");
    assert_eq!(reset(&app, &token, NEW_PASSWORD).await.0, 204);
    assert_eq!(socket.closed().await, Some(4001));
    assert_eq!((is_in(&app, &mira).await, is_in(&app, &phone).await), (false, false));
    for old in [&mira, &phone] {
        let body = json!({"refreshToken": old.refresh});
        assert_eq!(app.post("/api/auth/refresh-token", None, body).await.0, 401);
    }
    assert_eq!((login(&app, &mira, PASSWORD).await, login(&app, &mira, NEW_PASSWORD).await), (401, 200));
    let again = reset(&app, &token, "yet another Passphrase 9").await;
    assert_eq!((again.0, &again.1["details"][0]["field"]), (400, &json!("token")), "it is good once");
    let now = app.sign_in(&mira.email, NEW_PASSWORD).await;
    let (_, me) = app.get("/api/auth/me", Some(&now.token)).await;
    assert_eq!(me["user"]["emailVerified"], true, "the link went to the address");
    let told = format!("select count(*) from outbox where recipient = '{}'", mira.email);
    eventually("the owner is told of it", async || count(&app, &told).await == 3).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_link_never_learns_whether_somebody_has_the_address() {
    let app = TestApp::start().await;
    let (mira, blocked, asleep) = (app.user().await, app.user().await, app.user().await);
    execute(&app, &format!("update users set blocked_at = now() where id = '{}'", blocked.id)).await;
    execute(&app, &format!("update users set deactivated_at = now() where id = '{}'", asleep.id)).await;
    let mut answers = Vec::new();
    for address in ["nobody@example.com", &blocked.email, &asleep.email, &mira.email] {
        answers.push(forgot(&app, address).await);
    }
    assert_eq!(answers[0].0, 202);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    links(&app, &mira.email, RESET, 1).await;
    let open = "select count(*) from jobs where kind = 'account.reset_link' and state < 2";
    eventually("all were looked at", async || count(&app, open).await == 0).await;
    let sent = "select count(*) from mail_links where purpose = 'reset_password'";
    assert_eq!(count(&app, sent).await, 1);
    let (status, body) = app.post("/api/auth/forgot-password", None, json!({"email": "mira"})).await;
    assert_eq!((status, &body["details"][0]["field"]), (400, &json!("email")));
    for body in [json!({}), json!({"email": "a@example.com", "mobile": "+447911123456"})] {
        assert_eq!(app.post("/api/auth/forgot-password", None, body).await.0, 400);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_is_void_after_an_hour_a_newer_one_another_address_or_a_block() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    forgot(&app, &mira.email).await;
    let first = links(&app, &mira.email, RESET, 1).await.remove(0);
    let open = "select count(*) from jobs where state < 2";
    eventually("the job is done", async || count(&app, open).await == 0).await;
    forgot(&app, &mira.email).await;
    let second = links(&app, &mira.email, RESET, 2).await.remove(0);
    assert_eq!(reset(&app, &first, NEW_PASSWORD).await.0, 400);
    let hour = "select count(*) from mail_links where purpose = 'reset_password'
        and expires_at between now() + interval '50 minutes' and now() + interval '60 minutes'";
    assert_eq!(count(&app, hour).await, 1);
    for (makes_void, takes_back) in [
        (
            "update mail_links set expires_at = now()",
            "update mail_links set expires_at = now() + interval '1 hour'",
        ),
        (
            "update users set email_key = 'x' || email_key where not seeded",
            "update users set email_key = substr(email_key, 2) where not seeded",
        ),
        ("update users set blocked_at = now() where not seeded", "update users set blocked_at = null"),
        (
            "update users set deactivated_at = now() where not seeded",
            "update users set deactivated_at = null",
        ),
    ] {
        execute(&app, makes_void).await;
        assert_eq!(reset(&app, &second, NEW_PASSWORD).await.0, 400, "{makes_void}");
        execute(&app, takes_back).await;
    }
    assert_eq!(reset(&app, &second, NEW_PASSWORD).await.0, 204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_closes_the_other_devices_and_leaves_this_one() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let (phone, noah) = (another_device(&app, &mira).await, app.user().await);
    let (mut here, mut there) = (app.socket(&mira).await, app.socket(&phone).await);
    let mut others = app.socket(&noah).await;
    let wrong = change(&app, &mira, json!({"currentPassword": "not it", "newPassword": NEW_PASSWORD})).await;
    assert_eq!((wrong.0, &wrong.1["details"][0]["field"]), (400, &json!("currentPassword")));
    let none = change(&app, &mira, json!({"newPassword": NEW_PASSWORD})).await;
    assert_eq!((none.0, &none.1["details"][0]["field"]), (400, &json!("currentPassword")));
    let weak = change(&app, &mira, json!({"currentPassword": PASSWORD, "newPassword": "password123"})).await;
    assert_eq!((weak.0, &weak.1["details"][0]["field"]), (400, &json!("newPassword")));

    let done = change(&app, &mira, json!({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})).await;
    assert_eq!((done.0, &done.1["ended"]), (200, &json!(1)), "{}", done.1);
    assert_eq!(there.closed().await, Some(4001));
    assert_eq!((is_in(&app, &mira).await, is_in(&app, &phone).await), (true, false));
    let body = json!({"refreshToken": mira.refresh});
    let (status, renewed) = app.post("/api/auth/refresh-token", None, body).await;
    assert_eq!(status, 200);
    let token = renewed["accessToken"].as_str().unwrap();
    let prolonged = here.ask("auth", json!({ "token": token })).await;
    assert_eq!(prolonged["success"], true, "the token is renewed in place: {prolonged}");
    assert_eq!(here.ask("ping", json!({})).await["success"], true);
    assert_eq!(others.ask("ping", json!({})).await["success"], true);
    assert_eq!((login(&app, &mira, PASSWORD).await, login(&app, &mira, NEW_PASSWORD).await), (401, 200));
    let (_, history) = app.get("/api/auth/history", Some(token)).await;
    let lines = history["items"].as_array().unwrap();
    let has = |event: &str, why: Value| {
        lines.iter().any(|line| line["event"] == event && line["refusedWhy"] == why)
    };
    assert!(
        has("password_changed", Value::Null) && has("password_changed", json!("wrong_password")),
        "{history}"
    );
    assert!(!history.to_string().contains(NEW_PASSWORD));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_password_yet_sets_a_first_one() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    execute(&app, &format!("update users set password_hash = null where id = '{}'", mira.id)).await;
    assert_eq!(login(&app, &mira, PASSWORD).await, 401);
    assert_eq!(change(&app, &mira, json!({"newPassword": NEW_PASSWORD})).await.0, 200);
    assert_eq!(login(&app, &mira, NEW_PASSWORD).await, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_anew_by_a_code_too() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    execute(&app, &format!("update users set mobile = '+447911123456' where id = '{}'", mira.id)).await;
    let body = json!({"mobile": "+44 7911 123456"});
    let (status, sent) = app.post("/api/auth/forgot-password", None, body).await;
    assert_eq!((status, sent["otp"].as_str().map(str::len)), (202, Some(6)));
    let weak = json!({"mobile": "+447911123456", "otp": sent["otp"], "newPassword": "password123"});
    assert_eq!(app.post("/api/auth/reset-password", None, weak).await.0, 400, "the code is not used up");
    let body = json!({"mobile": "+447911123456", "otp": sent["otp"], "newPassword": NEW_PASSWORD});
    assert_eq!(app.post("/api/auth/reset-password", None, body.clone()).await.0, 204);
    assert_eq!(app.post("/api/auth/reset-password", None, body).await.0, 401);
    assert_eq!(login(&app, &mira, NEW_PASSWORD).await, 200);
    assert!(!is_in(&app, &mira).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_took_an_address_before_its_owner_came_is_shut_out_by_the_owners_reset() {
    let app = TestApp::start().await;
    let taker = app.user().await;
    execute(&app, &format!("update users set mobile = '+447911123456' where id = '{}'", taker.id)).await;
    let (status, key) = app.post("/api/auth/api-keys", Some(&taker.token), json!({"name": "mine"})).await;
    assert_eq!(status, 201, "{key}");
    forgot(&app, &taker.email).await;
    let token = links(&app, &taker.email, RESET, 1).await.remove(0);
    assert_eq!(reset(&app, &token, NEW_PASSWORD).await.0, 204);
    assert_eq!(count(&app, "select count(*) from api_keys where revoked_at is null").await, 0);
    assert_eq!(count(&app, "select count(*) from users where mobile is not null").await, 0);
    // From now on the address is proved, and a forgotten password costs nothing but itself.
    let owner = app.sign_in(&taker.email, NEW_PASSWORD).await;
    app.post("/api/auth/api-keys", Some(&owner.token), json!({"name": "mine"})).await;
    let open = "select count(*) from jobs where state < 2";
    eventually("the job is done", async || count(&app, open).await == 0).await;
    forgot(&app, &owner.email).await;
    let token = links(&app, &owner.email, RESET, 2).await.remove(0);
    assert_eq!(reset(&app, &token, PASSWORD).await.0, 204);
    assert_eq!(count(&app, "select count(*) from api_keys where revoked_at is null").await, 1);
    app.stop().await;
}

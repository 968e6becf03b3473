//! Proving an e-mail address.

use serde_json::json;

use super::{count, execute, links};
use crate::support::app::{TestApp, TestUser};

const VERIFY: &str = "/api/auth/verify-email/";

async fn post(app: &TestApp, token: &str) -> u16 {
    app.post("/api/auth/verify-email", None, json!({ "token": token })).await.0
}

/// Opens the link as a browser does: where it leads to.
async fn open(app: &TestApp, token: &str) -> (u16, String) {
    let answer = app.http.get(app.url(&format!("{VERIFY}{token}"))).send().await.unwrap();
    let place = answer.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
    (answer.status().as_u16(), place.unwrap_or_default())
}

async fn is_verified(app: &TestApp, user: &TestUser) -> bool {
    app.get("/api/auth/me", Some(&user.token)).await.1["user"]["emailVerified"] == true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_in_the_mail_proves_the_address_once() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let token = links(&app, &mira.email, VERIFY, 1).await.remove(0);
    assert_eq!(token.len(), 64);
    let kept = format!("select count(*) from mail_links where position('{token}'::bytea in hash) > 0");
    assert_eq!(count(&app, &kept).await, 0, "only its hash is kept");
    assert!(!is_verified(&app, &mira).await);
    let (status, body) = app.post("/api/auth/verify-email", None, json!({ "token": token })).await;
    assert_eq!((status, &body["user"]["emailVerified"]), (200, &json!(true)));
    assert!(is_verified(&app, &mira).await);
    let (status, body) = app.post("/api/auth/verify-email", None, json!({ "token": token })).await;
    assert_eq!((status, &body["details"][0]["field"]), (400, &json!("token")));
    assert_eq!(open(&app, &token).await, (303, "/#/verified".to_owned()), "it is proved all the same");
    let (status, body) = app.get("/api/auth/history", Some(&mira.token)).await;
    assert_eq!((status, &body["items"][0]["event"]), (200, &json!("email_verified")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_the_link_leads_on_to_the_console() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let token = links(&app, &mira.email, VERIFY, 1).await.remove(0);
    assert_eq!(open(&app, &token).await, (303, "/#/verified".to_owned()));
    assert!(is_verified(&app, &mira).await);
    for wrong in ["x", &"0".repeat(64), "%00"] {
        assert_eq!(open(&app, wrong).await, (303, "/#/verify-failed".to_owned()), "{wrong}");
    }
    let again = app.post("/api/auth/resend-verification", Some(&mira.token), json!({})).await;
    assert_eq!((again.0, &again.1["error"]), (409, &json!("conflict")), "there is nothing to prove");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_another_address_and_a_day_each_make_a_link_void() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let first = links(&app, &mira.email, VERIFY, 1).await.remove(0);
    let (status, body) = app.post("/api/auth/resend-verification", Some(&mira.token), json!({})).await;
    assert_eq!((status, body["message"].is_string()), (202, true));
    let second = links(&app, &mira.email, VERIFY, 2).await.remove(0);
    assert_eq!(post(&app, &first).await, 400);

    let body = json!({"email": "elsewhere@example.com"});
    assert_eq!(app.call(reqwest::Method::PUT, "/api/auth/me", Some(&mira.token), Some(body)).await.0, 200);
    assert_eq!(post(&app, &second).await, 400, "it proves an address that is no more theirs");
    let third = links(&app, "elsewhere@example.com", VERIFY, 1).await.remove(0);
    execute(&app, "update mail_links set expires_at = now()").await;
    assert_eq!((post(&app, &third).await, open(&app, &third).await.1.as_str()), (400, "/#/verify-failed"));
    assert!(!is_verified(&app, &mira).await);
    app.post("/api/auth/resend-verification", Some(&mira.token), json!({})).await;
    let fourth = links(&app, "elsewhere@example.com", VERIFY, 2).await.remove(0);
    assert_eq!(post(&app, &fourth).await, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_its_purpose_only_and_once_among_many_at_the_same_moment() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let token = links(&app, &mira.email, VERIFY, 1).await.remove(0);
    let reset = json!({"token": token, "newPassword": super::NEW_PASSWORD});
    assert_eq!(app.post("/api/auth/reset-password", None, reset).await.0, 400);
    let statuses = futures_util::future::join_all((0..20).map(|_| post(&app, &token))).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_knows_of_a_user_follows_a_change() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let (_, me) = app.get("/api/auth/me", Some(&mira.token)).await;
    let (status, usage) = app.get("/api/auth/usage", Some(&mira.token)).await;
    assert_eq!((status, &usage["plan"]), (200, &me["usage"]["plan"]));
    assert_eq!(usage["limits"], me["usage"]["limits"]);
    for path in ["/api/auth/profile", "/api/user/me"] {
        let answer = app.send(reqwest::Method::GET, path, Some(&mira.token), None).await;
        assert!(answer.headers().contains_key("deprecation"), "{path}");
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["user"], me["user"]);
    }
    // The user's actor holds the plan that it has read; a change of the account makes it read anew.
    execute(&app, &format!("update users set plan = 'premium' where id = '{}'", mira.id)).await;
    assert_eq!(app.get("/api/auth/usage", Some(&mira.token)).await.1["plan"], usage["plan"]);
    let body = json!({"timeZone": "Asia/Tokyo"});
    let changed = app.call(reqwest::Method::PUT, "/api/auth/me", Some(&mira.token), Some(body)).await;
    assert_eq!((changed.0, &changed.1["user"]["nextTimeZone"]), (200, &json!("Asia/Tokyo")));
    assert_ne!(app.get("/api/auth/usage", Some(&mira.token)).await.1, usage);
    assert_eq!(app.get("/api/auth/usage", None).await.0, 401);
    app.stop().await;
}

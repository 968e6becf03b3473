//! Our own access tokens: their keys, and their end before their time.

use std::time::Duration;

use greenroom::accounts::{AccessTokens, Role};
use greenroom_actors::domain::SessionId;
use reqwest::Method;
use serde_json::json;

use super::house::PROTECTED;
use crate::support::app::TestApp;

const OLD: &str = "the secret that signed until yesterday, long enough";
const NEW: &str = "the secret that signs from today on, long enough too";

#[tokio::test(flavor = "multi_thread")]
async fn the_signing_secret_can_be_changed_without_signing_anybody_out() {
    let app = TestApp::start_with(|config| {
        config.auth.jwt_secret = NEW.into();
        config.auth.jwt_previous_secrets = vec![OLD.into()];
    })
    .await;
    let user = app.user().await;
    let sign = |secret: &str| {
        let tokens = AccessTokens::new(secret.as_bytes(), Duration::from_secs(900));
        let user = user.id.parse().expect("an id");
        tokens.sign(&tokens.claims(user, Role::User, SessionId::new(), "free"))
    };
    for (secret, status) in [(OLD, 200), (NEW, 200), ("a secret that was taken from the settings", 401)] {
        assert_eq!(app.get(PROTECTED, Some(&sign(secret))).await.0, status, "{secret}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_token_of_an_ended_sign_in_is_refused_at_once() {
    let app = TestApp::start().await;
    let first = app.user().await;
    let second = app.sign_in(&first.email, crate::support::app::PASSWORD).await;
    let (_, list) = app.get(PROTECTED, Some(&first.token)).await;
    let other = list["items"].as_array().unwrap().iter().find(|one| one["current"] == false).unwrap();
    let path = format!("/api/auth/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(app.call(Method::DELETE, &path, Some(&first.token), None).await.0, 204);
    assert_eq!(app.get(PROTECTED, Some(&second.token)).await.0, 401);
    assert_eq!(app.get(PROTECTED, Some(&first.token)).await.0, 200);

    // Everywhere; and whoever signs in within the same second is in.
    let (status, _) = app.post("/api/auth/logout-all", Some(&first.token), json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(app.get(PROTECTED, Some(&first.token)).await.0, 401);
    for _ in 0..3 {
        let third = app.sign_in(&first.email, crate::support::app::PASSWORD).await;
        assert_eq!(app.get(PROTECTED, Some(&third.token)).await.0, 200);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_before_a_restart_stays_ended() {
    let app = TestApp::start_with(|config| config.auth.jwt_secret = NEW.into()).await;
    let user = app.user().await;
    let kept = app.sign_in(&user.email, crate::support::app::PASSWORD).await;
    assert_eq!(app.post("/api/auth/logout", Some(&user.token), json!({})).await.0, 204);
    let pool = app.database.pool();
    let ended = pool
        .get()
        .await
        .unwrap()
        .query_one("select count(*) from sign_ins where ended_at is not null", &[])
        .await
        .unwrap();
    assert_eq!(ended.get::<_, i64>(0), 1);
    // Another server on the same database, as after a restart.
    let config = greenroom::config::Config {
        auth: greenroom::config::AuthSettings { jwt_secret: NEW.into(), ..Default::default() },
        ..Default::default()
    };
    let outbound = greenroom::outbound::Outbound::open(&config).unwrap();
    let accounts = greenroom::accounts::Accounts::open(pool, config.into(), outbound).unwrap();
    assert!(accounts.tokens().verify(&user.token).is_ok());
    assert_eq!(accounts.load_revoked().await.unwrap(), 1);
    assert!(accounts.tokens().verify(&user.token).is_err());
    assert!(accounts.tokens().verify(&kept.token).is_ok());
    app.stop().await;
}

//! What the end of a sign-in means for its sockets.

use std::time::Duration;

use greenroom::accounts::{AccessTokens, Role};
use greenroom::app::App;
use greenroom::config::Config;
use greenroom_actors::domain::{SessionId, UserId};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{another_device, execute, is_in};
use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::socket::Socket;

const SECRET: &str = "a signing secret for the tests alone";

/// Signs in a socket: its close code if that is refused.
async fn refused(app: &TestApp, token: &str) -> Option<u16> {
    let mut socket = Socket::open(app.address).await;
    let ack = socket.ask("auth", json!({ "token": token })).await;
    assert_eq!((&ack["success"], &ack["code"]), (&json!(false), &json!("unauthenticated")), "{ack}");
    socket.closed().await
}

async fn session_of(app: &TestApp, user: &TestUser) -> String {
    let (_, page) = app.get("/api/auth/sessions", Some(&user.token)).await;
    let items = page["items"].as_array().unwrap();
    items.iter().find(|item| item["current"] == true).unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_closes_the_sockets_of_that_device_alone() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let phone = another_device(&app, &mira).await;
    let (mut one, mut two) = (app.socket(&mira).await, app.socket(&mira).await);
    let mut other = app.socket(&phone).await;
    assert_eq!(app.post("/api/auth/logout", Some(&mira.token), json!({})).await.0, 204);
    assert_eq!((one.closed().await, two.closed().await), (Some(4001), Some(4001)));
    assert_eq!(other.ask("ping", json!({})).await["success"], true);
    assert_eq!(refused(&app, &mira.token).await, Some(4001), "nor does the token open another");
    assert!(!is_in(&app, &mira).await);

    let (_, page) = app.get("/api/auth/sessions", Some(&phone.token)).await;
    assert_eq!(page["total"], 1);
    let tablet = another_device(&app, &mira).await;
    let lost = session_of(&app, &phone).await;
    let path = format!("/api/auth/sessions/{lost}");
    assert_eq!(app.call(reqwest::Method::DELETE, &path, Some(&tablet.token), None).await.0, 204);
    assert_eq!(other.closed().await, Some(4001));

    let (mut last, laptop) = (app.socket(&tablet).await, another_device(&app, &mira).await);
    let mut kept = app.socket(&laptop).await;
    let body = json!({"keepThis": true});
    let all = app.post("/api/auth/logout-all", Some(&laptop.token), body).await;
    assert_eq!(all, (200, json!({"ended": 1})));
    assert_eq!(last.closed().await, Some(4001));
    assert_eq!(kept.ask("ping", json!({})).await["success"], true);
    assert_eq!(app.post("/api/auth/logout-all", Some(&laptop.token), json!({})).await.0, 200);
    assert_eq!(kept.closed().await, Some(4001));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_refresh_token_closes_the_sockets_of_its_family() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let phone = another_device(&app, &mira).await;
    let (mut here, mut there) = (app.socket(&mira).await, app.socket(&phone).await);
    let body = json!({"refreshToken": mira.refresh});
    assert_eq!(app.post("/api/auth/refresh-token", None, body.clone()).await.0, 200);
    assert_eq!(app.post("/api/auth/refresh-token", None, body.clone()).await.0, 200, "within the grace");
    assert_eq!(here.ask("ping", json!({})).await["success"], true);
    execute(&app, "update refresh_tokens set used_at = used_at - interval '11 seconds'").await;
    assert_eq!(app.post("/api/auth/refresh-token", None, body).await.0, 401);
    assert_eq!(here.closed().await, Some(4001));
    assert_eq!(there.ask("ping", json!({})).await["success"], true);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_asks_whether_its_sign_in_has_ended_and_takes_one_that_nobody_knows() {
    let app = TestApp::start_with(|config| config.auth.jwt_secret = SECRET.into()).await;
    let (mira, noah) = (app.user().await, app.user().await);
    // As if another node had ended it and this one had not heard of it yet.
    execute(&app, &format!("update sign_ins set ended_at = now() where user_id = '{}'", mira.id)).await;
    assert_eq!(refused(&app, &mira.token).await, Some(4001));
    // Load generators sign tokens of their own.
    let tokens = AccessTokens::new(SECRET.as_bytes(), Duration::from_secs(60));
    let user: UserId = noah.id.parse().unwrap();
    let own = |sign_in| tokens.sign(&tokens.claims(user, Role::User, sign_in, "free"));
    let mut socket = Socket::signed_in(app.address, &own(SessionId::new())).await;
    assert_eq!(socket.ask("ping", json!({})).await["success"], true);
    // Another's sign-in is not one's own, whoever signed it.
    let foreign: SessionId = session_id(&mira);
    assert_eq!(refused(&app, &own(foreign)).await, Some(4001));
    app.stop().await;
}

fn session_id(user: &TestUser) -> SessionId {
    let tokens = AccessTokens::new(SECRET.as_bytes(), Duration::from_secs(60));
    tokens.verify(&user.token).unwrap().sid
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_on_one_node_ends_on_the_others() {
    let app = TestApp::start_with(|config| config.auth.jwt_secret = SECRET.into()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
    config.server.port = 0;
    config.server.workers = 1;
    config.server.engine_threads = 1;
    config.database.url = SecretString::from(app.database.url());
    config.database.pool_size = 4;
    config.limits.enabled = false;
    config.auth.jwt_secret = SECRET.into();
    let other = App::start(config).await.unwrap();
    let mira = app.user().await;
    let phone = another_device(&app, &mira).await;
    let mut lost = Socket::signed_in(other.address(), &phone.token).await;
    let mut kept = Socket::signed_in(other.address(), &mira.token).await;
    let path = format!("/api/auth/sessions/{}", session_of(&app, &phone).await);
    assert_eq!(app.call(reqwest::Method::DELETE, &path, Some(&mira.token), None).await.0, 204);
    assert_eq!(lost.closed().await, Some(4001));
    let elsewhere = async |token: &str| {
        let url = format!("http://{}/api/auth/sessions", other.address());
        app.http.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    eventually("its access token holds no more there", async || elsewhere(&phone.token).await == 401).await;
    assert_eq!(
        (elsewhere(&mira.token).await, &kept.ask("ping", json!({})).await["success"]),
        (200, &Value::Bool(true))
    );
    assert_eq!(app.post("/api/auth/logout-all", Some(&mira.token), json!({})).await.0, 200);
    assert_eq!(kept.closed().await, Some(4001));
    other.stop().await;
    app.stop().await;
}

//! The official JavaScript client.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::chaos::{ChaosProxy, Target};
use crate::support::clients::{Client, given, server};

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_existing_clients_work_as_they_are_written() {
    let app = server().await;
    let user = app.user().await;
    Client::javascript("calls", &given(&app, &user).await).done().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_calls_work_by_each_transport_alone() {
    let app = server().await;
    for transport in ["polling", "websocket"] {
        let user = app.user().await;
        let mut given = given(&app, &user).await;
        given["transports"] = json!([transport]);
        Client::javascript("calls", &given).done().await;
        given["token"] = json!(app.user().await.token);
        Client::javascript("unjoined", &given).done().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_without_having_joined_hears_the_answer_and_all_in_order() {
    let app = server().await;
    let user = app.user().await;
    Client::javascript("unjoined", &given(&app, &user).await).done().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_reach_the_client_where_its_users_look_for_them() {
    let app = server().await;
    let user = app.user().await;
    Client::javascript("refusals", &given(&app, &user).await).done().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_comes_back_after_a_cut_and_after_a_restart_and_resumes() {
    for transports in [json!(["polling", "websocket"]), json!(["polling"]), json!(["websocket"])] {
        let mut app = server().await;
        let user = app.user().await;
        let room = app.conversation(&user).await;
        let proxy = ChaosProxy::start(Target::Tcp(local(&app))).await;
        let mut given = given(&app, &user).await;
        given["url"] = json!(format!("http://{}", proxy.address));
        given["conversationId"] = json!(room);
        given["transports"] = transports;
        let mut client = Client::javascript("reconnect", &given);
        let say = async |app: &TestApp, text: &str| {
            let body = json!({ "content": text, "reply": "none" });
            let (status, said) =
                app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
            assert!(status < 300, "{said}");
        };
        client.until("ready").await;
        proxy.take_down();
        say(&app, "while it was cut").await;
        proxy.restore();
        client.tell("cut").await;
        client.until("ready").await;
        proxy.take_down();
        app.restart().await;
        say(&app, "while it was restarted").await;
        proxy.restore();
        client.tell("restarted").await;
        client.done().await;
        app.stop().await;
    }
}

fn local(app: &TestApp) -> SocketAddr {
    app.address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_streams_through_the_upgrade_is_whole_and_nothing_comes_twice() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 60).await;
    let user = app.user().await;
    Client::javascript("upgrade", &given(&app, &user).await).done().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_in_one_room_hear_all_in_the_same_order() {
    let app = server().await;
    let mut users = Vec::new();
    for _ in 0..10 {
        users.push(app.user().await);
    }
    let members: Vec<&str> = users[1..].iter().map(|user| user.id.as_str()).collect();
    let body = json!({ "characterId": app.character().await, "memberIds": members });
    let (status, made) = app.post("/api/conversations", Some(&users[0].token), body).await;
    assert_eq!(status, 201, "{made}");
    let tokens: Vec<&str> = (0..100).map(|n| users[n % users.len()].token.as_str()).collect();
    let mut given = given(&app, &users[0]).await;
    given["tokens"] = json!(tokens);
    given["conversationId"] = made["conversation"]["id"].clone();
    Client::javascript("many", &given).done().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_session_or_sign_in_is_ended_hears_why_and_stays_away() {
    let app = server().await;
    let (user, admin) = (app.user().await, app.admin().await);
    let mut client = Client::javascript("ended", &given(&app, &user).await);
    client.until("ready").await;
    let (_, sessions) = app.get("/api/admin/sessions", Some(&admin.token)).await;
    let session = &sessions["items"][0];
    assert_eq!(session["userId"], user.id, "it stands in the admins' list: {sessions}");
    let path = format!("/api/admin/sessions/{}", session["id"].as_str().expect("an id"));
    let (status, answer) = app.call(Method::DELETE, &path, Some(&admin.token), None).await;
    assert!(status < 300, "{answer}");
    client.tell("kicked").await;
    client.until("ready").await;
    let (status, answer) = app.post("/api/auth/logout", Some(&user.token), json!({})).await;
    assert!(status < 300, "{answer}");
    client.tell("signed out").await;
    client.done().await;
    app.stop().await;
}

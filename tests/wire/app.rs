//! The walk of one message through the whole server, over HTTP and sockets.

use serde_json::json;

use crate::support;
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_accounts_can_sign_in_and_know_their_roles() {
    let app = TestApp::start().await;
    let user = app.sign_in("testuser1@example.com", "TestPassword123!").await;
    let (status, me) = app.get("/api/auth/me", Some(&user.token)).await;
    assert_eq!((status, &me["user"]["role"], &me["user"]["plan"]), (200, &json!("user"), &json!("free")));
    let admin = app.admin().await;
    assert_eq!(app.get("/api/admin/overview", Some(&admin.token)).await.0, 200);
    assert_eq!(app.get("/api/admin/overview", Some(&user.token)).await.0, 403);
    assert_eq!(app.get("/api/admin/overview", None).await.0, 401);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_talks_with_a_character_over_a_socket() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = app.socket(&user).await;
    let room = app.conversation(&user).await;
    let joined = socket.ask("conversation:join", json!({ "conversationId": room })).await;
    assert_eq!(joined["success"], true, "{joined}");
    // The character's greeting is there.
    assert_eq!(joined["offset"], 1);
    let ack = socket
        .ask("message:send", json!({ "conversationId": room, "content": "Good evening", "clientId": "a" }))
        .await;
    assert_eq!((&ack["success"], &ack["message"]["offset"]), (&json!(true), &json!(2)), "{ack}");
    let reply = ack["replies"][0]["messageId"].clone();
    let stored = socket
        .find(|frame| frame["event"] == "message:receive" && frame["data"]["message"]["id"] == reply)
        .await
        .unwrap();
    assert_eq!(stored["data"]["offset"], 3);
    assert_eq!(stored["data"]["message"]["replyTo"], ack["message"]["id"]);
    let again = socket
        .ask("message:send", json!({ "conversationId": room, "content": "Good evening", "clientId": "a" }))
        .await;
    assert_eq!((&again["duplicate"], &again["message"]["id"]), (&json!(true), &ack["message"]["id"]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_of_sockets_and_of_what_went_to_them() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let _socket = app.socket(&user).await;
    let metrics = app.text("/metrics").await;
    let number = |name: &str| {
        let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<f64>().ok())
    };
    assert_eq!(number("greenroom_sockets"), Some(1.0), "{metrics}");
    assert_eq!(number("greenroom_sockets_signed_in"), Some(1.0));
    for name in ["frames_delivered", "deliveries_dropped", "sockets_out_of_step", "sockets_shut"] {
        let name = format!("greenroom_{name}_total");
        assert!(number(&name).is_some() && metrics.contains(&format!("# TYPE {name} counter")), "{name}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_over_http_is_seen_live_on_sockets() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let mut socket = app.socket(&user).await;
    socket.ask("conversation:join", json!({ "conversationId": room })).await;
    let body = json!({ "content": "By post", "reply": "none" });
    let (status, posted) =
        app.post(&format!("/api/v1/conversations/{room}/messages"), Some(&user.token), body).await;
    assert_eq!(status, 201, "{posted}");
    let seen = socket.event("message:receive").await;
    assert_eq!(seen["message"]["content"], "By post");
    let (status, read) =
        app.post(&format!("/api/conversations/{room}/read"), Some(&user.token), json!({ "offset": 2 })).await;
    assert_eq!((status, &read["offset"]), (200, &json!(2)));
    assert_eq!(socket.event("message:read").await["readOffset"], 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_of_the_free_plan_ends_at_thirty_and_a_retry_is_still_known() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let path = format!("/api/conversations/{room}/messages");
    for n in 0..30 {
        let body = json!({ "content": format!("message {n}"), "reply": "none", "clientId": n.to_string() });
        assert_eq!(app.post(&path, Some(&user.token), body).await.0, 201);
    }
    let over = json!({ "content": "one more", "reply": "none", "clientId": "30" });
    let (status, refusal) = app.post(&path, Some(&user.token), over).await;
    assert_eq!((status, &refusal["error"]), (402, &json!("quota_exceeded")));
    let retry = json!({ "content": "message 7", "reply": "none", "clientId": "7" });
    let (status, known) = app.post(&path, Some(&user.token), retry).await;
    assert_eq!((status, &known["duplicate"]), (200, &json!(true)));
    let (_, me) = app.get("/api/auth/me", Some(&user.token)).await;
    assert_eq!(me["usage"]["limits"][0]["used"], 30, "{me}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_away_gets_what_it_missed() {
    let app = TestApp::start().await;
    let user = app.premium().await;
    let room = app.conversation(&user).await;
    let mut socket = app.socket(&user).await;
    let joined = socket.ask("conversation:join", json!({ "conversationId": room })).await;
    drop(socket);
    for n in 0..5 {
        let body = json!({ "content": format!("missed {n}"), "reply": "none" });
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
    }
    let mut socket = app.socket(&user).await;
    let back = json!({ "conversationId": room, "epoch": joined["epoch"], "offset": joined["offset"] });
    let back = socket.ask("conversation:join", back).await;
    assert_eq!((&back["recovered"], &back["offset"]), (&json!(true), &json!(6)), "{back}");
    let missed: Vec<&str> =
        back["messages"].as_array().unwrap().iter().filter_map(|m| m["content"].as_str()).collect();
    assert_eq!(missed, ["missed 0", "missed 1", "missed 2", "missed 3", "missed 4"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_and_does_nothing() {
    let app = TestApp::start().await;
    let (owner, stranger) = (app.user().await, app.user().await);
    let room = app.conversation(&owner).await;
    let token = Some(stranger.token.as_str());
    assert_eq!(app.get(&format!("/api/conversations/{room}"), token).await.0, 404);
    assert_eq!(app.get(&format!("/api/conversations/{room}/messages"), token).await.0, 404);
    let body = json!({ "content": "let me in" });
    assert_eq!(app.post(&format!("/api/conversations/{room}/messages"), token, body).await.0, 404);
    let mut socket = app.socket(&stranger).await;
    for (event, data) in [
        ("conversation:join", json!({ "conversationId": room })),
        ("conversation:messages", json!({ "conversationId": room })),
        ("message:send", json!({ "conversationId": room, "content": "let me in" })),
        ("typing:start", json!({ "conversationId": room })),
        ("message:read", json!({ "conversationId": room, "offset": 1 })),
        ("reply:stop", json!({ "conversationId": room })),
        ("conversation:delete", json!({ "conversationId": room })),
    ] {
        let ack = socket.ask(event, data).await;
        assert_eq!((&ack["success"], &ack["code"]), (&json!(false), &json!("not_found")), "{event}: {ack}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_tells_sockets_to_go_elsewhere_and_refuses_new_ones() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = app.socket(&user).await;
    let address = app.address;
    app.app().begin_drain();
    assert_eq!(app.get("/health/ready", None).await.0, 503);
    assert_eq!(support::socket::Socket::open_with(address, &[]).await.err(), Some(503));
    app.stop().await;
    assert_eq!(socket.closed().await, Some(1001));
}

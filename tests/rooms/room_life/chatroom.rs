//! `/api/chatroom`: the older face of conversations.

use reqwest::Method;
use serde_json::{Value, json};

use super::device::Device;
use super::{server, text};
use crate::support::app::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_chatroom_is_a_conversation_with_the_assistant() {
    let app = server().await;
    let user = app.user().await;
    let token = Some(user.token.as_str());
    let (status, made) = app.post("/api/chatroom", token, json!({"title": "Help"})).await;
    assert_eq!((status, &made["conversation"]["title"]), (201, &json!("Help")), "{made}");
    assert_eq!(made["conversation"]["characters"][0]["slug"], "teodoro-quill");
    let id = text(&made["conversation"]["id"]);
    let (status, untitled) = app.call(Method::POST, "/api/v1/chatroom", token, None).await;
    assert_eq!((status, &untitled["conversation"]["title"]), (201, &json!("Teodoro Quill")), "{untitled}");

    let mut device = Device::joined(&app, &user, &id).await;
    let home = format!("/api/chatroom/{id}");
    let (status, said) = app.post(&format!("{home}/message"), token, json!({"content": "Hello"})).await;
    assert_eq!((status, &said["message"]["content"]), (202, &json!("Hello")), "{said}");
    assert_eq!(said["job"]["state"], "queued");
    let reply = device.reply(&said["job"]["id"]).await;
    let (_, read) = app.get(&format!("{home}/messages"), token).await;
    assert_eq!(read["items"].as_array().unwrap().last(), Some(&reply));
    let (_, shown) = app.get(&home, token).await;
    assert_eq!(shown["conversation"]["id"], json!(id));
    let (_, list) = app.get("/api/chatroom?limit=1", token).await;
    assert_eq!((&list["items"][0]["id"], &list["total"]), (&json!(id), &json!(2)));
    for (method, path, body) in [
        (Method::POST, "/api/chatroom".to_owned(), Some(json!({"title": "Another"}))),
        (Method::GET, "/api/chatroom".to_owned(), None),
        (Method::GET, home.clone(), None),
        (Method::GET, format!("{home}/messages?limit=2"), None),
        (Method::POST, format!("{home}/message"), Some(json!({"content": "Bye"}))),
    ] {
        let response = app.send(method, &path, token, body).await;
        assert!(response.status().is_success(), "{path}");
        assert!(response.headers().contains_key("deprecation"), "{path}");
        assert_eq!(response.headers()["link"], "</api/conversations>; rel=\"successor-version\"");
    }
    let last = format!("{home}/messages?limit=1");
    eventually("the last reply", async || {
        app.get(&last, token).await.1["items"][0]["sender"]["kind"] == "character"
    })
    .await;
    assert_eq!(app.call(Method::DELETE, &home, token, None).await, (204, Value::Null));
    assert_eq!(app.get(&home, token).await.0, 404);
    drop(device);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_chatroom_is_told() {
    let app = server().await;
    let user = app.user().await;
    let token = Some(user.token.as_str());
    let (status, answer) = app.post("/api/chatroom", token, json!({"title": " "})).await;
    assert_eq!((status, &answer["error"]), (400, &json!("bad_request")), "{answer}");
    let (_, made) = app.post("/api/chatroom", token, json!({})).await;
    let say = format!("/api/chatroom/{}/message", text(&made["conversation"]["id"]));
    for (body, field) in
        [(json!({}), "content"), (json!({"content": " "}), "content"), (json!({"content": 5}), "body")]
    {
        let (status, answer) = app.post(&say, token, body).await;
        assert_eq!((status, &answer["details"][0]["field"]), (400, &json!(field)), "{answer}");
    }
    assert_eq!(app.get("/api/chatroom?cursor=x", token).await.0, 400);
    assert_eq!(app.get("/api/chatroom/none", token).await.0, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_assistant_there_are_no_chatrooms_and_the_setting_is_named() {
    for (slug, why) in [("", "is not set"), ("nobody-here", "names no character")] {
        let app = TestApp::start_with(|config| {
            config.conversations.assistant_character = slug.to_owned();
        })
        .await;
        let user = app.user().await;
        let (status, answer) = app.post("/api/chatroom", Some(&user.token), json!({})).await;
        assert_eq!((status, &answer["error"]), (503, &json!("feature_unavailable")), "{answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(&format!("conversations.assistant_character {why}")), "{message}");
        app.stop().await;
    }
}

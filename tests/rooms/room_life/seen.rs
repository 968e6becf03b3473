//! What happens to messages and replies is seen live on another device, and is the same after a resume.

use reqwest::Method;
use serde_json::{Value, json};

use super::device::{Device, fresh};
use super::{room_of, server};
use crate::support::app::{TestApp, TestUser};

/// A person in a conversation with two devices, and a third that was there once and went.
struct Desk {
    app: TestApp,
    user: TestUser,
    room: String,
    phone: Device,
    desk: Device,
    away: Device,
}

impl Desk {
    async fn open() -> Self {
        let app = server().await;
        let user = app.user().await;
        let room = room_of(&app, &user, &[]).await;
        let phone = Device::joined(&app, &user, &room).await;
        let desk = Device::joined(&app, &user, &room).await;
        let mut away = Device::joined(&app, &user, &room).await;
        away.disconnect();
        Self { app, user, room, phone, desk, away }
    }

    /// All devices agree with one that loads everything.
    async fn agree(mut self) {
        self.away.reconnect(&self.app).await;
        assert!(self.away.resume().await);
        let fresh = fresh(&self.app, &self.user, &self.room).await;
        self.phone.until(fresh.at).await;
        self.desk.until(fresh.at).await;
        for device in [&self.phone, &self.desk, &self.away] {
            device.held.assert_agrees(&fresh);
        }
        drop((self.phone, self.desk, self.away));
        self.app.stop().await;
    }
}

async fn say(device: &mut Device, content: &str, reply: &str) -> Value {
    device.done("message:send", json!({"content": content, "reply": reply})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_deletes_and_reactions_are_seen_live_and_after_a_resume() {
    let mut desk = Desk::open().await;
    let said = say(&mut desk.phone, "Good mroning", "none").await["message"].clone();
    let gone = say(&mut desk.phone, "Never mind", "none").await["message"].clone();

    let edit = json!({"messageId": said["id"], "content": "Good morning"});
    let edited = desk.phone.done("message:edit", edit).await["message"].clone();
    assert_eq!((&edited["content"], &edited["offset"]), (&json!("Good morning"), &said["offset"]));
    assert!(edited["editedAt"].is_string() && edited["revision"].as_i64() > said["offset"].as_i64());
    assert_eq!(desk.desk.event("message:update").await["message"], edited);

    for (emoji, kept) in [("👍", "👍"), ("\u{2764}", "\u{2764}\u{fe0f}"), ("👍", "👍")] {
        let react = json!({"messageId": said["id"], "emoji": emoji});
        let message = desk.desk.done("message:react", react).await["message"].clone();
        let last = message["reactions"].as_array().unwrap().iter().find(|one| one["emoji"] == kept);
        assert_eq!(last.unwrap()["userIds"], json!([desk.user.id]), "{message}");
    }
    let take_back = json!({"messageId": said["id"], "emoji": "👍", "remove": true});
    let message = desk.desk.done("message:react", take_back).await["message"].clone();
    assert_eq!(message["reactions"][0]["emoji"], "\u{2764}\u{fe0f}");
    assert_eq!(message["reactions"].as_array().unwrap().len(), 1);

    let deleted = desk.desk.done("message:delete", json!({"messageId": gone["id"]})).await["message"].clone();
    assert_eq!((&deleted["content"], &deleted["sender"]), (&json!(""), &gone["sender"]));
    assert!(deleted["deletedAt"].is_string());
    desk.phone.until(deleted["revision"].as_i64().unwrap()).await;
    assert_eq!(desk.phone.held.messages[&gone["offset"].as_i64().unwrap()], deleted);
    Box::pin(desk.agree()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_continuations_and_messages_sent_again_are_seen_live_and_after_a_resume() {
    let mut desk = Desk::open().await;
    let asked = say(&mut desk.phone, "Tell me of the sea", "auto").await;
    let first = desk.desk.reply(&asked["replies"][0]["messageId"]).await;
    assert_eq!((&first["variant"], &first["variants"]), (&json!(0), &json!(1)));

    let more = desk.phone.done("reply:regenerate", json!({"messageId": first["id"]})).await;
    assert_eq!(more["replies"][0]["state"], "queued");
    let second = desk.desk.reply(&more["replies"][0]["messageId"]).await;
    assert_eq!((&second["id"], &second["offset"]), (&first["id"], &first["offset"]));
    assert_eq!((&second["variant"], &second["variants"]), (&json!(1), &json!(2)));

    let select = json!({"messageId": first["id"], "variant": 0});
    let chosen = desk.phone.done("reply:select", select).await["message"].clone();
    assert_eq!((&chosen["content"], &chosen["variant"]), (&first["content"], &json!(0)));

    let more = desk.phone.done("reply:continue", json!({"messageId": first["id"]})).await;
    let longer = desk.desk.reply(&more["replies"][0]["messageId"]).await;
    let (before, after) = (first["content"].as_str().unwrap(), longer["content"].as_str().unwrap());
    assert!(after.starts_with(before) && after.len() > before.len(), "{before} / {after}");

    let again =
        json!({"messageId": asked["message"]["id"], "content": "Tell me of the hills", "resend": true});
    let resent = desk.phone.done("message:edit", again).await;
    assert_eq!(resent["message"]["content"], "Tell me of the hills");
    let third = desk.desk.reply(&resent["replies"][0]["messageId"]).await;
    assert_eq!((&third["id"], &third["variants"]), (&first["id"], &json!(3)));

    let by_hand = desk.phone.done("reply:request", json!({})).await;
    let own = desk.desk.reply(&by_hand["replies"][0]["messageId"]).await;
    assert_ne!(own["id"], first["id"]);
    Box::pin(desk.agree()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_by_request_is_seen_live_on_sockets() {
    let mut desk = Desk::open().await;
    let home = format!("/api/v1/conversations/{}", desk.room);
    let token = desk.user.token.clone();
    let call = async |app: &TestApp, method, path: &str, body| {
        let (status, answer) = app.call(method, &format!("{home}{path}"), Some(&token), body).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    };
    let say = Some(json!({"content": "Good evening"}));
    let said = call(&desk.app, Method::POST, "/messages", say).await;
    let reply = desk.phone.reply(&said["replies"][0]["messageId"]).await;
    let message = format!("/messages/{}", super::text(&said["message"]["id"]));
    let answer = format!("/messages/{}", super::text(&reply["id"]));

    let edit = Some(json!({"content": "Good night"}));
    let edited = call(&desk.app, Method::PUT, &message, edit).await["message"].clone();
    assert_eq!(desk.phone.event("message:update").await["message"], edited);
    let react = Some(json!({"emoji": "🎉"}));
    let reacted = call(&desk.app, Method::POST, &format!("{answer}/reactions"), react).await;
    assert_eq!(desk.phone.event("message:update").await["message"], reacted["message"]);
    let bare = call(&desk.app, Method::DELETE, &format!("{answer}/reactions/%F0%9F%8E%89"), None).await;
    assert_eq!(desk.phone.event("message:update").await["message"], bare["message"]);
    assert_eq!(bare["message"]["reactions"], json!([]));
    for (path, body) in [("regenerate", None), ("continue", None)] {
        let asked = call(&desk.app, Method::POST, &format!("{answer}/{path}"), body).await;
        let ended = desk.phone.reply(&asked["replies"][0]["messageId"]).await;
        assert_eq!(ended["id"], reply["id"], "{path}");
    }
    let select = Some(json!({"variant": 0}));
    let chosen = call(&desk.app, Method::POST, &format!("{answer}/select"), select).await["message"].clone();
    assert_eq!((&chosen["content"], &chosen["variant"]), (&reply["content"], &json!(0)));
    let again = Some(json!({"content": "Good day", "resend": true}));
    let resent = call(&desk.app, Method::PUT, &message, again).await;
    assert_eq!(desk.phone.reply(&resent["replies"][0]["messageId"]).await["id"], reply["id"]);
    let asked = call(&desk.app, Method::POST, "/reply", None).await;
    desk.phone.reply(&asked["replies"][0]["messageId"]).await;
    assert_eq!(call(&desk.app, Method::POST, "/stop", None).await, json!({"stopped": 0}));
    call(&desk.app, Method::DELETE, &message, None).await;
    assert!(desk.phone.event("message:update").await["message"]["deletedAt"].is_string());

    let details = json!({"title": "Tea at five", "visibility": "unlisted", "category": "Slice of life",
        "tags": ["tea", "Tea", "five"], "replyMode": "turn_order", "slug": "tea-at-five"});
    let changed = call(&desk.app, Method::PUT, "", Some(details)).await["conversation"].clone();
    let told = desk.phone.event("conversation:update").await;
    for field in ["title", "slug", "visibility", "category", "tags", "replyMode", "ownerId", "characters"] {
        assert_eq!(told[field], changed[field], "{field}");
    }
    assert_eq!(changed["tags"], json!(["tea", "five"]));
    let cleared = call(&desk.app, Method::PUT, "", Some(json!({"category": null}))).await;
    assert_eq!(cleared["conversation"]["category"], Value::Null);
    let (status, found) = desk.app.get("/api/conversations/tea-at-five", Some(&token)).await;
    assert_eq!((status, &found["conversation"]["id"]), (200, &json!(desk.room)));
    Box::pin(desk.agree()).await;
}

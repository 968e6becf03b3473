//! Messages that carry a file: audio with its transcript, pictures and videos with their caption.

use serde_json::{Value, json};

use super::device::{Device, fresh};
use super::{room_of, server};

#[tokio::test(flavor = "multi_thread")]
async fn audio_and_media_are_carried_with_their_text_by_socket_and_by_request() {
    let app = server().await;
    let user = app.user().await;
    let room = room_of(&app, &user, &[]).await;
    let mut phone = Device::joined(&app, &user, &room).await;
    let mut desk = Device::joined(&app, &user, &room).await;
    let audio = json!({"url": "/media/user-content/1/a.ogg", "type": "audio", "mime": "audio/ogg", "durationMs": 1500});
    let image = json!({"url": "https://example.com/a b.webp", "type": "image", "width": 640, "height": 480});
    let video = json!({"url": "https://example.com/a.mp4", "type": "video", "durationMs": 4000});
    for (kind, content, attachment, said) in [
        ("audio", json!("Good evening"), &audio, "Good evening"),
        ("audio", Value::Null, &audio, ""),
        ("media", json!(" The harbour "), &image, "The harbour"),
        ("media", json!(""), &video, ""),
    ] {
        let data = json!({"type": kind, "content": content, "attachment": attachment, "reply": "none"});
        let ack = phone.done("message:send", data.clone()).await;
        let message = desk.event("message:receive").await["message"].clone();
        assert_eq!(message, ack["message"]);
        assert_eq!((&message["type"], &message["content"]), (&json!(kind), &json!(said)));
        let mut expected = attachment.clone();
        expected["url"] = json!(attachment["url"].as_str().unwrap().replace(' ', "%20"));
        assert_eq!(message["attachment"], expected);
        let path = format!("/api/conversations/{room}/messages");
        let (status, sent) = app.post(&path, Some(&user.token), data).await;
        assert_eq!((status, &sent["message"]["attachment"]), (201, &expected), "{sent}");
        assert_eq!(desk.event("message:receive").await["message"], sent["message"]);
    }
    // Deleted, it carries nothing.
    let last = desk.held.messages.values().last().unwrap()["id"].clone();
    let gone = phone.done("message:delete", json!({"messageId": last})).await;
    assert_eq!(gone["message"]["attachment"], Value::Null);
    let fresh = fresh(&app, &user, &room).await;
    desk.until(fresh.at).await;
    desk.held.assert_agrees(&fresh);
    drop((phone, desk));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_fit_is_refused_alike_by_socket_and_by_request() {
    let app = server().await;
    let user = app.user().await;
    let room = room_of(&app, &user, &[]).await;
    let mut phone = Device::joined(&app, &user, &room).await;
    let of = |url: &str, kind: &str| json!({"url": url, "type": kind, "durationMs": 1});
    for (data, field) in [
        (json!({"type": "audio", "content": "x"}), "attachment"),
        (json!({"type": "text", "content": "x", "attachment": of("/media/a", "image")}), "attachment"),
        (json!({"type": "media", "attachment": of("/media/a", "audio")}), "attachment"),
        (
            json!({"type": "audio", "attachment": {"url": "/media/a", "type": "audio"}}),
            "attachment.durationMs",
        ),
        (json!({"type": "media", "attachment": of("http://example.com/a", "image")}), "attachment.url"),
        (json!({"type": "media", "attachment": of("javascript:alert(1)", "image")}), "attachment.url"),
        (json!({"type": "media", "attachment": of("https://a:b@example.com/a", "image")}), "attachment.url"),
        (json!({"type": "media", "attachment": of("/media/../api/auth/me", "image")}), "attachment.url"),
        (json!({"type": "media", "attachment": of("//example.com/media/a", "image")}), "attachment.url"),
        (
            json!({"type": "media", "attachment": of(&format!("/media/{}", "a".repeat(2048)), "image")}),
            "attachment.url",
        ),
        (json!({"type": "media", "attachment": of("/media/a", "pdf")}), "attachment.type"),
    ] {
        let ack = phone.ask("message:send", data.clone()).await;
        assert_eq!(ack["code"], "bad_request", "{data}: {ack}");
        assert!(ack["error"].as_str().unwrap().starts_with(&format!("{field}: ")), "{data}: {ack}");
        let path = format!("/api/conversations/{room}/messages");
        let (status, answer) = app.post(&path, Some(&user.token), data.clone()).await;
        assert_eq!((status, &answer["details"][0]["field"]), (400, &json!(field)), "{data}: {answer}");
    }
    assert_eq!(phone.held.at, 1);
    drop(phone);
    app.stop().await;
}

//! Messages with a file by socket, by Socket.IO and by request: what the file is is known, and whose.

use greenroom_actors::domain::AttachmentKind;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::room_life::device::Device;
use crate::support::raw::Frames;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_by_its_id_alone_by_each_way_in() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let mut desk = Device::joined(&stage.app, &user, &room).await;
    let picture = stage.picture(&user).await;
    let carried = json!({"mediaId": picture.id.uuid()});

    // By socket; what a client says of it counts for nothing.
    let told = json!({"mediaId": picture.id.uuid(), "type": "audio", "width": 7, "mime": "audio/ogg"});
    let send = json!({"type": "media", "content": "The harbour", "attachment": told, "reply": "none"});
    let ack = desk.done("message:send", send).await;
    let message = ack["message"].clone();
    assert_eq!((&message["type"], &message["content"]), (&json!("media"), &json!("The harbour")));
    let attachment = &message["attachment"];
    assert_eq!((&attachment["mediaId"], &attachment["state"]), (&carried["mediaId"], &json!("ready")));
    assert_eq!((&attachment["type"], &attachment["mime"]), (&json!("image"), &json!("image/webp")));
    assert_eq!((&attachment["width"], &attachment["height"]), (&json!(2_000), &json!(1_500)));
    assert_eq!((&attachment["name"], attachment["blurhash"].is_string()), (&json!("holiday.webp"), true));
    let medium = &attachment["variants"]["medium"];
    assert_eq!((&medium["width"], &medium["height"]), (&json!(800), &json!(600)));
    for url in [&attachment["url"], &medium["url"]] {
        let answer = stage.app.http.get(stage.app.url(url.as_str().unwrap())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
    }
    assert_eq!(desk.event("message:receive").await["message"], message);

    // By request, where its kind tells that of the message.
    let (status, sent) = stage.send(&user, &room, json!({"attachment": carried, "reply": "none"})).await;
    assert_eq!((status, &sent["message"]["type"]), (201, &json!("media")), "{sent}");
    assert_eq!(sent["message"]["attachment"], *attachment);
    desk.event("message:receive").await;

    // By Socket.IO.
    let mut frames = Frames::connected(&stage.app, &user).await;
    let data = json!({"conversationId": room, "attachment": carried, "reply": "none"});
    frames.send(&format!("427{}", json!(["message:send", data]))).await;
    let packets = frames.until(|packet| packet.starts_with("437")).await;
    let acked: Value = serde_json::from_str(&packets.last().unwrap()[3..]).unwrap();
    assert_eq!(acked[0]["message"]["attachment"], *attachment, "{acked}");
    desk.event("message:receive").await;

    // An address of it that somebody was given is as good.
    let url = json!({"url": attachment["url"], "type": "image"});
    let (_, sent) =
        stage.send(&user, &room, json!({"type": "media", "attachment": url, "reply": "none"})).await;
    assert_eq!(sent["message"]["attachment"], *attachment, "{sent}");
    desk.event("message:receive").await;
    drop((desk, frames));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_smaller_picture_is_the_files_and_ends_with_it() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let attachment = stage.sent(&user, &room, &picture).await["attachment"].clone();
    let medium = &attachment["variants"]["medium"]["url"];
    let send = async |of: &str| {
        let carried = json!({"url": medium, "type": of});
        stage.send(&user, &room, json!({"type": "media", "attachment": carried, "reply": "none"})).await
    };
    let (status, sent) = send("image").await;
    assert_eq!((status, &sent["message"]["attachment"]), (201, &attachment), "{sent}");
    let (status, refused) = send("video").await;
    let other = "attachment.type: is not what this file is";
    assert_eq!((status, &refused["message"]), (400, &json!(other)), "{refused}");
    stage.deleted(&picture).await;
    let told = stage.becomes(&user, &room, &sent["message"]["id"], "deleted").await;
    assert_eq!(told["attachment"]["url"], Value::Null, "{told}");
    let (status, refused) = send("image").await;
    let gone = "attachment.url: is of a file that was deleted";
    assert_eq!((status, &refused["message"]), (400, &json!(gone)), "{refused}");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_and_a_film_tell_what_they_are() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let audio = stage.upload(&user, AttachmentKind::Audio).await;
    let film = stage.upload(&user, AttachmentKind::Video).await;
    stage.ready(&audio).await;
    stage.ready(&film).await;
    let said = stage.sent(&user, &room, &audio).await;
    let attachment = &said["attachment"];
    assert_eq!((&said["type"], &attachment["durationMs"]), (&json!("audio"), &json!(1_500)));
    assert_eq!(attachment["peaks"], json!([0, 128, 255]));
    let shown = stage.sent(&user, &room, &film).await;
    assert_eq!((&shown["type"], &shown["attachment"]["type"]), (&json!("media"), &json!("video")));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ones_own_or_not_there_is_refused_alike_everywhere() {
    let stage = Stage::start().await;
    let (user, other) = (stage.app.user().await, stage.app.user().await);
    let room = stage.app.conversation(&user).await;
    let mut phone = Device::joined(&stage.app, &user, &room).await;
    let theirs = stage.picture(&other).await;
    let (failed, deleted) =
        (stage.upload(&user, AttachmentKind::Image).await, stage.upload(&user, AttachmentKind::Image).await);
    stage.failed(&failed).await;
    stage.deleted(&deleted).await;
    let audio = stage.upload(&user, AttachmentKind::Audio).await;
    let of = |id: Value| json!({"attachment": {"mediaId": id}, "reply": "none"});
    let mut both = of(json!(audio.id.uuid()));
    both["attachment"]["url"] = json!("/media/a/b.png");
    let mut wrong_kind = of(json!(audio.id.uuid()));
    wrong_kind["type"] = json!("media");
    let mut text = of(json!(audio.id.uuid()));
    (text["type"], text["content"]) = (json!("text"), json!("x"));
    let nobodys = "attachment.mediaId: is of none of your files";
    for (data, error) in [
        (of(json!(theirs.id.uuid())), nobodys),
        (of(json!(uuid::Uuid::now_v7())), nobodys),
        (of(json!(failed.id.uuid())), "attachment.mediaId: is of a file that could not be read: this is no"),
        (of(json!(deleted.id.uuid())), "attachment.mediaId: is of a file that was deleted"),
        (wrong_kind, "attachment.mediaId: is of a recording: it goes with type audio"),
        (both, "attachment.url: does not go together with mediaId"),
        (text, "attachment: goes with type audio or media"),
    ] {
        let ack = phone.ask("message:send", data.clone()).await;
        assert_eq!(ack["code"], "bad_request", "{data}: {ack}");
        assert!(ack["error"].as_str().unwrap().starts_with(error), "{data}: {ack}");
        let (status, answer) = stage.send(&user, &room, data.clone()).await;
        assert_eq!(status, 400, "{data}: {answer}");
        assert!(answer.to_string().contains(error.split_once(": ").unwrap().1), "{data}: {answer}");
    }
    // No id at all.
    for id in [json!("mine"), json!(7)] {
        assert_eq!(phone.refused("message:send", of(id.clone())).await, "bad_request", "{id}");
        assert_eq!(stage.send(&user, &room, of(id)).await.0, 400);
    }
    assert_eq!(phone.held.at, 1, "nothing was stored");
    drop(phone);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_does_not_overtake_the_picture_before_it() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let mut socket = stage.app.socket(&user).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let data = match number % 2 {
            0 => json!({"conversationId": room, "attachment": {"mediaId": picture.id.uuid()},
                "content": number.to_string(), "reply": "none"}),
            _ => json!({"conversationId": room, "content": number.to_string(), "reply": "none"}),
        };
        ids.push(socket.tell("message:send", data).await);
    }
    let mut last = 0;
    for (number, id) in ids.iter().enumerate() {
        let ack = socket.ack(id).await;
        let message = &ack["message"];
        assert_eq!(message["content"], number.to_string(), "{ack}");
        let offset = message["offset"].as_i64().unwrap();
        assert!(offset > last, "{number} stands at {offset} behind {last}");
        last = offset;
    }
    stage.app.stop().await;
}

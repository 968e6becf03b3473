//! Messages follow what becomes of their file, live and after a resume, wherever they are read.

use greenroom::media::files::CHANGED;
use greenroom_actors::domain::AttachmentKind;
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::room_life::device::{Device, fresh};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_processed_stands_at_once_and_is_told_when_it_is_ready() {
    let stage = Stage::start().await;
    let (user, friend) = (stage.app.user().await, stage.app.user().await);
    let room = stage.app.conversation(&user).await;
    let path = format!("/api/conversations/{room}/members");
    let added = stage.app.post(&path, Some(&user.token), json!({"userId": friend.id})).await;
    assert!(added.0 < 300, "{added:?}");
    let mut desk = Device::joined(&stage.app, &friend, &room).await;
    let mut away = Device::joined(&stage.app, &friend, &room).await;
    let picture = stage.upload(&user, AttachmentKind::Image).await;
    let sent = stage.sent(&user, &room, &picture).await;
    let attachment = &sent["attachment"];
    assert_eq!((&attachment["state"], &attachment["url"]), (&json!("processing"), &Value::Null));
    assert_eq!(attachment.get("variants"), None);
    away.until(desk.event("message:receive").await["message"]["offset"].as_i64().unwrap()).await;
    away.disconnect();

    stage.ready(&picture).await;
    let update = desk.event("message:update").await;
    let message = &update["message"];
    assert_eq!((&message["id"], &message["attachment"]["state"]), (&sent["id"], &json!("ready")));
    assert!(message["attachment"]["variants"]["thumbnail"]["url"].is_string(), "{message}");
    assert_eq!((&message["editedAt"], &message["offset"]), (&Value::Null, &sent["offset"]));
    // Who was away hears the same.
    away.reconnect(&stage.app).await;
    assert!(away.resume().await);
    away.until(desk.held.at).await;
    away.held.assert_agrees(&desk.held);
    desk.held.assert_agrees(&fresh(&stage.app, &friend, &room).await);

    stage.deleted(&picture).await;
    let gone = desk.event("message:update").await["message"].clone();
    let tombstone = json!({"url": null, "type": "image", "mediaId": picture.id.uuid(), "state": "deleted"});
    assert_eq!(gone["attachment"], tombstone);
    away.until(desk.held.at).await;
    away.held.assert_agrees(&desk.held);
    drop((desk, away));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_is_told_to_those_who_see_its_message() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.upload(&user, AttachmentKind::Image).await;
    let sent = stage.sent(&user, &room, &picture).await;
    stage.failed(&picture).await;
    let failed = stage.becomes(&user, &room, &sent["id"], "failed").await;
    assert_eq!(failed["attachment"]["url"], Value::Null);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_messages_that_carry_a_file_follow_it_however_many() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let (one, two) = (stage.app.conversation(&user).await, stage.app.conversation(&user).await);
    let picture = stage.upload(&user, AttachmentKind::Image).await;
    // More than one job takes.
    for number in 0..205 {
        stage.sent(&user, if number % 2 == 0 { &one } else { &two }, &picture).await;
    }
    let pool = stage.app.database.pool();
    let standing = async |state: &str| {
        let client = pool.get().await.unwrap();
        let sql = "select count(*) from messages where attachment -> 'file' ->> 'state' = $1";
        client.query_one(sql, &[&state]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(standing("processing").await, 205);
    stage.ready(&picture).await;
    eventually("all follow", async || standing("ready").await == 205).await;
    stage.deleted(&picture).await;
    eventually("all are tombstones", async || standing("deleted").await == 205).await;
    let client = pool.get().await.unwrap();
    let kept = "select count(*) from messages where attachment ? 'key' or attachment -> 'file' ? 'pictures'";
    assert_eq!(client.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 0, "no key is left");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_on_its_way_while_its_file_changed_follows_it_too() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let client = stage.app.database.pool().get().await.unwrap();
    // As a message that had seen the file as it was, and was stored after all others had been told.
    client
        .batch_execute(
            "create function as_it_was() returns trigger language plpgsql as $$ begin
                if new.attachment ? 'file' then
                    new.attachment := jsonb_set(new.attachment, '{file,state}', '\"processing\"');
                end if;
                return new;
            end $$;
            create trigger as_it_was before insert on messages for each row execute function as_it_was()",
        )
        .await
        .unwrap();
    let sent = stage.sent(&user, &room, &picture).await;
    client.batch_execute("drop trigger as_it_was on messages").await.unwrap();
    stage.becomes(&user, &room, &sent["id"], "ready").await;
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_brought_back_shows_its_files_as_they_are() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let sent = stage.sent(&user, &room, &picture).await;
    let path = format!("/api/conversations/{room}");
    let (status, answer) = stage.app.call(Method::DELETE, &path, Some(&user.token), None).await;
    assert!(status < 300, "{answer}");
    stage.deleted(&picture).await;
    let client = stage.app.database.pool().get().await.unwrap();
    eventually("the job is done", async || {
        let sql = "select count(*) from jobs where kind = $1 and state < 2";
        client.query_one(sql, &[&CHANGED]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
    let (status, answer) = stage.app.post(&format!("{path}/restore"), Some(&user.token), json!({})).await;
    assert!(status < 300, "{answer}");
    stage.becomes(&user, &room, &sent["id"], "deleted").await;
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_one_wherever_it_is_read() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let body =
        json!({"content": "The harbour", "attachment": {"mediaId": picture.id.uuid()}, "reply": "none"});
    let (_, sent) = stage.send(&user, &room, body).await;
    let path = format!("/api/conversations/{room}");
    let public = json!({"visibility": "public"});
    let (status, changed) = stage.app.call(Method::PUT, &path, Some(&user.token), Some(public)).await;
    assert_eq!(status, 200, "{changed}");
    let slug = changed["conversation"]["slug"].as_str().unwrap_or(&room).to_owned();
    let read = async |path: &str, token: Option<&str>| {
        let mut request = stage.app.http.get(stage.app.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().text().await.unwrap()
    };
    let faces = [
        (format!("{path}/messages"), None),
        (format!("{path}/export?format=json"), Some(user.token.as_str())),
        (format!("{path}/export?format=markdown"), Some(user.token.as_str())),
        (format!("{path}/search?q=harbour"), Some(user.token.as_str())),
        (format!("/c/{slug}"), None),
    ];
    for (face, token) in &faces {
        let text = read(face, *token).await;
        assert!(text.contains(&format!("/media/user-content/{}", user.id)), "{face}: {text}");
        if token.is_none() {
            // What it was called on somebody's device, and under which id they find it, is theirs.
            assert!(!text.contains("holiday.webp") && !text.contains("mediaId"), "{face}: {text}");
        }
    }
    stage.deleted(&picture).await;
    stage.becomes(&user, &room, &sent["message"]["id"], "deleted").await;
    for (face, token) in &faces {
        let text = read(face, *token).await;
        assert!(!text.contains("/media/user-content/"), "{face}: {text}");
        assert!(text.contains("harbour"), "{face}: its text stays: {text}");
        let json = face.contains("messages") || face.contains("json") || face.contains("search");
        assert!(text.contains(if json { "\"state\":\"deleted\"" } else { "deleted" }), "{face}: {text}");
    }
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_listened_to_once_its_file_is_there() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let audio = stage.upload(&user, AttachmentKind::Audio).await;
    let sent = stage.sent(&user, &room, &audio).await;
    assert_eq!((&sent["type"], &sent["content"]), (&json!("audio"), &json!("")));
    stage.ready(&audio).await;
    let mut said = String::new();
    eventually("what was said", async || {
        said = stage.message(&user, &room, &sent["id"]).await["content"].as_str().unwrap().to_owned();
        !said.is_empty()
    })
    .await;
    stage.app.stop().await;
}

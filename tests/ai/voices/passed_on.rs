//! Voices of replies that people pass on in messages of their own.

use reqwest::Method;
use serde_json::{Value, json};

use super::Stage;
use crate::support::app::TestUser;

async fn remove(stage: &Stage, user: &TestUser, room: &str, id: &Value) {
    let path = format!("/api/conversations/{room}/messages/{}", id.as_str().unwrap());
    assert_eq!(stage.app.call(Method::DELETE, &path, Some(&user.token), None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_with_the_last_message_that_carries_it() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    let reply = stage.spoken(&user, &room).await;
    let url = reply["attachment"]["url"].as_str().unwrap();
    // Sent on by somebody who was given it, it is theirs too.
    let attachment = json!({ "url": url, "type": "audio", "durationMs": 1_000 });
    let body = json!({ "type": "audio", "content": "Listen", "attachment": attachment, "reply": "none" });
    let path = format!("/api/conversations/{room}/messages");
    let (status, sent) = stage.app.post(&path, Some(&user.token), body).await;
    assert_eq!(status, 201, "{sent}");
    let own = sent["message"]["attachment"]["url"].as_str().unwrap();
    assert_eq!(own.split('?').next(), url.split('?').next());
    let remove = async |id: &Value| remove(&stage, &user, &room, id).await;
    remove(&reply["id"]).await;
    assert_eq!(stage.sweep().await, 0, "another message carries it");
    assert_eq!(stage.file(own, &[]).await.0, 200);
    remove(&sent["message"]["id"]).await;
    // Nobody tells of the end of a message that passed it on: a look at it each day finds out.
    let client = stage.app.database.pool().get().await.unwrap();
    let a_day_on = "update media_objects set check_at = now() where check_at < now() + interval '1 day'";
    assert_eq!(client.execute(a_day_on, &[]).await.unwrap(), 1);
    drop(client);
    assert_eq!(stage.sweep().await, 1);
    assert_eq!(stage.file(own, &[]).await.0, 404);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_voice_any_more_or_is_called_something_else_is_not_passed_on() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    let reply = stage.spoken(&user, &room).await;
    let refused = async |kind: &str, of: &str| {
        let attachment = json!({ "url": reply["attachment"]["url"], "type": of, "durationMs": 1_000 });
        let body = json!({ "type": kind, "attachment": attachment, "reply": "none" });
        let path = format!("/api/conversations/{room}/messages");
        let (status, answer) = stage.app.post(&path, Some(&user.token), body).await;
        assert_eq!(status, 400, "{answer}");
        answer["message"].clone()
    };
    assert_eq!(refused("media", "image").await, "attachment.type: is not what this file is");
    remove(&stage, &user, &room, &reply["id"]).await;
    assert_eq!(stage.sweep().await, 1);
    // Its address would open it for an hour still.
    assert_eq!(refused("audio", "audio").await, "attachment.url: is of a file that was deleted");
    stage.app.stop().await;
}

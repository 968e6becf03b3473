//! Models that see are shown the picture, others are told of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use greenroom::config::Capability;
use greenroom_actors::domain::AttachmentKind;
use serde_json::{Value, json};

use super::stage::{PICTURE, Stage};

fn shown() -> Value {
    let url = format!("data:image/webp;base64,{}", STANDARD.encode(PICTURE));
    json!({"type": "image_url", "image_url": {"url": url}})
}

fn last(request: &Value) -> &Value {
    &request["messages"].as_array().unwrap().last().unwrap()["content"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_sees_gets_the_bytes_of_the_picture() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let body = json!({"content": "What is this?", "attachment": {"mediaId": picture.id.uuid()}});
    stage.answered(&user, &room, body).await;
    let asked = stage.asked().pop().unwrap();
    let words = json!({"type": "text", "text": "[image: What is this?]"});
    assert_eq!(*last(&asked), json!([words, shown()]));
    assert_eq!(stage.saw(), 1);
    // It stands in the history of the next prompt too, behind what was the same before.
    stage.answered(&user, &room, json!({"content": "And now?"})).await;
    let next = stage.asked().pop().unwrap();
    assert_eq!((stage.saw(), last(&next)), (2, &json!("And now?")));
    let (before, now) = (asked["messages"].as_array().unwrap(), next["messages"].as_array().unwrap());
    let same = before.iter().zip(now).take_while(|(one, other)| one == other).count();
    assert!(same >= 2, "{next}");
    // Deleted, it is shown no more.
    stage.deleted(&picture).await;
    let id = stage.message(&user, &room, &Value::Null).await;
    assert!(id.is_null());
    crate::support::app::eventually("it is told as deleted", async || {
        stage.answered(&user, &room, json!({"content": "Once more?"})).await;
        let asked = stage.asked().pop().unwrap().to_string();
        asked.contains("[deleted image: What is this?]") && !asked.contains("image_url")
    })
    .await;
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_see_is_told_in_words() {
    let stage = Stage::start_with(&[Capability::Chat], |_| {}).await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let attachment = json!({"mediaId": picture.id.uuid()});
    stage.answered(&user, &room, json!({"content": "The harbour", "attachment": attachment})).await;
    assert_eq!(*last(&stage.asked().pop().unwrap()), json!("[image: The harbour]"));
    stage.answered(&user, &room, json!({"attachment": attachment})).await;
    assert_eq!(*last(&stage.asked().pop().unwrap()), json!("[image]"));
    assert_eq!(stage.saw(), 0);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_waits_for_a_picture_that_is_being_processed() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.upload(&user, AttachmentKind::Image).await;
    let body = json!({"content": "What is this?", "attachment": {"mediaId": picture.id.uuid()}});
    let (status, sent) = stage.send(&user, &room, body).await;
    assert_eq!(status, 201, "{sent}");
    stage.ready(&picture).await;
    crate::support::app::eventually("the reply", async || {
        !stage.message(&user, &room, &sent["replies"][0]["messageId"]).await.is_null()
    })
    .await;
    assert_eq!(last(&stage.asked().pop().unwrap())[1], shown());
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_latest_pictures_are_shown() {
    let stage = Stage::start_with(&[Capability::Chat, Capability::Vision], |config| {
        config.engine.images_max = 2;
    })
    .await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    for _ in 0..3 {
        let picture = stage.picture(&user).await;
        stage.sent(&user, &room, &picture).await;
    }
    stage.answered(&user, &room, json!({"content": "Which is the best?"})).await;
    let asked = stage.asked().pop().unwrap();
    let text = asked.to_string();
    assert_eq!((text.matches("image_url\":{").count(), text.matches("[image]").count()), (2, 3), "{text}");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offline_voice_speaks_of_the_caption() {
    let stage = Stage::start_with(&[Capability::Chat], |config| {
        config.ai.default_provider = "offline".to_owned();
        config.ai.offline_word_delay_ms = 0;
    })
    .await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let picture = stage.picture(&user).await;
    let body = json!({"content": "Our lighthouse in the fog", "attachment": {"mediaId": picture.id.uuid()}});
    let reply = stage.answered(&user, &room, body).await;
    let said = reply["content"].as_str().unwrap().to_lowercase();
    assert!(said.contains("our lighthouse in the fog") && said.contains("offline"), "{said}");
    let body = json!({"attachment": {"mediaId": picture.id.uuid()}});
    let reply = stage.answered(&user, &room, body).await;
    let said = reply["content"].as_str().unwrap().to_lowercase();
    assert!(said.contains("offline") && !said.contains("[image]"), "{said}");
    stage.app.stop().await;
}

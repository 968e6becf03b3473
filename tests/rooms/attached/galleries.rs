//! Entries of galleries that are files of this server: their addresses for those who may see them, colours for the others.

use greenroom::media::files::Purpose;
use greenroom_actors::domain::AttachmentKind;
use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_shows_its_file_and_a_premium_one_only_its_colours() {
    let stage = Stage::start_with(&[greenroom::config::Capability::Chat], |config| {
        config.default_plan = "free".to_owned();
    })
    .await;
    let (admin, premium, free) = (stage.app.admin().await, stage.app.premium().await, stage.app.user().await);
    let character = stage.app.character().await;
    let path = format!("/api/characters/{character}/gallery");
    let file = stage.upload_for(&admin, AttachmentKind::Image, Purpose::Gallery).await;
    let item = json!({"type": "image", "mediaId": file.id.uuid(), "tags": ["harbour"], "premium": true});
    let (status, added) = stage.app.post(&path, Some(&admin.token), item.clone()).await;
    assert_eq!(
        (status, &added["state"], &added["url"]),
        (201, &json!("processing"), &Value::Null),
        "{added}"
    );
    stage.ready(&file).await;
    let seen = async |token: Option<&str>| {
        let (status, page) = stage.app.get(&path, token).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["id"] == added["id"]).unwrap()
    };
    for token in [&admin.token, &premium.token] {
        let entry = seen(Some(token)).await;
        assert_eq!((&entry["state"], &entry["locked"]), (&json!("ready"), &json!(false)), "{entry}");
        assert!(entry["thumbnailUrl"].as_str().unwrap().contains("_thumbnail.webp"), "{entry}");
        let url = entry["variants"]["medium"]["url"].as_str().unwrap();
        let answer = stage.app.http.get(stage.app.url(url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    for token in [None, Some(free.token.as_str())] {
        let entry = seen(token).await;
        assert_eq!(
            (&entry["locked"], &entry["url"], &entry["mediaId"]),
            (&json!(true), &Value::Null, &Value::Null)
        );
        assert_eq!((&entry["thumbnailUrl"], &entry["variants"]), (&Value::Null, &json!({})));
        assert!(entry["blurhash"].is_string() && !entry.to_string().contains("/media/"), "{entry}");
    }

    // A reply shows it to who may see it, as the object that it is.
    let room = stage.app.conversation(&premium).await;
    let ask = json!({"content": "Show me a picture of the harbour", "responseType": "media"});
    let reply = stage.answered(&premium, &room, ask.clone()).await;
    assert_eq!(
        (&reply["type"], &reply["attachment"]["state"]),
        (&json!("media"), &json!("ready")),
        "{reply}"
    );
    assert!(reply["attachment"]["url"].as_str().unwrap().contains("signature="), "{reply}");
    let other = stage.app.conversation(&free).await;
    let reply = stage.answered(&free, &other, ask).await;
    assert_eq!((&reply["type"], &reply["attachment"]), (&json!("text"), &Value::Null), "{reply}");

    // Nobody else's file gets in, nor one of another kind.
    let theirs = stage.picture(&free).await;
    let mut wrong = item.clone();
    wrong["mediaId"] = json!(theirs.id.uuid());
    let (status, answer) = stage.app.post(&path, Some(&admin.token), wrong).await;
    assert_eq!(status, 404, "{answer}");
    let mut wrong = item;
    wrong["type"] = json!("video");
    let (status, answer) = stage.app.post(&path, Some(&admin.token), wrong).await;
    assert_eq!((status, &answer["details"][0]["field"]), (400, &json!("type")), "{answer}");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admins_own_upload_becomes_an_entry_for_all_and_goes_with_its_file() {
    let stage = Stage::start().await;
    let (admin, user) = (stage.app.admin().await, stage.app.user().await);
    let character = stage.app.character().await;
    let path = format!("/api/characters/{character}/gallery");
    let file = stage.picture(&admin).await;
    let sign = json!({"key": file.key.as_str()});
    let signed = async || stage.app.post("/api/media/signed-url", Some(&user.token), sign.clone()).await.0;
    assert_eq!(signed().await, 404, "it is the admin's alone");
    let item = json!({"type": "image", "mediaId": file.id.uuid(), "caption": "The harbour"});
    let (status, added) = stage.app.post(&path, Some(&admin.token), item.clone()).await;
    assert_eq!((status, &added["state"]), (201, &json!("ready")), "{added}");
    assert_eq!(signed().await, 200, "whoever sees the gallery may have it signed");
    let gone = async || {
        let (_, page) = stage.app.get(&path, None).await;
        !page["items"].as_array().unwrap().iter().any(|item| item["id"] == added["id"])
    };
    assert!(!gone().await);
    stage.deleted(&file).await;
    assert!(gone().await);
    let (status, answer) = stage.app.post(&path, Some(&admin.token), item.clone()).await;
    assert_eq!((status, &answer["error"]), (409, &json!("conflict")), "{answer}");
    let broken = stage.upload(&admin, AttachmentKind::Image).await;
    stage.failed(&broken).await;
    let nobodys = uuid::Uuid::now_v7();
    for (what, id, expected) in [
        ("one that could not be read", broken.id.uuid(), 409),
        ("somebody else's", stage.picture(&user).await.id.uuid(), 404),
        ("nobody's", nobodys, 404),
    ] {
        let mut wrong = item.clone();
        wrong["mediaId"] = json!(id);
        let (status, answer) = stage.app.post(&path, Some(&admin.token), wrong).await;
        assert_eq!(status, expected, "{what}: {answer}");
    }
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_takes_the_entry_along_that_named_it_while_it_was_processed() {
    let stage = Stage::start().await;
    let admin = stage.app.admin().await;
    let path = format!("/api/characters/{}/gallery", stage.app.character().await);
    let file = stage.upload(&admin, AttachmentKind::Image).await;
    let item = json!({"type": "image", "mediaId": file.id.uuid()});
    let (status, added) = stage.app.post(&path, Some(&admin.token), item).await;
    assert_eq!((status, &added["state"]), (201, &json!("processing")), "{added}");
    stage.failed(&file).await;
    let (_, page) = stage.app.get(&path, Some(&admin.token)).await;
    assert!(page["items"].as_array().unwrap().iter().all(|item| item["id"] != added["id"]), "{page}");
    stage.app.stop().await;
}

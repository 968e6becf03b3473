//! Whose files they are: nobody reaches those of another.

use greenroom_actors::domain::UserId;
use image::ImageFormat;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestUser;
use crate::support::forms::{Stage, file, form, picture, text, uuid};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_nothing_but_the_state() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let png = picture(ImageFormat::Png, 20, 20);
    for kind in ["image", "images", "audio", "video", "gallery/mira"] {
        let body = form(&[file("image", "a.png", &png)]);
        assert_eq!(stage.upload(kind, None, body.clone()).await.0, 401, "{kind}");
        assert_eq!(stage.upload(kind, Some("nonsense"), body).await.0, 401, "{kind}");
    }
    for (method, path) in [
        (Method::GET, "/api/media/list"),
        (Method::GET, "/api/media/limits"),
        (Method::POST, "/api/media/signed-url"),
        (Method::DELETE, "/api/media/delete"),
    ] {
        assert_eq!(stage.app.call(method, path, None, Some(json!({ "key": "a/b" }))).await.0, 401, "{path}");
    }
    let character = stage.app.character().await;
    let body = form(&[file("gallery", "a.png", &png)]);
    let (status, _) = stage.upload(&format!("gallery/{character}"), Some(&user.token), body).await;
    assert_eq!(status, 403, "a gallery is for admins");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_lists_signs_or_deletes_what_is_anothers() {
    let stage = Stage::start().await;
    let (user, other, admin) = (stage.app.user().await, stage.app.user().await, stage.app.admin().await);
    let view = stage.image(&user).await;
    assert!(matches!(stage.sign(&user, &view["key"]).await.0, 409 | 200), "it is not ready yet, or it is");
    let view = stage.ready(&user, &view).await;
    let (_, list) = stage.app.get("/api/media/list", Some(&other.token)).await;
    assert_eq!(list["total"], 0, "{list}");
    for key in [
        view["key"].clone(),
        json!(format!("temp/{}", view["id"].as_str().unwrap())),
        json!("a/../b"),
        json!(""),
    ] {
        assert_eq!(stage.sign(&other, &key).await.0, 404, "{key}");
    }
    for body in [json!({ "id": view["id"] }), json!({ "key": view["key"] })] {
        assert_eq!(stage.delete(&other, body).await.0, 404);
    }
    for wrong in [json!({}), json!({ "id": view["id"], "key": view["key"] }), json!({ "id": 7 })] {
        assert_eq!(stage.delete(&user, wrong).await.0, 400);
    }
    assert_eq!(stage.sign(&user, &json!(format!("temp/{}", view["id"].as_str().unwrap()))).await.0, 404);
    assert_eq!(stage.sign(&user, &view["key"]).await.0, 200);
    assert_eq!(stage.delete(&admin, json!({ "key": view["key"] })).await.0, 200, "admins may");
    assert_eq!(stage.count("select count(*) from audit_log where action = 'media.delete'").await, 1);
    assert_eq!(stage.delete(&user, json!({ "key": view["key"] })).await.0, 404, "it is gone");
    assert_eq!(stage.sign(&user, &view["key"]).await.0, 404);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_opens_the_file_and_parts_of_it_until_its_end() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let view = stage.image(&user).await;
    let view = stage.ready(&user, &view).await;
    let body = json!({ "key": view["key"], "expiresIn": 600 });
    let (status, signed) = stage.app.post("/api/media/signed-url", Some(&user.token), body).await;
    assert_eq!(status, 200, "{signed}");
    let ends: jiff::Timestamp = signed["expiresAt"].as_str().unwrap().parse().unwrap();
    let left = ends.as_second() - jiff::Timestamp::now().as_second();
    assert!((500..=600).contains(&left), "{left} s");
    let url = stage.app.url(signed["url"].as_str().unwrap());
    let answer = stage.app.http.get(&url).send().await.unwrap();
    let headers = answer.headers().clone();
    assert_eq!((answer.status().as_u16(), &headers["content-type"]), (200, &"image/png".parse().unwrap()));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
    let whole = answer.bytes().await.unwrap();
    let part = stage.app.http.get(&url).header("range", "bytes=1-3").send().await.unwrap();
    let range = part.headers()["content-range"].to_str().unwrap().to_owned();
    assert_eq!((part.status().as_u16(), range), (206, format!("bytes 1-3/{}", whole.len())));
    assert_eq!(part.bytes().await.unwrap(), whole[1..4]);
    let beyond = stage.app.http.get(&url).header("range", "bytes=99999999-").send().await.unwrap();
    assert_eq!(beyond.status().as_u16(), 416);
    let forged = url.replace(view["id"].as_str().unwrap(), "0197f000-0000-7000-8000-000000000000");
    assert_eq!(stage.app.http.get(&forged).send().await.unwrap().status().as_u16(), 403);
    for seconds in [0, 59, 604_801] {
        let body = json!({ "key": view["key"], "expiresIn": seconds });
        assert_eq!(
            stage.app.post("/api/media/signed-url", Some(&user.token), body).await.0,
            400,
            "{seconds}"
        );
    }
    assert_eq!(stage.delete(&user, json!({ "id": view["id"] })).await.0, 200);
    assert_eq!(stage.app.http.get(&url).send().await.unwrap().status().as_u16(), 404, "gone at once");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_that_are_let_in_may_show_files() {
    let stage = Stage::start_with(|config| {
        config.server.cors_origins = vec!["https://chat.example".to_owned()];
    })
    .await;
    let user = stage.app.user().await;
    let view = stage.image(&user).await;
    let view = stage.ready(&user, &view).await;
    let url = stage.app.url(view["url"].as_str().unwrap());
    let answer = stage.app.http.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["cross-origin-resource-policy"], "cross-origin");
    // What is no file is for none.
    let list = stage.app.http.get(stage.app.url("/api/media/list")).bearer_auth(&user.token).send().await;
    assert_eq!(list.unwrap().headers()["cross-origin-resource-policy"], "same-origin");
    stage.app.stop().await;
}

async fn may_read(stage: &Stage, user: &TestUser, view: &Value) -> bool {
    let status = stage.sign(user, &view["key"]).await.0;
    assert!(matches!(status, 200 | 404), "{status}");
    status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_room_reach_what_its_messages_carry_and_only_while_they_are_in_it() {
    let stage = Stage::start().await;
    let (user, friend, other) = (stage.app.user().await, stage.app.user().await, stage.app.user().await);
    let view = stage.image(&user).await;
    let view = stage.ready(&user, &view).await;
    let body = json!({ "characterIds": [stage.app.character().await], "memberIds": [friend.id] });
    let (_, made) = stage.app.post("/api/conversations", Some(&user.token), body).await;
    let room = made["conversation"]["id"].as_str().unwrap();
    assert!(!may_read(&stage, &friend, &view).await, "it was not sent yet");
    let attachment = json!({ "type": "image", "url": view["url"] });
    let body = json!({ "type": "media", "content": "look", "attachment": attachment, "reply": "none" });
    let path = format!("/api/conversations/{room}/messages");
    let (status, sent) = stage.app.post(&path, Some(&user.token), body).await;
    assert_eq!(status, 201, "{sent}");
    assert!(may_read(&stage, &friend, &view).await);
    assert!(!may_read(&stage, &other, &view).await);
    let path = format!("/api/conversations/{room}/members/{}", friend.id);
    let (status, answer) = stage.app.call(Method::DELETE, &path, Some(&user.token), None).await;
    assert!(status < 300, "{answer}");
    assert!(!may_read(&stage, &friend, &view).await, "they left");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gallerys_files_are_for_all_and_its_premium_ones_for_premium() {
    let stage = Stage::start().await;
    let (admin, user, premium) = (stage.app.admin().await, stage.app.user().await, stage.app.premium().await);
    let character = stage.app.character().await;
    let png = picture(ImageFormat::Png, 20, 20);
    let body = form(&[
        text("caption", "By the sea"),
        file("gallery", "open.png", &png),
        file("gallery", "shut.png", &png),
        text("tags", "beach, sun"),
        text("premium", "false"),
        text("premium", "true"),
    ]);
    let (status, taken) = stage.upload(&format!("gallery/{character}"), Some(&admin.token), body).await;
    assert_eq!(status, 202, "{taken}");
    assert_eq!(taken["items"][0]["tags"], json!(["beach", "sun"]));
    assert_eq!((&taken["items"][0]["premium"], &taken["items"][1]["premium"]), (&json!(false), &json!(true)));
    assert_eq!(taken["items"][1]["mediaId"], taken["files"][1]["id"]);
    assert_eq!(taken["files"][1]["characterId"], json!(character));
    let open = stage.ready(&admin, &taken["files"][0]).await;
    let shut = stage.ready(&admin, &taken["files"][1]).await;
    assert!(open["key"].as_str().unwrap().starts_with(&format!("characters/{character}/gallery/")));
    assert!(may_read(&stage, &user, &open).await);
    assert!(!may_read(&stage, &user, &shut).await);
    assert!(may_read(&stage, &premium, &shut).await);
    let (_, limits) = stage.app.get("/api/media/limits", Some(&admin.token)).await;
    assert_eq!(limits["total"]["usedBytes"], 0, "it is the character's: {limits}");

    assert_eq!(stage.delete(&admin, json!({ "id": open["id"] })).await.0, 200);
    let (_, list) = stage.app.get(&format!("/api/characters/{character}/gallery"), Some(&admin.token)).await;
    let captions: Vec<_> =
        list["items"].as_array().unwrap().iter().filter(|item| !item["mediaId"].is_null()).collect();
    assert_eq!(captions.len(), 1, "its entry is gone: {list}");
    // The other way round: the sweep takes the file of an entry that was deleted.
    let item = taken["items"][1]["id"].as_str().unwrap();
    let path = format!("/api/characters/{character}/gallery/{item}");
    assert_eq!(stage.app.call(Method::DELETE, &path, Some(&admin.token), None).await.0, 204);
    stage.execute("update media_files set created_at = now() - interval '1 hour'").await;
    let swept = stage.media().sweep_all(jiff::Timestamp::now()).await.unwrap();
    assert_eq!(swept.unlisted, 1, "{swept:?}");
    assert!(stage.stored().is_empty(), "{:?}", stage.stored());
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gallery_takes_what_it_is_told_or_says_why_not() {
    let stage = Stage::start().await;
    let admin = stage.app.admin().await;
    let character = stage.app.character().await;
    let png = picture(ImageFormat::Png, 20, 20);
    let path = format!("gallery/{character}");
    let long = "x".repeat(501);
    for (what, parts, field) in [
        ("two captions for one file", vec![text("caption", "a"), text("caption", "b")], "caption"),
        ("a caption that is too long", vec![text("caption", &long)], "caption"),
        ("a premium that is none", vec![text("premium", "perhaps")], "premium"),
    ] {
        let mut parts = parts;
        parts.push(file("gallery", "a.png", &png));
        let (status, answer) = stage.upload(&path, Some(&admin.token), form(&parts)).await;
        assert_eq!((status, answer["details"][0]["field"].as_str()), (400, Some(field)), "{what}: {answer}");
    }
    let body = form(&[file("gallery", "a.png", &png)]);
    let (status, _) = stage.upload("gallery/no-such-character", Some(&admin.token), body.clone()).await;
    assert_eq!(status, 404);
    stage.execute(&format!(
        "insert into character_gallery (id, character_id, kind, url)
         select gen_random_uuid(), '{character}', 'image', 'https://example.com/a' from generate_series(1, 200)"
    )).await;
    let (status, answer) = stage.upload(&path, Some(&admin.token), body).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(stage.count("select count(*) from media_files").await, 0);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatars_thumbnail_is_for_those_who_meet_it() {
    use greenroom::media::files::Purpose;
    use greenroom::media::{NewFile, ObjectKey, Source};
    use greenroom_actors::domain::{AttachmentKind, CharacterId};
    let stage = Stage::start().await;
    let (user, other) = (stage.app.user().await, stage.app.user().await);
    let owner = UserId::from_uuid(uuid(&json!(user.id)));
    let character = CharacterId::from_uuid(uuid(&json!(stage.app.character().await)));
    let new = NewFile {
        owner,
        purpose: Purpose::Avatar,
        character: Some(character),
        kind: AttachmentKind::Image,
        name: None,
        key: ObjectKey::of_thumbnail(owner, character, None),
    };
    let webp = picture(ImageFormat::WebP, 150, 150);
    let taken = stage.media().take(new, Source::Bytes(webp.into())).await.unwrap();
    let view = json!({ "id": taken.id.uuid(), "key": taken.key.as_str() });
    stage.ready(&user, &view).await;
    assert!(may_read(&stage, &user, &view).await);
    assert!(!may_read(&stage, &other, &view).await);
    stage.app.conversation(&other).await;
    assert!(may_read(&stage, &other, &view).await);
    stage.app.stop().await;
}

//! What owners show in the galleries of their avatars: files of their own, to those who may see the avatar.

use std::io::Cursor;

use greenroom::media::files::Purpose;
use greenroom::media::{FileType, Media, NewFile, ObjectKey, Objects, Source};
use greenroom_actors::domain::AttachmentKind;
use reqwest::Method;
use serde_json::{Value, json};

use super::{change, execute, id, number, ready, uuid};
use crate::support::app::{TestApp, TestUser, eventually};

/// An upload of theirs: its view when it is ready.
async fn picture(app: &TestApp, media: &Media, user: &TestUser) -> Value {
    let mut png = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(40, 30).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let owner = uuid(user);
    let file = greenroom::media::files::FileId::new();
    let new = NewFile {
        owner,
        purpose: Purpose::Upload,
        character: None,
        kind: AttachmentKind::Image,
        name: None,
        key: ObjectKey::of_upload(owner, file, FileType::Png),
    };
    let taken = media.take(new, Source::Bytes(png.into_inner().into())).await.unwrap();
    let mut found = Value::Null;
    eventually("the file is ready", async || {
        let (_, list) = app.get("/api/media/list?limit=100", Some(&user.token)).await;
        let items = list["items"].as_array().unwrap();
        let own = items.iter().find(|one| one["id"] == json!(taken.id.uuid()) && one["state"] == "ready");
        found = own.cloned().unwrap_or_default();
        !found.is_null()
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_shows_their_files_to_those_who_may_see_the_avatar() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let app = TestApp::start_with(|config| config.data_dir = data).await;
    let media = Media::new(Objects::local(&folder.path().join("media")).unwrap(), app.database.pool());
    let (user, other) = (app.user().await, app.user().await);
    let avatar = id(&ready(&app, &user, "Nadia").await);
    let own = picture(&app, &media, &user).await;
    let path = format!("/api/avatars/{avatar}/gallery");
    let item = json!({ "mediaId": own["id"], "caption": " On the roof ", "tags": ["roof"] });

    // Nobody but its owner, and nothing but their own.
    assert_eq!(app.post(&path, None, item.clone()).await.0, 401);
    assert_eq!(app.post(&path, Some(&other.token), item.clone()).await.0, 404);
    let house = app.character().await;
    assert_eq!(
        app.post(&format!("/api/avatars/{house}/gallery"), Some(&user.token), item.clone()).await.0,
        404,
        "the house's characters are admins' to keep"
    );
    assert_eq!(
        app.post(&format!("/api/characters/{avatar}/gallery"), Some(&user.token), item.clone()).await.0,
        403
    );
    let theirs = picture(&app, &media, &other).await;
    for (wrong, status) in [
        (json!({ "mediaId": theirs["id"] }), 404),
        (json!({ "mediaId": "0197f000-0000-7000-8000-000000000000" }), 404),
        (json!({ "mediaId": "x" }), 400),
        (json!({}), 400),
        (json!({ "mediaId": own["id"], "caption": "x".repeat(501) }), 400),
        (json!({ "mediaId": own["id"], "tags": [""] }), 400),
    ] {
        let (got, answer) = app.post(&path, Some(&user.token), wrong.clone()).await;
        assert_eq!(got, status, "{wrong:.80}: {answer}");
    }
    assert_eq!(number(&app, "select count(*) from character_gallery where media_id is not null").await, 0);

    let (status, added) = app.post(&path, Some(&user.token), item.clone()).await;
    assert_eq!((status, &added["type"], &added["premium"]), (201, &json!("image"), &json!(false)), "{added}");
    let gallery = format!("/api/characters/{avatar}/gallery");
    let (_, seen) = app.get(&gallery, Some(&user.token)).await;
    assert_eq!(seen["items"][0]["mediaId"], own["id"], "{seen}");
    // A private avatar's is for its owner, a shared one's for all.
    let sign =
        async || app.post("/api/media/signed-url", Some(&other.token), json!({ "key": own["key"] })).await.0;
    assert_eq!((app.get(&gallery, Some(&other.token)).await.0, sign().await), (404, 404));
    assert_eq!(change(&app, &user, &avatar, json!({ "visibility": "public" })).await.0, 200);
    let (status, seen) = app.get(&gallery, Some(&other.token)).await;
    assert_eq!((status, &seen["items"][0]["locked"]), (200, &json!(false)), "{seen}");
    assert_eq!(sign().await, 200);

    // Out of it again: the file stays.
    let entry = format!("{path}/{}", added["id"].as_str().unwrap());
    assert_eq!(app.call(Method::DELETE, &entry, Some(&other.token), None).await.0, 404);
    assert_eq!(app.call(Method::DELETE, &entry, Some(&user.token), None).await.0, 204);
    assert_eq!(app.call(Method::DELETE, &entry, Some(&user.token), None).await.0, 404);
    assert_eq!(sign().await, 404);
    let (_, list) = app.get("/api/media/list", Some(&user.token)).await;
    assert!(list["items"].as_array().unwrap().iter().any(|file| file["id"] == own["id"]), "{list}");

    // A deleted file is refused, and a full gallery.
    assert_eq!(
        execute(
            &app,
            &format!(
                "insert into character_gallery (id, character_id, kind, url)
                 select gen_random_uuid(), '{avatar}', 'image', 'https://example.com/a' from generate_series(1, 200)"
            )
        )
        .await,
        200
    );
    assert_eq!(app.post(&path, Some(&user.token), item.clone()).await.0, 409);
    execute(&app, &format!("delete from character_gallery where character_id = '{avatar}'")).await;
    let deleted = app
        .call(Method::DELETE, "/api/media/delete", Some(&user.token), Some(json!({ "id": own["id"] })))
        .await;
    assert_eq!(deleted.0, 200);
    let (status, answer) = app.post(&path, Some(&user.token), item).await;
    assert_eq!(status, 409, "{answer}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_beside_a_file_are_judged_as_messages_are() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let app = TestApp::start_with(|config| {
        config.data_dir = data;
        config.moderation.patterns = [("airships".to_owned(), vec!["zeppelin".to_owned()])].into();
    })
    .await;
    let media = Media::new(Objects::local(&folder.path().join("media")).unwrap(), app.database.pool());
    let user = app.user().await;
    let avatar = id(&ready(&app, &user, "Nadia").await);
    let own = picture(&app, &media, &user).await;
    let path = format!("/api/avatars/{avatar}/gallery");
    for item in [
        json!({ "mediaId": own["id"], "caption": "My zeppelin" }),
        json!({ "mediaId": own["id"], "tags": ["zeppelin"] }),
    ] {
        let (status, answer) = app.post(&path, Some(&user.token), item).await;
        assert_eq!(answer["error"], "content_refused", "{status}: {answer}");
    }
    assert_eq!(app.post(&path, Some(&user.token), json!({ "mediaId": own["id"] })).await.0, 201);
    app.stop().await;
}

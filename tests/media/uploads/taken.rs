//! What is taken, and what one hears of it.

use greenroom::media::files::{FileId, Made};
use image::ImageFormat;
use serde_json::json;

use crate::support::forms::{Stage, file, form, picture, text, uuid, wav};

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_taken_and_told_by_what_is_in_it() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let (png, jpeg) = (picture(ImageFormat::Png, 40, 30), picture(ImageFormat::Jpeg, 40, 30));
    let (webp, gif) = (picture(ImageFormat::WebP, 40, 30), picture(ImageFormat::Gif, 40, 30));
    let mp4 = [&b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2mp41"[..], &[0; 400]].concat();
    let mut webm =
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm".to_vec();
    webm.resize(600, 0);
    let sound = wav(4_000);
    for (field, name, bytes, mime, ending) in [
        ("image", "a.html", &png, "image/png", "png"),
        ("image", "a.png", &jpeg, "image/jpeg", "jpg"),
        ("image", "a", &webp, "image/webp", "webp"),
        ("image", "a.gif", &gif, "image/gif", "gif"),
        ("audio", "a.mp3", &sound, "audio/wav", "wav"),
        ("audio", "recording.webm", &webm, "audio/webm", "weba"),
        ("audio", "recording.mp4", &mp4, "audio/mp4", "m4a"),
        ("video", "a.avi", &mp4, "video/mp4", "mp4"),
        ("video", "a.webm", &webm, "video/webm", "webm"),
    ] {
        let body = form(&[file(field, name, bytes), text("note", "nobody reads this")]);
        let (status, taken) = stage.upload(field, Some(&user.token), body).await;
        assert_eq!(status, 202, "{name}: {taken}");
        let view = &taken["file"];
        assert_eq!((&view["state"], &view["purpose"]), (&json!("processing"), &json!("upload")));
        assert_eq!(
            (&view["kind"], &view["mime"], &view["name"]),
            (&json!(field), &json!(mime), &json!(name))
        );
        assert_eq!((&view["bytes"], &view["url"]), (&json!(bytes.len()), &json!(null)), "{view}");
        let id = view["id"].as_str().unwrap();
        assert_eq!(view["key"], format!("user-content/{}/{id}.{ending}", user.id));
    }
    let (_, list) = stage.app.get("/api/media/list?kind=audio&limit=2", Some(&user.token)).await;
    assert_eq!((list["total"].as_i64(), list["items"].as_array().unwrap().len()), (Some(3), 2), "{list}");
    let next = list["nextCursor"].as_str().unwrap();
    let path = format!("/api/media/list?kind=audio&limit=2&cursor={next}");
    let (_, rest) = stage.app.get(&path, Some(&user.token)).await;
    assert_eq!((rest["items"][0]["mime"].as_str(), &rest["nextCursor"]), (Some("audio/wav"), &json!(null)));
    let (_, none) = stage.app.get("/api/media/list?purpose=content", Some(&user.token)).await;
    assert_eq!(none["total"], 0, "{none}");
    let (status, _) = stage.app.get("/api/media/list?kind=book", Some(&user.token)).await;
    assert_eq!(status, 400);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_those_that_fit_are_taken_and_the_others_named() {
    let stage = Stage::start_with(|config| config.media.upload_max_files = 4).await;
    let user = stage.app.user().await;
    let png = picture(ImageFormat::Png, 20, 20);
    let body = form(&[
        file("images", "one.png", &png),
        file("images", "page.png", b"<html><script>alert(1)</script></html>"),
        file("images", "nothing.png", b""),
        file("images", "two.png", &png),
    ]);
    let (status, taken) = stage.upload("images", Some(&user.token), body).await;
    assert_eq!(status, 202, "{taken}");
    let names: Vec<_> = taken["files"].as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["one.png", "two.png"]);
    let rejected = taken["rejected"].as_array().unwrap();
    assert_eq!(
        (rejected[0]["name"].as_str(), rejected[0]["error"].as_str()),
        (Some("page.png"), Some("unsupported_media_type"))
    );
    assert_eq!(
        (rejected[1]["name"].as_str(), rejected[1]["error"].as_str()),
        (Some("nothing.png"), Some("bad_request"))
    );

    let five: Vec<_> = (0..5).map(|_| file("images", "a.png", &png)).collect();
    let (status, answer) = stage.upload("images", Some(&user.token), form(&five)).await;
    assert_eq!((status, answer["details"][0]["field"].as_str()), (400, Some("images")), "{answer}");
    let none = form(&[file("images", "a.png", b"GIF but none"), file("images", "b.png", b"text")]);
    assert_eq!(
        stage.upload("images", Some(&user.token), none).await.0,
        400,
        "the first one is a broken picture"
    );
    assert_eq!(stage.count("select count(*) from media_files").await, 2);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owners_sockets_hear_what_becomes_of_a_file() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let mut socket = stage.app.socket(&user).await;
    let view = stage.image(&user).await;
    assert_eq!(stage.delete(&user, json!({ "id": view["id"] })).await, (200, json!({ "deleted": true })));
    let told = socket
        .find(|frame| frame["event"] == "media:update" && frame["data"]["file"]["state"] == "deleted")
        .await;
    let told = told.unwrap()["data"]["file"].take();
    assert_eq!((&told["id"], &told["name"], &told["url"]), (&view["id"], &json!(null), &json!(null)));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_tell_what_may_come_and_what_is_used() {
    let stage = Stage::start_with(|config| {
        config.limits.enabled = true;
        config.limits.uploads.max = 5;
        config.media.audio_max_bytes = 5_000;
        config.plans.get_mut("free").unwrap().media_mb = 7;
    })
    .await;
    let user = stage.app.user().await;
    let (_, before) = stage.app.get("/api/media/limits", Some(&user.token)).await;
    assert_eq!(before["total"], json!({ "usedBytes": 0, "maxBytes": 7 * 1024 * 1024 }), "{before}");
    assert_eq!(before["uploads"], json!({ "perHour": 5, "remaining": 5 }));
    assert_eq!((&before["audio"]["maxBytes"], &before["imagesPerRequest"]), (&json!(5_000), &json!(10)));
    assert_eq!(before["image"]["types"], json!(["image/png", "image/jpeg", "image/webp", "image/gif"]));
    assert_eq!(before["image"]["maxSide"], 10_000);
    let body = || form(&[file("audio", "a.wav", &wav(3_956))]);
    for _ in 0..5 {
        assert_eq!(stage.upload("audio", Some(&user.token), body()).await.0, 202);
    }
    let (_, after) = stage.app.get("/api/media/limits", Some(&user.token)).await;
    assert_eq!(after["total"]["usedBytes"], 20_000, "{after}");
    assert_eq!(after["uploads"]["remaining"], 0, "{after}");
    let (status, answer) = stage.upload("audio", Some(&user.token), body()).await;
    assert_eq!((status, answer["error"].as_str()), (429, Some("rate_limited")));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_ask_whether_the_store_works_and_admins_what_it_does() {
    let stage = Stage::start().await;
    let (user, admin) = (stage.app.user().await, stage.app.admin().await);
    for token in [None, Some(user.token.as_str()), Some("nonsense")] {
        assert_eq!(stage.app.get("/api/media/status", token).await, (200, json!({ "state": "up" })));
    }
    let (status, told) = stage.app.get("/api/v1/media/status", Some(&admin.token)).await;
    assert_eq!((status, &told["store"], &told["state"]), (200, &json!("disk"), &json!("up")), "{told}");
    assert!(told["processing"]["files"].is_u64() && told["features"]["video"].is_array(), "{told}");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_twice_ends_once() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let view = stage.image(&user).await;
    stage.ready(&user, &view).await;
    let (media, id) = (stage.media(), FileId::from_uuid(uuid(&view["id"])));
    assert!(media.finish(id, &Made::default()).await.unwrap().is_none());
    assert!(media.fail(id, "too late").await.unwrap().is_none());
    assert_eq!(stage.ready(&user, &view).await["mime"], "image/png");
    stage.app.stop().await;
}

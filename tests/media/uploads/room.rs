//! How much one may have, and at the same time.

use image::ImageFormat;
use serde_json::{Value, json};

use crate::support::app::{TestUser, eventually};
use crate::support::forms::{Stage, file, form, picture, uuid, wav};

/// Bytes that count, as their owner is told.
async fn used(stage: &Stage, user: &TestUser) -> u64 {
    let (_, limits) = stage.app.get("/api/media/limits", Some(&user.token)).await;
    limits["total"]["usedBytes"].as_u64().unwrap_or_else(|| panic!("{limits}"))
}

/// Bytes that lie there.
fn stored(stage: &Stage) -> u64 {
    stage.stored().iter().map(|path| std::fs::metadata(path).unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_as_many_are_taken_as_there_is_room_for() {
    let stage = Stage::start_with(|config| {
        config.media.uploads_per_user = 20;
        config.plans.get_mut("free").unwrap().media_mb = 1;
    })
    .await;
    let user = stage.app.user().await;
    let body = form(&[file("audio", "a.wav", &wav(300_000))]);
    let all = futures_util::future::join_all(
        (0..20).map(|_| stage.upload("audio", Some(&user.token), body.clone())),
    );
    let answers = all.await;
    let taken = answers.iter().filter(|(status, _)| *status == 202).count();
    assert_eq!(taken, 3, "{answers:?}");
    for (status, answer) in answers.iter().filter(|(status, _)| *status != 202) {
        assert_eq!((*status, answer["error"].as_str()), (402, Some("quota_exceeded")), "{answer}");
    }
    assert_eq!(stage.count("select count(*) from media_files").await, 3);
    // What is deleted makes room.
    let (_, list) = stage.app.get("/api/media/list", Some(&user.token)).await;
    assert_eq!(stage.delete(&user, json!({ "id": list["items"][0]["id"] })).await.0, 200);
    assert_eq!(stage.upload("audio", Some(&user.token), body.clone()).await.0, 202);
    assert_eq!(stage.upload("audio", Some(&user.token), body).await.0, 402);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plan_has_other_room_and_another_user_their_own() {
    let stage = Stage::start_with(|config| {
        config.plans.get_mut("free").unwrap().media_mb = 1;
        config.plans.get_mut("premium").unwrap().media_mb = 0;
    })
    .await;
    let (user, other, premium) = (stage.app.user().await, stage.app.user().await, stage.app.premium().await);
    let body = form(&[file("audio", "a.wav", &wav(700_000))]);
    assert_eq!(stage.upload("audio", Some(&user.token), body.clone()).await.0, 202);
    assert_eq!(stage.upload("audio", Some(&user.token), body.clone()).await.0, 402);
    assert_eq!(stage.upload("audio", Some(&other.token), body.clone()).await.0, 202);
    for _ in 0..3 {
        assert_eq!(stage.upload("audio", Some(&premium.token), body.clone()).await.0, 202);
    }
    let (_, limits) = stage.app.get("/api/media/limits", Some(&premium.token)).await;
    assert_eq!(limits["total"]["maxBytes"], json!(null), "{limits}");
    let (_, plans) = stage.app.get("/api/subscriptions/plans", None).await;
    assert!(plans.to_string().contains("\"mediaBytes\":1048576"), "{plans}");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_of_a_picture_takes_room_as_soon_as_it_is_there() {
    let stage = Stage::start_with(|config| config.plans.get_mut("free").unwrap().media_mb = 1).await;
    let (user, admin) = (stage.app.user().await, stage.app.admin().await);
    let most = 1024 * 1024;
    let queue = async |act: &str| {
        let path = format!("/api/admin/queues/media-processing/{act}");
        assert!(stage.app.post(&path, Some(&admin.token), json!({})).await.0 < 300);
    };
    queue("pause").await;
    let png = picture(ImageFormat::Png, 400, 400);
    let came = png.len() as u64;
    let (status, taken) =
        stage.upload("image", Some(&user.token), form(&[file("image", "a.png", &png)])).await;
    assert_eq!(status, 202, "{taken}");
    assert_eq!(used(&stage, &user).await, came, "while it is looked at, what came in counts");
    queue("resume").await;
    stage.ready(&user, &taken["file"]).await;
    let all = used(&stage, &user).await;
    assert_eq!(all, stored(&stage), "all that lies there");
    assert!(all > came + 2_000, "{all} of {came}: its versions too");
    let (_, view) = stage.app.get("/api/dashboard/limits", Some(&user.token)).await;
    let told = view["items"].as_array().unwrap().iter().find(|item| item["name"] == "storage").unwrap();
    assert_eq!((&told["used"], &told["limit"]), (&json!(all), &json!(most)), "the dashboard tells the same");
    // It would fit beside the original alone.
    let wide = form(&[file("audio", "a.wav", &wav(u32::try_from(most - came).unwrap() - 1_000))]);
    let (status, refused) = stage.upload("audio", Some(&user.token), wide).await;
    assert_eq!((status, refused["error"].as_str()), (402, Some("quota_exceeded")), "{refused}");
    let fits = form(&[file("audio", "a.wav", &wav((u32::try_from(most - all).unwrap() - 44) & !1))]);
    assert_eq!(stage.upload("audio", Some(&user.token), fits).await.0, 202);
    assert_eq!(stage.delete(&user, json!({ "id": taken["file"]["id"] })).await.0, 200);
    assert!(used(&stage, &user).await < most - all + 1, "what is deleted takes none");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_is_what_lies_there_whatever_comes_fails_and_goes_at_once() {
    let stage = Stage::start_with(|config| {
        config.media.uploads_per_user = 20;
        config.plans.get_mut("free").unwrap().media_mb = 2;
    })
    .await;
    let user = stage.app.user().await;
    let bodies: Vec<(&str, Vec<u8>)> = (0..18)
        .map(|n| match n % 3 {
            0 => ("image", form(&[file("image", "a.png", &picture(ImageFormat::Png, 120 + n, 150))])),
            1 => ("audio", form(&[file("audio", "a.wav", &wav(120_000 + 2 * n))])),
            // A header, and nothing behind it that could be decoded.
            _ => ("image", form(&[file("image", "b.png", &picture(ImageFormat::Png, 200, 150)[..60_000])])),
        })
        .collect();
    let come = bodies.into_iter().map(|(kind, body)| {
        let (stage, user) = (&stage, &user);
        async move {
            let (status, taken) = stage.upload(kind, Some(&user.token), body).await;
            let id = taken["file"]["id"].clone();
            // Some go again before, while or after they are looked at.
            if status == 202 && uuid(&id).as_u128().is_multiple_of(3) {
                assert_eq!(stage.delete(user, json!({ "id": id })).await.0, 200);
            }
            (status, taken)
        }
    });
    let answers: Vec<(u16, Value)> = futures_util::future::join_all(come).await;
    assert!(answers.iter().filter(|(status, _)| *status == 202).count() > 6, "{answers:?}");
    let in_work = "select count(*) from media_files where state = 'processing'";
    eventually("all are looked at", async || stage.count(in_work).await == 0).await;
    // What was deleted while it was looked at is taken by the sweep.
    let due = "update media_objects set check_at = now()
        where file_id in (select id from media_files where state <> 'ready')";
    eventually("nothing is left of what is gone", async || {
        stage.execute(due).await;
        stage.media().sweep().await.unwrap();
        used(&stage, &user).await == stored(&stage)
    })
    .await;
    let kept =
        "select coalesce(sum(o.bytes), 0)::bigint from media_objects o join media_files f on f.id = o.file_id
        where f.state = 'ready'";
    assert_eq!(used(&stage, &user).await, stage.count(kept).await.unsigned_abs());
    stage.app.stop().await;
}

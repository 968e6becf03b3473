//! How much one may have, and at the same time.

use serde_json::json;

use super::stage::{Stage, file, form, wav};

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

//! Portraits: painted by a model from how an avatar looks, and drawn where none paints.

use greenroom_actors::ports::GenerateErrorKind::{RateLimited, Refused};
use serde_json::json;

use super::stage::{Act, Stage};
use super::*;

/// An avatar whose portrait is there, and how that was made.
async fn portrayed(stage: &Stage, acts: Vec<Act>) -> (TestUser, Value) {
    stage.provider.paint.lock().unwrap().extend(acts);
    let user = stage.app.user().await;
    let avatar = ready(&stage.app, &user, "Nadia").await;
    let it = id(&avatar);
    eventually("its picture is there", async || {
        get(&stage.app, &user, &it).await["thumbnail"]["state"] == "ready"
    })
    .await;
    let avatar = get(&stage.app, &user, &it).await;
    (user, avatar)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_paints_an_avatar_from_how_it_looks() {
    let stage = Stage::start().await;
    // What passes is tried again.
    let (user, avatar) = portrayed(&stage, vec![Act::Fail(RateLimited)]).await;
    let orders = stage.provider.painted.lock().unwrap().clone();
    assert_eq!(orders.len(), 2);
    let told = &orders[1].prompt;
    assert!(told.contains(avatar["appearance"].as_str().unwrap()), "{told}");
    assert!(!told.contains("{{"), "{told}");
    assert_eq!(avatar["thumbnail"]["width"], 64, "it is what the model painted: {avatar}");

    let path = format!("/api/avatars/{}/regenerate-thumbnail", id(&avatar));
    assert_eq!(stage.app.post(&path, Some(&user.token), json!({})).await.0, 202);
    eventually("it is another one", async || {
        let now = get(&stage.app, &user, &id(&avatar)).await;
        now["thumbnail"]["state"] == "ready" && now["thumbnail"]["id"] != avatar["thumbnail"]["id"]
    })
    .await;
    assert_eq!(credits(&stage.app, &user).await, (0, 0), "it is free");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_will_not_paint_is_drawn() {
    for act in [Act::Forbid, Act::Fail(Refused)] {
        let stage = Stage::start().await;
        let (_, avatar) = portrayed(&stage, vec![act]).await;
        assert_eq!(stage.provider.painted.lock().unwrap().len(), 1, "it is asked once");
        assert_ne!(avatar["thumbnail"]["width"], 64, "{avatar}");
        stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_often_a_portrait_is_made_anew_is_bounded() {
    let stage = Stage::start_with(|config| {
        config.limits.enabled = true;
        for (name, limit) in config.limits.named() {
            assert!(name != "thumbnails" || limit.max == 10, "as it is shipped");
        }
    })
    .await;
    let (user, avatar) = portrayed(&stage, Vec::new()).await;
    let path = format!("/api/avatars/{}/regenerate-thumbnail", id(&avatar));
    let mut answers = Vec::new();
    for _ in 0..11 {
        answers.push(stage.app.post(&path, Some(&user.token), json!({})).await.0);
    }
    assert_eq!(answers, [vec![202; 10], vec![429]].concat());
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_that_came_as_a_card_has_the_cards_picture() {
    let stage = Stage::start().await;
    let app = &stage.app;
    let user = app.user().await;
    plan(app, &user, "enterprise").await;
    let card = json!({ "spec": "chara_card_v2", "spec_version": "2.0", "data": { "name": "Vera", "description": "A pilot." } });
    let bare = owning::import(app, &user, "application/json", card.to_string().into_bytes()).await;
    let shown = async |made: &(u16, Value)| {
        assert_eq!(made.0, 201, "{}", made.1);
        let it = id(&made.1["avatar"]);
        eventually("its picture is there", async || {
            get(app, &user, &it).await["thumbnail"]["state"] == "ready"
        })
        .await;
        get(app, &user, &it).await["thumbnail"]["width"].as_u64().unwrap()
    };
    assert_eq!(shown(&bare).await, 64, "without one it is painted");
    let path = format!("/api/avatars/{}/card?format=png", id(&bare.1["avatar"]));
    let file = app.send(Method::GET, &path, Some(&user.token), None).await.bytes().await.unwrap();
    let pictured = owning::import(app, &user, "image/png", file.to_vec()).await;
    assert!(shown(&pictured).await > 64);
    assert_eq!(stage.provider.painted.lock().unwrap().len(), 1);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_without_a_picture_are_painted_within_the_same_bound_and_drawn_beyond_it() {
    let stage = Stage::start_with(|config| {
        config.limits.enabled = true;
        config.limits.thumbnails.max = 2;
        // Waiting for a picture asks often.
        config.limits.api.enabled = false;
    })
    .await;
    let app = &stage.app;
    let user = app.user().await;
    let card = json!({ "spec": "chara_card_v2", "spec_version": "2.0", "data": { "name": "Vera", "description": "A pilot." } });
    let mut widths = Vec::new();
    for _ in 0..4 {
        let (status, made) =
            owning::import(app, &user, "application/json", card.to_string().into_bytes()).await;
        assert_eq!(status, 201, "{made}");
        let it = id(&made["avatar"]);
        eventually("its picture is there", async || {
            get(app, &user, &it).await["thumbnail"]["state"] == "ready"
        })
        .await;
        widths.push(get(app, &user, &it).await["thumbnail"]["width"].as_u64().unwrap());
        if widths.len() < 4 {
            // There is room for another one.
            let path = format!("/api/avatars/{it}");
            assert_eq!(app.call(Method::DELETE, &path, Some(&user.token), None).await.0, 204);
        } else {
            let path = format!("/api/avatars/{it}/regenerate-thumbnail");
            assert_eq!(app.post(&path, Some(&user.token), json!({})).await.0, 429);
        }
    }
    assert!(widths[..2] == [64, 64] && widths[2..].iter().all(|width| *width > 64), "{widths:?}");
    assert_eq!(stage.provider.painted.lock().unwrap().len(), 2);
    stage.stop().await;
}

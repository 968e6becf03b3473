//! What is asked for, what it costs, and what comes of it.

use std::sync::atomic::Ordering::SeqCst;

use serde_json::{Value, json};

use super::stage::{AVATAR, Stage};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_held_for_made_and_paid_when_it_is_done() {
    let stage = Stage::start().await;
    let user = stage.user(20).await;
    let mut socket = stage.app.socket(&user).await;
    let (status, answer) = stage.ask(&user, "image", json!({ "prompt": " a lighthouse " })).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!((&answer["credits"]["available"], &answer["credits"]["held"]), (&json!(15), &json!(5)));
    let content = &answer["content"];
    assert_eq!((&content["state"], &content["prompt"]), (&json!("queued"), &json!("a lighthouse")));
    assert_eq!((&content["quality"], &content["size"]), (&json!("standard"), &json!("1024x1024")));
    let id = content["id"].as_str().unwrap();
    let done = stage.until(&user, id, "done").await;
    assert_eq!((&done["progress"], &done["credits"], &done["tries"]), (&json!(100), &json!(5), &json!(1)));
    assert_eq!(done["optimizedPrompt"], "better: a lighthouse");
    assert_eq!((&done["provider"], &done["model"]), (&json!("scripted"), &json!("painter")));
    assert_eq!((&done["file"]["state"], &done["file"]["purpose"]), (&json!("ready"), &json!("content")));
    assert!(done["file"]["url"].is_string() && done["startedAt"].is_string() && done["endedAt"].is_string());
    let key = done["file"]["key"].as_str().unwrap();
    assert!(key.starts_with(&format!("content/{}/image_{id}_", user.id)), "{key}");
    assert_eq!(stage.credits(&user).await, (15, 0));
    // Every state was seen on the socket, in order.
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "done") {
        let told = socket.event("content:update").await;
        seen.push(told["content"]["state"].as_str().unwrap().to_owned());
    }
    let mut way = seen.clone();
    way.dedup();
    let last: Vec<&str> = way.iter().map(String::as_str).collect();
    assert!(
        last.contains(&"optimizing") && last.contains(&"generating") && last.contains(&"storing"),
        "{seen:?}"
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_made_from_words_and_from_a_picture() {
    let stage = Stage::start().await;
    let user = stage.user(100).await;
    let picture = stage.asked(&user, "image", json!({ "prompt": "a boat", "optimize": false })).await;
    stage.until(&user, &picture, "done").await;
    let body =
        json!({ "prompt": "it sails", "imageId": picture, "seconds": 8, "quality": "hd", "optimize": false });
    let film = stage.asked(&user, "video", body).await;
    let done = stage.until(&user, &film, "done").await;
    assert_eq!((&done["seconds"], &done["credits"], &done["kind"]), (&json!(8), &json!(23), &json!("video")));
    assert_eq!((&done["imageId"], &done["file"]["kind"]), (&json!(picture), &json!("video")));
    assert!(done["optimizedPrompt"].is_null(), "{done}");
    {
        let filmed = stage.provider.filmed.lock().unwrap();
        assert_eq!((filmed[0].prompt.as_str(), filmed[0].seconds), ("it sails", 8));
        assert!(filmed[0].from.as_ref().is_some_and(|from| !from.is_empty()));
    }
    assert_eq!(stage.credits(&user).await, (100 - 5 - 23, 0));
    let stranger = stage.user(100).await;
    let body = json!({ "prompt": "mine now", "imageId": picture });
    assert_eq!(stage.ask(&stranger, "video", body).await.0, 404, "of another");
    let (status, answer) = stage.ask(&user, "video", json!({ "prompt": "x", "imageId": film })).await;
    assert_eq!((status, &answer["error"]), (409, &json!("conflict")), "a video is no picture");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_keeps_its_looks_and_the_better_prompt_is_the_users_to_change() {
    let stage = Stage::start().await;
    let user = stage.user(100).await;
    let body = json!({ "prompt": "on a beach", "avatarId": AVATAR });
    let (status, better) = stage.app.post("/api/content/optimize", Some(&user.token), body).await;
    assert_eq!(status, 200, "{better}");
    assert!(better["optimizedPrompt"].as_str().unwrap().contains("red hair, green eyes"), "{better}");
    assert_eq!(stage.credits(&user).await, (100, 0), "it costs nothing");
    let told = async |body| {
        let id = stage.asked(&user, "image", body).await;
        stage.until(&user, &id, "done").await;
        stage.provider.painted.lock().unwrap().last().unwrap().prompt.clone()
    };
    let own =
        json!({ "prompt": "on a beach", "avatarId": AVATAR, "optimizedPrompt": "Ada, red hair, surfing" });
    assert_eq!(told(own).await, "Ada, red hair, surfing");
    let plain = json!({ "prompt": "on a beach", "avatarId": AVATAR, "optimize": false });
    assert_eq!(told(plain).await, "on a beach. Ada: red hair, green eyes");
    let strange = json!({ "prompt": "x", "avatarId": user.id });
    assert_eq!(stage.ask(&user, "image", strange).await.0, 404);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_said_is_neither_made_nor_held_for() {
    let stage = Stage::start_with(|config| {
        config.moderation.patterns.insert("house".into(), vec!["forbidden".into()]);
    })
    .await;
    let user = stage.user(50).await;
    for body in [
        json!({ "prompt": "something forbidden" }),
        json!({ "prompt": "fine", "optimizedPrompt": "forbidden after all" }),
    ] {
        let (status, answer) = stage.ask(&user, "image", body).await;
        assert_eq!((status, &answer["error"]), (400, &json!("content_refused")), "{answer}");
        assert_eq!(answer["details"][0]["field"], "prompt");
    }
    let body = json!({ "prompt": "forbidden" });
    assert_eq!(stage.app.post("/api/content/optimize", Some(&user.token), body).await.0, 400);
    // Also what the model made of it.
    let forbidden = super::stage::Act::Bytes(b"a forbidden thing".to_vec());
    stage.provider.write.lock().unwrap().push_back(forbidden);
    let id = stage.asked(&user, "image", json!({ "prompt": "fine" })).await;
    let failed = stage.until(&user, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "content_refused");
    assert!(stage.provider.painted.lock().unwrap().is_empty());
    assert_eq!(stage.credits(&user).await, (50, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_by_field() {
    let stage = Stage::start().await;
    let user = stage.user(50).await;
    let long = "x".repeat(2_001);
    for (kind, body, field) in [
        ("image", json!({}), "prompt"),
        ("image", json!({ "prompt": "  " }), "prompt"),
        ("image", json!({ "prompt": "a\0b" }), "prompt"),
        ("image", json!({ "prompt": long }), "prompt"),
        ("image", json!({ "prompt": "x", "quality": "best" }), "quality"),
        ("image", json!({ "prompt": "x", "size": "1x1" }), "size"),
        ("image", json!({ "prompt": "x", "clientId": "" }), "clientId"),
        ("video", json!({ "prompt": "x", "seconds": 7 }), "seconds"),
        ("video", json!({ "prompt": "x", "optimizedPrompt": "y".repeat(4_001) }), "optimizedPrompt"),
    ] {
        let (status, answer) = stage.ask(&user, kind, body).await;
        assert_eq!((status, &answer["details"][0]["field"]), (400, &json!(field)), "{answer}");
    }
    assert_eq!(stage.credits(&user).await, (50, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_for_one_buys_one_of_two_asked_at_once() {
    let stage = Stage::start().await;
    let user = stage.user(9).await;
    let body = || json!({ "prompt": "one of two", "optimize": false });
    let (one, other) = tokio::join!(stage.ask(&user, "image", body()), stage.ask(&user, "image", body()));
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 402], "{one:?} {other:?}");
    let taken = if one.0 == 202 { one.1 } else { other.1 };
    stage.until(&user, taken["content"]["id"].as_str().unwrap(), "done").await;
    assert_eq!(stage.credits(&user).await, (4, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_is_one_content_and_one_payment() {
    let stage = Stage::start().await;
    let user = stage.user(50).await;
    let body = json!({ "prompt": "once", "clientId": "abc" });
    let (one, other) =
        tokio::join!(stage.asked(&user, "image", body.clone()), stage.asked(&user, "image", body.clone()));
    assert_eq!(one, other);
    stage.until(&user, &one, "done").await;
    assert_eq!(stage.asked(&user, "image", body).await, one);
    assert_eq!(stage.credits(&user).await, (45, 0));
    let other = json!({ "prompt": "another", "clientId": "abc" });
    assert_eq!(stage.ask(&user, "image", other).await.0, 409);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_is_the_same_answer_whatever_became_of_what_it_needed() {
    let stage = Stage::start_with(|config| {
        config.content.open_per_user = 1;
    })
    .await;
    let user = stage.user(20).await;
    let picture = stage.asked(&user, "image", json!({ "prompt": "a boat", "optimize": false })).await;
    stage.until(&user, &picture, "done").await;
    *stage.provider.running.lock().unwrap() = Some(40);
    let body = json!({ "prompt": "it sails", "imageId": picture, "clientId": "film", "size": "720x1280" });
    let film = stage.asked(&user, "video", body.clone()).await;
    stage.until(&user, &film, "generating").await;
    // All is spent, no more may be under way, the picture is gone, and nobody makes videos any more.
    assert_eq!(stage.delete(&user, &picture).await, 204);
    stage.provider.shut.store(true, SeqCst);
    assert_eq!(stage.asked(&user, "video", body).await, film);
    let (status, answer) = stage.ask(&user, "video", json!({ "prompt": "x", "clientId": "new" })).await;
    assert_eq!((status, &answer["error"]), (503, &json!("feature_unavailable")), "{answer}");
    *stage.provider.running.lock().unwrap() = None;
    stage.until(&user, &film, "done").await;
    assert_eq!(stage.credits(&user).await, (0, 0), "paid once");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_stands_for_all_of_a_wish() {
    let stage = Stage::start().await;
    let user = stage.user(200).await;
    let picture = stage.asked(&user, "image", json!({ "prompt": "a boat", "optimize": false })).await;
    stage.until(&user, &picture, "done").await;
    let with = |body: &Value, change: Value| {
        let mut changed = body.clone();
        changed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        changed
    };
    let image = json!({ "prompt": "x", "clientId": "image", "quality": "standard", "size": "1024x1024" });
    let worded = json!({ "prompt": "x", "clientId": "worded", "optimizedPrompt": "a fine x" });
    let video =
        json!({ "prompt": "x", "clientId": "video", "imageId": picture, "seconds": 4, "optimize": false });
    for (kind, body, others) in [
        (
            "image",
            image,
            vec![
                json!({ "quality": "hd" }),
                json!({ "size": "1536x1024" }),
                json!({ "avatarId": AVATAR }),
                json!({ "optimize": false }),
                json!({ "optimizedPrompt": "a fine x" }),
            ],
        ),
        (
            "image",
            worded,
            vec![json!({ "optimizedPrompt": "another x" }), json!({ "optimizedPrompt": null })],
        ),
        (
            "video",
            video,
            vec![
                json!({ "seconds": 8 }),
                json!({ "imageId": null }),
                json!({ "optimize": true }),
                json!({ "optimizedPrompt": "a fine x" }),
            ],
        ),
    ] {
        let id = stage.asked(&user, kind, body.clone()).await;
        stage.until(&user, &id, "done").await;
        for other in others {
            let (status, answer) = stage.ask(&user, kind, with(&body, other.clone())).await;
            assert_eq!((status, &answer["error"]), (409, &json!("conflict")), "{other}: {answer}");
        }
        assert_eq!(stage.asked(&user, kind, body).await, id);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_are_known_beforehand() {
    let stage = Stage::start().await;
    let user = stage.user(12).await;
    let (status, costs) = stage.app.get("/api/content/costs", Some(&user.token)).await;
    assert_eq!(status, 200, "{costs}");
    let of = |kind: &str| ["standard", "hd", "premium"].map(|quality| costs[kind][quality].as_i64().unwrap());
    assert_eq!((of("image"), of("video")), ([5, 8, 10], [15, 23, 30]));
    assert_eq!(costs["image"]["available"], true);
    assert_eq!((&costs["balance"]["available"], &costs["open"]), (&json!(12), &json!(0)));
    assert_eq!(costs["video"]["seconds"], json!([4, 8, 12]));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_a_placeholder_is_made_that_says_so() {
    let app = TestApp::start().await;
    let (user, admin) = (app.user().await, app.admin().await);
    let path = format!("/api/admin/users/{}/credits", user.id);
    app.post(&path, Some(&admin.token), json!({ "amount": 50, "reason": "to try it" })).await;
    for kind in ["image", "video"] {
        let body = json!({ "prompt": "a lighthouse" });
        let (status, answer) =
            app.post(&format!("/api/content/generate/{kind}"), Some(&user.token), body).await;
        assert_eq!(status, 202, "{answer}");
        let path = format!("/api/content/{}", answer["content"]["id"].as_str().unwrap());
        crate::support::app::eventually(kind, async || {
            let (_, content) = app.get(&path, Some(&user.token)).await;
            assert_ne!(content["state"], "failed", "{content}");
            content["state"] == "done"
        })
        .await;
        let (_, content) = app.get(&path, Some(&user.token)).await;
        assert_eq!((&content["provider"], &content["file"]["state"]), (&json!("offline"), &json!("ready")));
    }
    app.stop().await;
}

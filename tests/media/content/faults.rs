//! A provider that fails, is slow, refuses, or sends what is none: what is held comes back.

use std::sync::atomic::Ordering::SeqCst;

use greenroom::studio::content::FilmState;
use greenroom_actors::ports::GenerateErrorKind::{Broken, RateLimited, Refused, Timeout, Unavailable};
use serde_json::json;

use super::stage::{Act, Stage};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again_and_costs_once() {
    let stage = Stage::start().await;
    let user = stage.user(20).await;
    stage.provider.paint.lock().unwrap().extend([Act::Fail(Unavailable), Act::Fail(RateLimited)]);
    let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
    let done = stage.until(&user, &id, "done").await;
    assert_eq!((&done["tries"], stage.provider.painted.lock().unwrap().len()), (&json!(1), 3));
    assert_eq!(stage.credits(&user).await, (15, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_good_says_why_and_gives_back() {
    let stage = Stage::start_with(|config| {
        config.content.image_max_bytes = 4_000;
        config.content.image_timeout_ms = 100;
    })
    .await;
    let user = stage.user(20).await;
    for (acts, code) in [
        (vec![Act::Fail(Unavailable); 3], "provider_unavailable"),
        (vec![Act::Fail(Timeout); 3], "provider_timeout"),
        (vec![Act::Fail(Refused)], "provider_refused"),
        (vec![Act::Forbid], "content_refused"),
        (vec![Act::Fail(Broken); 3], "bad_result"),
        (vec![Act::Bytes(Vec::new()); 3], "bad_result"),
        (vec![Act::Bytes(vec![0; 4_001]); 3], "bad_result"),
        (vec![Act::Bytes(b"<svg onload=alert(1)>".to_vec())], "bad_result"),
        (vec![Act::Hang; 3], "provider_timeout"),
    ] {
        stage.provider.paint.lock().unwrap().extend(acts);
        let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
        let failed = stage.until(&user, &id, "failed").await;
        assert_eq!(failed["error"]["code"], code, "{failed}");
        assert!(failed["file"].is_null() && failed["error"]["message"].is_string());
        assert_eq!(stage.credits(&user).await, (20, 0), "{code}");
        assert!(stage.provider.paint.lock().unwrap().is_empty(), "{code}: all were tried");
    }
    eventually("no file is left", async || stage.files(&user).await == 0).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_not_made_fails_and_one_that_is_hard_to_see_does_not() {
    let stage = Stage::start().await;
    let user = stage.user(40).await;
    let body = || json!({ "prompt": "x", "optimize": false });
    let failed = FilmState::Failed { reason: "no idea".into() };
    stage.provider.look.lock().unwrap().extend([Ok(FilmState::Running { percent: 10 }), Ok(failed)]);
    let id = stage.asked(&user, "video", body()).await;
    assert_eq!(stage.until(&user, &id, "failed").await["error"]["code"], "provider_failed");
    assert_eq!(stage.credits(&user).await, (40, 0));
    let looks = [Err(Unavailable), Ok(FilmState::Running { percent: 50 }), Err(Timeout), Err(Unavailable)];
    stage.provider.look.lock().unwrap().extend(looks);
    stage.provider.fetch.lock().unwrap().push_back(Act::Fail(Unavailable));
    let id = stage.asked(&user, "video", body()).await;
    stage.until(&user, &id, "done").await;
    assert_eq!(stage.provider.filmed.lock().unwrap().len(), 2, "it is begun once");
    assert_eq!(stage.credits(&user).await, (25, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_too_large_is_fetched_once() {
    let stage = Stage::start().await;
    let user = stage.user(15).await;
    stage.provider.fetch.lock().unwrap().push_back(Act::TooLarge);
    let id = stage.asked(&user, "video", json!({ "prompt": "x", "optimize": false })).await;
    let failed = stage.until(&user, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "bad_result", "{failed}");
    // It was begun, and fetched.
    assert_eq!(stage.provider.entered.load(SeqCst), 2);
    assert_eq!(stage.credits(&user).await, (15, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_never_ends_is_given_up_and_ended_upstream() {
    let stage = Stage::start_with(|config| config.content.video_looks_max = 3).await;
    let user = stage.user(40).await;
    *stage.provider.running.lock().unwrap() = Some(99);
    let id = stage.asked(&user, "video", json!({ "prompt": "x", "optimize": false })).await;
    let failed = stage.until(&user, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "provider_timeout");
    assert_eq!(stage.provider.looked.load(SeqCst), 4);
    eventually("it is ended there", async || stage.provider.canceled.lock().unwrap().len() == 1).await;
    assert_eq!(stage.credits(&user).await, (40, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_prompt_that_cannot_be_had_is_no_reason_not_to_make_it() {
    let stage = Stage::start_with(|config| config.content.optimize_timeout_ms = 100).await;
    let user = stage.user(20).await;
    for act in [Act::Fail(Unavailable), Act::Hang, Act::Bytes(b" \n ".to_vec())] {
        stage.provider.write.lock().unwrap().push_back(act);
        let body = json!({ "prompt": "a boat", "avatarId": super::stage::AVATAR });
        let id = stage.asked(&user, "image", body).await;
        let done = stage.until(&user, &id, "done").await;
        assert_eq!(done["optimizedPrompt"], "a boat. Ada: red hair, green eyes");
    }
    assert_eq!(stage.credits(&user).await, (5, 0));
    stage.stop().await;
}

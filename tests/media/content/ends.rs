//! Cancelling in each state, asking once more, deleting: what is held comes back once, and nothing is left lying.

use std::sync::atomic::Ordering::SeqCst;

use greenroom_actors::ports::GenerateErrorKind;
use serde_json::json;

use super::stage::{Act, Stage};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_picture_ends_upstream_and_gives_back() {
    let stage = Stage::start().await;
    let user = stage.user(20).await;
    for (script, optimize) in [(&stage.provider.write, true), (&stage.provider.paint, false)] {
        let before = stage.provider.entered.load(SeqCst);
        script.lock().unwrap().push_back(Act::Hang);
        let dropped = stage.provider.dropped.load(SeqCst);
        let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": optimize })).await;
        stage.provider.entered(before + 1).await;
        assert_eq!(stage.credits(&user).await, (15, 5));
        let (status, answer) = stage.act(&user, &id, "cancel").await;
        assert_eq!((status, &answer["content"]["state"]), (200, &json!("canceled")), "{answer}");
        assert_eq!(answer["credits"]["available"], 20);
        eventually("the call ends", async || stage.provider.dropped.load(SeqCst) == dropped + 1).await;
        let (status, answer) = stage.act(&user, &id, "cancel").await;
        assert_eq!((status, &answer["content"]["state"]), (200, &json!("canceled")), "twice is once");
    }
    assert_eq!((stage.credits(&user).await, stage.files(&user).await), ((20, 0), 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_turn_is_cancelled_without_being_begun() {
    let stage = Stage::start_with(|config| config.content.running_per_user = 1).await;
    let user = stage.user(20).await;
    stage.provider.paint.lock().unwrap().push_back(Act::Wait);
    let first = stage.asked(&user, "image", json!({ "prompt": "one", "optimize": false })).await;
    stage.provider.entered(1).await;
    let second = stage.asked(&user, "image", json!({ "prompt": "two", "optimize": false })).await;
    let third = stage.asked(&user, "image", json!({ "prompt": "three", "optimize": false })).await;
    assert_eq!(stage.get(&user, &second).await["state"], "queued");
    assert_eq!(stage.act(&user, &second, "cancel").await.0, 200);
    stage.provider.on.notify_one();
    stage.until(&user, &first, "done").await;
    stage.until(&user, &third, "done").await;
    let prompts: Vec<String> =
        stage.provider.painted.lock().unwrap().iter().map(|order| order.prompt.clone()).collect();
    assert_eq!(prompts, ["one", "three"]);
    assert_eq!(stage.credits(&user).await, (10, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_video_is_ended_at_its_provider() {
    let stage = Stage::start().await;
    let user = stage.user(40).await;
    *stage.provider.running.lock().unwrap() = Some(30);
    let id = stage.asked(&user, "video", json!({ "prompt": "x", "optimize": false })).await;
    eventually("it is under way", async || stage.provider.looked.load(SeqCst) > 1).await;
    assert_eq!(stage.act(&user, &id, "cancel").await.0, 200);
    eventually("it is ended there", async || stage.provider.canceled.lock().unwrap().len() == 1).await;
    assert_eq!(stage.provider.canceled.lock().unwrap()[0].id, "film-1");
    // One that is cancelled while it is begun is ended too, once it is known what it is called.
    stage.provider.begin.lock().unwrap().push_back(Act::Wait);
    let entered = stage.provider.entered.load(SeqCst);
    let id = stage.asked(&user, "video", json!({ "prompt": "x", "optimize": false })).await;
    stage.provider.entered(entered + 1).await;
    assert_eq!(stage.act(&user, &id, "cancel").await.0, 200);
    stage.provider.on.notify_one();
    eventually("that one too", async || stage.provider.canceled.lock().unwrap().len() == 2).await;
    assert_eq!(stage.credits(&user).await, (40, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_result_and_a_cancellation_at_once_exactly_one_wins() {
    let stage = Stage::start().await;
    let user = stage.user(100).await;
    let (mut paid, mut back) = (0, 0);
    for _ in 0..8 {
        stage.provider.paint.lock().unwrap().push_back(Act::Wait);
        let entered = stage.provider.entered.load(SeqCst);
        let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
        stage.provider.entered(entered + 1).await;
        stage.provider.on.notify_one();
        let (status, _) = stage.act(&user, &id, "cancel").await;
        let ended = if status == 200 { "canceled" } else { "done" };
        let content = stage.until(&user, &id, ended).await;
        assert_eq!(content["file"].is_null(), ended == "canceled", "{content}");
        if ended == "done" { paid += 5 } else { back += 1 }
    }
    assert_eq!(stage.credits(&user).await, (100 - paid, 0), "{back} came back");
    eventually("no file is left", async || stage.files(&user).await as i64 == paid / 5).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_result_that_is_being_stored_leaves_no_file() {
    let stage = Stage::start().await;
    let (user, admin) = (stage.user(20).await, stage.app.admin().await);
    // Nothing looks at files meanwhile.
    stage.app.post("/api/admin/queues/media-processing/pause", Some(&admin.token), json!({})).await;
    let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
    stage.until(&user, &id, "storing").await;
    assert_eq!(stage.files(&user).await, 1);
    assert_eq!(stage.act(&user, &id, "cancel").await.0, 200);
    eventually("its file goes", async || stage.files(&user).await == 0).await;
    assert_eq!(stage.credits(&user).await, (20, 0));
    stage.app.post("/api/admin/queues/media-processing/resume", Some(&admin.token), json!({})).await;
    assert_eq!(stage.get(&user, &id).await["state"], "canceled");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_made_again_and_paid_once() {
    let stage = Stage::start().await;
    let user = stage.user(5).await;
    stage.provider.paint.lock().unwrap().push_back(Act::Fail(GenerateErrorKind::Refused));
    let id = stage.asked(&user, "image", json!({ "prompt": "x" })).await;
    let failed = stage.until(&user, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "provider_refused");
    assert_eq!(stage.credits(&user).await, (5, 0));
    let (status, again) = stage.act(&user, &id, "retry").await;
    assert_eq!((status, &again["content"]["state"]), (202, &json!("queued")), "{again}");
    assert_eq!((&again["content"]["tries"], &again["credits"]["held"]), (&json!(2), &json!(5)));
    assert!(again["content"].get("error").is_none() && again["content"]["endedAt"].is_null());
    let done = stage.until(&user, &id, "done").await;
    assert_eq!((&done["credits"], stage.credits(&user).await), (&json!(5), (0, 0)));
    let (status, answer) = stage.act(&user, &id, "retry").await;
    assert_eq!((status, &answer["error"]), (409, &json!("conflict")));
    // Without credits there is no further round.
    stage.provider.paint.lock().unwrap().push_back(Act::Hang);
    let poor = stage.user(5).await;
    let id = stage.asked(&poor, "image", json!({ "prompt": "x", "optimize": false })).await;
    assert_eq!(stage.act(&poor, &id, "retry").await.0, 409, "it is under way");
    stage.act(&poor, &id, "cancel").await;
    let other = stage.asked(&poor, "image", json!({ "prompt": "y", "optimize": false })).await;
    stage.until(&poor, &other, "done").await;
    assert_eq!(stage.act(&poor, &id, "retry").await.0, 402);
    assert_eq!(stage.get(&poor, &id).await["state"], "canceled");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_goes_with_its_file_and_what_is_under_way_gives_back() {
    let stage = Stage::start().await;
    let user = stage.user(40).await;
    let done = stage.asked(&user, "image", json!({ "prompt": "x" })).await;
    stage.until(&user, &done, "done").await;
    *stage.provider.running.lock().unwrap() = Some(10);
    let film = stage.asked(&user, "video", json!({ "prompt": "x", "optimize": false })).await;
    eventually("it is under way", async || stage.provider.looked.load(SeqCst) > 0).await;
    let mut socket = stage.app.socket(&user).await;
    for id in [&done, &film] {
        assert_eq!(stage.delete(&user, id).await, 204);
        let gone = stage.app.get(&format!("/api/content/{id}"), Some(&user.token)).await;
        assert_eq!(gone.0, 404);
        assert_eq!(stage.delete(&user, id).await, 404);
    }
    assert_eq!(socket.event("content:delete").await["contentId"], json!(done));
    eventually("it is ended there", async || stage.provider.canceled.lock().unwrap().len() == 1).await;
    eventually("its file goes", async || stage.files(&user).await == 0).await;
    assert_eq!(stage.credits(&user).await, (35, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_nothing_goes_after_its_days_and_what_is_done_never() {
    let stage = Stage::start().await;
    let user = stage.user(40).await;
    let done = stage.asked(&user, "image", json!({ "prompt": "done" })).await;
    stage.until(&user, &done, "done").await;
    let mut nothing = Vec::new();
    for prompt in ["old", "again", "new"] {
        stage.provider.paint.lock().unwrap().push_back(Act::Fail(GenerateErrorKind::Refused));
        let id = stage.asked(&user, "image", json!({ "prompt": prompt })).await;
        stage.until(&user, &id, "failed").await;
        nothing.push(id);
    }
    let client = stage.app.database.pool().get().await.unwrap();
    let age = async |id: &str, days: i32| {
        let sql = "update content set ended_at = now() - $2::int * interval '1 day', created_at = now() - $2 * interval '1 day'
            where id = $1::text::uuid";
        assert_eq!(client.execute(sql, &[&id, &days]).await.unwrap(), 1);
    };
    for (id, days) in [(&done, 900), (&nothing[0], 91), (&nothing[1], 91), (&nothing[2], 89)] {
        age(id, days).await;
    }
    // Asked for once more, it has not come to nothing.
    stage.provider.paint.lock().unwrap().push_back(Act::Wait);
    let entered = stage.provider.entered.load(SeqCst);
    assert_eq!(stage.act(&user, &nothing[1], "retry").await.0, 202);
    stage.provider.entered(entered + 1).await;
    let sweep = "insert into jobs (id, queue, kind, payload) values (gen_random_uuid(), 'maintenance', 'content.sweep', '{}')";
    client.execute(sweep, &[]).await.unwrap();
    let path = format!("/api/content/{}", nothing[0]);
    eventually("it is gone", async || stage.app.get(&path, Some(&user.token)).await.0 == 404).await;
    stage.provider.on.notify_one();
    stage.until(&user, &nothing[1], "done").await;
    assert_eq!(stage.get(&user, &done).await["file"]["state"], "ready");
    assert_eq!(stage.get(&user, &nothing[2]).await["state"], "failed");
    assert_eq!(stage.credits(&user).await, (30, 0), "two are paid");
    drop(client);
    stage.stop().await;
}

//! A server that ends in each step, and comes back: credits exact, nothing lost, nothing made for nobody.

use std::sync::atomic::Ordering::SeqCst;

use greenroom::billing::Ledger;
use serde_json::json;

use super::stage::{Act, Stage};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_survives_the_end_of_its_server_in_each_step() {
    let mut stage = Stage::start().await;
    let user = stage.user(20).await;
    // While the prompt is made better.
    stage.provider.write.lock().unwrap().push_back(Act::Hang);
    let id = stage.asked(&user, "image", json!({ "prompt": "x" })).await;
    stage.provider.entered(1).await;
    stage.app.restart().await;
    stage.until(&user, &id, "done").await;
    assert_eq!(stage.credits(&user).await, (15, 0));
    // While it is painted.
    let entered = stage.provider.entered.load(SeqCst);
    stage.provider.paint.lock().unwrap().push_back(Act::Hang);
    let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
    stage.provider.entered(entered + 1).await;
    stage.app.restart().await;
    let done = stage.until(&user, &id, "done").await;
    assert_eq!(done["tries"], 1);
    assert_eq!(stage.credits(&user).await, (10, 0));
    assert_eq!(stage.files(&user).await, 2);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_came_and_could_not_be_noted_is_made_again_and_paid_once() {
    let mut stage = Stage::start().await;
    let user = stage.user(20).await;
    stage.provider.paint.lock().unwrap().push_back(Act::Wait);
    let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
    stage.provider.entered(1).await;
    // Whoever would note it waits for this lock, and dies waiting.
    let mut client = stage.app.database.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let lock = "select pg_advisory_xact_lock(hashtextextended('content of ' || $1::uuid, 0))";
    transaction.execute(lock, &[&uuid::Uuid::try_parse(&user.id).unwrap()]).await.unwrap();
    stage.provider.on.notify_one();
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    eventually("it is to be noted", async || {
        transaction.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) > 0
    })
    .await;
    stage.app.restart().await;
    transaction.rollback().await.unwrap();
    drop(client);
    stage.until(&user, &id, "done").await;
    assert_eq!(stage.provider.painted.lock().unwrap().len(), 2);
    assert_eq!((stage.credits(&user).await, stage.files(&user).await), ((15, 0), 1));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_under_way_is_looked_at_by_the_next_server_and_begun_once() {
    let mut stage = Stage::start().await;
    let user = stage.user(40).await;
    *stage.provider.running.lock().unwrap() = Some(40);
    let id = stage.asked(&user, "video", json!({ "prompt": "x", "optimize": false })).await;
    eventually("it is under way", async || stage.provider.looked.load(SeqCst) > 1).await;
    stage.app.restart().await;
    let looked = stage.provider.looked.load(SeqCst);
    eventually("it is looked at", async || stage.provider.looked.load(SeqCst) > looked).await;
    assert_eq!(stage.get(&user, &id).await["progress"], 42);
    // It ends while it is fetched: fetched again.
    stage.provider.fetch.lock().unwrap().push_back(Act::Hang);
    let entered = stage.provider.entered.load(SeqCst);
    *stage.provider.running.lock().unwrap() = None;
    stage.provider.entered(entered + 1).await;
    stage.app.restart().await;
    let done = stage.until(&user, &id, "done").await;
    assert_eq!((&done["file"]["kind"], &done["file"]["state"]), (&json!("video"), &json!("ready")));
    assert_eq!(stage.provider.filmed.lock().unwrap().len(), 1);
    assert!(stage.provider.canceled.lock().unwrap().is_empty());
    assert_eq!(stage.credits(&user).await, (25, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_whose_file_is_being_made_is_finished_by_the_next_server() {
    let mut stage = Stage::start().await;
    let (user, admin) = (stage.user(20).await, stage.app.admin().await);
    stage.app.post("/api/admin/queues/media-processing/pause", Some(&admin.token), json!({})).await;
    let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
    stage.until(&user, &id, "storing").await;
    stage.app.restart().await;
    assert_eq!(stage.credits(&user).await, (15, 5), "it is not paid before it is there");
    stage.app.post("/api/admin/queues/media-processing/resume", Some(&admin.token), json!({})).await;
    stage.until(&user, &id, "done").await;
    assert_eq!(stage.provider.painted.lock().unwrap().len(), 1);
    assert_eq!(stage.credits(&user).await, (15, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_run_twice_do_nothing_the_second_time() {
    let stage = Stage::start().await;
    let user = stage.user(20).await;
    let id = stage.asked(&user, "image", json!({ "prompt": "x" })).await;
    stage.until(&user, &id, "done").await;
    let client = stage.app.database.pool().get().await.unwrap();
    // As if each server had died between what it did and noting that its job is done.
    let again = "insert into jobs (id, queue, kind, payload)
        select gen_random_uuid(), 'ai-responses', 'content.make', jsonb_build_object('user', $1::uuid, 'content', $2::uuid, 'step', s)
        from generate_series(0, 6) s";
    let (owner, content) = (uuid::Uuid::try_parse(&user.id).unwrap(), uuid::Uuid::try_parse(&id).unwrap());
    client.execute(again, &[&owner, &content]).await.unwrap();
    let open = "select count(*) from jobs where kind = 'content.make' and state < 2";
    eventually("all have run", async || client.query_one(open, &[]).await.unwrap().get::<_, i64>(0) == 0)
        .await;
    let dead = "select count(*) from jobs where kind = 'content.make' and state = 3";
    assert_eq!(client.query_one(dead, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(stage.get(&user, &id).await["state"], "done");
    assert_eq!((stage.credits(&user).await, stage.files(&user).await), ((15, 0), 1));
    assert_eq!(stage.provider.painted.lock().unwrap().len(), 1);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_brings_to_an_end_fails_and_gives_back() {
    let stage = Stage::start().await;
    let user = stage.user(20).await;
    stage.provider.paint.lock().unwrap().push_back(Act::Hang);
    let id = stage.asked(&user, "image", json!({ "prompt": "x", "optimize": false })).await;
    stage.provider.entered(1).await;
    let client = stage.app.database.pool().get().await.unwrap();
    // Its time is over; the sweep is due.
    client.execute("update content set asked_at = now() - interval '7 hours'", &[]).await.unwrap();
    client
        .execute("insert into jobs (id, queue, kind, payload) values (gen_random_uuid(), 'maintenance', 'content.sweep', '{}')", &[])
        .await
        .unwrap();
    let failed = stage.until(&user, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "provider_timeout");
    assert_eq!(stage.credits(&user).await, (20, 0));
    let ledger = Ledger::new(stage.app.database.pool());
    assert!(ledger.verify().await.unwrap().faults.is_empty());
    stage.stop().await;
}

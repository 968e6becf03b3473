//! Jobs that fail: retries, dead letters, panics, deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use greenroom::jobs::{JobError, Settings};
use serde_json::json;

use super::world::{DEAD, DONE, World, does, settings, work};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_is_tried_again_with_growing_pauses_and_then_is_dead() {
    let world = World::new().await;
    let node = world.node(settings(), does(|_| async { Err(JobError::Again("no route\0".into())) })).await;
    let job = world.put_payload(json!({ "to": "mira" })).await;
    for (attempts, pause) in [(1, 1_000.0), (2, 4_000.0), (3, 16_000.0)] {
        let tried = async || {
            let row = world.row(job).await;
            row["attempts"] == attempts && row["state"] == 0 && row["error"] == "no route"
        };
        eventually("a try", tried).await;
        let waits = world.row(job).await["waits"].as_f64().unwrap();
        assert!((pause * 0.7..pause * 1.3).contains(&waits), "after try {attempts}: {waits} s");
        world.time_passes().await;
    }
    eventually("dead", async || world.state(job).await == DEAD).await;
    let row = world.row(job).await;
    assert_eq!((&row["attempts"], &row["leased"]), (&json!(4), &json!(false)));
    assert_eq!(row["payload"], json!({ "to": "mira" }), "kept for an admin's retry");
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_can_never_go_is_dead_at_once() {
    let world = World::new().await;
    let node =
        world.node(settings(), does(|_| async { Err(JobError::Never("no such mailbox".into())) })).await;
    let job = world.put_payload(json!({})).await;
    eventually("dead", async || world.state(job).await == DEAD).await;
    let row = world.row(job).await;
    assert_eq!((&row["attempts"], &row["error"]), (&json!(1), &json!("no such mailbox")));
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_put_off_as_long_as_somebody_asks_and_not_for_ever() {
    let world = World::new().await;
    let handlers = does(|job| async move {
        let seconds = job.payload.as_u64().unwrap();
        Err(JobError::NotBefore(Duration::from_secs(seconds), "patience".into()))
    });
    let (day, forever) = (86_400, 1_000_000_000_000_000_000_u64);
    let waits = async |settings: Settings, asked: u64| {
        let node = world.node(settings, handlers.clone()).await;
        let job = world.put_payload(json!(asked)).await;
        eventually("a try", async || world.row(job).await["error"] == "patience").await;
        node.stop(Duration::from_secs(10)).await;
        world.row(job).await["waits"].as_f64().unwrap()
    };
    let short =
        Settings { backoff: Duration::from_millis(1), backoff_max: Duration::from_secs(600), ..settings() };
    for (asked, settings, expected) in [
        (300, short.clone(), 300.0),
        (day, short.clone(), 600.0),
        (forever, short, 600.0),
        (50_000, settings(), 50_000.0),
        (forever, settings(), f64::from(86_400)),
    ] {
        let waits = waits(settings, asked).await;
        assert!((expected - 60.0..=expected).contains(&waits), "{asked}: {waits} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_and_the_worker_lives_on() {
    let world = World::new().await;
    let handlers = does(|job| {
        // Also one that comes before there is a future.
        assert_ne!(job.payload, json!("early"), "secret-7");
        async move {
            assert_ne!(job.payload, json!("late"), "secret-7");
            Ok(())
        }
    });
    let node = world.node(Settings { workers: 1, ..settings() }, handlers).await;
    let (early, late) = (world.put_payload(json!("early")).await, world.put_payload(json!("late")).await);
    let fine = world.put_payload(json!("fine")).await;
    eventually("the next job", async || world.state(fine).await == DONE).await;
    for job in [early, late] {
        let row = world.row(job).await;
        assert_eq!((&row["state"], &row["attempts"]), (&json!(0), &json!(1)), "{row}");
        let error = row["error"].as_str().unwrap();
        assert!(error.contains("panicked") && !error.contains("secret-7"), "{error}");
    }
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_too_long_is_broken_off_and_counts_as_failed() {
    let world = World::new().await;
    let settings = Settings { deadline: Duration::from_millis(50), ..settings() };
    let node = world.node(settings, does(|_| std::future::pending())).await;
    let job = world.put_payload(json!({})).await;
    let broken_off =
        async || world.row(job).await["error"].as_str().is_some_and(|why| why.contains("longer than 0.05 s"));
    eventually("broken off", broken_off).await;
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_and_then_goes_is_done() {
    let world = World::new().await;
    let up = Arc::new(AtomicBool::new(false));
    let seen = up.clone();
    let handlers = does(move |_| {
        let up = seen.load(SeqCst);
        async move { if up { Ok(()) } else { Err(JobError::Again("down".into())) } }
    });
    let node = world.node(settings(), handlers).await;
    let job = world.put(&work(json!({}))).await.unwrap();
    eventually("a failure", async || world.row(job).await["error"] == "down").await;
    up.store(true, SeqCst);
    world.time_passes().await;
    eventually("done", async || world.state(job).await == DONE).await;
    assert!(world.row(job).await["error"].is_null());
    node.stop(Duration::from_secs(10)).await;
}

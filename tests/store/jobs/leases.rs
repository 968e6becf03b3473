//! Leases: nodes that die, that are slow, and that end in an orderly way. Dropping a node without a stop is its death.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::FutureExt;
use greenroom::jobs::{Handlers, Settings};
use greenroom::postgres::archive::OtherNodes;
use serde_json::json;

use super::world::{DEAD, DONE, Log, RUNNING, WAITING, World, does, settings};
use crate::support::app::eventually;

/// A handler that never ends.
fn hangs() -> Handlers {
    does(|_| std::future::pending())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_dead_node_is_taken_up_when_its_lease_is_over_and_not_before() {
    let (world, log) = (World::new().await, Log::default());
    let job = world.put_payload(json!("orphan")).await;
    let dies = world.node(settings(), hangs()).await;
    eventually("running", async || world.state(job).await == RUNNING).await;
    drop(dies);
    // The lease is looked at several times while the second job is done.
    let lives = world.node(Settings { lease: Duration::from_secs(1), ..settings() }, log.handlers()).await;
    let second = world.put_payload(json!("second")).await;
    eventually("the second", async || world.state(second).await == DONE).await;
    assert_eq!(world.state(job).await, RUNNING, "its lease holds");
    world.time_passes().await;
    eventually("taken up", async || world.state(job).await == DONE).await;
    assert_eq!(world.row(job).await["attempts"], 2);
    assert_eq!(log.all(), [json!("second"), json!("orphan")]);
    lives.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_private_cluster_takes_up_the_jobs_of_the_dead_at_once() {
    let (world, log) = (World::new().await, Log::default());
    let job = world.put_payload(json!("orphan")).await;
    let dies = world.node(settings(), hangs()).await;
    eventually("running", async || world.state(job).await == RUNNING).await;
    drop(dies);
    let next = world.node(Settings { others: OtherNodes::Gone, ..settings() }, log.handlers()).await;
    eventually("taken up", async || world.state(job).await == DONE).await;
    next.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_every_server_ends_dead() {
    let world = World::new().await;
    let job = world.put_payload(json!("poison")).await;
    for n in 1..=4 {
        let dies = world.node(settings(), hangs()).await;
        eventually("running", async || world.row(job).await["attempts"] == n).await;
        drop(dies);
        world.time_passes().await;
    }
    let lives = world.node(settings(), hangs()).await;
    eventually("dead", async || world.state(job).await == DEAD).await;
    let row = world.row(job).await;
    assert_eq!((&row["attempts"], &row["error"]), (&json!(4), &json!("the server that ran it died")));
    lives.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_keeps_its_lease_for_as_long_as_it_takes() {
    let world = World::new().await;
    let node = world.node(Settings { lease: Duration::from_secs(1), ..settings() }, hangs()).await;
    let job = world.put_payload(json!({})).await;
    eventually("running", async || world.state(job).await == RUNNING).await;
    // Three spans of its lease later it is still the first taking.
    let later = "select count(*) from jobs where lease_until > created_at + interval '4 seconds'";
    eventually("renewed", async || world.count(later).await == 1).await;
    assert_eq!(world.count("select count(*) from jobs where state = 1 and fence = 1").await, 1);
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_lost_a_job_breaks_it_off_and_can_say_nothing_of_it() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let world = World::new().await;
    let broken_off = Arc::new(AtomicBool::new(false));
    let seen = broken_off.clone();
    let handlers = does(move |_| {
        let dropped = Dropped(seen.clone());
        async move {
            let _dropped = dropped;
            std::future::pending().await
        }
    });
    let node = world.node(Settings { lease: Duration::from_secs(1), ..settings() }, handlers).await;
    let job = world.put_payload(json!({})).await;
    eventually("running", async || world.state(job).await == RUNNING).await;
    // What another node does that finds the lease over.
    let other = "update jobs set fence = fence + 1, node = gen_random_uuid(), lease_until = now() + interval '1 hour'";
    world.execute(other).await;
    eventually("broken off", async || broken_off.load(SeqCst)).await;
    node.stop(Duration::from_secs(10)).await;
    let row = world.row(job).await;
    assert_eq!((&row["state"], &row["attempts"]), (&json!(1), &json!(1)), "the other's taking stands: {row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_jobs_finish_and_takes_no_new_ones() {
    let world = World::new().await;
    let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
    let (counted, wait) = (begun.clone(), go.clone());
    let handlers = does(move |_| {
        let wait = wait.clone();
        counted.fetch_add(1, SeqCst);
        async move {
            wait.notified().await;
            Ok(())
        }
    });
    let node = world.node(Settings { workers: 1, ..settings() }, handlers).await;
    let first = world.put_payload(json!(1)).await;
    eventually("running", async || world.state(first).await == RUNNING).await;
    let second = world.put_payload(json!(2)).await;
    let mut stop = pin!(node.stop(Duration::from_secs(30)));
    // Begun, and waiting for the first.
    assert!(stop.as_mut().now_or_never().is_none());
    go.notify_one();
    stop.await;
    assert_eq!((world.state(first).await, world.state(second).await), (DONE, WAITING));
    assert_eq!(begun.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_finish_before_the_stops_deadline_is_given_back_as_if_not_tried() {
    let (world, log) = (World::new().await, Log::default());
    let job = world.put_payload(json!("long")).await;
    let node = world.node(settings(), hangs()).await;
    eventually("running", async || world.state(job).await == RUNNING).await;
    node.stop(Duration::from_millis(10)).await;
    let row = world.row(job).await;
    assert_eq!((&row["state"], &row["attempts"], &row["leased"]), (&json!(0), &json!(0), &json!(false)));
    let next = world.node(settings(), log.handlers()).await;
    eventually("done by the next", async || world.state(job).await == DONE).await;
    next.stop(Duration::from_secs(10)).await;
}

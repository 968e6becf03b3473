//! Putting in and taking: order, keys, transactions, pauses, several nodes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::jobs::{NewJob, QueueName, Recurring, Settings, enqueue};
use serde_json::{Value, json};

use super::world::{DONE, KIND, Log, WAITING, World, does, keyed, settings, work};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn the_urgent_go_first_and_then_the_oldest() {
    let (world, log) = (World::new().await, Log::default());
    for (name, priority) in [("normal 1", 0), ("late", 5), ("urgent", -5), ("normal 2", 0)] {
        world.put(&NewJob { priority, ..work(json!(name)) }).await;
    }
    let tomorrow = NewJob {
        run_at: Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24)),
        priority: -9,
        ..work(json!("tomorrow"))
    };
    world.put(&tomorrow).await;
    let node = world.node(Settings { workers: 1, ..settings() }, log.handlers()).await;
    eventually("all that are due", async || log.all().len() == 4).await;
    assert_eq!(log.all(), [json!("urgent"), json!("normal 1"), json!("normal 2"), json!("late")]);
    node.stop(Duration::from_secs(10)).await;
    assert_eq!(log.all().len(), 4, "tomorrow has not come");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_job_wakes_the_workers_when_it_commits() {
    let (world, log) = (World::new().await, Log::default());
    let node = world.node(Settings { poll: Duration::from_secs(3_600), ..settings() }, log.handlers()).await;
    eventually("listening", async || node.finding() == greenroom::http::Finding::up()).await;
    let mut client = world.client().await;
    let transaction = client.transaction().await.unwrap();
    let job = enqueue(&transaction, &work(json!("a letter"))).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    eventually("done", async || world.state(job).await == DONE).await;
    assert_eq!(log.all(), [json!("a letter")]);
    assert_eq!(world.row(job).await["payload"], Value::Null, "what it was about is erased");
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rolled_back_was_never_there() {
    let (world, log) = (World::new().await, Log::default());
    let node = world.node(settings(), log.handlers()).await;
    let mut client = world.client().await;
    let transaction = client.transaction().await.unwrap();
    enqueue(&transaction, &work(json!("never"))).await.unwrap().unwrap();
    transaction.rollback().await.unwrap();
    world.put_payload(json!("after")).await;
    eventually("the other", async || log.has(&json!("after"))).await;
    node.stop(Duration::from_secs(10)).await;
    assert_eq!(log.all(), [json!("after")]);
    assert_eq!(world.count("select count(*) from jobs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_that_ask_for_the_same_at_once_get_one_job() {
    let world = Arc::new(World::new().await);
    let asked = (0..50).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { world.put(&keyed("account 7")).await })
    });
    let mut made = 0;
    for one in asked.collect::<Vec<_>>() {
        made += usize::from(one.await.unwrap().is_some());
    }
    assert_eq!(made, 1);
    assert!(world.put(&keyed("account 8")).await.is_some(), "another key is another job");
    let other_kind = NewJob { kind: "test.other", ..keyed("account 7") };
    assert!(world.put(&other_kind).await.is_some(), "keys are each kind's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_free_again_when_its_job_is_done() {
    let (world, log) = (World::new().await, Log::default());
    let first = world.put(&keyed("once")).await.unwrap();
    assert_eq!(world.put(&keyed("once")).await, None);
    let node = world.node(settings(), log.handlers()).await;
    eventually("done", async || world.state(first).await == DONE).await;
    let second = world.put(&keyed("once")).await.expect("the first has ended");
    eventually("done again", async || world.state(second).await == DONE).await;
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_queues_take_no_jobs_and_payloads_have_a_bound() {
    let world = World::new().await;
    let client = world.client().await;
    let live = NewJob::new(QueueName::Messages, KIND, json!({}));
    assert!(enqueue(&client, &live).await.is_err());
    // Of random letters, so that it does not shrink when stored.
    let letters: String = std::iter::repeat_with(fastrand::alphanumeric).take(1_200_000).collect();
    assert!(enqueue(&client, &work(json!(letters))).await.is_err());
    assert_eq!(world.count("select count(*) from jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_waits_and_the_others_go_on() {
    let (world, log) = (World::new().await, Log::default());
    world.execute("insert into paused_queues (queue) values ('emails')").await;
    let waits = world.put(&NewJob { priority: -1, ..work(json!("paused")) }).await.unwrap();
    let node = world.node(Settings { workers: 1, ..settings() }, log.handlers()).await;
    world.put(&NewJob::new(QueueName::Analytics, KIND, json!("goes"))).await;
    eventually("the other queue", async || log.has(&json!("goes"))).await;
    assert_eq!(world.state(waits).await, WAITING);
    world.execute("delete from paused_queues").await;
    eventually("resumed", async || world.state(waits).await == DONE).await;
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_whose_jobs_hang_leaves_workers_to_the_others() {
    let world = World::new().await;
    let handlers = does(|job| async move {
        if job.queue == QueueName::Emails {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    for n in 0..20 {
        world.put(&NewJob { priority: -1, ..work(json!(n)) }).await;
    }
    let node = world.node(settings(), handlers).await;
    let other = world.put(&NewJob::new(QueueName::Analytics, KIND, json!({}))).await.unwrap();
    eventually("the other queue", async || world.state(other).await == DONE).await;
    assert!(world.count("select count(*) from jobs where queue = 'emails' and state = 1").await <= 3);
    node.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_nobody_here_can_do_are_left_for_those_who_can() {
    let (world, log) = (World::new().await, Log::default());
    let idle = world.node(settings(), Vec::new()).await;
    let job = world.put_payload(json!("for another")).await;
    let able = world.node(settings(), log.handlers()).await;
    eventually("done", async || world.state(job).await == DONE).await;
    assert_eq!(world.row(job).await["attempts"], 1);
    idle.stop(Duration::from_secs(10)).await;
    able.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_jobs_on_two_nodes_are_each_done_once() {
    const JOBS: usize = 3_000;
    const WORKERS: usize = 12;
    let world = World::new().await;
    let times = Arc::new(Mutex::new(HashMap::<Value, usize>::new()));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handlers = || {
        let (times, now, most) = (times.clone(), now.clone(), most.clone());
        does(move |job| {
            let (times, now, most) = (times.clone(), now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::task::yield_now().await;
                *times.lock().unwrap().entry(job.payload).or_default() += 1;
                now.fetch_sub(1, SeqCst);
                Ok(())
            }
        })
    };
    let settings = Settings { workers: WORKERS, ..settings() };
    let nodes = [world.node(settings.clone(), handlers()).await, world.node(settings, handlers()).await];
    let mut client = world.client().await;
    for batch in 0..JOBS / 100 {
        let transaction = client.transaction().await.unwrap();
        for n in 0..100 {
            enqueue(&transaction, &work(json!(batch * 100 + n))).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
    eventually("all", async || world.count("select count(*) from jobs where state <> 2").await == 0).await;
    for node in nodes {
        node.stop(Duration::from_secs(10)).await;
    }
    let times = times.lock().unwrap().clone();
    assert_eq!(times.len(), JOBS);
    assert!(times.values().all(|times| *times == 1), "each once");
    assert_eq!(world.count("select count(*) from jobs where attempts <> 1 or fence <> 1").await, 0);
    assert!(most.load(SeqCst) <= 2 * WORKERS, "never more than the workers: {most:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recurring_job_is_put_in_once_however_many_nodes_there_are() {
    let (world, log) = (World::new().await, Log::default());
    let daily = Recurring { queue: QueueName::Maintenance, kind: KIND, every: Duration::from_secs(86_400) };
    let mut nodes = Vec::new();
    for _ in 0..4 {
        let node = world.node(settings(), log.handlers()).await;
        node.repeat(daily);
        nodes.push(node);
    }
    eventually("done", async || !log.all().is_empty()).await;
    world.execute("update job_schedules set last_at = last_at - interval '1 day'").await;
    for _ in 0..4 {
        let node = world.node(settings(), log.handlers()).await;
        node.repeat(daily);
        nodes.push(node);
    }
    eventually("done the next day", async || log.all().len() == 2).await;
    for node in nodes {
        node.stop(Duration::from_secs(10)).await;
    }
    assert_eq!(world.count("select count(*) from jobs").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_records_are_swept_and_young_ones_stay() {
    let world = World::new().await;
    for n in 0..4 {
        world.put_payload(json!(n)).await;
    }
    world
        .execute(
            "update jobs set state = case when payload in ('0', '1') then 2 else 3 end,
            finished_at = now() - case when payload in ('0', '2') then interval '2000 s' else interval '0 s' end",
        )
        .await;
    let node = world.node(settings(), Vec::new()).await;
    eventually("the old are gone", async || world.count("select count(*) from jobs").await == 2).await;
    assert_eq!(world.count("select count(*) from jobs where payload in ('1', '3')").await, 2);
    node.stop(Duration::from_secs(10)).await;
}

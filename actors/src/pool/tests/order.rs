//! Who is served when, and within which bounds.

use super::*;
use crate::pool::PoolFull;

/// Names that a generator was asked for, after the first `skip`.
fn order(bench: &Bench, skip: usize) -> String {
    bench.generator.asked()[skip..].join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_higher_class_goes_first_and_within_a_class_the_earlier_one() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("first", [Script::HeldEnd(vec!["yes"])]);
    let _first = bench.queue("first", UserId::new(), 3).await;
    let mut waiting = Vec::new();
    for (name, priority) in [("free1", 3), ("paid1", 1), ("free2", 3), ("paid2", 1), ("best", 0)] {
        waiting.push(bench.queue(name, UserId::new(), priority).await);
    }
    let snapshot = bench.pool.snapshot();
    assert_eq!(snapshot.queued, [(Priority(0), 1), (Priority(1), 2), (Priority(3), 2)]);
    assert_eq!(snapshot.running, 1);
    bench.generator.let_go(1);
    for events in waiting {
        all(events).await;
    }
    assert_eq!(order(&bench, 1), "best paid1 paid2 free1 free2");
    assert_eq!(bench.pool.snapshot().completed, 6);
}

#[tokio::test(start_paused = true)]
async fn waiting_counts_as_priority_so_that_nobody_starves() {
    let bench = Bench::start(|settings| {
        settings.ageing_step = Duration::from_secs(5);
        settings.first_token_timeout = Duration::from_secs(1_000);
        settings.total_timeout = Duration::from_secs(1_000);
    })
    .await;
    bench.generator.script_for("first", [Script::HeldEnd(vec!["yes"])]);
    let _first = bench.queue("first", UserId::new(), 3).await;
    let old = bench.queue("old", UserId::new(), 3).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let early = bench.queue("early", UserId::new(), 1).await; // "old" lacks a second of two steps
    tokio::time::sleep(Duration::from_secs(2)).await;
    let late = bench.queue("late", UserId::new(), 1).await; // "old" has waited for more than two steps
    assert_eq!(bench.pool.snapshot().longest_wait_ms / 1_000, 11);
    bench.generator.let_go(1);
    for events in [old, early, late] {
        all(events).await;
    }
    assert_eq!(order(&bench, 1), "early old late");
}

#[tokio::test(start_paused = true)]
async fn a_user_with_enough_running_is_passed_over_and_served_when_a_place_is_free() {
    let bench = Bench::start(|settings| {
        settings.workers = 4;
        settings.per_user = 2;
    })
    .await;
    let (busy, other) = (UserId::new(), UserId::new());
    for name in ["a1", "a2", "a3", "a4", "b1"] {
        bench.generator.script_for(name, [Script::HeldEnd(vec!["yes"])]);
    }
    let mut events = Vec::new();
    for (name, user) in [("a1", busy), ("a2", busy), ("a3", busy), ("a4", busy), ("b1", other)] {
        events.push(bench.queue(name, user, 1).await);
    }
    assert_eq!(
        order(&bench, 0),
        "a1 a2 b1",
        "two workers stay idle rather than serve a third of the same user"
    );
    assert_eq!(bench.pool.snapshot().running, 3);
    bench.generator.let_go(2); // a1 and a2 asked first
    settle().await;
    assert_eq!(order(&bench, 3), "a3 a4");
    bench.generator.let_go(3);
    for events in events {
        assert!(matches!(all(events).await.last(), Some(PoolEvent::Done { .. })));
    }
    assert_eq!(bench.pool.snapshot().running, 0);
}

#[tokio::test(start_paused = true)]
async fn no_job_waits_while_a_worker_is_idle_and_its_user_has_a_place() {
    let bench = Bench::start(|settings| {
        settings.workers = 3;
        settings.per_user = 2;
        settings.queue_max = 1_000;
    })
    .await;
    let users: Vec<UserId> = (0..5).map(|_| UserId::new()).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut jobs = Vec::new();
    for number in 0..300 {
        let name = format!("job{number}");
        let act = match random.u8(0..10) {
            0 => Script::Panic,
            1 => Script::Fail(crate::ports::GenerateErrorKind::Refused),
            _ => Script::HeldEnd(vec!["x"]),
        };
        bench.generator.script_for(&name, [act]);
        let job = job(&name, *random.choice(&users).unwrap(), random.u8(0..4));
        jobs.push((job.clone(), bench.submit(&job)));
        match random.u8(0..4) {
            0 => jobs[random.usize(0..jobs.len())].0.cancel.cancel(),
            1 => bench.generator.let_go(1),
            _ => {}
        }
        // Past the moment at which the queue drops what was cancelled.
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(!bench.pool.inner.book.wastes_a_worker(), "after job {number}");
    }
    bench.generator.let_go(1_000);
    for (job, events) in jobs {
        let heard = all(events).await;
        let ended = matches!(heard.last(), Some(PoolEvent::Done { .. } | PoolEvent::Failed { .. }));
        assert!(ended || job.cancel.is_cancelled());
    }
    let snapshot = bench.pool.snapshot();
    assert_eq!(snapshot.completed + snapshot.failed + snapshot.cancelled, 300);
    assert_eq!((snapshot.running, snapshot.queued.len()), (0, 0));
    assert_eq!(bench.generator.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_pool_says_so_and_has_room_again_when_a_waiting_job_is_cancelled() {
    let bench = Bench::start(|settings| settings.queue_max = 2).await;
    bench.generator.script_for("first", [Script::HeldEnd(vec!["yes"])]);
    let _first = bench.queue("first", UserId::new(), 1).await;
    let second = job("second", UserId::new(), 1);
    let _second = bench.submit(&second);
    assert!(bench.pool.has_room());
    let third = bench.submit(&job("third", UserId::new(), 1));
    assert!(!bench.pool.has_room());
    assert_eq!(bench.pool.submit(job("fourth", UserId::new(), 0)).unwrap_err(), PoolFull);
    assert_eq!(bench.pool.snapshot().refused, 1);
    second.cancel.cancel();
    assert!(bench.pool.has_room(), "at once, not when the queue is cleaned");
    let fifth = bench.submit(&job("fifth", UserId::new(), 0));
    bench.generator.let_go(1);
    all(third).await;
    all(fifth).await;
    assert_eq!(order(&bench, 0), "first fifth third");
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_a_queue_still_takes_a_job_for_each_worker() {
    let bench = Bench::start(|settings| {
        settings.workers = 2;
        settings.queue_max = 0;
    })
    .await;
    let events = [bench.submit(&job("a", UserId::new(), 1)), bench.submit(&job("b", UserId::new(), 1))];
    assert!(bench.pool.submit(job("c", UserId::new(), 1)).is_err());
    for events in events {
        assert_eq!(all(events).await.len(), 3);
    }
    assert!(bench.pool.has_room());
}

#[tokio::test(start_paused = true)]
async fn a_draining_pool_takes_nothing_new_and_ends_what_it_took() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("first", [Script::HeldEnd(vec!["so"])]);
    let first = bench.queue("first", UserId::new(), 1).await;
    let second = bench.queue("second", UserId::new(), 1).await;
    let draining = tokio::spawn({
        let pool = bench.pool.clone();
        async move { pool.drain().await }
    });
    settle().await;
    assert!(!bench.pool.has_room());
    assert!(bench.pool.submit(job("late", UserId::new(), 0)).is_err());
    assert!(!draining.is_finished());
    bench.generator.let_go(1);
    draining.await.unwrap();
    for events in [first, second] {
        assert!(matches!(all(events).await.last(), Some(PoolEvent::Done { .. })));
    }
    bench.pool.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_breaks_tells_its_turns_and_is_started_again() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("first", [Script::HeldEnd(vec!["yes"])]);
    let first = bench.queue("first", UserId::new(), 1).await;
    let second = bench.queue("second", UserId::new(), 1).await;
    crate::pool::lock(&bench.pool.inner.factory).kill();
    for events in [first, second] {
        assert_eq!(all(events).await.pop(), failed(FailureCode::Internal));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(all(bench.queue("third", UserId::new(), 1).await).await.len(), 3);
    assert_eq!(bench.pool.snapshot().running, 0);
}

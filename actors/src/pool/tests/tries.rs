//! One job: its tries, its deadlines, its ends.

use tokio::time::Instant;

use super::*;
use crate::ports::GenerateErrorKind;

/// Runs one job by this script and tells what was heard, and how long it took.
async fn heard(bench: &Bench, acts: impl IntoIterator<Item = Script>) -> (Vec<PoolEvent>, Duration) {
    bench.generator.script_for("it", acts);
    let begun = Instant::now();
    let heard = all(bench.submit(&job("it", UserId::new(), 1))).await;
    (heard, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_told_piece_by_piece_and_then_its_end() {
    let bench = Bench::start(|_| {}).await;
    let (heard, _) = heard(&bench, [Script::Say(vec!["Good ", "", "evening"])]).await;
    assert_eq!(heard[..3], [PoolEvent::Thinking, text("Good "), text("evening")]);
    assert!(matches!(heard[3], PoolEvent::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_tried_three_times_with_growing_pauses() {
    let bench = Bench::start(|_| {}).await;
    let fail = Script::Fail(GenerateErrorKind::Unavailable);
    let (events, _) = heard(&bench, [fail.clone(), fail.clone(), Script::Say(vec!["there"])]).await;
    assert_eq!(events[..2], [PoolEvent::Thinking, text("there")]);
    let pauses = bench.generator.pauses();
    assert!((250..=502).contains(&pauses[0].as_millis()), "{pauses:?}");
    assert!((500..=1_002).contains(&pauses[1].as_millis()), "{pauses:?}");
    assert_eq!(bench.pool.snapshot().retried, 2);

    let (events, _) = heard(&bench, [fail.clone(), fail.clone(), fail]).await;
    assert_eq!(events[1..], [PoolEvent::Failed { code: FailureCode::ProviderUnavailable }]);
    assert_eq!(bench.generator.asked().len(), 6);
    assert_eq!((bench.pool.snapshot().completed, bench.pool.snapshot().failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_without_a_word_or_an_end_is_tried_again() {
    let bench = Bench::start(|_| {}).await;
    let (events, _) =
        heard(&bench, [Script::Short, Script::Break(vec![]), Script::Say(vec!["at last"])]).await;
    assert_eq!(events[1], text("at last"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_tried_again() {
    let bench = Bench::start(|_| {}).await;
    let (mut events, _) = heard(&bench, [Script::Fail(GenerateErrorKind::Refused)]).await;
    assert_eq!(events.pop(), failed(FailureCode::ProviderRefused));
    assert_eq!(bench.generator.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_for_a_pause_gets_it_within_reason() {
    let bench = Bench::start(|_| {}).await;
    let (events, took) =
        heard(&bench, [Script::FailFor(Duration::from_secs(7)), Script::Say(vec!["now"])]).await;
    assert_eq!(events[1], text("now"));
    assert!((7..8).contains(&took.as_secs()), "{took:?}");

    let (mut events, took) = heard(&bench, [Script::FailFor(Duration::from_secs(3_600))]).await;
    assert_eq!(events.pop(), failed(FailureCode::ProviderUnavailable));
    assert!(took.as_secs() < 1, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_word_has_thirty_seconds_in_each_try() {
    let bench = Bench::start(|_| {}).await;
    let (mut events, took) = heard(&bench, [Script::Hang, Script::Silent(vec![]), Script::Hang]).await;
    assert_eq!(events.pop(), failed(FailureCode::ProviderTimeout));
    assert!((90..93).contains(&took.as_secs()), "{took:?}");
    assert_eq!(bench.generator.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_given_up() {
    let bench = Bench::start(|_| {}).await;
    let silent = || Script::Silent(vec!["Well, "]);
    let (events, took) = heard(&bench, [silent(), Script::Hang, Script::Hang]).await;
    assert_eq!(events[1..], [text("Well, "), PoolEvent::Failed { code: FailureCode::ProviderTimeout }]);
    assert!((90..93).contains(&took.as_secs()), "{took:?}");
    assert_eq!(bench.generator.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_tries_together_keep_to_the_total_deadline() {
    let bench = Bench::start(|settings| settings.total_timeout = Duration::from_secs(40)).await;
    let (mut events, took) = heard(&bench, [Script::Hang, Script::Hang, Script::Hang]).await;
    assert_eq!(events.pop(), failed(FailureCode::ProviderTimeout));
    assert!((40..41).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_the_job_at_once_wherever_it_stands() {
    let fails = || Script::Fail(GenerateErrorKind::Unavailable);
    let points: [(&str, Vec<Script>); 7] = [
        ("connecting", vec![Script::Hang]),
        ("waiting for a word", vec![Script::Silent(vec![])]),
        ("streaming", vec![Script::Silent(vec!["Well, "])]),
        ("pausing before another try", vec![Script::FailFor(Duration::from_secs(20))]),
        ("asking another back end", vec![fails().or_else(), Script::Hang]),
        ("going on", vec![Script::Break(vec!["Well, "]).or_else(), Script::Silent(vec!["I see"]).go_on()]),
        ("after it began anew", vec![Script::Break(vec!["Well, "]).or_else(), Script::Silent(vec!["Oh"])]),
    ];
    for (point, acts) in points {
        let bench = Bench::start(|_| {}).await;
        bench.generator.script_for("it", acts);
        let job = job("it", UserId::new(), 1);
        let events = bench.submit(&job);
        settle().await;
        let begun = Instant::now();
        job.cancel.cancel();
        let heard = all(events).await;
        assert!(begun.elapsed() < Duration::from_millis(50), "{point}");
        let ended =
            heard.iter().any(|event| matches!(event, PoolEvent::Done { .. } | PoolEvent::Failed { .. }));
        assert!(!ended, "{point}: {heard:?}");
        assert_eq!(bench.generator.open(), 0, "{point}");
        let snapshot = bench.pool.snapshot();
        assert_eq!((snapshot.cancelled, snapshot.running), (1, 0), "{point}");
        assert!(matches!(
            all(bench.queue("next", UserId::new(), 1).await).await.last(),
            Some(PoolEvent::Done { .. })
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_cancelled_while_it_waits_is_never_generated() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("first", [Script::HeldEnd(vec!["yes"])]);
    let _first = bench.queue("first", UserId::new(), 1).await;
    let second = job("second", UserId::new(), 1);
    let events = bench.submit(&second);
    settle().await;
    second.cancel.cancel();
    assert_eq!(bench.pool.snapshot().queued, []);
    assert_eq!(all(events).await, []);
    bench.generator.let_go(1);
    settle().await;
    assert_eq!(bench.generator.asked(), ["first"]);
    assert_eq!(bench.pool.snapshot().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_gone_ends_its_stream() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("it", [Script::Silent(vec!["Well, "])]);
    drop(bench.queue("it", UserId::new(), 1).await);
    settle().await;
    assert_eq!((bench.generator.open(), bench.pool.snapshot().cancelled), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_turn_slows_its_own_stream_only() {
    let bench = Bench::start(|settings| settings.workers = 2).await;
    bench.generator.script_for("slow", [Script::Say(vec!["x"; 500])]);
    let slow = bench.queue("slow", UserId::new(), 1).await;
    assert_eq!(bench.generator.open(), 1, "it waits to be read");
    assert_eq!(all(bench.queue("quick", UserId::new(), 1).await).await.len(), 3);
    assert_eq!(all(slow).await.len(), 502);
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_own_job_and_its_worker_is_replaced() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("first", [Script::Panic]);
    bench.generator.script_for("second", [Script::PanicIn("Well, ")]);
    let events = ["first", "second", "third"].map(|name| bench.submit(&job(name, UserId::new(), 1)));
    let [first, second, third] = events;
    assert_eq!(all(first).await, [PoolEvent::Thinking, PoolEvent::Failed { code: FailureCode::Internal }]);
    assert_eq!(all(second).await[1..], [text("Well, "), PoolEvent::Failed { code: FailureCode::Internal }]);
    assert!(matches!(all(third).await.last(), Some(PoolEvent::Done { .. })));
    let snapshot = bench.pool.snapshot();
    assert_eq!((snapshot.failed, snapshot.completed, snapshot.running), (2, 1, 0));
}

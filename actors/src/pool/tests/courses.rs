//! Several tries of one job: who is asked next, and how the text of one joins that of another.

use super::*;
use crate::ports::GenerateErrorKind::{Broken, RateLimited, Refused, Unavailable};

/// All that was heard of one job by this script, and the text that a reader would hold at its end.
async fn heard(bench: &Bench, acts: impl IntoIterator<Item = Script>) -> (Vec<PoolEvent>, String) {
    bench.generator.script_for("it", acts);
    let events = all(bench.submit(&job("it", UserId::new(), 1))).await;
    let mut held = String::new();
    for event in &events {
        match event {
            PoolEvent::Text(text) => held.push_str(text),
            PoolEvent::Restarted => held.clear(),
            _ => {}
        }
    }
    (events, held)
}

fn done(events: &[PoolEvent]) -> bool {
    matches!(events.last(), Some(PoolEvent::Done { .. }))
}

/// Providers that failed before each request.
fn failed_before(bench: &Bench) -> Vec<Vec<String>> {
    let names = |attempt: crate::ports::Attempt| {
        attempt.failed.iter().map(|back_end| back_end.provider.to_string()).collect()
    };
    bench.generator.attempts().into_iter().map(names).collect()
}

#[tokio::test(start_paused = true)]
async fn another_back_end_is_asked_at_once_and_told_who_failed() {
    let bench = Bench::start(|_| {}).await;
    let begun = tokio::time::Instant::now();
    let acts = [
        Script::Fail(Unavailable).by("a").or_else(),
        Script::FailFor(Duration::from_secs(3_600)).by("b").or_else(),
        Script::Fail(Refused).by("c").or_else(),
        Script::Say(vec!["Here."]).by("d"),
    ];
    let (events, held) = heard(&bench, acts).await;
    assert!(done(&events) && held == "Here.", "{events:?}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(failed_before(&bench), [vec![], vec!["a"], vec!["a", "b"], vec!["a", "b", "c"]]);
    let numbers: Vec<u32> = bench.generator.attempts().iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn going_elsewhere_is_bounded_and_counts_for_no_try() {
    let bench = Bench::start(|_| {}).await;
    let acts = (0..100).map(|_| Script::Fail(RateLimited).or_else());
    let (events, _) = heard(&bench, acts).await;
    assert_eq!(events.last().cloned(), failed(FailureCode::ProviderUnavailable));
    assert_eq!(bench.generator.asked().len(), 17);

    let bench = Bench::start(|_| {}).await;
    let round = || [Script::Fail(Unavailable).or_else(), Script::Fail(Unavailable)];
    let (events, _) = heard(&bench, [round(), round(), round(), round()].into_iter().flatten()).await;
    assert_eq!(events.last().cloned(), failed(FailureCode::ProviderUnavailable));
    assert_eq!(bench.generator.asked().len(), 6, "three times those who stand ready");
}

#[tokio::test(start_paused = true)]
async fn who_hung_is_known_to_the_next_try() {
    let bench = Bench::start(|_| {}).await;
    let acts = [Script::Hang.by("a"), Script::Silent(vec![]).by("b"), Script::Say(vec!["Here."]).by("c")];
    let (events, _) = heard(&bench, acts).await;
    assert!(done(&events));
    assert_eq!(failed_before(&bench), [vec![], vec!["a"], vec!["a", "b"]]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_goes_on_behind_what_it_said() {
    let bench = Bench::start(|_| {}).await;
    let acts = [
        Script::Break(vec!["Once upon ", "a time"]).by("a").or_else(),
        Script::Break(vec![" there", " was"]).by("b").go_on().or_else(),
        Script::Say(vec![" a", " king."]).by("c").go_on(),
    ];
    let (events, held) = heard(&bench, acts).await;
    assert!(done(&events));
    assert_eq!(held, "Once upon a time there was a king.");
    assert!(!events.contains(&PoolEvent::Restarted));
    let so_far: Vec<Option<String>> =
        bench.generator.attempts().iter().map(|it| it.so_far.as_deref().map(str::to_owned)).collect();
    assert_eq!(so_far[1].as_deref(), Some("Once upon a time"));
    assert_eq!(so_far[2].as_deref(), Some("Once upon a time there was"));
}

#[tokio::test(start_paused = true)]
async fn last_words_that_are_repeated_are_said_once() {
    let bench = Bench::start(|_| {}).await;
    let acts = [
        Script::Break(vec!["There was a king ", "who had three"]).or_else(),
        Script::Say(vec!["a king who", " had three", " daughters."]).go_on(),
    ];
    let (events, held) = heard(&bench, acts).await;
    assert!(done(&events));
    assert_eq!(held, "There was a king who had three daughters.");
}

#[tokio::test(start_paused = true)]
async fn one_that_begins_anew_takes_back_what_was_said_with_its_first_word() {
    let bench = Bench::start(|_| {}).await;
    let acts = [
        Script::Break(vec!["Good "]).or_else(),
        Script::Fail(Broken).or_else(),
        Script::Say(vec!["Good evening"]),
    ];
    let (events, held) = heard(&bench, acts).await;
    let expected = [PoolEvent::Thinking, text("Good "), PoolEvent::Restarted, text("Good evening")];
    assert_eq!(events[..4], expected);
    assert_eq!(held, "Good evening");
    // What was said stood until then, so that the one between could have gone on from it.
    assert_eq!(bench.generator.attempts()[1].so_far.as_deref(), Some("Good "));
    assert_eq!(bench.generator.attempts()[2].so_far.as_deref(), Some("Good "));

    let acts = [Script::Break(vec!["Good "]).or_else(), Script::Say(vec!["Kept answer"]).cached()];
    assert_eq!(heard(&bench, acts).await.1, "Kept answer");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_stands_when_no_other_try_comes_to_a_word() {
    let bench = Bench::start(|_| {}).await;
    let acts = [
        Script::Break(vec!["Good "]).or_else(),
        Script::Say(vec![]).or_else(),
        Script::Fail(Unavailable),
        Script::Break(vec![]),
        Script::Short,
    ];
    let (events, held) = heard(&bench, acts).await;
    assert_eq!(events.last().cloned(), failed(FailureCode::ProviderUnavailable));
    assert_eq!(held, "Good ");
}

#[tokio::test(start_paused = true)]
async fn a_reply_begins_anew_fifteen_times_at_most() {
    let bench =
        Bench::start(|settings| (settings.tries, settings.backoff) = (100, Duration::from_micros(1))).await;
    let acts = (0..50).map(|_| Script::Break(vec!["Well"]));
    let (events, held) = heard(&bench, acts).await;
    let restarts = events.iter().filter(|event| **event == PoolEvent::Restarted).count();
    assert_eq!((restarts, held.as_str()), (15, "Well"));
    assert!(matches!(events.last(), Some(PoolEvent::Failed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_on_from_what_an_earlier_holder_said() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for("it", [Script::Say(vec![" a time."]).go_on()]);
    let one = Job { so_far: Some("Once upon".into()), ..job("it", UserId::new(), 1) };
    let events = all(bench.submit(&one)).await;
    assert_eq!(events[..2], [PoolEvent::Thinking, text(" a time.")]);
    assert_eq!(bench.generator.attempts()[0].so_far.as_deref(), Some("Once upon"));

    bench.generator.script_for("it", [Script::Say(vec!["Anew."])]);
    let one = Job { so_far: Some("Once upon".into()), ..job("it", UserId::new(), 1) };
    let events = all(bench.submit(&one)).await;
    assert_eq!(events[1..3], [PoolEvent::Restarted, text("Anew.")]);
}

#[tokio::test(start_paused = true)]
async fn the_bill_has_every_call_and_what_was_failed_of_last() {
    let bench = Bench::start(|_| {}).await;
    bench.generator.script_for(
        "it",
        [
            Script::Fail(Unavailable).by("a").or_else(),
            Script::Break(vec!["Some text"]).by("b").or_else(),
            Script::Say(vec![" and more"]).by("c").go_on(),
        ],
    );
    let one = job("it", UserId::new(), 1);
    one.bill.asks(one.request.clone());
    all(bench.submit(&one)).await;
    let so_far = one.bill.so_far();
    let (calls, trouble) = one.bill.close(crate::domain::Purpose::Reply, &crate::testsuite::ByteCounter);
    let told = calls.iter().map(|call| {
        (call.back_end.provider.to_string(), call.outcome.as_str(), call.usage.completion_tokens)
    });
    let expected = [("a", "failed", 0), ("b", "failed", 3), ("c", "done", 5)];
    assert_eq!(told.collect::<Vec<_>>(), expected.map(|(by, how, said)| (by.to_owned(), how, said)));
    let trouble = trouble.unwrap();
    assert_eq!((trouble.tries, trouble.by.unwrap().provider.as_ref()), (3, "b"));
    assert!(trouble.reason.contains("as the script says"));
    // A successor inherits them as they were.
    let next = super::super::Bill::default();
    next.inherit(&so_far);
    let (inherited, _) = next.close(crate::domain::Purpose::Reply, &crate::testsuite::ByteCounter);
    let costs = |calls: &[crate::domain::AiCall]| -> Vec<_> {
        calls.iter().map(|call| (call.id, call.outcome, call.usage)).collect()
    };
    assert_eq!(costs(&inherited), costs(&calls));
}

//! Every way in which a provider fails, through the whole server: real sockets, real Postgres, a provider stand-in whose
//! replies are known beforehand. What people hear is whole or has a code, is never said twice and never has a hole; what came
//! to nothing costs nothing; every call is in the accounts; and nobody else waits for it.

mod stage;
mod elsewhere;
mod others;
mod crowd;

use loadtest::sim::{Words, known_text};
use serde_json::json;
use stage::{End, Person, Provider, TOKENS, calls, outcomes, server, whole};

use crate::support;

/// Those after which another try helps, with what the call is accounted as where one was opened.
const PASSING: [&str; 14] = [
    "rate-limited",
    "rate-limited-date",
    "rate-limited-ms",
    "server-error",
    "unavailable",
    "hang",
    "hang-open",
    "stall",
    "broken",
    "cut-character",
    "end-early",
    "stream-error",
    "garbage",
    "endless-line",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_whole_though_its_first_try_failed() {
    let provider = Provider::start(&[]);
    // Longer than a provider asks to be left alone: a date may mean two seconds.
    let app = server(&[("sim", &provider)], |config| config.pool.first_token_timeout_ms = 2_500).await;
    let mut person = Person::enters(&app).await;
    for (number, fault) in PASSING.iter().chain(&["empty"]).enumerate() {
        provider.fails(&[&format!("fault={fault};times=1;at=0.3")]);
        let (question, heard) = person.asks().await;
        assert_eq!(heard.complete(), whole(&question), "{fault}");
        assert_eq!(heard.streamed, whole(&question), "{fault}");
        assert_eq!(person.used(&app).await, number as u64 + 1, "{fault}: counted once");
        let calls = calls(&app, &heard.id).await;
        let done = calls.iter().filter(|call| call.outcome == "done").count();
        assert_eq!(done, 1, "{fault}: {calls:?}");
        assert!(calls.iter().all(|call| matches!(call.outcome.as_str(), "done" | "failed")), "{calls:?}");
    }
    provider.is_quiet().await;
    let stats = provider.stats();
    assert_eq!(stats["continuedForeign"], 0, "what it is asked to go on from is what it said");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_goes_on_where_it_broke() {
    let provider = Provider::start(&[]);
    let app = server(&[("sim", &provider)], |_| {}).await;
    let mut person = Person::enters(&app).await;
    for fault in ["broken", "cut-character", "end-early", "stream-error", "stall"] {
        provider.fails(&[&format!("fault={fault};times=1;at=0.5")]);
        let before = provider.stats()["continued"].as_u64().unwrap();
        let (question, heard) = person.asks().await;
        assert_eq!(heard.complete(), whole(&question), "{fault}");
        assert_eq!(heard.attempts.len(), 1, "{fault}: nothing is said anew");
        assert_eq!(provider.stats()["continued"], before + 1, "{fault}");
        assert_eq!(outcomes(&app, &heard.id).await, ["sim failed", "sim done"], "{fault}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_nothing_has_a_code_and_costs_nothing() {
    let provider = Provider::start(&[]);
    let app = server(&[("sim", &provider)], |config| config.pool.tries = 2).await;
    let mut person = Person::enters(&app).await;
    for (fault, code) in [
        ("unauthorized", "provider_refused"),
        ("rate-limited-ms", "provider_unavailable"),
        ("server-error", "provider_unavailable"),
        ("unavailable", "provider_unavailable"),
        ("hang", "provider_timeout"),
        ("hang-open", "provider_timeout"),
        ("empty", "provider_unavailable"),
    ] {
        provider.fails(&[&format!("fault={fault}")]);
        let (_, heard) = person.asks().await;
        assert_eq!(heard.end, End::Failed(code.to_owned()), "{fault}");
        assert_eq!(heard.streamed, "", "{fault}");
        assert_eq!(person.used(&app).await, 0, "{fault}: the quota came back");
        let calls = calls(&app, &heard.id).await;
        assert!(calls.iter().all(|call| call.outcome == "failed"), "{fault}: {calls:?}");
    }
    provider.fails(&[]);
    let (question, heard) = person.asks().await;
    assert_eq!((heard.complete(), person.used(&app).await), (whole(&question).as_str(), 1));
    provider.is_quiet().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_breaks_again_and_again_keeps_its_part_and_is_counted() {
    let provider = Provider::start(&["fault=broken;at=0.2"]);
    let app = server(&[("sim", &provider)], |_| {}).await;
    let mut person = Person::enters(&app).await;
    let (question, heard) = person.asks().await;
    let End::Reply(content, finish) = &heard.end else { panic!("the part stands: {heard:?}") };
    assert!(whole(&question).starts_with(content) && !content.is_empty(), "{content}");
    assert_eq!((finish.as_str(), &heard.streamed), ("interrupted", content));
    assert_eq!(person.used(&app).await, 1, "something was said");
    assert_eq!(outcomes(&app, &heard.id).await, ["sim failed"; 3]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oddities_are_no_failures() {
    let provider = Provider::start(&[]);
    let app = server(&[("sim", &provider)], |_| {}).await;
    let mut person = Person::enters(&app).await;
    for fault in ["slow-first", "slow-tokens", "no-usage", "usage-each", "no-done"] {
        provider.fails(&[&format!("fault={fault}")]);
        let (question, heard) = person.asks().await;
        assert_eq!(heard.complete(), whole(&question), "{fault}");
        assert_eq!((heard.attempts.len(), &heard.streamed), (1, &whole(&question)), "{fault}");
        let calls = calls(&app, &heard.id).await;
        assert_eq!((calls.len(), calls[0].outcome.as_str()), (1, "done"), "{fault}");
        assert_eq!(calls[0].counted_here, fault == "no-usage", "{fault}");
        let tokens = calls[0].completion_tokens;
        let expected = if fault == "no-usage" { 1..200 } else { TOKENS as i32..TOKENS as i32 + 1 };
        assert!(expected.contains(&tokens), "{fault}: {tokens}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_without_an_end_is_cut_and_its_stream_is_ended() {
    let provider = Provider::start(&["fault=huge"]);
    let app = server(&[("sim", &provider)], |_| {}).await;
    let mut person = Person::enters(&app).await;
    let (question, heard) = person.asks().await;
    let End::Reply(content, finish) = &heard.end else { panic!("it is kept: {:?}", heard.end) };
    assert_eq!(finish, "length");
    assert!(content.len() < 25_000, "{}", content.len());
    assert!(known_text(&question, 50_000, Words::Latin).starts_with(content.as_str()));
    provider.is_quiet().await;
    assert!(provider.stats()["tokensSent"].as_u64().unwrap() < 50_000, "it was not read to its end");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_that_come_in_halves_or_are_cut_are_whole_in_the_end() {
    let wide = |settings: &mut loadtest::sim::Settings| {
        (settings.words, settings.splits_characters) = (Words::Wide, true);
    };
    let provider = Provider::start_with(&[], wide);
    let app = server(&[("sim", &provider)], |_| {}).await;
    let mut person = Person::enters(&app).await;
    for plans in [&[][..], &["fault=cut-character;times=1;at=0.4"]] {
        provider.fails(plans);
        let (question, heard) = person.asks().await;
        let known = known_text(&question, TOKENS, Words::Wide);
        assert_eq!(
            (heard.complete(), heard.streamed.as_str()),
            (known.as_str(), known.as_str()),
            "{plans:?}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_upstream_wherever_it_hangs() {
    let provider = Provider::start(&[]);
    let app = server(&[("sim", &provider)], |config| config.pool.first_token_timeout_ms = 60_000).await;
    let mut person = Person::enters(&app).await;
    for (fault, said) in [("hang", false), ("hang-open", false), ("stall", true)] {
        provider.fails(&[&format!("fault={fault}")]);
        let (question, id) = person.says().await;
        support::app::eventually("it is open upstream", async || provider.stats()["streamsOpen"] == 1).await;
        if said {
            // A delta that is taken here would be missed below.
            let streams = |frame: &serde_json::Value| {
                frame["data"]["messageId"] == id.as_str() && frame["data"]["state"] == "streaming"
            };
            person.socket.find(streams).await.unwrap();
        }
        let stop = json!({ "conversationId": person.room, "messageId": id });
        assert_eq!(person.socket.ask("reply:stop", stop).await["stopped"], 1, "{fault}");
        provider.is_quiet().await;
        let heard = person.hears(&id).await;
        match heard.end {
            End::Reply(content, finish) => {
                assert!(said && finish == "stopped", "{fault}: {finish}");
                assert!(whole(&question).starts_with(&content), "{fault}: {content}");
            }
            End::Failed(_) => assert!(!said, "{fault}: its part was lost"),
        }
        assert_eq!(person.used(&app).await, u64::from(said), "{fault}");
    }
    app.stop().await;
}

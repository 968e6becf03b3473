//! How providers stand after real requests: status, breaker, pauses, places, and what is told of it.

use std::sync::{Arc, Mutex};

use greenroom::ai::{ProviderState, ProviderView};
use serde_json::{Value, json};

use super::chain::{failed_by, two, two_with};
use super::*;

fn view(providers: &Providers, name: &str) -> Value {
    serde_json::to_value(providers.view_of(name).unwrap()).unwrap()
}

/// Waits until what is told of the provider is so.
async fn until(providers: &Providers, name: &str, reached: impl Fn(&ProviderView) -> bool) {
    let wait = async {
        while !reached(&providers.view_of(name).unwrap()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes to that");
}

#[tokio::test]
async fn the_status_follows_real_requests() {
    let provider = Provider::start().await;
    let providers = providers(&provider);
    let state = || providers.status()[0].state;
    assert_eq!(state(), ProviderState::Idle);
    heard_of(&providers, request(|_| {})).await.end.unwrap();
    assert_eq!(state(), ProviderState::Up);
    provider.script((0..3).map(|_| Act::Status(500, None)));
    heard_of(&providers, request(|_| {})).await.end.unwrap_err();
    assert_eq!(state(), ProviderState::Degraded);
    heard_of(&providers, request(|_| {})).await.end.unwrap_err();
    heard_of(&providers, request(|_| {})).await.end.unwrap_err();
    assert_eq!(state(), ProviderState::Down);
    heard_of(&providers, request(|_| {})).await.end.unwrap();
    assert_eq!(state(), ProviderState::Up);
    assert_eq!(providers.status()[0].model.as_deref(), Some("house-model"));
}

#[tokio::test]
async fn without_any_key_the_offline_provider_speaks_and_says_that_it_is_offline() {
    let providers =
        Providers::new(&AiSettings { offline_word_delay_ms: 0, ..AiSettings::default() }).unwrap();
    assert_eq!(providers.default_name(), "offline");
    let status = providers.status();
    assert_eq!(status.len(), 1);
    assert_eq!((status[0].kind, status[0].state, &status[0].model), ("offline", ProviderState::Up, &None));
    let heard = heard_of(&providers, request(|_| {})).await;
    assert!(heard.end.is_ok() && !heard.text.is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let with = |base_url: &str, key: &str| {
        let provider = ProviderSettings {
            base_url: base_url.into(),
            api_key: key.to_owned().into(),
            ..ProviderSettings::default()
        };
        let providers = [("it".to_owned(), provider)].into();
        AiSettings { default_provider: "it".into(), providers, ..AiSettings::default() }
    };
    for settings in [with("nonsense", "k"), with("ftp://x/v1", "k"), with("http://x/v1", "a\nb")] {
        let error = Providers::new(&settings).err().unwrap().to_string();
        assert!(error.starts_with("ai.providers.it:") && !error.contains("a\nb"), "{error}");
    }
    let mut unknown = with("http://x/v1", "k");
    unknown.default_provider = "other".into();
    assert!(Providers::new(&unknown).is_err());
}

#[tokio::test]
async fn a_provider_that_asks_to_be_left_alone_is_and_others_go_on() {
    let (providers, one, two) = two_with(|settings| settings.pause_max_ms = 10_000).await;
    one.script([Act::Status(429, Some("3600"))]);
    let error = failed_by(&providers, "one").await;
    assert_eq!(error.kind, GenerateErrorKind::RateLimited);
    for _ in 0..3 {
        assert_eq!(heard_of(&providers, request(|_| {})).await.text, "Hello.");
    }
    assert_eq!((one.asked().len(), two.asked().len()), (1, 3));
    let paused: jiff::Timestamp = view(&providers, "one")["pausedUntil"].as_str().unwrap().parse().unwrap();
    let left = paused.duration_since(jiff::Timestamp::now());
    assert!(left <= jiff::SignedDuration::from_secs(10), "an hour is more than the settings allow: {left}");
    // With nobody else to ask, whoever asks hears when to come back.
    two.script([Act::Status(429, Some("7"))]);
    failed_by(&providers, "two").await;
    let heard = heard_of(&providers, request(|_| {})).await;
    assert_eq!(kind(&heard), GenerateErrorKind::RateLimited);
    let error = heard.end.unwrap_err();
    assert!(error.by.is_none() && error.retry_after.unwrap() <= Duration::from_secs(7), "{error:?}");
    assert_eq!((one.asked().len(), two.asked().len()), (1, 4));
}

#[tokio::test]
async fn fifty_calls_at_once_find_three_places_and_take_turns() {
    let one = Provider::start().await;
    let providers =
        chain::settled(&one, |settings| settings.providers.get_mut("one").unwrap().concurrency = 3);
    one.script((0..50).map(|_| Act::Stall(vec!["So ".into()])));
    let (opened, mut streams) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..50 {
        let (asked, opened) = (providers.generate(request(|_| {}), Attempt::default()), opened.clone());
        tokio::spawn(async move {
            let _ = opened.send(asked.await.unwrap().pieces);
        });
    }
    until(&providers, "one", |it| it.concurrency.waiting == 47).await;
    for gone in 1..=50_usize {
        let mut pieces = streams.recv().await.unwrap();
        assert!(matches!(pieces.next().await, Some(Ok(Piece::Text(_)))));
        let running = providers.view_of("one").unwrap().concurrency.running;
        assert!(running <= 3 && one.asked().len() <= gone + 2, "{running} at once");
        drop(pieces);
    }
    let end = providers.view_of("one").unwrap();
    assert_eq!((end.concurrency.running, end.concurrency.waiting), (0, 0));
    assert_eq!((end.requests.total, end.requests.failed, one.asked().len()), (50, 0, 50));
}

#[tokio::test]
async fn who_finds_no_place_goes_elsewhere_and_who_leaves_the_queue_is_forgotten() {
    let (providers, one, two) = two_with(|settings| {
        settings.providers.values_mut().for_each(|it| it.concurrency = 1);
    })
    .await;
    one.script([Act::Stall(vec!["So ".into()])]);
    two.script([Act::Stall(vec!["So ".into()])]);
    let first = providers.generate(request(|_| {}), Attempt::default()).await.unwrap();
    let second = providers.generate(request(|_| {}), Attempt::default()).await.unwrap();
    assert_eq!((&*first.back_end.provider, &*second.back_end.provider), ("one", "two"));
    let third = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    until(&providers, "one", |it| it.concurrency.waiting == 1).await;
    third.abort();
    until(&providers, "one", |it| it.concurrency.waiting == 0).await;
    let fourth = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    until(&providers, "two", |it| it.concurrency.waiting == 1).await;
    drop(second);
    assert_eq!(&*fourth.await.unwrap().unwrap().back_end.provider, "two", "the first place that is free");
    drop(first);
}

#[tokio::test]
async fn a_queue_that_is_full_and_a_wait_that_is_too_long_are_refused() {
    let provider = Provider::start().await;
    let providers = chain::settled(&provider, |settings| {
        settings.providers.get_mut("one").unwrap().concurrency = 1;
        settings.place_queue_max = 1;
        settings.place_wait_ms = 50;
    });
    provider.script([Act::Stall(vec!["So ".into()])]);
    let first = providers.generate(request(|_| {}), Attempt::default()).await.unwrap();
    let second = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    let late = second.await.unwrap().err().unwrap();
    assert_eq!(late.kind, GenerateErrorKind::Unavailable);
    assert!(late.detail.contains("in time") && late.by.is_none(), "{late}");
    drop(first);
    assert_eq!(view(&providers, "one")["requests"]["failed"], 0, "it was never asked");
}

#[tokio::test]
async fn one_call_tries_a_provider_that_failed_too_often() {
    let (providers, one, two) = two_with(|settings| {
        settings.breaker.failures = 1;
        settings.breaker.open_ms = 1;
        settings.breaker.open_max_ms = 1;
    })
    .await;
    one.script([Act::Status(500, None), Act::Hang, Act::Hang]);
    failed_by(&providers, "one").await;
    until(&providers, "one", |it| view(&providers, &it.name)["breaker"]["state"] == "half-open").await;
    let probe = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    one.open().await;
    for _ in 0..3 {
        assert_eq!(heard_of(&providers, request(|_| {})).await.text, "Hello.");
    }
    assert_eq!((one.asked().len(), two.asked().len()), (2, 3));
    // Stopped, it says nothing: another may try.
    probe.abort();
    one.none_open().await;
    until(&providers, "one", |it| it.concurrency.running == 0).await;
    let probe = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    one.open().await;
    assert_eq!(
        (one.asked().len(), view(&providers, "one")["breaker"]["state"].clone()),
        (3, json!("half-open"))
    );
    probe.abort();
    one.none_open().await;
    until(&providers, "one", |it| it.concurrency.running == 0).await;
    // The first words are enough.
    one.script([Act::Stall(vec!["So ".into()])]);
    let mut pieces = providers.generate(request(|_| {}), Attempt::default()).await.unwrap().pieces;
    assert!(matches!(pieces.next().await, Some(Ok(Piece::Text(_)))));
    assert_eq!(view(&providers, "one")["breaker"], json!({"state": "closed", "failures": 0}));
}

#[tokio::test]
async fn a_model_that_fails_leaves_the_others_of_its_provider_alone() {
    let provider = Provider::start().await;
    let providers = chain::settled(&provider, |settings| {
        settings.breaker.failures = 1;
        settings.fallback = vec!["one/spare".into()];
    });
    let overloaded = r#"{"error":{"message":"The model is overloaded."}}"#;
    provider.script([Act::Refusal(503, overloaded.into())]);
    failed_by(&providers, "one").await;
    heard_of(&providers, request(|_| {})).await.end.unwrap();
    let models: Vec<_> = provider.asked().iter().map(|asked| asked.body["model"].clone()).collect();
    assert_eq!(models, ["house-model", "spare"]);
    assert_eq!(view(&providers, "one")["breaker"]["state"], "open", "its own model's is told");
}

#[tokio::test]
async fn who_gives_up_after_the_first_words_time_counts_and_who_stops_does_not() {
    let provider = Provider::start().await;
    let patient = Duration::from_secs(3_600);
    let providers = chain::settled(&provider, |_| {}).waited_for(patient);
    let counts = || {
        let view = view(&providers, "one");
        (view["requests"]["total"].clone(), view["requests"]["failed"].clone())
    };
    // Stopped before and in the middle of the text.
    provider.script([Act::Hang, Act::Stall(vec!["So ".into()])]);
    let asked = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    provider.open().await;
    asked.abort();
    until(&providers, "one", |it| it.requests.total == 1).await;
    let mut pieces = providers.generate(request(|_| {}), Attempt::default()).await.unwrap().pieces;
    assert!(pieces.next().await.is_some());
    drop(pieces);
    assert_eq!(counts(), (json!(2), json!(0)));
    // Out of time.
    let hasty = providers.clone().waited_for(Duration::from_millis(20));
    let span = Duration::from_millis(60);
    provider.script([Act::Hang, Act::Stall(vec!["So ".into()])]);
    let attempt = Attempt::default();
    let chosen = attempt.chosen.clone();
    assert!(tokio::time::timeout(span, hasty.generate(request(|_| {}), attempt)).await.is_err());
    assert_eq!(chosen.get().unwrap().provider.as_ref(), "one", "told though it never answered");
    assert_eq!(counts(), (json!(3), json!(1)));
    let mut pieces = hasty.generate(request(|_| {}), Attempt::default()).await.unwrap().pieces;
    assert!(pieces.next().await.is_some());
    // Whoever is slow to read is not kept waiting by the provider.
    tokio::time::sleep(span).await;
    assert!(tokio::time::timeout(span, pieces.next()).await.is_err());
    drop(pieces);
    assert_eq!(counts(), (json!(4), json!(2)));
    assert_eq!(view(&providers, "one")["errors"], json!([{"kind": "timeout", "count": 2}]));
}

/// All that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_key_is_in_no_error_no_status_and_no_log() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || written.clone())
        .finish();
    let _logs = tracing::subscriber::set_default(subscriber);
    let (providers, one, two) = two().await;
    one.script([Act::Status(401, None), Act::Unsupported("user".into()), Act::Status(500, None)]);
    two.script([Act::Cut(vec![])]);
    for _ in 0..3 {
        let heard = heard_of(&providers, request(|_| {})).await;
        assert!(!format!("{heard:?}").contains("sk-test-key"));
    }
    let told = serde_json::to_string(&providers.views()).unwrap();
    assert!(told.contains("[key]") && !told.contains("sk-test-key"), "{told}");
    assert!(!told.contains("127.0.0.1"), "{told}");
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(!log.is_empty() && !log.contains("sk-test-key"), "the key is in the log");
}

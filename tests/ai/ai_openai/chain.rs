//! Who is asked when somebody fails.

use greenroom_actors::ports::{NextTry, Start};

use super::*;

/// Settings of providers with these names, and nobody else.
fn chained(providers: &[(&str, &Provider)]) -> AiSettings {
    let of = |(name, provider): &(&str, &Provider)| {
        ((*name).to_owned(), settings(provider).providers["house"].clone())
    };
    let first = providers[0].0.to_owned();
    let fallback = providers[1..].iter().map(|(name, _)| (*name).to_owned()).collect();
    let providers = providers.iter().map(of).collect();
    AiSettings { default_provider: first, fallback, providers, ..AiSettings::default() }
}

/// One provider, named so, with settings of its own.
pub fn settled(provider: &Provider, change: impl FnOnce(&mut AiSettings)) -> Providers {
    let mut settings = chained(&[("one", provider)]);
    change(&mut settings);
    Providers::new(&settings).unwrap()
}

/// Two providers; the second stands in for the first.
pub async fn two() -> (Providers, Provider, Provider) {
    two_with(|_| {}).await
}

pub async fn two_with(change: impl FnOnce(&mut AiSettings)) -> (Providers, Provider, Provider) {
    let (one, two) = (Provider::start().await, Provider::start().await);
    let mut settings = chained(&[("one", &one), ("two", &two)]);
    change(&mut settings);
    (Providers::new(&settings).unwrap(), one, two)
}

async fn outcome(providers: &Providers, attempt: Attempt) -> Result<String, GenerateError> {
    let mut pieces = providers.generate(request(|_| {}), attempt).await?.pieces;
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        if let Piece::Text(more) = piece? {
            text.push_str(&more);
        }
    }
    Ok(text)
}

/// A request that this provider fails at.
pub async fn failed_by(providers: &Providers, name: &str) -> GenerateError {
    let error = outcome(providers, Attempt::default()).await.unwrap_err();
    assert_eq!(error.by.as_deref().map(|by| &*by.provider), Some(name), "{error}");
    error
}

#[tokio::test]
async fn whatever_fails_the_next_one_answers() {
    let garbage = "data: {\"choices\": [garbage\n\n";
    let empty = Act::Say { texts: Vec::new(), finish: "stop", usage: true };
    let acts = [
        Act::Status(401, None),
        Act::Status(404, None),
        Act::Status(429, Some("1")),
        Act::Status(500, None),
        Act::Status(503, None),
        Act::Hang,
        Act::Raw(garbage.into()),
        Act::Cut(Vec::new()),
        Act::Stall(Vec::new()),
        empty,
    ];
    for act in acts {
        let (providers, one, two) = two_with(|settings| {
            settings.providers.get_mut("one").unwrap().first_token_timeout_ms = 500;
        })
        .await;
        one.script([act.clone()]);
        let error = failed_by(&providers, "one").await;
        assert_eq!(error.next, NextTry::Elsewhere, "{act:?}: {error}");
        let again = Attempt { number: 1, failed: vec![error.by.unwrap()], ..Attempt::default() };
        let chosen = again.chosen.clone();
        assert_eq!(outcome(&providers, again).await.as_deref(), Ok("Hello."), "{act:?}");
        assert_eq!(&*chosen.get().unwrap().provider, "two");
        assert_eq!((one.asked().len(), two.asked().len()), (1, 1), "{act:?}");
        let (first, second) = (&one.asked()[0].body, &two.asked()[0].body);
        assert_eq!(first, second, "the very same prompt");
    }
}

#[tokio::test]
async fn when_all_have_failed_they_are_asked_again_after_a_pause() {
    let (providers, one, two) = two().await;
    one.script([Act::Status(500, None)]);
    two.script([Act::Status(500, None)]);
    let mut failed = Vec::new();
    let first = failed_by(&providers, "one").await;
    failed.push(first.by.unwrap());
    let second = Attempt { number: 1, failed: failed.clone(), ..Attempt::default() };
    let second = outcome(&providers, second).await.unwrap_err();
    assert_eq!(second.next, NextTry::AfterPause);
    failed.push(second.by.unwrap());
    let third = Attempt { number: 2, failed, ..Attempt::default() };
    assert_eq!(outcome(&providers, third).await.as_deref(), Ok("Hello."));
    assert_eq!((one.asked().len(), two.asked().len()), (2, 1));
}

#[tokio::test]
async fn who_refused_is_asked_again_last() {
    let (providers, one, two) = two().await;
    one.script([Act::Status(401, None)]);
    two.script([Act::Status(500, None)]);
    let mut failed = vec![failed_by(&providers, "one").await.by.unwrap()];
    let second = Attempt { number: 1, failed: failed.clone(), ..Attempt::default() };
    failed.push(outcome(&providers, second).await.unwrap_err().by.unwrap());
    let third = Attempt { number: 2, failed, ..Attempt::default() };
    assert_eq!(outcome(&providers, third).await.as_deref(), Ok("Hello."));
    assert_eq!((one.asked().len(), two.asked().len()), (1, 2));
}

#[tokio::test]
async fn what_was_said_and_is_refused_is_not_carried_elsewhere() {
    let (providers, one, two) = two().await;
    let policy = r#"{"error":{"message":"no","code":"content_policy_violation"}}"#;
    one.script([
        Act::Say { texts: Vec::new(), finish: "content_filter", usage: true },
        Act::Refusal(400, policy.into()),
    ]);
    for _ in 0..2 {
        let error = failed_by(&providers, "one").await;
        assert_eq!((error.kind, error.next), (GenerateErrorKind::Refused, NextTry::AfterPause));
    }
    assert!(two.asked().is_empty());
    let view = providers.view_of("one").unwrap();
    assert_eq!((view.requests.failed, view.breaker.failures), (2, 0), "the provider is well");
}

#[tokio::test]
async fn a_character_names_who_else_is_asked() {
    let (providers, one, two) = two().await;
    one.script((0..2).map(|_| Act::Status(500, None)));
    let choose = || {
        request(|choice| {
            choice.provider = Some("one".into());
            choice.model = Some("big".into());
            choice.fallbacks = vec!["gone/x".into(), "one".into(), "two/org/spare".into()];
        })
    };
    let mut failed = Vec::new();
    for number in 0..3 {
        let attempt = Attempt { number, failed: failed.clone(), ..Attempt::default() };
        let Err(error) = providers.generate(choose(), attempt).await else { break };
        failed.push(error.by.unwrap());
    }
    let models = |provider: &Provider| {
        let asked = provider.asked();
        asked.iter().map(|it| it.body["model"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((models(&one), models(&two)), ("big house-model".into(), "org/spare".into()));
}

#[tokio::test]
async fn a_prompt_goes_to_who_reads_as_much() {
    use greenroom::config::ModelSettings;
    let small = ModelSettings { context_tokens: Some(150), ..ModelSettings::default() };
    let tell = move |settings: &mut AiSettings, name: &str| {
        let models = &mut settings.providers.get_mut(name).unwrap().models;
        models.insert("house-model".into(), small.clone());
    };
    let long = || {
        let mut request = Arc::unwrap_or_clone(request(|_| {}));
        request.messages.last_mut().unwrap().content = "word ".repeat(100);
        Arc::new(request)
    };
    let (providers, one, two) = two_with(|settings| tell(settings, "one")).await;
    heard_of(&providers, long()).await.end.unwrap();
    heard_of(&providers, request(|_| {})).await.end.unwrap();
    assert_eq!((one.asked().len(), two.asked().len()), (1, 1));
    let providers = settled(&one, |settings| tell(settings, "one"));
    let heard = heard_of(&providers, long()).await;
    assert_eq!(kind(&heard), GenerateErrorKind::Refused);
    assert!(heard.end.unwrap_err().by.is_none());
}

#[tokio::test]
async fn the_offline_provider_stands_in_only_where_the_settings_say_so() {
    for offline_fallback in [false, true] {
        let provider = Provider::start().await;
        let providers = settled(&provider, |settings| {
            let shipped = AiSettings::default();
            settings.providers.insert("offline".into(), shipped.providers["offline"].clone());
            settings.offline_word_delay_ms = 0;
            settings.offline_fallback = offline_fallback;
        });
        provider.script([Act::Status(500, None)]);
        let error = failed_by(&providers, "one").await;
        assert_eq!(error.next == NextTry::Elsewhere, offline_fallback);
        let again = Attempt { failed: vec![error.by.unwrap()], ..Attempt::default() };
        let opened = providers.generate(request(|_| {}), again).await.unwrap();
        let expected = if offline_fallback { "offline" } else { "one" };
        assert_eq!((&*opened.back_end.provider, opened.start), (expected, Start::Anew));
    }
}

#[tokio::test]
async fn who_answers_is_told_with_its_price() {
    use greenroom::config::{ModelSettings, PriceSettings};
    use greenroom_actors::domain::Price;
    let provider = Provider::start().await;
    let price =
        PriceSettings { input: 2.5, cached_input: Some(0.25), output: 10.0, ..PriceSettings::default() };
    let providers = settled(&provider, |settings| {
        let model = ModelSettings { price: Some(price), ..ModelSettings::default() };
        settings.providers.get_mut("one").unwrap().models.insert("house-model".into(), model);
    });
    let opened = providers.generate(request(|_| {}), Attempt::default()).await.unwrap();
    let price = Price { input: 2_500_000, cached_input: 250_000, output: 10_000_000 };
    assert_eq!((opened.back_end.price, providers.price("one", "house-model")), (price, price));
    // One that nobody told of works, at no price, and is said to have none.
    let unknown = request(|choice| choice.model = Some("new-model".into()));
    let opened = providers.generate(unknown, Attempt::default()).await.unwrap();
    assert_eq!((opened.back_end.price, providers.known_price("one", "new-model")), (Price::default(), None));
    let models = providers.view_of("one").unwrap().models;
    let told = |name: &str| models.iter().find(|model| model.name == name).unwrap().price.is_some();
    assert!(told("house-model") && !told("new-model"));
}

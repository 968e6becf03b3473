//! The adapter for OpenAI-compatible providers, against a stand-in that speaks the real wire format over HTTP.

mod aside;
mod chain;
mod continuing;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use greenroom::ai::Providers;
use greenroom::config::{AiSettings, ProviderKind, ProviderSettings};
use greenroom_actors::domain::{Finish, ModelChoice, Purpose, TokenUsage, UserId};
use greenroom_actors::pace::Pace;
use greenroom_actors::ports::{
    Attempt, Freshness, GenerateError, GenerateErrorKind, GenerateRequest, Generator, Piece, PromptMessage,
    PromptRole,
};
use greenroom_actors::testsuite::character;

use crate::support::provider::{Act, Provider};

/// All that came of one request.
#[derive(Debug)]
struct Heard {
    text: String,
    end: Result<(Finish, TokenUsage), GenerateError>,
}

fn settings(provider: &Provider) -> AiSettings {
    let settings = ProviderSettings {
        kind: ProviderKind::OpenAiCompatible,
        base_url: provider.base_url(),
        api_key: "sk-test-key".to_owned().into(),
        model: "house-model".into(),
        organization: "org-1".into(),
        ..ProviderSettings::default()
    };
    let providers = [("house".to_owned(), settings)].into();
    AiSettings { default_provider: "house".into(), providers, ..AiSettings::default() }
}

fn providers(provider: &Provider) -> Providers {
    Providers::new(&settings(provider)).unwrap()
}

fn request(change: impl FnOnce(&mut ModelChoice)) -> Arc<GenerateRequest> {
    let mut character = character("Mara");
    character.model.max_tokens = 100;
    change(&mut character.model);
    let said = |role, content: &str| PromptMessage::new(role, content);
    Arc::new(GenerateRequest {
        user: UserId::from_uuid(uuid::Uuid::from_u128(7)),
        user_name: "Anna".into(),
        messages: vec![
            said(PromptRole::System, "You are Mara."),
            said(PromptRole::Assistant, "Come in."),
            said(PromptRole::User, "Good evening \u{1F319} \"friend\""),
        ],
        max_tokens: 100,
        temperature: character.model.temperature,
        stop: Vec::new(),
        purpose: Purpose::Reply,
        freshness: Freshness::Any,
        character: Arc::new(character),
    })
}

async fn heard_of(providers: &Providers, request: Arc<GenerateRequest>) -> Heard {
    let mut text = String::new();
    let mut pieces = match providers.generate(request, Attempt::default()).await {
        Ok(opened) => opened.pieces,
        Err(error) => return Heard { text, end: Err(error) },
    };
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Text(more)) => text.push_str(&more),
            Ok(Piece::End { finish, usage, .. }) => {
                assert!(pieces.next().await.is_none(), "nothing comes after the end");
                return Heard { text, end: Ok((finish, usage)) };
            }
            Err(error) => return Heard { text, end: Err(error) },
        }
    }
    panic!("a stream ends with an end or an error");
}

/// One request, answered by these acts in turn.
async fn heard(acts: impl IntoIterator<Item = Act>) -> (Heard, Provider) {
    let provider = Provider::start().await;
    provider.script(acts);
    let heard = heard_of(&providers(&provider), request(|_| {})).await;
    (heard, provider)
}

fn kind(heard: &Heard) -> GenerateErrorKind {
    heard.end.as_ref().unwrap_err().kind
}

#[tokio::test]
async fn a_reply_streams_with_its_usage() {
    let (heard, provider) = heard([Act::say(["Good ", "evening \u{1F319}", ", Anna."])]).await;
    assert_eq!(heard.text, "Good evening \u{1F319}, Anna.");
    let usage = TokenUsage { prompt_tokens: 42, completion_tokens: 3, cached_tokens: 32 };
    assert_eq!(heard.end, Ok((Finish::Complete, usage)));
    let asked = provider.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/v1/chat/completions");
    assert_eq!(asked[0].header("authorization"), Some("Bearer sk-test-key"));
    assert_eq!(asked[0].header("openai-organization"), Some("org-1"));
}

#[tokio::test]
async fn the_request_carries_the_prompt_and_the_characters_settings() {
    let (_, provider) = heard([Act::say(["Yes."])]).await;
    let body = &provider.asked()[0].body;
    let expected = serde_json::json!({
        "model": "house-model",
        "messages": [
            {"role": "system", "content": "You are Mara."},
            {"role": "assistant", "content": "Come in."},
            {"role": "user", "content": "Good evening \u{1F319} \"friend\""},
        ],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": 100,
        "temperature": 0.8,
        "user": body["user"],
    });
    assert_eq!(*body, expected);
    let user = body["user"].as_str().unwrap();
    assert!(user.len() == 32 && !user.contains("00000007"), "the account's id stays here: {user}");
}

#[tokio::test]
async fn a_characters_own_provider_and_model_are_used_where_they_are_on() {
    let (own, house) = (Provider::start().await, Provider::start().await);
    let mut settings = settings(&house);
    let own_settings = ProviderSettings { base_url: own.base_url(), ..settings.providers["house"].clone() };
    settings.providers.insert("own".into(), own_settings);
    let providers = Providers::new(&settings).unwrap();
    let choose = |provider: &str| {
        let provider = provider.to_owned();
        request(move |choice| {
            choice.provider = Some(provider);
            choice.model = Some("big-model".into());
        })
    };
    heard_of(&providers, choose("own")).await.end.unwrap();
    assert_eq!(own.asked()[0].body["model"], "big-model");
    heard_of(&providers, choose("gone")).await.end.unwrap();
    assert_eq!(house.asked()[0].body["model"], "house-model", "another provider does not know that model");
}

#[tokio::test]
async fn how_the_reply_ended_is_told() {
    for (reason, finish) in
        [("stop", Finish::Complete), ("length", Finish::Length), ("eos", Finish::Complete)]
    {
        let (heard, _) = heard([Act::Say { texts: vec!["So".into()], finish: reason, usage: true }]).await;
        assert_eq!(heard.end.unwrap().0, finish, "{reason}");
    }
    let (heard, _) =
        heard([Act::Say { texts: vec!["So".into()], finish: "content_filter", usage: true }]).await;
    assert_eq!(kind(&heard), GenerateErrorKind::Refused);
}

#[tokio::test]
async fn without_a_usage_from_the_provider_it_is_counted() {
    let (heard, _) =
        heard([Act::Say { texts: vec!["Good evening".into()], finish: "stop", usage: false }]).await;
    let (_, usage) = heard.end.unwrap();
    assert!(usage.prompt_tokens > 5 && (1..10).contains(&usage.completion_tokens), "{usage:?}");
}

#[tokio::test]
async fn a_busy_provider_says_when_to_come_back_and_is_asked_only_once() {
    let (heard, provider) = heard([Act::Status(429, Some("7"))]).await;
    assert_eq!(kind(&heard), GenerateErrorKind::RateLimited);
    assert_eq!(heard.end.unwrap_err().retry_after, Some(Duration::from_secs(7)));
    assert_eq!(provider.asked().len(), 1, "trying again is the pool's affair");
}

#[tokio::test]
async fn errors_are_told_apart_by_whether_another_try_may_help() {
    let kinds = [
        (500, GenerateErrorKind::Unavailable),
        (503, GenerateErrorKind::Unavailable),
        (400, GenerateErrorKind::Refused),
        (401, GenerateErrorKind::Refused),
        (404, GenerateErrorKind::Refused),
        (302, GenerateErrorKind::Refused),
        (408, GenerateErrorKind::Timeout),
    ];
    for (status, expected) in kinds {
        let (heard, provider) = heard([Act::Status(status, None)]).await;
        assert_eq!(kind(&heard), expected, "{status}");
        assert_eq!(provider.asked().len(), 1, "{status}");
        let error = heard.end.unwrap_err();
        assert!(!error.detail.contains("sk-test-key") && error.detail.contains("[key]"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable() {
    let provider = Provider::start().await;
    let providers = providers(&provider);
    provider.stop().await;
    let heard = heard_of(&providers, request(|_| {})).await;
    assert_eq!(kind(&heard), GenerateErrorKind::Unavailable);
}

#[tokio::test]
async fn a_stream_that_breaks_is_broken_and_keeps_what_was_said() {
    for act in [Act::Cut(vec!["Good ".into()]), Act::EndEarly(vec!["Good ".into()])] {
        let (heard, _) = heard([act]).await;
        assert_eq!(heard.text, "Good ");
        assert_eq!(kind(&heard), GenerateErrorKind::Broken);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_broken() {
    for body in
        ["data: {\"choices\": [garbage\n\n", "<html>Bad gateway</html>", "", "data: 7\n\ndata: [DONE]\n\n"]
    {
        let (heard, _) = heard([Act::Raw(body.into())]).await;
        assert_eq!(kind(&heard), GenerateErrorKind::Broken, "{body}");
        assert_eq!(heard.text, "");
    }
}

#[tokio::test]
async fn an_error_within_the_stream_is_an_error() {
    let body = "data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n";
    let (heard, _) = heard([Act::Raw(body.into())]).await;
    assert_eq!(kind(&heard), GenerateErrorKind::RateLimited);
}

#[tokio::test]
async fn oddities_of_other_providers_are_understood() {
    let body = [
        ": a comment\r\n\r\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}],\"usage\":null}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"So\",\"reasoning\":\"hm\"},\"finish_reason\":null}],\"x\":1}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\" be it\"},\"finish_reason\":\"stop\"}],",
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"prompt_tokens_details\":null}}\n\n",
    ];
    let (heard, _) = heard([Act::Raw(body.concat())]).await;
    assert_eq!(heard.text, "So be it");
    let usage = TokenUsage { prompt_tokens: 9, completion_tokens: 3, cached_tokens: 0 };
    assert_eq!(heard.end, Ok((Finish::Complete, usage)), "without [DONE] too");
}

#[tokio::test]
async fn a_character_that_is_cut_in_the_middle_of_its_bytes_is_whole() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"na\u{ef}ve \u{1F319} \u{4f60}\"},\"finish_reason\":\"stop\"}]}\n\n";
    let (whole, _) = heard([Act::Raw(body.into())]).await;
    assert_eq!(whole.text, "na\u{ef}ve \u{1F319} \u{4f60}");
    for at in body.char_indices().filter(|(_, letter)| !letter.is_ascii()).map(|(at, _)| at + 1) {
        let (first, second) = body.as_bytes().split_at(at);
        let (parted, _) = heard([Act::Parts(vec![first.to_vec(), second.to_vec()])]).await;
        assert_eq!(parted.text, whole.text);
        assert!(parted.end.is_ok());
    }
}

#[tokio::test]
async fn what_was_thought_is_counted_where_only_the_total_has_it() {
    let body = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"So\"},\"finish_reason\":\"stop\"}],",
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":112}}\n\n",
    ];
    let (heard, _) = heard([Act::Raw(body.concat())]).await;
    assert_eq!(heard.end.unwrap().1.completion_tokens, 103);
}

#[tokio::test]
async fn a_line_or_a_reply_without_end_is_cut() {
    let (line, _) = heard([Act::Raw(format!("data: {}", "x".repeat(400_000)))]).await;
    assert_eq!(kind(&line), GenerateErrorKind::Broken);
    let (reply, provider) = heard([Act::Endless]).await;
    assert_eq!(reply.end.unwrap().0, Finish::Length);
    assert!(reply.text.len() < 10_000);
    provider.none_open().await;
}

#[tokio::test]
async fn a_reader_that_is_behind_holds_the_provider_back() {
    let provider = Provider::start().await;
    provider.script([Act::Endless]);
    let mut pieces = providers(&provider).generate(request(|_| {}), Attempt::default()).await.unwrap().pieces;
    assert!(matches!(pieces.next().await, Some(Ok(Piece::Text(_)))));
    let sent = provider.sent_when_still().await;
    assert!(sent < 20_000_000, "{sent} bytes were taken in though nobody read them");
    drop(pieces);
    provider.none_open().await;
}

#[tokio::test]
async fn dropping_the_reply_ends_it_upstream() {
    let provider = Provider::start().await;
    let providers = providers(&provider);
    // While it has not answered yet.
    provider.script([Act::Hang]);
    let answer = tokio::spawn(providers.generate(request(|_| {}), Attempt::default()));
    provider.open().await;
    answer.abort();
    provider.none_open().await;
    // In the middle of the text.
    provider.script([Act::Stall(vec!["Good ".into()])]);
    let mut pieces = providers.generate(request(|_| {}), Attempt::default()).await.unwrap().pieces;
    assert!(pieces.next().await.is_some());
    drop(pieces);
    provider.none_open().await;
}

#[tokio::test]
async fn a_reply_under_way_is_read_now_and_then_and_whole() {
    let provider = Provider::start().await;
    let words: Vec<String> = (0..500).map(|number| format!("{number} ")).collect();
    provider.script([Act::Say { texts: words.clone(), finish: "stop", usage: true }]);
    let providers = providers(&provider);
    let attempt = Attempt { pace: Pace::fixed(Duration::from_millis(200)), ..Attempt::default() };
    let pieces: Vec<_> = providers.generate(request(|_| {}), attempt).await.unwrap().pieces.collect().await;
    let text = |piece: &Result<Piece, GenerateError>| match piece {
        Ok(Piece::Text(text)) => text.clone(),
        _ => String::new(),
    };
    assert_eq!(pieces.iter().map(text).collect::<String>(), words.concat());
    assert!(matches!(pieces.last(), Some(Ok(Piece::End { finish: Finish::Complete, .. }))));
    assert!(pieces.len() < 100, "{} pieces for 500 words that came at once", pieces.len());
}

#[tokio::test]
async fn a_reply_ends_upstream_also_while_it_is_not_read() {
    let provider = Provider::start().await;
    provider.script([Act::Endless]);
    let providers = providers(&provider);
    let attempt = Attempt { pace: Pace::fixed(Duration::from_secs(3_600)), ..Attempt::default() };
    let mut pieces = providers.generate(request(|_| {}), attempt).await.unwrap().pieces;
    assert!(matches!(pieces.next().await, Some(Ok(Piece::Text(_)))));
    drop(pieces);
    provider.none_open().await;
}

#[tokio::test]
async fn a_model_that_wants_another_form_gets_it_from_then_on() {
    let provider = Provider::start().await;
    let providers = providers(&provider);
    let unsupported = |field: &str| Act::Unsupported(field.to_owned());
    provider.script([unsupported("max_tokens"), unsupported("temperature"), Act::say(["Yes."])]);
    assert_eq!(heard_of(&providers, request(|_| {})).await.text, "Yes.");
    assert_eq!(heard_of(&providers, request(|_| {})).await.text, "Hello.");
    let asked = provider.asked();
    assert_eq!(asked.len(), 4, "the second reply needed no lesson");
    for body in [&asked[2].body, &asked[3].body] {
        assert_eq!(body["max_completion_tokens"], 100);
        assert!(body.get("max_tokens").is_none() && body.get("temperature").is_none());
    }
    // One that is never content is refused in the end.
    provider.script((0..20).flat_map(|_| ["max_completion_tokens", "max_tokens", "user"].map(unsupported)));
    assert_eq!(kind(&heard_of(&providers, request(|_| {})).await), GenerateErrorKind::Refused);
}

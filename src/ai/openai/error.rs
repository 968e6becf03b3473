//! What went wrong upstream, in the engine's terms. Texts are cut short and never hold the key.

use std::time::Duration;

use async_openai::error::OpenAIError;
use greenroom_actors::ports::{GenerateError, GenerateErrorKind};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

const DETAIL_MAX_CHARS: usize = 400;
/// What a provider asks for beyond this is not counted with.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// What a failure is about: it decides who else is worth asking, and what is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ai) enum About {
    Provider,
    /// One of its models.
    Model,
    /// What was said: another provider would be no better.
    Prompt,
}

/// A failure with what it is about.
#[derive(Clone, Debug)]
pub(in crate::ai) struct Fault {
    pub error: GenerateError,
    pub about: About,
}

impl Fault {
    pub fn new(kind: GenerateErrorKind, detail: impl Into<String>) -> Self {
        Self { error: GenerateError::new(kind, detail), about: About::Provider }
    }

    pub fn of_prompt(kind: GenerateErrorKind, detail: impl Into<String>) -> Self {
        Self { about: About::Prompt, ..Self::new(kind, detail) }
    }
}

/// An answer with a status other than success.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status}: {message}")]
pub(super) struct Refusal {
    status: StatusCode,
    retry_after: Option<Duration>,
    message: String,
    param: Option<String>,
    code: Option<String>,
    /// It tells of limits that it keeps for each model.
    limits_models: Models,
}

/// Whether limits are kept for each model apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Models {
    Apart,
    Together,
}

#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    message: String,
    param: Option<String>,
    /// A text at OpenAI, a number elsewhere.
    code: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<Value>,
}

impl Refusal {
    pub fn new(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let value: Option<Value> = serde_json::from_slice(body).ok();
        let told = value.as_ref().and_then(error_object).unwrap_or_else(|| Told {
            message: String::from_utf8_lossy(body).into_owned(),
            ..Told::default()
        });
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        Self {
            status,
            retry_after: retry_after(headers, Timestamp::now()).map(|wait| wait.min(RETRY_AFTER_MAX)),
            message: told.message,
            param: told.param,
            code: told.code.or(told.kind).map(text),
            limits_models: if headers.keys().any(|name| name.as_str().starts_with("x-ratelimit-")) {
                Models::Apart
            } else {
                Models::Together
            },
        }
    }

    /// The one inside the client's error, where there is one.
    pub fn of(error: &OpenAIError) -> Option<&Self> {
        match error {
            OpenAIError::Boxed(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// Whether it is this field of the request that is refused.
    pub fn names(&self, field: &str) -> bool {
        let quoted =
            || ['\'', '"', '`'].iter().any(|quote| self.message.contains(&format!("{quote}{field}{quote}")));
        // xAI: "Argument not supported on this model: stop".
        let behind = || self.message.trim_end_matches('.').ends_with(&format!(": {field}"));
        self.is_of_the_request() && (self.param.as_deref() == Some(field) || quoted() || behind())
    }

    /// Whether the refusal is about the request's form, and its text holds one of these, in small letters.
    pub fn says(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        self.is_of_the_request() && words.iter().any(|word| message.contains(word))
    }

    fn is_of_the_request(&self) -> bool {
        matches!(self.status.as_u16(), 400 | 422)
    }

    fn about(&self, model: &str) -> About {
        let code = self.code.as_deref().unwrap_or_default();
        match self.status.as_u16() {
            400 | 403 if is_of_content(code) || is_of_content(&self.message) => About::Prompt,
            // OpenAI and those that do as it does count each model apart, and say so.
            429 if self.limits_models == Models::Apart || self.message.contains(model) => About::Model,
            // "The model is overloaded": others of the same provider may be well.
            500..=599 if self.message.to_lowercase().contains("model") => About::Model,
            404 => About::Model,
            _ => About::Provider,
        }
    }

    fn kind(&self) -> GenerateErrorKind {
        let code = self.code.as_deref().unwrap_or_default();
        match self.status.as_u16() {
            // Out of money is no matter of waiting.
            429 if code == "insufficient_quota" => GenerateErrorKind::Refused,
            429 => GenerateErrorKind::RateLimited,
            408 => GenerateErrorKind::Timeout,
            409 | 425 | 500..=599 => GenerateErrorKind::Unavailable,
            _ => GenerateErrorKind::Refused,
        }
    }
}

/// Whether what was asked about is not known.
pub(in crate::ai) fn is_not_there(error: &OpenAIError) -> bool {
    Refusal::of(error).is_some_and(|refusal| refusal.status == StatusCode::NOT_FOUND)
}

/// Whether a code or a text says that a policy forbids what was asked for, as OpenAI and xAI put it, for pictures and
/// videos too: "Your request was rejected by the safety system", "Generated image rejected by content moderation".
pub(in crate::ai) fn is_of_content(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "content_filter",
        "content_policy",
        "content policy",
        "content moderation",
        "moderation_blocked",
        "safety system",
        "usage guidelines",
        "usage policies",
    ];
    let text = text.to_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

fn error_object(value: &Value) -> Option<Told> {
    // Gemini wraps its error object in a list.
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    let error = value.get("error").unwrap_or(value);
    match error {
        Value::String(message) => Some(Told { message: message.clone(), ..Told::default() }),
        error => serde_json::from_value(error.clone()).ok(),
    }
}

/// `retry-after` in seconds or as a date, or the finer `retry-after-ms` that some send.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1_000.0).ok();
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// Takes the key out of texts that a provider or a library wrote.
#[derive(Clone)]
pub(in crate::ai) struct Redact {
    key: SecretString,
}

impl Redact {
    pub fn new(key: &SecretString) -> Self {
        Self { key: key.clone() }
    }

    pub(super) fn text(&self, text: &str) -> String {
        let key = self.key.expose_secret();
        let text = if key.is_empty() { text.to_owned() } else { text.replace(key, "[key]") };
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL_MAX_CHARS).collect()
    }
}

/// What the client met when it asked for `model`.
pub(in crate::ai) fn mapped(error: &OpenAIError, model: &str, redact: &Redact) -> Fault {
    if let Some(refusal) = Refusal::of(error) {
        let mut fault = Fault::new(refusal.kind(), redact.text(&refusal.to_string()));
        fault.error.retry_after = refusal.retry_after;
        fault.about = refusal.about(model);
        return fault;
    }
    let (kind, detail) = match error {
        OpenAIError::Reqwest(error) if error.is_timeout() => (GenerateErrorKind::Timeout, chain(error)),
        OpenAIError::Reqwest(error) if error.is_builder() => (GenerateErrorKind::Refused, chain(error)),
        OpenAIError::Reqwest(error) => (GenerateErrorKind::Unavailable, chain(error)),
        // What it was is the provider's text, or a person's that came back: not for the log.
        OpenAIError::JSONDeserialize(error, _) => (GenerateErrorKind::Broken, format!("no chunk: {error}")),
        OpenAIError::StreamError(error) => (GenerateErrorKind::Broken, error.to_string()),
        error => (GenerateErrorKind::Broken, error.to_string()),
    };
    Fault::new(kind, redact.text(&detail))
}

/// The error with its causes, without the address: that may hold a secret.
fn chain(error: &reqwest::Error) -> String {
    let mut text =
        if error.is_connect() { "cannot connect".to_owned() } else { "the request failed".to_owned() };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// An error told in the middle of the stream.
pub(super) fn in_stream(error: &Value, redact: &Redact) -> Fault {
    let told = error_object(error).unwrap_or_default();
    let code = told.code.map(|code| code.to_string()).unwrap_or_default();
    let kind = match code.trim_matches('"') {
        "429" | "rate_limit_exceeded" => GenerateErrorKind::RateLimited,
        "400" | "401" | "403" | "content_filter" | "content_policy_violation" => GenerateErrorKind::Refused,
        _ => GenerateErrorKind::Broken,
    };
    let fault = Fault::new(kind, redact.text(&format!("in the stream: {code} {}", told.message)));
    let about = if code.contains("content_") { About::Prompt } else { About::Provider };
    Fault { about, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(name: &'static str, value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        retry_after(&headers, "1994-11-06T08:49:07Z".parse().unwrap())
    }

    #[test]
    fn retry_after_comes_in_seconds_milliseconds_or_as_a_date() {
        assert_eq!(after("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(after("retry-after-ms", "1500"), Some(Duration::from_millis(1_500)));
        assert_eq!(after("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("retry-after", "soon"), None);
        assert_eq!(after("retry-after", "-1"), None);
    }

    #[test]
    fn what_a_provider_asks_for_is_bounded() {
        for (told, seconds) in [("7", 7), ("864000", 86_400), ("1e18", 86_400)] {
            let headers = [(RETRY_AFTER, told.parse().unwrap())].into_iter().collect();
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
            assert_eq!(refusal.retry_after, Some(Duration::from_secs(seconds)), "{told}");
        }
    }

    #[test]
    fn the_key_is_taken_out_of_what_a_provider_says() {
        let redact = Redact::new(&"sk-secret".to_owned().into());
        let body = br#"{"error":{"message":"bad key sk-secret\n","code":"invalid_api_key"}}"#;
        let refusal = Refusal::new(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body);
        let error = mapped(&OpenAIError::Boxed(Box::new(refusal)), "house-model", &redact).error;
        assert_eq!(error.kind, GenerateErrorKind::Refused);
        assert_eq!(error.detail, "401 Unauthorized: bad key [key] ");
    }

    #[test]
    fn what_is_a_models_trouble_is_told_from_what_is_the_providers() {
        let about = |status: u16, header: Option<&'static str>, message: &str| {
            let mut headers = HeaderMap::new();
            if let Some(name) = header {
                headers.insert(name, "0".parse().unwrap());
            }
            let body = serde_json::json!({"error": {"message": message}}).to_string();
            Refusal::new(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()).about("big-1")
        };
        assert_eq!(about(429, None, "slow down"), About::Provider);
        assert_eq!(about(429, None, "limit of big-1 reached"), About::Model);
        assert_eq!(about(429, Some("x-ratelimit-remaining-tokens"), "slow down"), About::Model);
        assert_eq!(about(503, None, "The model is overloaded."), About::Model);
        assert_eq!(about(503, None, "bad gateway"), About::Provider);
        assert_eq!(about(400, None, "stopped by content_filter"), About::Prompt);
        assert_eq!(about(401, None, "no"), About::Provider);
    }
}

//! Answers as clients of OpenAI read them.

use std::time::{SystemTime, UNIX_EPOCH};

use greenroom_actors::domain::{FailureCode, Finish, TokenUsage};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What all parts of one answer share.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub id: String,
    pub created: u64,
    pub model: String,
    /// Where the answer is a reply of a conversation.
    pub ids: Option<RoomIds>,
}

/// Where an answer stands that belongs to a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RoomIds {
    pub conversation_id: Uuid,
    /// Of the message that was said.
    pub message_id: Uuid,
    /// Of the message that the answer is or becomes.
    pub reply_id: Uuid,
}

impl Head {
    pub fn new(id: Uuid, model: String, ids: Option<RoomIds>) -> Self {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { id: format!("chatcmpl-{}", id.simple()), created, model, ids }
    }
}

/// A whole answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChatCompletion<'a> {
    #[schema(example = "chatcmpl-0197f0007000800080000000000000aa")]
    id: &'a str,
    /// Always `chat.completion`.
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    model: &'a str,
    system_fingerprint: Option<&'static str>,
    choices: [Choice<'a>; 1],
    usage: UsageBody,
    /// Only in a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RoomIds>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Choice<'a> {
    index: u32,
    message: ChoiceMessage<'a>,
    logprobs: Option<&'static str>,
    /// `stop`, `length` or `content_filter`.
    finish_reason: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct ChoiceMessage<'a> {
    /// Always `assistant`.
    role: &'static str,
    content: &'a str,
    refusal: Option<&'static str>,
}

/// A part of a streamed answer: the data of one event.
#[derive(Debug, Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: Option<&'static str>,
    choices: &'a [Part<'a>],
    /// Null in all but the last, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RoomIds>,
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<&'static str>,
    finish_reason: Option<&'static str>,
}

#[derive(Debug, Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct UsageBody {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct PromptDetails {
    /// What the provider had in its cache.
    cached_tokens: u32,
    audio_tokens: u32,
}

#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
struct CompletionDetails {
    reasoning_tokens: u32,
    audio_tokens: u32,
    accepted_prediction_tokens: u32,
    rejected_prediction_tokens: u32,
}

impl From<TokenUsage> for UsageBody {
    fn from(usage: TokenUsage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: PromptDetails { cached_tokens: usage.cached_tokens, audio_tokens: 0 },
            completion_tokens_details: CompletionDetails::default(),
        }
    }
}

/// OpenAI's word for an end that is one; `None` for a failure.
pub(super) fn finish_reason(outcome: Result<Finish, FailureCode>) -> Option<&'static str> {
    match outcome {
        Ok(Finish::Complete | Finish::Stopped) => Some("stop"),
        Ok(Finish::Length) => Some("length"),
        Ok(Finish::Refused) | Err(FailureCode::ContentRefused) => Some("content_filter"),
        Ok(Finish::Interrupted) | Err(_) => None,
    }
}

impl Head {
    pub fn whole<'a>(
        &'a self,
        content: &'a str,
        finish_reason: &'static str,
        usage: TokenUsage,
    ) -> ChatCompletion<'a> {
        let message = ChoiceMessage { role: "assistant", content, refusal: None };
        ChatCompletion {
            id: &self.id,
            object: "chat.completion",
            created: self.created,
            model: &self.model,
            system_fingerprint: None,
            choices: [Choice { index: 0, message, logprobs: None, finish_reason }],
            usage: usage.into(),
            metadata: self.ids.as_ref(),
        }
    }

    /// The first part: who speaks. `usage` is for all parts what was asked for.
    pub fn begin(&self, usage: Option<Option<UsageBody>>) -> Vec<u8> {
        let delta = Delta { role: Some("assistant"), content: Some("") };
        self.part(delta, None, usage, self.ids.as_ref())
    }

    pub fn text(&self, text: &str, usage: Option<Option<UsageBody>>) -> Vec<u8> {
        self.part(Delta { content: Some(text), ..Delta::default() }, None, usage, None)
    }

    pub fn end(&self, finish_reason: &'static str, usage: Option<Option<UsageBody>>) -> Vec<u8> {
        self.part(Delta::default(), Some(finish_reason), usage, self.ids.as_ref())
    }

    pub fn usage(&self, usage: TokenUsage) -> Vec<u8> {
        event(&self.chunk(&[], Some(Some(usage.into())), None))
    }

    fn part(
        &self,
        delta: Delta<'_>,
        finish_reason: Option<&'static str>,
        usage: Option<Option<UsageBody>>,
        metadata: Option<&RoomIds>,
    ) -> Vec<u8> {
        event(&self.chunk(&[Part { index: 0, delta, logprobs: None, finish_reason }], usage, metadata))
    }

    fn chunk<'a>(
        &'a self,
        choices: &'a [Part<'a>],
        usage: Option<Option<UsageBody>>,
        metadata: Option<&'a RoomIds>,
    ) -> Chunk<'a> {
        Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            system_fingerprint: None,
            choices,
            usage,
            metadata,
        }
    }
}

/// One server-sent event. JSON has no line break of its own.
pub(super) fn event(data: &impl Serialize) -> Vec<u8> {
    let mut bytes = b"data: ".to_vec();
    // Into memory, and of types that have JSON: it cannot fail.
    let _ = serde_json::to_writer(&mut bytes, data);
    bytes.extend_from_slice(b"\n\n");
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn data(bytes: &[u8]) -> Value {
        let text = std::str::from_utf8(bytes).unwrap();
        let data = text.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        assert!(!data.contains('\n'));
        serde_json::from_str(data).unwrap()
    }

    fn head() -> Head {
        Head { id: "chatcmpl-1".into(), created: 7, model: "character/mira".into(), ids: None }
    }

    #[test]
    fn a_whole_answer_has_all_that_openais_has() {
        let usage = TokenUsage { prompt_tokens: 10, completion_tokens: 5, cached_tokens: 4 };
        let body = serde_json::to_value(head().whole("Hi", "stop", usage)).unwrap();
        assert_eq!(
            body,
            json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "character/mira",
                "system_fingerprint": null,
                "choices": [{
                    "index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null},
                    "logprobs": null, "finish_reason": "stop",
                }],
                "usage": {
                    "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                    "completion_tokens_details": {
                        "reasoning_tokens": 0, "audio_tokens": 0,
                        "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
                    },
                },
            })
        );
    }

    #[test]
    fn parts_carry_usage_where_it_was_asked_for_and_only_there() {
        let part = data(&head().text("line\nbreak", None));
        assert_eq!(part["choices"][0]["delta"], json!({"content": "line\nbreak"}));
        assert_eq!(part.get("usage"), None);
        assert_eq!(data(&head().begin(Some(None)))["usage"], Value::Null);
        assert!(data(&head().begin(Some(None))).as_object().unwrap().contains_key("usage"));
        let last = data(&head().usage(TokenUsage::default()));
        assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(0)));
        let end = data(&head().end("length", None));
        assert_eq!(
            end["choices"][0],
            json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "length"})
        );
    }

    #[test]
    fn a_failure_is_no_end() {
        assert_eq!(finish_reason(Ok(Finish::Interrupted)), None);
        assert_eq!(finish_reason(Err(FailureCode::ProviderTimeout)), None);
        assert_eq!(finish_reason(Err(FailureCode::ContentRefused)), Some("content_filter"));
    }
}

//! What a client asks for: OpenAI's request, checked, and what of it means something here.

mod messages;
mod pictures;

use std::collections::BTreeMap;

use greenroom_actors::completion::Speaker;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

pub(super) use self::messages::Said;
use self::messages::{ChatMessage, read_messages};
pub(super) use self::pictures::{Sent, Whence, refused};
use crate::error::{ApiError, ApiResult, FieldError};

/// Bytes of a request's body: texts, and pictures that come along in it.
pub(super) const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;
const STOPS_MAX: usize = 4;
const STOP_MAX_CHARS: usize = 256;
const METADATA_MAX: usize = 16;
const METADATA_KEY_MAX_CHARS: usize = 64;
const METADATA_VALUE_MAX_CHARS: usize = 512;

/// A chat completion that is wanted. Fields of OpenAI that are not named here change nothing: `top_p`, the penalties, `seed`,
/// `user` and others are the character's own affair.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChatRequest {
    /// `character/<slug>`
    #[schema(example = "character/hanne-brekke")]
    model: String,
    /// The whole history, oldest first. What `system` and `developer` messages say is told to the character with a user's
    /// weight. A user's may hold pictures.
    #[schema(min_items = 1, max_items = 1000)]
    messages: Vec<ChatMessage>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    /// At most so many tokens of text; the character has a bound of its own. The older name of `max_completion_tokens`.
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
    #[schema(minimum = 1)]
    max_completion_tokens: Option<u32>,
    /// Without it the character's own.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// The text ends before any of these: one, or up to four.
    stop: Option<Stop>,
    /// 1 and nothing else.
    #[schema(minimum = 1, maximum = 1)]
    n: Option<u32>,
    /// `conversation_id`: the last user message is said in that conversation, and its reply answered. `client_id`: the same
    /// message twice is one message there.
    metadata: Option<BTreeMap<String, String>>,
    /// Not offered.
    #[schema(value_type = Option<Vec<Object>>)]
    tools: Option<Value>,
    /// Not offered.
    #[schema(value_type = Option<Vec<Object>>)]
    functions: Option<Value>,
    /// `text` and nothing else.
    response_format: Option<Format>,
    /// `text` and nothing else.
    modalities: Option<Vec<String>>,
    /// Not offered.
    logprobs: Option<bool>,
    /// Not offered.
    #[schema(value_type = Option<Object>)]
    audio: Option<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct StreamOptions {
    /// One more chunk before the end, with the tokens.
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "takes a text or a list of texts")]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize, ToSchema)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
}

/// How the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Stream(StreamUsage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamUsage {
    Left,
    Included,
}

/// A request that makes sense.
#[derive(Debug)]
pub(super) struct Wanted {
    pub model: String,
    pub lines: Vec<Said>,
    /// What the client's system messages say.
    pub program: Option<String>,
    pub max_tokens: Option<u32>,
    pub temperature: Option<f32>,
    pub stop: Vec<String>,
    pub delivery: Delivery,
    pub conversation: Option<String>,
    pub client_id: Option<String>,
}

impl Wanted {
    /// Reads a body; an error names the field by its path.
    pub fn read(body: Value) -> ApiResult<Self> {
        let request: ChatRequest = serde_path_to_error::deserialize(body).map_err(|error| {
            let (path, cause) = (error.path().to_string(), error.inner().to_string());
            let missing = cause.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
            match (missing, &*path) {
                (Some((name, _)), ".") => FieldError::new(name.to_owned(), "is missing"),
                (Some((name, _)), path) => FieldError::new(format!("{path}.{name}"), "is missing"),
                (None, ".") => FieldError::new("body", cause),
                (None, path) => FieldError::new(path.to_owned(), cause),
            }
        })?;
        request.checked()
    }

    /// What was said last by the one who asks.
    pub fn last_said(&self) -> Option<&Said> {
        self.lines.iter().rev().find(|line| line.by == Speaker::Person)
    }
}

fn wrong(field: impl Into<std::borrow::Cow<'static, str>>, message: impl Into<String>) -> ApiError {
    FieldError::new(field, message.into()).into()
}

impl ChatRequest {
    fn checked(self) -> ApiResult<Wanted> {
        self.refuse_what_is_not_offered()?;
        let (lines, program) = read_messages(self.messages)?;
        if self.temperature.is_some_and(|it| !(0.0..=2.0).contains(&it)) {
            return Err(wrong("temperature", "takes 0 to 2"));
        }
        let max_tokens = match (self.max_completion_tokens, self.max_tokens) {
            (Some(0), _) => return Err(wrong("max_completion_tokens", "takes 1 or more")),
            (None, Some(0)) => return Err(wrong("max_tokens", "takes 1 or more")),
            (newer, older) => newer.or(older),
        };
        let delivery = match (self.stream.unwrap_or_default(), self.stream_options) {
            (false, Some(_)) => return Err(wrong("stream_options", "goes together with stream alone")),
            (false, None) => Delivery::Whole,
            (true, options) => {
                let included = options.and_then(|options| options.include_usage).unwrap_or_default();
                Delivery::Stream(if included { StreamUsage::Included } else { StreamUsage::Left })
            }
        };
        let mut metadata = read_metadata(self.metadata.unwrap_or_default())?;
        Ok(Wanted {
            model: self.model,
            lines,
            program,
            max_tokens,
            temperature: self.temperature,
            stop: read_stop(self.stop)?,
            delivery,
            conversation: metadata.remove("conversation_id"),
            client_id: metadata.remove("client_id"),
        })
    }

    /// What a client relies on must not be left out in silence.
    fn refuse_what_is_not_offered(&self) -> ApiResult<()> {
        let given = |value: &Option<Value>| match value {
            Some(Value::Array(items)) => !items.is_empty(),
            Some(value) => !value.is_null(),
            None => false,
        };
        let other = |kind: &str| kind != "text";
        let refused = [
            ("tools", given(&self.tools), "is not offered: characters have no tools"),
            ("functions", given(&self.functions), "is not offered: characters have no functions"),
            ("audio", given(&self.audio), "is not offered: answers are text"),
            ("logprobs", self.logprobs == Some(true), "is not offered"),
            ("n", self.n.is_some_and(|n| n != 1), "takes 1: there is one answer"),
            (
                "response_format",
                self.response_format.as_ref().is_some_and(|format| other(&format.kind)),
                "takes text: characters speak, they fill in no schema",
            ),
            (
                "modalities",
                self.modalities.iter().flatten().any(|kind| other(kind)),
                "takes text: answers are text",
            ),
        ];
        match refused.into_iter().find(|(_, given, _)| *given) {
            Some((field, _, message)) => Err(wrong(field, message)),
            None => Ok(()),
        }
    }
}

fn read_stop(stop: Option<Stop>) -> ApiResult<Vec<String>> {
    let stop = match stop {
        None => Vec::new(),
        Some(Stop::One(one)) => vec![one],
        Some(Stop::Many(many)) => many,
    };
    if stop.len() > STOPS_MAX {
        return Err(wrong("stop", format!("takes at most {STOPS_MAX} sequences")));
    }
    if stop.iter().any(|one| one.is_empty() || one.chars().count() > STOP_MAX_CHARS) {
        return Err(wrong("stop", format!("takes sequences of 1 to {STOP_MAX_CHARS} characters")));
    }
    Ok(stop)
}

fn read_metadata(metadata: BTreeMap<String, String>) -> ApiResult<BTreeMap<String, String>> {
    let long = |(key, value): (&String, &String)| {
        key.chars().count() > METADATA_KEY_MAX_CHARS || value.chars().count() > METADATA_VALUE_MAX_CHARS
    };
    if metadata.len() > METADATA_MAX || metadata.iter().any(long) {
        return Err(wrong(
            "metadata",
            format!(
                "takes at most {METADATA_MAX} pairs, keys of {METADATA_KEY_MAX_CHARS} characters and values of \
                 {METADATA_VALUE_MAX_CHARS}"
            ),
        ));
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests;

//! From the events of a stream to the pieces of a reply.

use std::sync::Arc;
use std::time::Duration;

use async_openai::types::stream::StreamResponse;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use greenroom_actors::domain::{Counted, Finish, TokenUsage};
use greenroom_actors::ports::{GenerateErrorKind, GenerateRequest, Piece, TokenCounter};
use serde::Deserialize;
use serde_json::Value;

use super::error::{Fault, Redact, in_stream, mapped};
use super::flow::Flow;
use super::stops::{Cut, Stops};
use crate::ai::Tokens;

/// After the last word the usage follows at once, or not at all.
const USAGE_PATIENCE: Duration = Duration::from_secs(2);
/// From here on no more text is put together into one piece.
const PIECE_MAX_BYTES: usize = 4 * 1024;
/// A token has fewer bytes than this on average, in any script: a server that passes `max_tokens` by far is cut.
const TOKEN_MAX_BYTES: usize = 16;

/// One event. Providers differ in nearly all of it, so nothing is required and nothing unknown is refused.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    /// Said in place of content by a model that declines.
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u32>,
    #[serde(default)]
    completion_tokens: Option<u32>,
    #[serde(default)]
    total_tokens: Option<u32>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u32>,
}

pub(super) struct Reader {
    events: StreamResponse<Chunk>,
    flow: Arc<Flow>,
    request: Arc<GenerateRequest>,
    model: Arc<str>,
    redact: Redact,
    stops: Stops,
    text: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// No more is read: the text ends here.
    over: bool,
    /// Came behind text that was ready, and is told after it.
    kept: Option<Next>,
    ended: bool,
}

/// How what comes is to be read.
pub(super) struct Reading {
    pub request: Arc<GenerateRequest>,
    pub model: Arc<str>,
    pub redact: Redact,
    pub stops: Stops,
}

type Next = Result<Piece, Fault>;

impl Reader {
    pub fn new(events: StreamResponse<Chunk>, flow: Arc<Flow>, reading: Reading) -> Self {
        let Reading { request, model, redact, stops } = reading;
        Self {
            events,
            flow,
            request,
            model,
            redact,
            stops,
            text: String::new(),
            finish: None,
            usage: None,
            over: false,
            kept: None,
            ended: false,
        }
    }

    pub fn pieces(self) -> impl Stream<Item = Next> + Send {
        stream::unfold(self, |mut reader| async {
            if reader.ended {
                return None;
            }
            let next = match reader.kept.take() {
                Some(kept) => kept,
                None => reader.next().await,
            };
            let next = next.map(|piece| match piece {
                Piece::Text(text) => Piece::Text(reader.with_what_is_ready(text)),
                end @ Piece::End { .. } => end,
            });
            reader.ended = !matches!(next, Ok(Piece::Text(_)));
            Some((next, reader))
        })
    }

    /// Text that has come already goes on in one piece: each piece wakes a row of tasks.
    fn with_what_is_ready(&mut self, mut text: String) -> String {
        self.flow.speaks();
        while text.len() < PIECE_MAX_BYTES {
            match self.next().now_or_never() {
                Some(Ok(Piece::Text(more))) => text.push_str(&more),
                Some(last) => {
                    self.kept = Some(last);
                    break;
                }
                None => {
                    // It asked for more, and is not there to take it.
                    self.flow.fed();
                    break;
                }
            }
        }
        text
    }

    /// Nothing is lost when the future is dropped: an event that was taken is told in the same poll.
    async fn next(&mut self) -> Next {
        if self.over {
            return self.end();
        }
        loop {
            let Some(event) = self.event().await else { return self.end() };
            let chunk = event.map_err(|error| mapped(&error, &self.model, &self.redact))?;
            if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
                return Err(in_stream(&error, &self.redact));
            }
            // Some count along in every event: the last count is the whole.
            self.usage = chunk.usage.or(self.usage);
            let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else { continue };
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish = Some(finished(&reason)?);
            }
            let said = choice
                .delta
                .and_then(|delta| delta.content.filter(|text| !text.is_empty()).or(delta.refusal));
            let Some(text) = said.filter(|text| !text.is_empty()) else { continue };
            self.text.push_str(&text);
            if let Some(piece) = self.heard(text) {
                return Ok(Piece::Text(piece));
            }
            if self.over {
                return self.end();
            }
        }
    }

    /// What is to be told of text that came.
    fn heard(&mut self, text: String) -> Option<String> {
        if self.text.len() > self.request.max_tokens as usize * TOKEN_MAX_BYTES + 1_024 {
            self.finish = Some(Finish::Length);
            self.over = true;
            return None;
        }
        let Cut { text, stopped } = self.stops.push(text);
        if stopped {
            self.finish = Some(Finish::Complete);
            self.over = true;
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// The next event; `None` at the end, which is also when nothing follows the last word.
    async fn event(&mut self) -> Option<Result<Chunk, async_openai::error::OpenAIError>> {
        if let Some(event) = self.events.next().now_or_never() {
            return event;
        }
        self.flow.hungry();
        let event = if self.finish.is_none() {
            self.events.next().await
        } else {
            tokio::time::timeout(USAGE_PATIENCE, self.events.next()).await.unwrap_or(None)
        };
        self.flow.fed();
        event
    }

    fn end(&mut self) -> Next {
        let broken = |detail| Err(Fault::new(GenerateErrorKind::Broken, detail));
        let Some(finish) = self.finish else { return broken("the stream ended in the middle") };
        let held = self.stops.rest();
        if !held.is_empty() {
            self.over = true;
            return Ok(Piece::Text(held));
        }
        if self.text.trim().is_empty() {
            return broken("the reply is empty");
        }
        let (usage, counted) = self.usage();
        Ok(Piece::End { finish, usage, counted })
    }

    /// As the provider said, or as counted here.
    fn usage(&self) -> (TokenUsage, Counted) {
        let told = self.usage.and_then(|usage| {
            let (prompt_tokens, completion) = (usage.prompt_tokens?, usage.completion_tokens?);
            // xAI and Gemini leave out what was thought, but bill it: the total has it.
            let rest = usage.total_tokens.unwrap_or_default().saturating_sub(prompt_tokens);
            Some(TokenUsage {
                prompt_tokens,
                completion_tokens: completion.max(rest),
                cached_tokens: usage.prompt_tokens_details.and_then(|it| it.cached_tokens).unwrap_or(0),
            })
        });
        if let Some(told) = told {
            return (told, Counted::ByProvider);
        }
        let counter = Tokens::default();
        let prompt: usize = self.request.messages.iter().map(|it| counter.count(&it.content) + 4).sum();
        let usage = TokenUsage {
            prompt_tokens: prompt as u32,
            completion_tokens: counter.count(&self.text) as u32,
            cached_tokens: 0,
        };
        (usage, Counted::Here)
    }
}

fn finished(reason: &str) -> Result<Finish, Fault> {
    let refused = || Fault::of_prompt(GenerateErrorKind::Refused, "its content filter stopped the reply");
    match reason.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" => Ok(Finish::Length),
        "safety" | "recitation" | "prohibited_content" | "blocklist" | "spii" => Err(refused()),
        // Gemini tells more behind it.
        filter if filter.starts_with("content_filter") => Err(refused()),
        "error" => Err(Fault::new(GenerateErrorKind::Broken, "it gave up in the middle")),
        _ => Ok(Finish::Complete),
    }
}

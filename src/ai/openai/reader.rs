//! From the events of a stream to the pieces of a reply.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, Stream, stream};
use greenroom_actors::domain::{Counted, Finish, TokenUsage};
use greenroom_actors::pace::Pace;
use greenroom_actors::ports::{GenerateErrorKind, GenerateRequest, Piece, TokenCounter};
use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::{Fault, Redact, in_stream};
use super::events::{Events, TooLong};
use super::stops::{Cut, Stops};
use crate::ai::Tokens;

/// After the last word the usage follows at once, or not at all.
const USAGE_PATIENCE: Duration = Duration::from_secs(2);
/// Chunks that are read together once a reply is under way.
const GATHERED_MAX: usize = 256;
/// Bytes that are read before they are taken, about.
const WINDOW_BYTES: usize = 64 * 1024;
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
    response: Response,
    events: Events,
    pace: Pace,
    /// When there is to be read again; `None` until the first text: that is read as it comes.
    read_at: Option<Instant>,
    /// Met while more was read than was waited for; told when that has been.
    broken: Option<Fault>,
    request: Arc<GenerateRequest>,
    redact: Redact,
    stops: Stops,
    image_tokens: usize,
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
    pub redact: Redact,
    pub stops: Stops,
    pub pace: Pace,
    /// Of the pictures that the model was shown.
    pub image_tokens: usize,
}

type Next = Result<Piece, Fault>;

impl Reader {
    pub fn new(response: Response, reading: Reading) -> Self {
        let Reading { request, redact, stops, pace, image_tokens } = reading;
        Self {
            response,
            events: Events::default(),
            pace,
            read_at: None,
            broken: None,
            request,
            redact,
            stops,
            image_tokens,
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
        self.read_at.get_or_insert_with(|| Instant::now() + self.pace.every());
        while text.len() < PIECE_MAX_BYTES {
            match self.ready() {
                Some(Ok(Piece::Text(more))) => text.push_str(&more),
                Some(last) => {
                    self.kept = Some(last);
                    break;
                }
                None => break,
            }
        }
        text
    }

    /// Nothing is lost when the future is dropped: what was read is kept here.
    async fn next(&mut self) -> Next {
        loop {
            if let Some(next) = self.ready() {
                return next;
            }
            match self.read().await {
                Some(read) => read?,
                None => self.over = true,
            }
        }
    }

    /// What is to be told of the events that have come; `None`: nothing more.
    fn ready(&mut self) -> Option<Next> {
        while !self.over {
            let chunk = match self.events.next()? {
                Ok(b"[DONE]") => break,
                Ok(data) => serde_json::from_slice::<Chunk>(data),
                Err(TooLong) => return Some(Err(self.too_long())),
            };
            match chunk.map_err(|error| self.no_chunk(&error)).and_then(|chunk| self.take(chunk)) {
                Ok(Some(text)) => return Some(Ok(Piece::Text(text))),
                Ok(None) => {}
                Err(fault) => return Some(Err(fault)),
            }
        }
        self.over = true;
        Some(self.end())
    }

    /// The text of an event, as far as it is to be told.
    fn take(&mut self, chunk: Chunk) -> Result<Option<String>, Fault> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(in_stream(&error, &self.redact));
        }
        // Some count along in every event: the last count is the whole.
        self.usage = chunk.usage.or(self.usage);
        let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else { return Ok(None) };
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(finished(&reason)?);
        }
        let said =
            choice.delta.and_then(|delta| delta.content.filter(|text| !text.is_empty()).or(delta.refusal));
        let Some(text) = said.filter(|text| !text.is_empty()) else { return Ok(None) };
        self.text.push_str(&text);
        Ok(self.heard(text))
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

    /// Reads what comes next; `None` at the end, which is also when nothing follows the last word. Of a reply under way it
    /// reads no sooner than its pace says, and then all that came: providers send a chunk for each token, and each one that
    /// is passed on wakes a row of tasks.
    async fn read(&mut self) -> Option<Result<(), Fault>> {
        if let Some(fault) = self.broken.take() {
            return Some(Err(fault));
        }
        let at_once = self.finish.is_some();
        if let Some(at) = self.read_at.filter(|at| !at_once && *at > Instant::now()) {
            sleep_until(at).await;
        }
        let first = if at_once {
            timeout(USAGE_PATIENCE, self.response.chunk()).await.unwrap_or(Ok(None))
        } else {
            self.response.chunk().await
        };
        let first = match first {
            Ok(chunk) => chunk?,
            Err(error) => return Some(Err(self.cut_off(error))),
        };
        let mut read = self.came(&first);
        if self.read_at.is_none() {
            return Some(read);
        }
        let mut pause = self.pace.every();
        let (mut chunks, mut bytes) = (1, first.len());
        while read.is_ok() {
            if chunks == GATHERED_MAX || bytes > WINDOW_BYTES {
                // There is more.
                pause = Duration::ZERO;
                break;
            }
            // The connection's task hands over one chunk at a time.
            let_others_run().await;
            match self.response.chunk().now_or_never() {
                Some(Ok(Some(chunk))) => {
                    (chunks, bytes) = (chunks + 1, bytes + chunk.len());
                    read = self.came(&chunk);
                }
                Some(Err(error)) => {
                    self.broken = Some(self.cut_off(error));
                    break;
                }
                Some(Ok(None)) | None => break,
            }
        }
        self.read_at = Some(Instant::now() + pause);
        Some(read)
    }

    fn came(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.events.push(chunk).map_err(|TooLong| self.too_long())
    }

    fn too_long(&self) -> Fault {
        self.broken("an event is too long")
    }

    /// What it was is the provider's text, or a person's that came back: not for the log.
    fn no_chunk(&self, error: &serde_json::Error) -> Fault {
        self.broken(&format!("no chunk: {error}"))
    }

    fn cut_off(&self, error: reqwest::Error) -> Fault {
        self.broken(&format!("the stream broke: {}", error.without_url()))
    }

    fn broken(&self, detail: &str) -> Fault {
        Fault::new(GenerateErrorKind::Broken, self.redact.text(detail))
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
            prompt_tokens: (prompt + self.image_tokens) as u32,
            completion_tokens: counter.count(&self.text) as u32,
            cached_tokens: 0,
        };
        (usage, Counted::Here)
    }
}

/// Lets what is ready to run, run before this task goes on. Tokio's own way asks the kernel for news each time.
async fn let_others_run() {
    let mut waited = false;
    poll_fn(|task| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
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

//! The AI behind a reply: a prompt goes in, pieces of text come out as they are made.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::domain::{CharacterRecord, Finish, TokenUsage, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptRole {
    System,
    User,
    Assistant,
    /// What the character knows of the people, in their words. A provider gets it as a user's message: nothing that
    /// people wrote has a system message's weight.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    pub role: PromptRole,
    pub content: String,
}

/// One reply to be made. The same request goes to every try.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// Who speaks; carries the model settings.
    pub character: Arc<CharacterRecord>,
    /// Who is spoken with, for the provider's abuse tracking (hashed there).
    pub user: UserId,
    pub user_name: String,
    /// The system prompt first, then the history within the token budget, then what was brought up (a note, a system message)
    /// and the asked message last.
    pub messages: Vec<PromptMessage>,
    pub max_tokens: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// More of the text; never empty.
    Text(String),
    /// The last piece of every stream that ended well. `usage` as the provider said, or as counted.
    End { finish: Finish, usage: TokenUsage },
}

pub type PieceStream = BoxStream<'static, Result<Piece, GenerateError>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerateErrorKind {
    /// It cannot be reached, or answered with a server error.
    Unavailable,
    /// It asks to be left alone for a while.
    RateLimited,
    /// It did not answer in time.
    Timeout,
    /// It refused this request and would refuse it again: bad key, unknown model, content policy.
    Refused,
    /// Its stream broke or made no sense.
    Broken,
}

/// `detail` is for the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct GenerateError {
    pub kind: GenerateErrorKind,
    pub retry_after: Option<Duration>,
    pub detail: String,
}

impl GenerateError {
    #[must_use]
    pub fn new(kind: GenerateErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, retry_after: None, detail: detail.into() }
    }
}

/// Dropping the future or the stream ends the work upstream at once.
pub trait Generator: Send + Sync + 'static {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
    ) -> BoxFuture<'static, Result<PieceStream, GenerateError>>;
}

/// Counts tokens as the model's tokeniser would, or a little more.
pub trait TokenCounter: Send + Sync + 'static {
    fn count(&self, text: &str) -> usize;
}

//! An answer on its way, wherever it comes from: of the engine alone, or of a conversation.

use actix_web::http::StatusCode;
use greenroom_actors::completion::{Completing, CompletionEvent};
use greenroom_actors::domain::{FailureCode, Finish, TokenUsage};
use tokio::sync::mpsc;

use super::wire::{Head, finish_reason};
use crate::error::{ApiError, ApiResult};

/// What is heard of an answer, in order; the last one is `Ended`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// More of the text.
    Text(String),
    /// It begins anew: the text so far is void.
    Anew,
    /// Moderation refused it: the text so far is void, and the character says this instead. The end comes next.
    Refused(String),
    Ended(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub outcome: Result<Finish, FailureCode>,
    pub usage: TokenUsage,
}

impl End {
    pub fn failed(code: FailureCode) -> Self {
        Self { outcome: Err(code), usage: TokenUsage::default() }
    }
}

/// Dropping it ends the work upstream, but for a conversation, where others may watch.
pub(super) enum Source {
    Engine(Completing),
    Room(mpsc::Receiver<Told>),
}

impl Source {
    /// The one way of all text out of here.
    pub async fn next(&mut self) -> Told {
        let told = match self {
            Self::Engine(completing) => completing.next().await.map(|event| match event {
                CompletionEvent::Text(text) => Told::Text(text),
                CompletionEvent::Anew => Told::Anew,
                CompletionEvent::Refused(instead) => Told::Refused(instead),
                CompletionEvent::Ended(end) => Told::Ended(End { outcome: end.outcome, usage: end.usage }),
            }),
            Self::Room(told) => told.recv().await,
        };
        // Its task ended without a word.
        told.unwrap_or(Told::Ended(End::failed(FailureCode::Internal)))
    }
}

/// All of an answer in one piece.
pub(super) async fn whole(head: &Head, mut source: Source) -> ApiResult<serde_json::Value> {
    let mut content = String::new();
    loop {
        match source.next().await {
            Told::Text(text) => content.push_str(&text),
            Told::Anew => content.clear(),
            Told::Refused(instead) => content = instead,
            Told::Ended(end) => {
                let reason = finish_reason(end.outcome).ok_or_else(|| failure(end.outcome))?;
                let body = head.whole(&content, reason, end.usage);
                return serde_json::to_value(body).map_err(|_| ApiError::internal());
            }
        }
    }
}

/// An answer that failed, as an error. The inner reason is in the log.
pub(super) fn failure(outcome: Result<Finish, FailureCode>) -> ApiError {
    let code = outcome.err().unwrap_or(FailureCode::Interrupted);
    let (status, message) = match code {
        FailureCode::ProviderUnavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "the AI behind this character cannot be reached: try again")
        }
        FailureCode::ProviderTimeout => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the AI behind this character did not answer in time: try again",
        ),
        FailureCode::ProviderRefused => {
            (StatusCode::BAD_GATEWAY, "the AI behind this character refused to answer this")
        }
        FailureCode::ContentRefused => (StatusCode::BAD_REQUEST, "let us talk about something else"),
        FailureCode::Interrupted => (StatusCode::SERVICE_UNAVAILABLE, "the answer broke off: try again"),
        FailureCode::Overloaded => {
            (StatusCode::SERVICE_UNAVAILABLE, "too many answers are under way: try again in a moment")
        }
        FailureCode::Internal => return ApiError::internal(),
    };
    ApiError::new(status, code.as_str(), message)
}

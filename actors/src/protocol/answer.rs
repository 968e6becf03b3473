//! Answers to commands: how a refusal looks, and the duty to answer exactly once.

use std::time::Duration;

use crate::domain::ContentError;

/// The ways in which a command is refused; the wire's words are in `docs/PROTOCOL.md` §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    BadRequest,
    UnknownCommand,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    ContentEmpty,
    ContentTooLong,
    ContentInvalid,
    ContentRefused,
    QuotaExceeded,
    OutOfCredits,
    /// The plan does not have it.
    PremiumRequired,
    /// Replies of this kind cannot be made here at present; the message says which setting would do it.
    ReplyTypeUnavailable,
    RateLimited,
    RoomBusy,
    Overloaded,
    DependencyDown,
    OutcomeUnknown,
    Draining,
    /// Not configured; the message says which setting would switch it on.
    FeatureUnavailable,
    Internal,
}

impl RefusalCode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownCommand => "unknown_command",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::ContentEmpty => "content_empty",
            Self::ContentTooLong => "content_too_long",
            Self::ContentInvalid => "content_invalid",
            Self::ContentRefused => "content_refused",
            Self::QuotaExceeded => "quota_exceeded",
            Self::OutOfCredits => "out_of_credits",
            Self::PremiumRequired => "premium_required",
            Self::ReplyTypeUnavailable => "reply_type_unavailable",
            Self::RateLimited => "rate_limited",
            Self::RoomBusy => "room_busy",
            Self::Overloaded => "overloaded",
            Self::DependencyDown => "dependency_down",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Draining => "draining",
            Self::FeatureUnavailable => "feature_unavailable",
            Self::Internal => "internal",
        }
    }
}

/// An answer that says no. Never a crash, and nothing was done, but for `OutcomeUnknown`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: RefusalCode,
    /// For a person to read.
    pub message: String,
    /// Set when the same command may succeed later.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    #[must_use]
    pub fn temporary(code: RefusalCode, message: impl Into<String>, retry_after: Duration) -> Self {
        Self { code, message: message.into(), retry_after: Some(retry_after) }
    }
}

impl From<ContentError> for Refusal {
    fn from(error: ContentError) -> Self {
        let code = match error {
            ContentError::Empty => RefusalCode::ContentEmpty,
            ContentError::TooLong { .. } => RefusalCode::ContentTooLong,
            ContentError::Nul => RefusalCode::ContentInvalid,
        };
        Self::new(code, error.to_string())
    }
}

/// The right and the duty to answer one command, exactly once. Dropped unanswered (an actor crashed while it held it),
/// it answers `OutcomeUnknown`, so that no command is left without its ack.
pub struct Responder<T>(Option<Box<Answer<T>>>);

type Answer<T> = dyn FnOnce(Result<T, Refusal>) + Send;

impl<T> Responder<T> {
    pub fn new(answer: impl FnOnce(Result<T, Refusal>) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    pub fn answer(mut self, result: Result<T, Refusal>) {
        if let Some(answer) = self.0.take() {
            answer(result);
        }
    }

    pub fn refuse(self, refusal: Refusal) {
        self.answer(Err(refusal));
    }
}

impl<T: Send + 'static> Responder<T> {
    /// A responder whose answer can be awaited.
    #[must_use]
    pub fn channel() -> (Self, tokio::sync::oneshot::Receiver<Result<T, Refusal>>) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // The asker may have gone: then nobody wants the answer.
        (Self::new(move |result| drop(sender.send(result))), receiver)
    }
}

impl<T> Drop for Responder<T> {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Err(Refusal::temporary(
                RefusalCode::OutcomeUnknown,
                "it may have been stored: send it again with the same clientId",
                Duration::from_secs(1),
            )));
        }
    }
}

impl<T> std::fmt::Debug for Responder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Responder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_responder_still_answers() {
        let (responder, mut answer) = Responder::<()>::channel();
        drop(responder);
        assert_eq!(answer.try_recv().unwrap().unwrap_err().code, RefusalCode::OutcomeUnknown);
    }

    #[test]
    fn a_responder_answers_once() {
        let (responder, mut answer) = Responder::channel();
        responder.answer(Ok(7));
        assert_eq!(answer.try_recv().unwrap(), Ok(7));
    }
}

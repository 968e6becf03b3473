//! What goes in and what comes out of the engine: commands, events and refusals, as Rust values.
//! How they look on a wire is the edge's affair (`src/realtime/wire`, `docs/PROTOCOL.md`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{
    CharacterId, ClientId, Content, ContentError, FailureCode, Message, MessageId, MessageKind, Reply,
    ReplyState, Revision, RoomId, SessionId, Usage, UserId,
};

/// Who is to answer a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyWish {
    /// The room decides: its characters by mention, else its first one.
    Auto,
    None,
    From(CharacterId),
}

/// `message:send`, checked as far as it can be without the room.
#[derive(Clone, Debug)]
pub struct Send {
    pub room: RoomId,
    pub user: UserId,
    /// The socket it came by; `None` by REST.
    pub session: Option<SessionId>,
    pub content: Content,
    pub kind: MessageKind,
    /// `None`: the message's own id will stand in for it.
    pub client_id: Option<ClientId>,
    pub reply_to: Option<MessageId>,
    pub reply: ReplyWish,
}

/// The answer to a [`Send`]: the message is stored.
#[derive(Clone, Debug)]
pub struct Sent {
    pub message: Arc<Message>,
    /// The replies that it asked for.
    pub replies: Vec<Reply>,
    pub usage: Option<Arc<Usage>>,
    /// The same `client_id` had been stored before; this is what was stored then.
    pub duplicate: bool,
}

/// A reply under way, as a late joiner needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReply {
    pub message: MessageId,
    pub character: CharacterId,
    pub in_reply_to: MessageId,
    /// Counts the starts of this reply; text of a lower attempt is void.
    pub attempt: u32,
    pub state: ReplyState,
    /// What was said so far.
    pub text: String,
}

/// What the joined sockets of a room see. Those with an `offset` are durable and come in its order without a gap.
#[derive(Clone, Debug)]
pub enum RoomEvent {
    Received(Arc<Message>),
    Delta {
        message: MessageId,
        character: CharacterId,
        in_reply_to: MessageId,
        attempt: u32,
        /// Where `text` starts in the reply's text, in UTF-16 code units.
        position: u32,
        text: String,
    },
    Status {
        message: MessageId,
        character: CharacterId,
        in_reply_to: MessageId,
        attempt: u32,
        state: ReplyState,
        code: Option<FailureCode>,
        /// Set when the reply ended without a message: that end is durable.
        offset: Option<Revision>,
    },
    Read {
        offset: Revision,
        user: UserId,
        read_offset: Revision,
    },
    Typing {
        who: Typist,
        active: Typing,
    },
    Presence {
        user: UserId,
        presence: Presence,
        last_seen: Option<Timestamp>,
    },
    Deleted {
        offset: Revision,
    },
}

impl RoomEvent {
    /// The event's place in the room's log; `None` for what is not stored.
    #[must_use]
    pub fn offset(&self) -> Option<Revision> {
        match self {
            Self::Received(message) => Some(message.revision),
            Self::Read { offset, .. } | Self::Deleted { offset } => Some(*offset),
            Self::Status { offset, .. } => *offset,
            Self::Delta { .. } | Self::Typing { .. } | Self::Presence { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Typist {
    User(UserId),
    Character(CharacterId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    Started,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Online,
    Away,
    Offline,
}

/// What all sockets of one user see, joined to a room or not.
#[derive(Clone, Debug)]
pub enum UserEvent {
    Usage(Arc<Usage>),
    Notification(Arc<Notification>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub kind: String,
    pub title: String,
    pub body: String,
    pub level: NotificationLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationLevel {
    Info,
    Warning,
    Critical,
}

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

type Answer<T> = dyn FnOnce(Result<T, Refusal>) + std::marker::Send;

impl<T> Responder<T> {
    pub fn new(answer: impl FnOnce(Result<T, Refusal>) + std::marker::Send + 'static) -> Self {
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

impl<T: std::marker::Send + 'static> Responder<T> {
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

//! What a session must know of an encoded event to decide whether its client may see it.

use crate::domain::{MessageId, ReplyState, Revision, UserId, utf16_len};
use crate::protocol::RoomEvent;

/// An event ready for the wire, and its mark. The body is whatever the edge sends; cloning it must be cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<B> {
    pub mark: Mark,
    pub body: B,
}

/// The part of an event that its order depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It stands in the room's log.
    Logged {
        offset: Revision,
        /// The reply that ends with it.
        closes: Option<MessageId>,
    },
    /// This user is in the room no more after it.
    Removed { offset: Revision, user: UserId },
    /// The room is gone after it.
    Deleted { offset: Revision },
    /// A piece of a reply's text, from `position` to `end` in UTF-16 code units.
    Delta { message: MessageId, attempt: u32, position: u32, end: u32 },
    /// Where a reply stands. The next one makes up for a lost one.
    Status { message: MessageId, attempt: u32, state: ReplyState },
    /// Typing and presence: worth nothing later.
    Passing,
}

impl Mark {
    #[must_use]
    pub fn of(event: &RoomEvent) -> Self {
        match event {
            RoomEvent::Received(message) => {
                Self::Logged { offset: message.revision, closes: Some(message.id) }
            }
            RoomEvent::Status { message, state, offset: Some(offset), .. } => {
                Self::Logged { offset: *offset, closes: (rank(*state) == ENDED).then_some(*message) }
            }
            RoomEvent::Updated { message, reply } => {
                Self::Logged { offset: message.revision, closes: *reply }
            }
            RoomEvent::Read { offset, .. }
            | RoomEvent::MemberAdded { offset, .. }
            | RoomEvent::Changed { offset, .. } => Self::Logged { offset: *offset, closes: None },
            RoomEvent::MemberRemoved { offset, user, .. } => Self::Removed { offset: *offset, user: *user },
            RoomEvent::Deleted { offset } => Self::Deleted { offset: *offset },
            RoomEvent::Delta { message, attempt, position, text, .. } => Self::Delta {
                message: *message,
                attempt: *attempt,
                position: *position,
                end: position.saturating_add(utf16_len(text)),
            },
            RoomEvent::Status { message, attempt, state, offset: None, .. } => {
                Self::Status { message: *message, attempt: *attempt, state: *state }
            }
            RoomEvent::Typing { .. } | RoomEvent::Presence { .. } => Self::Passing,
        }
    }

    /// Whether it is stored: such a frame is delivered, or the socket is closed.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        matches!(self, Self::Logged { .. } | Self::Removed { .. } | Self::Deleted { .. })
    }
}

/// The rank of a reply that has ended, however it ended.
const ENDED: u8 = 3;

/// The order in which a reply goes through its states.
pub(super) fn rank(state: ReplyState) -> u8 {
    match state {
        ReplyState::Queued => 0,
        ReplyState::Thinking => 1,
        ReplyState::Streaming => 2,
        ReplyState::Done | ReplyState::Failed | ReplyState::Stopped | ReplyState::Interrupted => ENDED,
    }
}

//! Who judges texts beside the operator's own rules: a provider's moderation, or nobody.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::{CharacterId, MessageId, RoomId, UserId};

/// Whose text is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A person's, before it is stored.
    Message,
    /// A character's, while it is made.
    Reply,
}

impl Side {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Reply => "reply",
        }
    }
}

/// Whom and what a judgement is accounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Who wrote, or who is answered.
    pub user: Option<UserId>,
    pub character: Option<CharacterId>,
    pub room: Option<RoomId>,
    /// The reply that is judged.
    pub turn: Option<MessageId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// It holds what the operator will not have; the category is for the log and the numbers, never for the person.
    Refused {
        category: Arc<str>,
    },
    /// It could not be judged, and what was not judged is not to pass. Where it may pass, the adapter says `Fine`.
    Unavailable,
}

/// Judges one text at a time. Never fails: what an outage means is the adapter's to know, and it answers within a time of
/// its own. Dropping the future ends the work.
pub trait Moderator: Send + Sync + 'static {
    /// Whether texts of this side are judged at all. The same answer for as long as it lives: where nobody judges, nothing
    /// waits.
    fn judges(&self, side: Side) -> bool;

    fn check(&self, text: String, side: Side, who: Who) -> BoxFuture<'static, Verdict>;
}

/// Where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModerator;

impl Moderator for NoModerator {
    fn judges(&self, _: Side) -> bool {
        false
    }

    fn check(&self, _: String, _: Side, _: Who) -> BoxFuture<'static, Verdict> {
        Box::pin(std::future::ready(Verdict::Fine))
    }
}

//! A message as the room log holds it, and the replies that it asked for.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Attachment, CharacterId, ClientId, Content, MessageId, RoomId, UserId};

/// Place in a room's log: 1 for its first change, one more for each next. Zero stands before all.
pub type Revision = i64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    User(UserId),
    Character(CharacterId),
}

impl Sender {
    /// The bare id, as the log's `sender` column holds it.
    #[must_use]
    pub fn uuid(self) -> uuid::Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Character(id) => id.uuid(),
        }
    }
}

/// What kind of content a message carries. Quotas are counted per kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum MessageKind {
    Text = 0,
    Audio = 1,
    Media = 2,
}

/// An emoji under a message: 1 to 48 bytes without letters of ASCII, blanks or control characters. The edge knows the
/// list.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Emoji(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("emoji takes one emoji")]
pub struct EmojiError;

/// The longest one there is, two people of two skin tones who kiss, takes 35.
const EMOJI_MAX_BYTES: usize = 48;

impl Emoji {
    pub fn parse(text: &str) -> Result<Self, EmojiError> {
        let fits = !text.is_empty() && text.len() <= EMOJI_MAX_BYTES;
        let plain = |c: char| c.is_ascii_alphabetic() || c.is_whitespace() || c.is_control();
        if fits && !text.chars().any(plain) { Ok(Self(text.into())) } else { Err(EmojiError) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    pub emoji: Emoji,
    pub user: UserId,
}

/// What became of a message after it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    pub edited_at: Option<Timestamp>,
    /// A tombstone: its content is empty, its place and its author stay.
    pub deleted_at: Option<Timestamp>,
    /// Which variant stands in the content, from 0.
    pub variant: u16,
    /// How many variants there are; 1 is the content itself.
    pub variants: u16,
    /// In the order in which they came.
    pub reactions: Vec<Reaction>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { edited_at: None, deleted_at: None, variant: 0, variants: 1, reactions: Vec::new() }
    }
}

/// What a reply becomes when it ends well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Into {
    /// A message of its own.
    #[default]
    New,
    /// Another variant of this reply.
    Variant(MessageId),
    /// The rest of this reply.
    Continuation(MessageId),
}

/// How a stored message came to its end. A person's message is always `Complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Finish {
    Complete = 0,
    /// A person stopped the reply; the part that was said stands.
    Stopped = 1,
    /// The model's token limit cut it.
    Length = 2,
    /// The provider or the node broke off; the part that was said stands.
    Interrupted = 3,
    /// Moderation refused the reply; what stands is what the character said instead.
    Refused = 4,
}

/// Where a reply stands, from the asking to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyState {
    Queued,
    Thinking,
    Streaming,
    Done,
    Failed,
    Stopped,
    Interrupted,
}

/// A reply that a message asked for and that is not (yet) a message of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub character: CharacterId,
    /// The id of the message that this reply is to become.
    pub message: MessageId,
    pub state: ReplyState,
    pub code: Option<FailureCode>,
}

/// Why a reply ended without a message, for the client. The inner reason goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCode {
    ProviderUnavailable,
    ProviderTimeout,
    ProviderRefused,
    ContentRefused,
    Interrupted,
    Overloaded,
    Internal,
}

impl FailureCode {
    const ALL: [(Self, &'static str); 7] = [
        (Self::ProviderUnavailable, "provider_unavailable"),
        (Self::ProviderTimeout, "provider_timeout"),
        (Self::ProviderRefused, "provider_refused"),
        (Self::ContentRefused, "content_refused"),
        (Self::Interrupted, "interrupted"),
        (Self::Overloaded, "overloaded"),
        (Self::Internal, "internal"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(code, _)| *code == self).map_or("internal", |(_, text)| text)
    }

    /// Reads what [`as_str`](Self::as_str) wrote; a text of a later version is `Internal`.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == text).map_or(Self::Internal, |(code, _)| *code)
    }
}

/// One message of the room log.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub room: RoomId,
    /// The revision that made it: its place among the messages.
    pub offset: Revision,
    /// The revision that last changed it; equal to `offset` while unchanged.
    pub revision: Revision,
    pub sender: Sender,
    /// The id itself, as text, where the sender gave none.
    pub client_id: ClientId,
    pub kind: MessageKind,
    pub content: Content,
    pub attachment: Option<Arc<Attachment>>,
    pub reply_to: Option<MessageId>,
    pub finish: Finish,
    /// Replies asked for by this message that are under way or ended without a message.
    pub replies: Vec<Reply>,
    pub changes: Changes,
    pub created_at: Timestamp,
}

/// Tokens that a call took, as the provider said or as counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    /// Part of `prompt_tokens` that the provider had in its cache.
    pub cached_tokens: u32,
}

impl std::iter::Sum for TokenUsage {
    fn sum<I: Iterator<Item = Self>>(calls: I) -> Self {
        calls.fold(Self::default(), |sum, one| Self {
            prompt_tokens: sum.prompt_tokens.saturating_add(one.prompt_tokens),
            completion_tokens: sum.completion_tokens.saturating_add(one.completion_tokens),
            cached_tokens: sum.cached_tokens.saturating_add(one.cached_tokens),
        })
    }
}

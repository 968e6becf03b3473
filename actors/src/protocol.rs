//! What goes in and what comes out of the engine: commands, events and refusals, as Rust values.
//! How they look on a wire is the edge's affair (`src/realtime/wire`, `docs/PROTOCOL.md`).

mod answer;

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::{
    Alarm, Attachment, CharacterId, ClientId, Content, Emoji, FailureCode, Into, Message, MessageId,
    MessageKind, Reply, ReplyMode, ReplyState, Revision, RoomCharacter, RoomDetails, RoomId, RoomMember,
    SessionId, Usage, UsageLine, UserId, Visibility,
};

pub use answer::{Refusal, RefusalCode, Responder};

/// Who is to answer a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyWish {
    /// The room decides, by its [`ReplyMode`].
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
    /// What an audio or media message carries.
    pub attachment: Option<Arc<Attachment>>,
    /// `None`: the message's own id will stand in for it.
    pub client_id: Option<ClientId>,
    pub reply_to: Option<MessageId>,
    pub reply: ReplyWish,
    /// What kind of message the reply is to be; `None`: what its character usually gives.
    pub reply_kind: Option<MessageKind>,
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

/// A message that is not sent yet: may it be?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Who would answer it first.
    pub character: CharacterId,
    pub kind: MessageKind,
    /// What kind of message the reply is to be, as in [`Send`].
    pub reply_kind: Option<MessageKind>,
    /// What the character usually replies with.
    pub usual: MessageKind,
}

/// What sending it now would come to, as far as the user's plan and pace decide it. Nothing is reserved.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// `None`: it may be sent.
    pub refusal: Option<Refusal>,
    /// Where a limit is reached: when it counts anew.
    pub resets_at: Option<Timestamp>,
    /// The meters that the message moves.
    pub usage: Arc<Usage>,
}

/// How a stored message is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// By its author.
    Edit(Content),
    /// By its author, or by the room's owner.
    Delete,
    React(Emoji),
    Unreact(Emoji),
    /// This variant of a reply is to stand in it.
    Select(u16),
    /// What its author says in an audio message that came without a text; heard by the server. Changes no other.
    Transcript(Content),
    /// The uploaded file that it carries became ready, failed or was deleted: what it carries now. Told by the server, of
    /// messages of anybody. Changes none that carries another file.
    File(Arc<Attachment>),
}

/// Replies that are wanted without a new message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One by this character, or by whom the room's mode decides, to what was said last.
    Reply(Option<CharacterId>),
    /// Another variant of this reply.
    Regenerate(MessageId),
    /// More of this reply.
    Continue(MessageId),
    /// One's own message changes, and its replies are made anew (or made, if there were none).
    Resend { message: MessageId, content: Content },
    /// One that failed, once more: by the same character, to the same message. It is asked for on behalf of its asker.
    Retry { asked: MessageId, character: CharacterId },
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub room: RoomId,
    pub user: UserId,
    /// The socket it came by; `None` by REST.
    pub session: Option<SessionId>,
    pub wanted: Wanted,
    /// What kind of message the replies are to be; `None`: what they were, or what their character usually gives.
    pub reply_kind: Option<MessageKind>,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub struct Asked {
    /// Their ids name the replies under way, also where they become part of another message.
    pub replies: Vec<Reply>,
    pub usage: Option<Arc<Usage>>,
    /// The message that was changed by [`Wanted::Resend`].
    pub message: Option<Arc<Message>>,
}

/// How a room is to change. What it needs of others' tables is looked up before.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomChange {
    /// By its owner.
    AddMember(RoomMember),
    /// By its owner, or by the member, who leaves. The owner stays.
    RemoveMember(UserId),
    /// The owner hands the room over to another member.
    Owner(UserId),
    /// By its owner.
    AddCharacter(RoomCharacter),
    RemoveCharacter(CharacterId),
    /// By its owner; what is `None` stays.
    Details(DetailsChange),
    /// By an admin, who need not be a member.
    Feature(Featured),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Featured {
    Yes,
    No,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetailsChange {
    pub title: Option<Arc<str>>,
    pub slug: Option<Arc<str>>,
    pub visibility: Option<Visibility>,
    /// The inner `None` takes it away.
    pub category: Option<Option<Arc<str>>>,
    pub tags: Option<Vec<Arc<str>>>,
    pub reply_mode: Option<ReplyMode>,
}

impl DetailsChange {
    /// The details as they are after this change.
    pub fn apply(&self, details: &mut RoomDetails) {
        fn set<T: Clone>(to: &mut T, new: Option<&T>) {
            if let Some(new) = new {
                *to = new.clone();
            }
        }
        set(&mut details.title, self.title.as_ref());
        set(&mut details.slug, self.slug.as_ref());
        set(&mut details.visibility, self.visibility.as_ref());
        set(&mut details.category, self.category.as_ref());
        set(&mut details.tags, self.tags.as_ref());
        set(&mut details.reply_mode, self.reply_mode.as_ref());
    }
}

/// A reply under way, as a late joiner needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReply {
    pub message: MessageId,
    pub character: CharacterId,
    pub in_reply_to: MessageId,
    /// What it becomes.
    pub into: Into,
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
    /// A stored message changed.
    Updated {
        /// As it is now.
        message: Arc<Message>,
        /// The reply under way that has ended by becoming part of it.
        reply: Option<MessageId>,
    },
    Delta {
        message: MessageId,
        character: CharacterId,
        in_reply_to: MessageId,
        into: Into,
        attempt: u32,
        /// Where `text` starts in the reply's text, in UTF-16 code units.
        position: u32,
        text: String,
    },
    Status {
        message: MessageId,
        character: CharacterId,
        in_reply_to: MessageId,
        into: Into,
        attempt: u32,
        state: ReplyState,
        code: Option<FailureCode>,
        /// Set when the reply ended without a message, or was asked for without one: that is durable.
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
    MemberAdded {
        offset: Revision,
        member: RoomMember,
        by: UserId,
    },
    /// That member's sockets leave the room with it.
    MemberRemoved {
        offset: Revision,
        user: UserId,
        by: UserId,
    },
    /// Owner, details or characters changed: as they are now.
    Changed {
        offset: Revision,
        owner: UserId,
        details: Arc<RoomDetails>,
        characters: Vec<RoomCharacter>,
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
            Self::Received(message) | Self::Updated { message, .. } => Some(message.revision),
            Self::Read { offset, .. }
            | Self::Deleted { offset }
            | Self::MemberAdded { offset, .. }
            | Self::MemberRemoved { offset, .. }
            | Self::Changed { offset, .. } => Some(*offset),
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
    /// A message took a meter to where its user is to be told.
    Quota {
        usage: Arc<Usage>,
        alarm: Alarm,
        /// The meter.
        line: UsageLine,
    },
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

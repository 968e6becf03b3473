//! What a client can ask for, checked as far as it can be without the database.

use greenroom_actors::domain::{CharacterId, ClientId, MessageId, MessageKind, Revision, RoomId};
use greenroom_actors::protocol::{Amendment, Presence, ReplyWish, Typing, Wanted};
use greenroom_actors::session::CommandClass;
use serde::Serialize;
use uuid::Uuid;

use crate::conversations::{Change, MessageRange, NewConversation, Said};
use crate::http::PageQuery;

/// The client's name for a command; it comes back as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CommandId {
    Text(Box<str>),
    Integer(i64),
    Unsigned(u64),
}

#[derive(Clone, Debug)]
pub struct Request {
    /// `None`: no ack is wanted.
    pub id: Option<CommandId>,
    pub command: Command,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendTo {
    Room(RoomId),
    /// The caller's own room with that character, found or made.
    Character(CharacterId),
}

#[derive(Clone, Debug)]
pub enum Command {
    Auth {
        token: String,
    },
    Ping,
    Create(NewConversation),
    List(PageQuery),
    Join {
        room: RoomId,
        from: Option<(Uuid, Revision)>,
    },
    Leave {
        room: RoomId,
    },
    Messages {
        room: RoomId,
        range: MessageRange,
        limit: usize,
    },
    Delete {
        room: RoomId,
    },
    Send {
        to: SendTo,
        said: Said,
        client_id: Option<ClientId>,
        reply_to: Option<MessageId>,
        reply: ReplyWish,
        /// What kind of message the reply is to be.
        reply_kind: Option<MessageKind>,
    },
    Read {
        room: RoomId,
        offset: Revision,
    },
    Typing {
        room: RoomId,
        typing: Typing,
    },
    StopReply {
        room: RoomId,
        reply: Option<MessageId>,
    },
    Status(Presence),
    /// A stored message is to change.
    Amend {
        room: RoomId,
        message: MessageId,
        what: Amendment,
    },
    /// Replies are wanted without a new message.
    Ask {
        room: RoomId,
        wanted: Wanted,
        /// What kind of message the replies are to be.
        reply_kind: Option<MessageKind>,
    },
    /// The conversation itself is to change.
    Change {
        room: RoomId,
        change: Change,
    },
    Subscribe {
        character: CharacterId,
    },
    Unsubscribe {
        character: CharacterId,
    },
}

impl Command {
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "auth",
            Self::Ping => "ping",
            Self::Create(_) => "conversation:create",
            Self::List(_) => "conversation:list",
            Self::Join { .. } => "conversation:join",
            Self::Leave { .. } => "conversation:leave",
            Self::Messages { .. } => "conversation:messages",
            Self::Delete { .. } => "conversation:delete",
            Self::Send { .. } => "message:send",
            Self::Read { .. } => "message:read",
            Self::Typing { typing: Typing::Started, .. } => "typing:start",
            Self::Typing { typing: Typing::Stopped, .. } => "typing:stop",
            Self::StopReply { .. } => "reply:stop",
            Self::Status(_) => "user:status",
            Self::Amend { what, .. } => match what {
                Amendment::Edit(_) | Amendment::Transcript(_) | Amendment::File(_) => "message:edit",
                Amendment::Delete => "message:delete",
                Amendment::React(_) | Amendment::Unreact(_) => "message:react",
                Amendment::Select(_) => "reply:select",
            },
            Self::Ask { wanted, .. } => match wanted {
                Wanted::Reply(_) | Wanted::Retry { .. } => "reply:request",
                Wanted::Regenerate(_) => "reply:regenerate",
                Wanted::Continue(_) => "reply:continue",
                Wanted::Resend { .. } => "message:edit",
            },
            Self::Change { change, .. } => match change {
                Change::Details(_) => "conversation:update",
                Change::AddMember(_) => "member:add",
                Change::RemoveMember(_) => "member:remove",
                Change::Owner(_) => "member:update",
                Change::AddCharacter(_) => "character:add",
                Change::RemoveCharacter(_) => "character:remove",
            },
            Self::Subscribe { .. } => "character:subscribe",
            Self::Unsubscribe { .. } => "character:unsubscribe",
        }
    }

    /// The rate limit that holds for it.
    #[must_use]
    pub fn class(&self) -> CommandClass {
        match self {
            Self::Auth { .. } | Self::Ping => CommandClass::Opening,
            // Each costs a reply.
            Self::Send { .. } | Self::Ask { .. } => CommandClass::Message,
            Self::Typing { .. } => CommandClass::Typing,
            _ => CommandClass::Other,
        }
    }
}

//! What many sockets see: the events of rooms and of users. Each is encoded once; the bytes are shared.

use bytestring::ByteString;
use greenroom_actors::domain::{CharacterId, FailureCode, MessageId, Revision, RoomId};
use greenroom_actors::protocol::{
    Notification, NotificationLevel, OpenReply, RoomEvent, Typing, Typist, UserEvent,
};
use greenroom_actors::session::{Frame, Mark};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::encode::{PresenceView, event};
use crate::characters::CharacterView;
use crate::conversations::view::{
    ConversationCharacterView, ConversationView, IntoView, MemberRole, MemberView, MessageView,
    ReplyModeView, ReplyStateView, UsageView, Visibility, WarnedUsageView, wire_time,
};
use crate::media::files::FileView;
use crate::studio::content::ContentView;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    conversation_id: Uuid,
    offset: Revision,
    message: MessageView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    conversation_id: Uuid,
    message_id: Uuid,
    character_id: Uuid,
    in_reply_to: Uuid,
    #[serde(flatten)]
    into: IntoView,
    attempt: u32,
    position: u32,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    conversation_id: Uuid,
    message_id: Uuid,
    in_reply_to: Uuid,
    character_id: Uuid,
    #[serde(flatten)]
    into: IntoView,
    state: ReplyStateView,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Revision>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    conversation_id: Uuid,
    offset: Revision,
    user_id: Uuid,
    read_offset: Revision,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypingView {
    conversation_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    character_id: Option<Uuid>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PresenceEvent {
    user_id: Uuid,
    status: PresenceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    conversation_id: Uuid,
    offset: Revision,
    message: MessageView,
    /// The reply under way that ended by becoming part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_id: Option<Uuid>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberAdded {
    conversation_id: Uuid,
    offset: Revision,
    member: MemberView,
    by: Uuid,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberRemoved {
    conversation_id: Uuid,
    offset: Revision,
    user_id: Uuid,
    by: Uuid,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed<'a> {
    conversation_id: Uuid,
    offset: Revision,
    owner_id: Uuid,
    title: &'a str,
    slug: &'a str,
    visibility: Visibility,
    category: Option<&'a str>,
    tags: Vec<&'a str>,
    featured: bool,
    reply_mode: ReplyModeView,
    characters: Vec<ConversationCharacterView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    conversation_id: Uuid,
    offset: Revision,
}

/// An event of a room, with the mark by which a session knows whether its client may see it.
#[must_use]
pub fn room_event(room: RoomId, of_room: &RoomEvent) -> Frame<ByteString> {
    let conversation_id = room.uuid();
    let body = match of_room {
        RoomEvent::Received(message) => event(
            "message:receive",
            Received { conversation_id, offset: message.revision, message: MessageView::from(&**message) },
        ),
        RoomEvent::Updated { message, reply } => event(
            "message:update",
            Updated {
                conversation_id,
                offset: message.revision,
                message: MessageView::from(&**message),
                reply_id: reply.map(MessageId::uuid),
            },
        ),
        RoomEvent::Delta { message, character, in_reply_to, into, attempt, position, text } => event(
            "message:delta",
            Delta {
                conversation_id,
                message_id: message.uuid(),
                character_id: character.uuid(),
                in_reply_to: in_reply_to.uuid(),
                into: (*into).into(),
                attempt: *attempt,
                position: *position,
                text,
            },
        ),
        RoomEvent::Status { message, character, in_reply_to, into, attempt, state, code, offset } => event(
            "message:status",
            Status {
                conversation_id,
                message_id: message.uuid(),
                in_reply_to: in_reply_to.uuid(),
                character_id: character.uuid(),
                into: (*into).into(),
                state: (*state).into(),
                code: code.map(FailureCode::as_str),
                attempt: *attempt,
                offset: *offset,
            },
        ),
        RoomEvent::Read { offset, user, read_offset } => event(
            "message:read",
            Read { conversation_id, offset: *offset, user_id: user.uuid(), read_offset: *read_offset },
        ),
        RoomEvent::Typing { who, active } => {
            let (user_id, character_id) = match who {
                Typist::User(user) => (Some(user.uuid()), None),
                Typist::Character(character) => (None, Some(character.uuid())),
            };
            let name = match active {
                Typing::Started => "typing:start",
                Typing::Stopped => "typing:stop",
            };
            event(name, TypingView { conversation_id, user_id, character_id })
        }
        RoomEvent::Presence { user, presence, last_seen } => event(
            "user:status",
            PresenceEvent {
                user_id: user.uuid(),
                status: (*presence).into(),
                last_seen: last_seen.map(wire_time),
            },
        ),
        RoomEvent::MemberAdded { offset, member, by } => event(
            "member:add",
            MemberAdded {
                conversation_id,
                offset: *offset,
                member: MemberView {
                    id: member.id.uuid(),
                    username: member.username.to_string(),
                    display_name: member.display_name.to_string(),
                    role: MemberRole::Member,
                },
                by: by.uuid(),
            },
        ),
        RoomEvent::MemberRemoved { offset, user, by } => event(
            "member:remove",
            MemberRemoved { conversation_id, offset: *offset, user_id: user.uuid(), by: by.uuid() },
        ),
        RoomEvent::Changed { offset, owner, details, characters } => event(
            "conversation:update",
            Changed {
                conversation_id,
                offset: *offset,
                owner_id: owner.uuid(),
                title: &details.title,
                slug: &details.slug,
                visibility: details.visibility.into(),
                category: details.category.as_deref(),
                tags: details.tags.iter().map(|tag| &**tag).collect(),
                featured: details.featured,
                reply_mode: details.reply_mode.into(),
                characters: characters.iter().map(ConversationCharacterView::from).collect(),
            },
        ),
        RoomEvent::Deleted { offset } => {
            event("conversation:delete", Deleted { conversation_id, offset: *offset })
        }
    };
    Frame { mark: Mark::of(of_room), body }
}

/// The `message:delta` that makes a reply's text whole again, from `from` (UTF-16 code units) on.
#[must_use]
pub fn repair(room: RoomId, reply: &OpenReply, from: u32) -> ByteString {
    event(
        "message:delta",
        Delta {
            conversation_id: room.uuid(),
            message_id: reply.message.uuid(),
            character_id: reply.character.uuid(),
            in_reply_to: reply.in_reply_to.uuid(),
            into: reply.into.into(),
            attempt: reply.attempt,
            position: from,
            text: tail(&reply.text, from),
        },
    )
}

/// The part of `text` from `from` UTF-16 code units on.
fn tail(text: &str, from: u32) -> &str {
    let mut units = 0;
    let start = text.char_indices().find(|(_, c)| {
        let found = units >= from;
        units += c.len_utf16() as u32;
        found
    });
    start.map_or("", |(index, _)| &text[index..])
}

#[derive(Serialize)]
struct NotificationView<'a> {
    kind: &'a str,
    title: &'a str,
    body: &'a str,
    level: &'static str,
}

#[must_use]
pub fn notification(notification: &Notification) -> ByteString {
    event(
        "system:notification",
        NotificationView {
            kind: &notification.kind,
            title: &notification.title,
            body: &notification.body,
            level: match notification.level {
                NotificationLevel::Info => "info",
                NotificationLevel::Warning => "warning",
                NotificationLevel::Critical => "critical",
            },
        },
    )
}

/// An event of a user, for all sockets of that user.
#[must_use]
pub fn user_event(of_user: &UserEvent) -> ByteString {
    match of_user {
        UserEvent::Usage(usage) => event("usage", UsageView::from(&**usage)),
        UserEvent::Quota { usage, alarm, line } => event("usage", WarnedUsageView::new(usage, *alarm, line)),
        UserEvent::Notification(of_user) => notification(of_user),
    }
}

#[derive(Serialize)]
struct Created<'a> {
    conversation: &'a ConversationView,
}

/// A conversation was made or shared with the user.
#[must_use]
pub fn conversation_created(conversation: &ConversationView) -> ByteString {
    event("conversation:create", Created { conversation })
}

#[derive(Serialize)]
struct MediaUpdated<'a> {
    file: &'a FileView,
}

/// A file of the user's is ready, has failed, or was deleted.
#[must_use]
pub fn media_updated(file: &FileView) -> ByteString {
    event("media:update", MediaUpdated { file })
}

#[derive(Serialize)]
struct ContentUpdated<'a> {
    content: &'a ContentView,
}

/// A picture or a video of the user's is so far.
#[must_use]
pub fn content_updated(content: &ContentView) -> ByteString {
    event("content:update", ContentUpdated { content })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContentDeleted {
    content_id: Uuid,
}

/// One was deleted.
#[must_use]
pub fn content_deleted(content_id: Uuid) -> ByteString {
    event("content:delete", ContentDeleted { content_id })
}

#[derive(Serialize)]
struct CharacterChanged<'a> {
    character: &'a CharacterView,
}

/// A character that the socket subscribed to is another one now.
#[must_use]
pub fn character_changed(character: &CharacterView) -> ByteString {
    event("character:update", CharacterChanged { character })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CharacterDeleted {
    character_id: Uuid,
    deleted: bool,
}

/// A character that the socket subscribed to is gone.
#[must_use]
pub fn character_deleted(character: CharacterId) -> ByteString {
    event("character:update", CharacterDeleted { character_id: character.uuid(), deleted: true })
}

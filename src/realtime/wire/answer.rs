//! What one socket alone is told: the opening, and the answers to its commands.

use bytestring::ByteString;
use greenroom_actors::domain::{Message, Revision, SessionId, UserId};
use greenroom_actors::protocol::{Asked, OpenReply, Presence, Refusal, Sent};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::command::CommandId;
use super::encode::{Event, PresenceView, event, text};
use crate::accounts::Role;
use crate::characters::CharacterView;
use crate::conversations::Snapshot;
use crate::conversations::view::{
    ConversationView, MessageView, OpenReplyView, ReadView, ReplyView, UsageView, wire_time,
};
use crate::realtime::backend::Profile;

/// The first frame of a socket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    pub protocol: u32,
    pub server: &'static str,
    pub epoch: Uuid,
    pub heartbeat_interval_ms: u64,
    pub auth_timeout_ms: u64,
    pub max_frame_bytes: usize,
}

#[must_use]
pub fn hello(hello: &Hello) -> ByteString {
    event("hello", hello)
}

/// Who a socket belongs to, once it signed in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn<'a> {
    pub user: SignedInUser<'a>,
    pub session_id: Uuid,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedInUser<'a> {
    pub id: Uuid,
    pub username: &'a str,
    pub display_name: &'a str,
    pub role: Role,
}

impl<'a> SignedIn<'a> {
    #[must_use]
    pub fn new(user: UserId, profile: &'a Profile, session: SessionId, expires_at: Timestamp) -> Self {
        Self {
            user: SignedInUser {
                id: user.uuid(),
                username: &profile.username,
                display_name: &profile.display_name,
                role: profile.role,
            },
            session_id: session.uuid(),
            expires_at,
        }
    }
}

#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    #[serde(flatten)]
    data: &'a T,
}

/// Sent after `hello` to a socket that signed in with its upgrade request.
#[must_use]
pub fn ready(signed_in: &SignedIn<'_>) -> ByteString {
    event("ready", Success { success: true, data: signed_in })
}

/// The ack of a command that was carried out; `data` is an object, or unit for nothing beside `success`.
#[must_use]
pub fn ack(id: &CommandId, data: &impl Serialize) -> ByteString {
    text(&Event { event: "ack", id: Some(id), data: Success { success: true, data } })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    error: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
}

impl<'a> Refused<'a> {
    fn new(refusal: &'a Refusal) -> Self {
        Self {
            success: None,
            error: &refusal.message,
            code: refusal.code.as_str(),
            // Rounded up: whoever waits just that long is not refused again.
            retry_after_ms: refusal.retry_after.map(|wait| wait.as_micros().div_ceil(1_000) as u64),
            command: None,
        }
    }
}

/// The ack of a command that was refused.
#[must_use]
pub fn refused(id: &CommandId, refusal: &Refusal) -> ByteString {
    let data = Refused { success: Some(false), ..Refused::new(refusal) };
    text(&Event { event: "ack", id: Some(id), data })
}

/// The `error` event for a command without an id that was refused.
#[must_use]
pub fn refused_silently(command: &str, refusal: &Refusal) -> ByteString {
    event("error", Refused { command: Some(command), ..Refused::new(refusal) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Closed<'a> {
    error: &'a str,
    code: &'static str,
    close_code: u16,
    reconnect: bool,
}

/// The `error` event before the end of a session, for clients that cannot see close codes.
#[must_use]
pub fn closed(error: &str, close_code: u16, reconnect: bool) -> ByteString {
    event("error", Closed { error, code: "closed", close_code, reconnect })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SentView {
    duplicate: bool,
    message: MessageView,
    replies: Vec<ReplyView>,
    usage: Option<UsageView>,
}

/// The ack of `message:send`.
#[must_use]
pub fn sent(id: &CommandId, sent: &Sent) -> ByteString {
    let view = SentView {
        duplicate: sent.duplicate,
        message: MessageView::from(&*sent.message),
        replies: sent.replies.iter().map(ReplyView::from).collect(),
        usage: sent.usage.as_deref().map(UsageView::from),
    };
    ack(id, &view)
}

#[derive(Serialize)]
struct AmendedView {
    message: MessageView,
}

/// The ack of `message:edit`, `message:delete`, `message:react` and `reply:select`.
#[must_use]
pub fn amended(id: &CommandId, message: &Message) -> ByteString {
    ack(id, &AmendedView { message: MessageView::from(message) })
}

#[derive(Serialize)]
struct AskedView {
    replies: Vec<ReplyView>,
    usage: Option<UsageView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageView>,
}

/// The ack of `reply:request`, `reply:regenerate`, `reply:continue` and of a `message:edit` that sends again.
#[must_use]
pub fn asked(id: &CommandId, asked: &Asked) -> ByteString {
    let view = AskedView {
        replies: asked.replies.iter().map(ReplyView::from).collect(),
        usage: asked.usage.as_deref().map(UsageView::from),
        message: asked.message.as_deref().map(MessageView::from),
    };
    ack(id, &view)
}

/// Nothing beside `success`.
#[derive(Serialize)]
pub struct Nothing {}

/// The ack of `ping`.
#[derive(Serialize)]
pub struct TimeAck {
    pub time: Timestamp,
}

/// The ack of `conversation:create`.
#[derive(Serialize)]
pub struct ConversationAck {
    pub conversation: ConversationView,
}

/// The ack of `character:subscribe`.
#[derive(Serialize)]
pub struct CharacterAck<'a> {
    pub character: &'a CharacterView,
}

/// The ack of `conversation:list`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAck {
    pub items: Vec<ConversationView>,
    pub next_cursor: Option<String>,
}

/// The ack of `conversation:messages`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagesAck {
    pub items: Vec<MessageView>,
    pub has_more: bool,
}

/// The ack of `message:read`, and of what changes the conversation itself.
#[derive(Serialize)]
pub struct OffsetAck {
    pub offset: Revision,
}

/// The ack of `reply:stop`.
#[derive(Serialize)]
pub struct StoppedAck {
    pub stopped: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PresenceEntry {
    user_id: Uuid,
    status: PresenceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
}

/// The ack of `conversation:join`, made of what the database, the room and the hub know.
pub struct JoinAck<'a> {
    pub snapshot: &'a Snapshot,
    pub replies: Vec<OpenReply>,
    /// With when those who are offline were last seen, where that is known.
    pub presence: &'a [(UserId, Presence, Option<Timestamp>)],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JoinView<'a> {
    conversation: &'a ConversationView,
    epoch: Uuid,
    offset: Revision,
    recovered: bool,
    more: bool,
    messages: &'a [MessageView],
    replies: Vec<OpenReplyView>,
    reads: &'a [ReadView],
    presence: Vec<PresenceEntry>,
}

impl<'a> JoinAck<'a> {
    #[must_use]
    pub fn encode(self, id: &CommandId) -> ByteString {
        ack(id, &self.view())
    }

    /// `conversation:joined`: the same for a client that did not ask for an ack, or not for the join.
    #[must_use]
    pub fn event(self) -> ByteString {
        event("conversation:joined", self.view())
    }

    fn view(self) -> JoinView<'a> {
        let Self { snapshot, replies, presence } = self;
        JoinView {
            conversation: &snapshot.conversation,
            epoch: snapshot.epoch,
            offset: snapshot.offset,
            recovered: snapshot.recovered,
            more: snapshot.more,
            messages: &snapshot.messages,
            replies: replies.into_iter().map(OpenReplyView::from).collect(),
            reads: &snapshot.reads,
            presence: presence
                .iter()
                .map(|(user, presence, last_seen)| PresenceEntry {
                    user_id: user.uuid(),
                    status: (*presence).into(),
                    last_seen: last_seen.map(wire_time),
                })
                .collect(),
        }
    }
}

//! What clients see of conversations: the JSON of `docs/PROTOCOL.md` §3 and §4, by REST and by socket alike.
//! Only shapes and their making from the engine's values; cheap to make, since texts are shared, not copied.

mod changes;
mod conversation;
mod public;
mod usage;

use greenroom_actors::domain::{
    ClientId, Content, FailureCode, Finish, Message, MessageId, MessageKind, Reply, ReplyState, Revision,
    Sender,
};
use greenroom_actors::protocol::OpenReply;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

pub use changes::{AttachedFileView, AttachedState, AttachmentType, AttachmentView, IntoView, ReactionView};
pub use conversation::{
    ConversationCharacterView, ConversationView, MemberRole, MemberView, ReplyModeView, Visibility,
};
pub use public::{Names, PublicConversationView, PublicMessageView, PublicSenderView, ReactionCountView};
pub use usage::{UsageLimitView, UsageScope, UsageView, UsageWarningView, UsageWindow, WarnedUsageView};

/// A time as clients see it: whole milliseconds. What is live has nanoseconds and what is stored has microseconds;
/// cut to milliseconds both read the same.
#[must_use]
pub fn wire_time(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SenderKind {
    User,
    Character,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SenderView {
    pub kind: SenderKind,
    pub id: Uuid,
}

impl From<Sender> for SenderView {
    fn from(sender: Sender) -> Self {
        let kind = match sender {
            Sender::User(_) => SenderKind::User,
            Sender::Character(_) => SenderKind::Character,
        };
        Self { kind, id: sender.uuid() }
    }
}

/// What a message carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    #[default]
    Text,
    Audio,
    Media,
}

impl From<MessageKind> for MessageType {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Audio => Self::Audio,
            MessageKind::Media => Self::Media,
        }
    }
}

impl From<MessageType> for MessageKind {
    fn from(kind: MessageType) -> Self {
        match kind {
            MessageType::Text => Self::Text,
            MessageType::Audio => Self::Audio,
            MessageType::Media => Self::Media,
        }
    }
}

/// How a stored message came to its end; a person's is always `complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FinishView {
    Complete,
    Stopped,
    Length,
    Interrupted,
    /// Moderation refused the reply; the content is what the character said instead.
    Refused,
}

impl From<Finish> for FinishView {
    fn from(finish: Finish) -> Self {
        match finish {
            Finish::Complete => Self::Complete,
            Finish::Stopped => Self::Stopped,
            Finish::Length => Self::Length,
            Finish::Interrupted => Self::Interrupted,
            Finish::Refused => Self::Refused,
        }
    }
}

/// Where a reply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplyStateView {
    Queued,
    Thinking,
    Streaming,
    Done,
    Failed,
    Stopped,
    Interrupted,
}

impl From<ReplyState> for ReplyStateView {
    fn from(state: ReplyState) -> Self {
        match state {
            ReplyState::Queued => Self::Queued,
            ReplyState::Thinking => Self::Thinking,
            ReplyState::Streaming => Self::Streaming,
            ReplyState::Done => Self::Done,
            ReplyState::Failed => Self::Failed,
            ReplyState::Stopped => Self::Stopped,
            ReplyState::Interrupted => Self::Interrupted,
        }
    }
}

/// A reply that a message asked for and that has not ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplyView {
    pub character_id: Uuid,
    /// The id of the message that the reply is to become.
    pub message_id: Uuid,
    pub state: ReplyStateView,
    /// Why it ended badly: `provider_unavailable`, `provider_timeout`, `provider_refused`, `content_refused`,
    /// `interrupted`, `overloaded` or `internal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<&'static str>,
}

impl From<&Reply> for ReplyView {
    fn from(reply: &Reply) -> Self {
        Self {
            character_id: reply.character.uuid(),
            message_id: reply.message.uuid(),
            state: reply.state.into(),
            code: reply.code.map(FailureCode::as_str),
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    pub id: Uuid,
    pub conversation_id: Uuid,
    /// Its place in the conversation's log.
    pub offset: Revision,
    /// The change of the conversation that last touched it; equal to `offset` while it stands as it was made.
    pub revision: Revision,
    pub sender: SenderView,
    #[serde(rename = "type")]
    pub kind: MessageType,
    #[serde(serialize_with = "content_text")]
    #[schema(value_type = String)]
    pub content: Content,
    pub attachment: Option<AttachmentView>,
    /// The id that the sender gave it, if any.
    #[serde(serialize_with = "client_id_text")]
    #[schema(value_type = Option<String>)]
    pub client_id: Option<ClientId>,
    pub reply_to: Option<Uuid>,
    pub finish: FinishView,
    pub replies: Vec<ReplyView>,
    pub reactions: Vec<ReactionView>,
    /// Which variant of a reply stands in `content`, from 0.
    pub variant: u16,
    /// How many variants there are.
    pub variants: u16,
    pub edited_at: Option<Timestamp>,
    /// A tombstone: the content is empty from then on.
    pub deleted_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

fn content_text<S: Serializer>(content: &Content, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(content.as_str())
}

// Serde hands a field by reference.
#[allow(clippy::ref_option)]
fn client_id_text<S: Serializer>(client_id: &Option<ClientId>, serializer: S) -> Result<S::Ok, S::Error> {
    client_id.as_ref().map(ClientId::as_str).serialize(serializer)
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        // The engine lets a message's own id stand in for a client id that was not given.
        let own = Uuid::parse_str(message.client_id.as_str()) == Ok(message.id.uuid());
        Self {
            id: message.id.uuid(),
            conversation_id: message.room.uuid(),
            offset: message.offset,
            revision: message.revision,
            sender: message.sender.into(),
            kind: message.kind.into(),
            content: message.content.clone(),
            attachment: message.attachment.as_deref().map(AttachmentView::from),
            client_id: (!own).then(|| message.client_id.clone()),
            reply_to: message.reply_to.map(MessageId::uuid),
            finish: message.finish.into(),
            replies: message.replies.iter().map(ReplyView::from).collect(),
            reactions: changes::reactions(&message.changes.reactions),
            variant: message.changes.variant,
            variants: message.changes.variants,
            edited_at: message.changes.edited_at.map(wire_time),
            deleted_at: message.changes.deleted_at.map(wire_time),
            created_at: wire_time(message.created_at),
        }
    }
}

/// A reply under way, with what was said so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenReplyView {
    pub message_id: Uuid,
    pub character_id: Uuid,
    pub in_reply_to: Uuid,
    #[serde(flatten)]
    pub into: IntoView,
    /// Counts the starts of this reply; text of a lower attempt is void.
    pub attempt: u32,
    pub state: ReplyStateView,
    pub text: String,
}

impl From<OpenReply> for OpenReplyView {
    fn from(reply: OpenReply) -> Self {
        Self {
            message_id: reply.message.uuid(),
            character_id: reply.character.uuid(),
            in_reply_to: reply.in_reply_to.uuid(),
            into: reply.into.into(),
            attempt: reply.attempt,
            state: reply.state.into(),
            text: reply.text,
        }
    }
}

/// How far a member has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadView {
    pub user_id: Uuid,
    pub offset: Revision,
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::{Changes, CharacterId, RoomId, UserId};
    use serde_json::json;

    use super::*;

    fn message() -> Message {
        let id = MessageId::new();
        Message {
            id,
            room: RoomId::new(),
            offset: 12,
            revision: 12,
            sender: Sender::User(UserId::new()),
            client_id: ClientId::of_message(id),
            kind: MessageKind::Text,
            content: Content::trusted("Good evening"),
            attachment: None,
            reply_to: None,
            finish: Finish::Complete,
            replies: Vec::new(),
            changes: Changes::default(),
            created_at: "2026-01-01T00:00:00.123456789Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_message_looks_as_the_protocol_says() {
        let message = message();
        assert_eq!(
            serde_json::to_value(MessageView::from(&message)).unwrap(),
            json!({
                "id": message.id.uuid(), "conversationId": message.room.uuid(), "offset": 12, "revision": 12,
                "sender": {"kind": "user", "id": message.sender.uuid()}, "type": "text", "content": "Good evening",
                "attachment": null, "clientId": null, "replyTo": null, "finish": "complete", "replies": [],
                "reactions": [], "variant": 0, "variants": 1, "editedAt": null, "deletedAt": null,
                "createdAt": "2026-01-01T00:00:00.123Z",
            })
        );
    }

    #[test]
    fn a_message_reads_the_same_live_and_from_the_database() {
        let live = message();
        let mut stored = live.clone();
        stored.created_at = Timestamp::from_microsecond(live.created_at.as_microsecond()).unwrap();
        assert_eq!(MessageView::from(&live), MessageView::from(&stored));
    }

    #[test]
    fn the_client_id_that_was_given_comes_back() {
        let mut message = message();
        message.client_id = ClientId::parse("a1b2").unwrap();
        assert_eq!(serde_json::to_value(MessageView::from(&message)).unwrap()["clientId"], "a1b2");
    }

    #[test]
    fn a_reply_has_a_code_only_when_it_ended_badly() {
        let mut reply = Reply {
            character: CharacterId::new(),
            message: MessageId::new(),
            state: ReplyState::Queued,
            code: None,
        };
        let queued = serde_json::to_value(ReplyView::from(&reply)).unwrap();
        assert_eq!((&queued["state"], queued.get("code")), (&json!("queued"), None));
        reply.state = ReplyState::Failed;
        reply.code = Some(FailureCode::ProviderTimeout);
        let failed = serde_json::to_value(ReplyView::from(&reply)).unwrap();
        assert_eq!((&failed["state"], &failed["code"]), (&json!("failed"), &json!("provider_timeout")));
    }
}

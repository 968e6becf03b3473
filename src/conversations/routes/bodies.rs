//! Bodies that several paths of conversations share.

use greenroom_actors::domain::{Message, MessageId, Revision};
use greenroom_actors::protocol::Asked;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::conversations::NewAttachment;
use crate::conversations::view::{MessageView, ReplyView, UsageView};
use crate::error::ApiError;

/// The file of an audio or media message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttachmentBody {
    /// A file of one's own that was uploaded here, ready or still being processed. Nothing else is needed then.
    media_id: Option<Uuid>,
    /// `https`, or a path of this server under `/media/`.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// `image`, `video` or `audio`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// A media type of that type: `image/webp`.
    #[schema(max_length = 100)]
    mime: Option<String>,
    /// Audio needs it.
    #[schema(minimum = 1, maximum = 86_400_000)]
    duration_ms: Option<i64>,
    #[schema(minimum = 1, maximum = 65_535)]
    width: Option<i64>,
    #[schema(minimum = 1, maximum = 65_535)]
    height: Option<i64>,
}

impl From<AttachmentBody> for NewAttachment {
    fn from(body: AttachmentBody) -> Self {
        let AttachmentBody { media_id, url, kind, mime, duration_ms, width, height } = body;
        Self { media_id, url, kind, mime, duration_ms, width, height }
    }
}

/// A message as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageBody {
    message: MessageView,
}

impl From<&Message> for MessageBody {
    fn from(message: &Message) -> Self {
        Self { message: message.into() }
    }
}

/// Replies that were asked for. They come to the sockets as they are written, and to the messages when they end.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AskedBody {
    /// Their ids name the replies under way, also where they become part of another message.
    replies: Vec<ReplyView>,
    /// Null where it is not known.
    usage: Option<UsageView>,
    /// The message that was changed, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageView>,
}

impl From<&Asked> for AskedBody {
    fn from(asked: &Asked) -> Self {
        Self {
            replies: asked.replies.iter().map(ReplyView::from).collect(),
            usage: asked.usage.as_deref().map(UsageView::from),
            message: asked.message.as_deref().map(MessageView::from),
        }
    }
}

/// The conversation's change that this was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OffsetBody {
    pub(super) offset: Revision,
}

/// The message that a path names; what is no id names none.
pub(super) fn message_id(text: &str) -> Result<MessageId, ApiError> {
    Uuid::try_parse(text).map(MessageId::from_uuid).map_err(|_| ApiError::not_found("message"))
}

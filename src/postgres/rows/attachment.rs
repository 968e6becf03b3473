//! An attachment as the `jsonb` that its message's row holds.

use std::sync::Arc;

use greenroom_actors::domain::{Attachment, AttachmentKind};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Image,
    Video,
    Audio,
}

/// The columns' form of an [`Attachment`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::postgres) struct StoredAttachment {
    url: String,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

impl From<&Attachment> for StoredAttachment {
    fn from(attachment: &Attachment) -> Self {
        Self {
            url: attachment.url.to_string(),
            kind: match attachment.kind {
                AttachmentKind::Image => Kind::Image,
                AttachmentKind::Video => Kind::Video,
                AttachmentKind::Audio => Kind::Audio,
            },
            mime: attachment.mime.as_deref().map(str::to_owned),
            duration_ms: attachment.duration_ms,
            width: attachment.width,
            height: attachment.height,
        }
    }
}

impl From<StoredAttachment> for Attachment {
    fn from(stored: StoredAttachment) -> Self {
        Self {
            url: Arc::from(stored.url),
            kind: match stored.kind {
                Kind::Image => AttachmentKind::Image,
                Kind::Video => AttachmentKind::Video,
                Kind::Audio => AttachmentKind::Audio,
            },
            mime: stored.mime.map(Arc::from),
            duration_ms: stored.duration_ms,
            width: stored.width,
            height: stored.height,
        }
    }
}

//! An attachment as the `jsonb` that its message's row holds.

use std::sync::Arc;

use greenroom_actors::domain::{Attachment, AttachmentKind, GalleryItem, ItemRank, Place};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// Where it lies; one of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Of the character's gallery.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Uuid>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    premium: bool,
}

impl From<&Attachment> for StoredAttachment {
    fn from(attachment: &Attachment) -> Self {
        let (url, key) = match &attachment.place {
            Place::Url(url) => (Some(url.to_string()), None),
            Place::Object(key) => (None, Some(key.to_string())),
        };
        Self {
            url,
            key,
            kind: match attachment.kind {
                AttachmentKind::Image => Kind::Image,
                AttachmentKind::Video => Kind::Video,
                AttachmentKind::Audio => Kind::Audio,
            },
            mime: attachment.mime.as_deref().map(str::to_owned),
            duration_ms: attachment.duration_ms,
            width: attachment.width,
            height: attachment.height,
            item: attachment.item.map(|item| item.id),
            premium: attachment.item.is_some_and(|item| item.rank == ItemRank::Premium),
        }
    }
}

impl From<StoredAttachment> for Attachment {
    fn from(stored: StoredAttachment) -> Self {
        Self {
            place: match stored.key {
                Some(key) => Place::Object(key.into()),
                None => Place::Url(stored.url.unwrap_or_default().into()),
            },
            kind: match stored.kind {
                Kind::Image => AttachmentKind::Image,
                Kind::Video => AttachmentKind::Video,
                Kind::Audio => AttachmentKind::Audio,
            },
            mime: stored.mime.map(Arc::from),
            duration_ms: stored.duration_ms,
            width: stored.width,
            height: stored.height,
            item: stored.item.map(|id| GalleryItem {
                id,
                rank: if stored.premium { ItemRank::Premium } else { ItemRank::Ordinary },
            }),
        }
    }
}

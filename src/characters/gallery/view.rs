//! Gallery entries as they come in and go out.

use greenroom_actors::domain::AttachmentKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Access, Item, Source};
use crate::conversations::view::wire_time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GalleryKind {
    Image,
    Video,
    Audio,
}

impl GalleryKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "video" => Self::Video,
            "audio" => Self::Audio,
            _ => Self::Image,
        }
    }
}

impl From<AttachmentKind> for GalleryKind {
    fn from(kind: AttachmentKind) -> Self {
        match kind {
            AttachmentKind::Image => Self::Image,
            AttachmentKind::Video => Self::Video,
            AttachmentKind::Audio => Self::Audio,
        }
    }
}

/// An entry to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewItem {
    #[serde(rename = "type")]
    pub kind: GalleryKind,
    /// `https:`, or a path of this server under `/media/`.
    pub url: Option<String>,
    /// Something that was uploaded here, in place of `url`.
    pub media_id: Option<Uuid>,
    pub thumbnail_url: Option<String>,
    #[serde(default)]
    #[schema(max_length = 500)]
    pub caption: String,
    #[serde(default)]
    #[schema(max_items = 32)]
    pub tags: Vec<String>,
    /// For premium plans alone.
    #[serde(default)]
    pub premium: bool,
}

/// An entry as somebody sees it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GalleryItemView {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: GalleryKind,
    /// It is for premium plans, and whoever asks has none: `url`, `mediaId` and `thumbnailUrl` are null.
    pub locked: bool,
    pub premium: bool,
    pub url: Option<String>,
    pub media_id: Option<Uuid>,
    pub thumbnail_url: Option<String>,
    /// A few colours to show while it loads, or in its place where it is locked; null where none was made.
    pub blurhash: Option<String>,
    pub caption: String,
    pub tags: Vec<String>,
    /// How many users have looked at it.
    pub views: u64,
    pub created_at: Timestamp,
}

impl GalleryItemView {
    pub(super) fn new(item: Item, access: Access) -> Self {
        let Item { id, kind, source, thumbnail_url, caption, tags, premium, views, created_at } = item;
        let locked = premium && access == Access::Ordinary;
        let (url, media_id) = match source {
            _ if locked => (None, None),
            Source::Url(url) => (Some(url), None),
            Source::Media(id) => (None, Some(id)),
        };
        Self {
            id,
            kind,
            locked,
            premium,
            url,
            media_id,
            thumbnail_url: thumbnail_url.filter(|_| !locked),
            blurhash: None,
            caption,
            tags,
            views,
            created_at: wire_time(created_at),
        }
    }
}

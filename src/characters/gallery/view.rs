//! Gallery entries as they come in and go out.

use std::collections::BTreeMap;

use greenroom_actors::domain::{AttachmentKind, Place};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Access, Item, Source};
use crate::conversations::view::wire_time;
use crate::media;
use crate::media::files::{MediaFile, Size, State, VariantView};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GalleryKind {
    Image,
    Video,
    Audio,
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

/// An entry to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewItem {
    #[serde(rename = "type")]
    pub kind: GalleryKind,
    /// `https:`, or a path of this server under `/media/`.
    pub url: Option<String>,
    /// A file of one's own that was uploaded here, in place of `url`.
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
    /// Of what was uploaded here: an address that opens it for a while, null before it is ready.
    pub url: Option<String>,
    pub media_id: Option<Uuid>,
    /// Of what was uploaded here: `processing`, `ready`, `failed` or `deleted`.
    pub state: &'static str,
    pub thumbnail_url: Option<String>,
    /// Smaller pictures of what was uploaded here, by name; none where it is locked.
    #[schema(value_type = std::collections::BTreeMap<String, VariantView>)]
    pub variants: BTreeMap<Size, VariantView>,
    /// A few colours to show while it loads, or in its place where it is locked; null where none was made.
    pub blurhash: Option<String>,
    pub caption: String,
    pub tags: Vec<String>,
    /// How many users have looked at it.
    pub views: u64,
    pub created_at: Timestamp,
}

impl GalleryItemView {
    /// `file`: what the entry is of what was uploaded here.
    pub(super) fn new(item: &Item, file: Option<&MediaFile>, access: Access) -> Self {
        let locked = item.premium && access == Access::Ordinary;
        let open = |key: &str| media::address(&Place::Object(key.into()));
        let ready = file.filter(|file| file.state == State::Ready);
        // Of a locked one there is nothing but its colours.
        let shown = ready.filter(|_| !locked);
        let (url, media_id) = match &item.source {
            _ if locked => (None, None),
            Source::Url(url) => (Some(url.clone()), None),
            Source::Media(id) => (shown.map(|file| open(file.key.as_str())), Some(*id)),
        };
        let made = shown.and_then(|file| Size::Thumbnail.of(file)).map(|variant| open(&variant.key));
        let variants = shown.into_iter().flat_map(|file| &file.variants).map(|variant| {
            let (width, height) = (variant.width, variant.height);
            (variant.size, VariantView { url: open(&variant.key), width, height })
        });
        Self {
            id: item.id,
            kind: item.kind,
            locked,
            premium: item.premium,
            url,
            media_id,
            state: match (&item.source, file) {
                (Source::Url(_), _) => "ready",
                (Source::Media(_), Some(file)) => file.state.as_str(),
                (Source::Media(_), None) => "deleted",
            },
            thumbnail_url: item.thumbnail_url.clone().filter(|_| !locked).or(made),
            variants: variants.collect(),
            blurhash: ready.and_then(|file| file.blurhash.clone()),
            caption: item.caption.clone(),
            tags: item.tags.clone(),
            views: item.views,
            created_at: wire_time(item.created_at),
        }
    }
}

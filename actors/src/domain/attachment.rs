//! The file that a message carries beside its text.

use std::sync::Arc;

use uuid::Uuid;

use super::MessageKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttachmentKind {
    Image,
    Video,
    Audio,
}

impl AttachmentKind {
    /// The kind of message that carries it.
    #[must_use]
    pub fn message_kind(self) -> MessageKind {
        match self {
            Self::Audio => MessageKind::Audio,
            Self::Image | Self::Video => MessageKind::Media,
        }
    }
}

/// Where a file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address, as it was given; checked at the edge.
    Url(Arc<str>),
    /// In the object store, under this key: whoever may read the message gets an address that opens it for a while.
    Object(Arc<str>),
}

impl Place {
    /// The address or the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(text) | Self::Object(text) => text,
        }
    }
}

/// An entry of a character's gallery that a reply shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GalleryItem {
    pub id: Uuid,
    pub rank: ItemRank,
}

/// For whom an entry of a gallery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemRank {
    Ordinary,
    /// For premium plans; never shown in public.
    Premium,
}

/// The file that an audio or media message carries. Its text is the transcript or the caption, and may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub place: Place,
    pub kind: AttachmentKind,
    /// Media type: `image/webp`.
    pub mime: Option<Arc<str>>,
    pub duration_ms: Option<u32>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// What it is of the character's gallery.
    pub item: Option<GalleryItem>,
}

impl Attachment {
    /// Of which nothing more is known.
    #[must_use]
    pub fn new(place: Place, kind: AttachmentKind) -> Self {
        Self { place, kind, mime: None, duration_ms: None, width: None, height: None, item: None }
    }
}

/// The kind of message that carries this, or nothing.
#[must_use]
pub fn kind_of(attachment: Option<&Attachment>) -> MessageKind {
    attachment.map_or(MessageKind::Text, |attachment| attachment.kind.message_kind())
}

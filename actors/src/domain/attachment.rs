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
    /// Nowhere any more: it was deleted.
    Gone,
}

impl Place {
    /// The address or the key; nothing of what is gone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(text) | Self::Object(text) => text,
            Self::Gone => "",
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

/// How far an uploaded file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is being looked at; nothing of it can be fetched yet.
    Processing,
    Ready,
    /// It could not be read.
    Failed,
    /// A tombstone: nothing of it lies anywhere.
    Deleted,
}

/// Which smaller picture, the smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PictureSize {
    Thumbnail,
    Small,
    Medium,
    Large,
}

/// A smaller picture that was made of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub size: PictureSize,
    /// In the object store.
    pub key: Arc<str>,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
}

/// What a message keeps of the uploaded file that it carries, so that nobody has to look it up to read the message. The
/// log tells when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedFile {
    pub id: Uuid,
    pub state: FileState,
    /// As its owner's device called it.
    pub name: Option<Arc<str>>,
    /// Of the original.
    pub bytes: u64,
    /// A few colours to show while it loads.
    pub blurhash: Option<Arc<str>>,
    /// Loudness over time, 0 to 255.
    pub peaks: Option<Arc<[u8]>>,
    pub pictures: Arc<[Picture]>,
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
    /// What was uploaded here, where it was.
    pub file: Option<Arc<AttachedFile>>,
}

impl Attachment {
    /// Of which nothing more is known.
    #[must_use]
    pub fn new(place: Place, kind: AttachmentKind) -> Self {
        Self { place, kind, mime: None, duration_ms: None, width: None, height: None, item: None, file: None }
    }
}

impl Attachment {
    /// Of an uploaded file: how far it is.
    #[must_use]
    pub fn state(&self) -> Option<FileState> {
        self.file.as_ref().map(|file| file.state)
    }

    /// Bytes that it takes in memory beside itself, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        let text = |text: &Option<Arc<str>>| text.as_deref().map_or(0, str::len);
        let file = self.file.as_ref().map_or(0, |file| {
            let pictures: usize = file.pictures.iter().map(|one| one.key.len() + size_of::<Picture>()).sum();
            let peaks = file.peaks.as_ref().map_or(0, |peaks| peaks.len());
            size_of::<AttachedFile>() + text(&file.name) + text(&file.blurhash) + peaks + pictures
        });
        self.place.as_str().len() + text(&self.mime) + file
    }
}

/// The kind of message that carries this, or nothing.
#[must_use]
pub fn kind_of(attachment: Option<&Attachment>) -> MessageKind {
    attachment.map_or(MessageKind::Text, |attachment| attachment.kind.message_kind())
}

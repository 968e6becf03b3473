//! What people upload and have made: a row for each file, its original and what was made of it.
//!
//! A file is `processing` until it was looked at, then `ready` or `failed`; a deleted one stays as a row while a message
//! may carry it. Its objects are noted in `media_objects` with the file's id and stay while the file does.
//!
//! Owned here: the table `media_files`.

mod attached;
mod store;
mod view;

use std::fmt;

use greenroom_actors::domain::{AttachmentKind, CharacterId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::attached::{CHANGED, changed};
pub(super) use self::store::kind_text;
pub use self::store::{
    Deleted, Holder, Made, Wanted, by_id, by_ids, by_key, delete, failed, forget, held, holder, in_work,
    insert, is_carried_to, list, lock, meets, note_objects, of, older_thumbnails, overdue, purge, ready,
    spoiled, thumbnails, total, unlisted,
};
pub use self::view::{FileView, VariantView};
use super::ObjectKey;

/// Names a file. Sorts by when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(Uuid);

impl FileId {
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl Default for FileId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = FilePurpose)]
pub enum Purpose {
    /// To be sent in messages.
    Upload,
    /// Of a character's gallery.
    Gallery,
    /// Thumbnail of an avatar.
    Avatar,
    /// Generated.
    Content,
}

impl Purpose {
    pub(super) const ALL: [(Self, &'static str); 4] = [
        (Self::Upload, "upload"),
        (Self::Gallery, "gallery"),
        (Self::Avatar, "avatar"),
        (Self::Content, "content"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("upload", |(_, text)| text)
    }

    fn parse(text: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == text).map_or(Self::Upload, |(one, _)| *one)
    }
}

/// How far a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Processing,
    Ready,
    /// Why, for its owner.
    Failed(String),
    Deleted,
}

impl State {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed(_) => "failed",
            Self::Deleted => "deleted",
        }
    }

    fn parse(text: &str, fault: Option<String>) -> Self {
        match text {
            "ready" => Self::Ready,
            "failed" => Self::Failed(fault.unwrap_or_default()),
            "deleted" => Self::Deleted,
            _ => Self::Processing,
        }
    }
}

/// A picture made of another, by the names that clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// 150 by 150 pixels, cut.
    Thumbnail,
    /// Within 400 by 400 pixels.
    Small,
    /// Within 800 by 800.
    Medium,
    /// Within 1200 by 1200.
    Large,
}

impl Size {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Thumbnail => "thumbnail",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }
}

/// Where such a picture lies, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    pub size: Size,
    pub key: String,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
}

impl Size {
    /// Of a file's pictures: this one, or else the next larger one that there is.
    #[must_use]
    pub fn of(self, file: &MediaFile) -> Option<&Variant> {
        file.variants.iter().filter(|variant| variant.size >= self).min_by_key(|variant| variant.size)
    }
}

/// A file as it stands in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFile {
    pub id: FileId,
    pub owner: UserId,
    pub purpose: Purpose,
    pub character: Option<CharacterId>,
    pub kind: AttachmentKind,
    pub state: State,
    /// As its owner's device called it: to be shown, never a path.
    pub name: Option<String>,
    /// Of the original.
    pub key: ObjectKey,
    pub mime: String,
    /// Of the original.
    pub bytes: u64,
    /// With what was made of it.
    pub total_bytes: u64,
    /// Pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_ms: Option<u32>,
    pub blurhash: Option<String>,
    /// Loudness over time, 0 to 255.
    pub peaks: Option<Vec<u8>>,
    pub variants: Vec<Variant>,
    pub created_at: Timestamp,
}

//! An attachment as the `jsonb` that its message's row holds.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use greenroom_actors::domain::{
    AttachedFile, Attachment, AttachmentKind, FileState, GalleryItem, ItemRank, Picture, PictureSize, Place,
};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<StoredFile>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", remote = "FileState")]
enum StoredState {
    Processing,
    Ready,
    Failed,
    Deleted,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", remote = "PictureSize")]
enum StoredSize {
    Thumbnail,
    Small,
    Medium,
    Large,
}

/// What is kept of an uploaded file. Statements look for its `id` and its `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredFile {
    id: Uuid,
    #[serde(with = "StoredState")]
    state: FileState,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    blurhash: Option<String>,
    /// Base64: a list of numbers takes three times as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    peaks: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<StoredPicture>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredPicture {
    #[serde(with = "StoredSize")]
    size: PictureSize,
    key: String,
    width: u32,
    height: u32,
    bytes: u64,
}

impl From<&AttachedFile> for StoredFile {
    fn from(file: &AttachedFile) -> Self {
        let picture = |picture: &Picture| StoredPicture {
            size: picture.size,
            key: picture.key.to_string(),
            width: picture.width,
            height: picture.height,
            bytes: picture.bytes,
        };
        Self {
            id: file.id,
            state: file.state,
            name: file.name.as_deref().map(str::to_owned),
            bytes: file.bytes,
            blurhash: file.blurhash.as_deref().map(str::to_owned),
            peaks: file.peaks.as_ref().map(|peaks| STANDARD.encode(peaks)),
            pictures: file.pictures.iter().map(picture).collect(),
        }
    }
}

impl From<StoredFile> for AttachedFile {
    fn from(stored: StoredFile) -> Self {
        let picture = |picture: StoredPicture| Picture {
            size: picture.size,
            key: picture.key.into(),
            width: picture.width,
            height: picture.height,
            bytes: picture.bytes,
        };
        Self {
            id: stored.id,
            state: stored.state,
            name: stored.name.map(Arc::from),
            bytes: stored.bytes,
            blurhash: stored.blurhash.map(Arc::from),
            peaks: stored.peaks.and_then(|peaks| STANDARD.decode(peaks).ok()).map(Arc::from),
            pictures: stored.pictures.into_iter().map(picture).collect(),
        }
    }
}

impl From<&Attachment> for StoredAttachment {
    fn from(attachment: &Attachment) -> Self {
        let (url, key) = match &attachment.place {
            Place::Url(url) => (Some(url.to_string()), None),
            Place::Object(key) => (None, Some(key.to_string())),
            Place::Gone => (None, None),
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
            file: attachment.file.as_deref().map(StoredFile::from),
        }
    }
}

impl From<StoredAttachment> for Attachment {
    fn from(stored: StoredAttachment) -> Self {
        Self {
            place: match (stored.key, stored.url) {
                (Some(key), _) => Place::Object(key.into()),
                (None, Some(url)) => Place::Url(url.into()),
                (None, None) => Place::Gone,
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
            file: stored.file.map(|file| Arc::new(file.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_with_its_file_comes_out_of_its_row_as_it_went_in() {
        let picture = |size, key: &str| Picture { size, key: key.into(), width: 8, height: 6, bytes: 70 };
        let file = AttachedFile {
            id: Uuid::now_v7(),
            state: FileState::Ready,
            name: Some("a \"b\".png".into()),
            bytes: 7_000,
            blurhash: Some("LEHV6nWB2yk8".into()),
            peaks: Some(Arc::from([0_u8, 7, 255])),
            pictures: Arc::from([
                picture(PictureSize::Thumbnail, "a/t.webp"),
                picture(PictureSize::Large, "a/l.webp"),
            ]),
        };
        let ready = Attachment {
            width: Some(800),
            file: Some(Arc::new(file.clone())),
            ..Attachment::new(Place::Object("a/b.png".into()), AttachmentKind::Image)
        };
        let gone = AttachedFile { state: FileState::Deleted, pictures: Arc::from([]), ..file };
        let gone =
            Attachment { file: Some(Arc::new(gone)), ..Attachment::new(Place::Gone, AttachmentKind::Image) };
        for attachment in [ready, gone] {
            let text = serde_json::to_string(&StoredAttachment::from(&attachment)).unwrap();
            let stored: StoredAttachment = serde_json::from_str(&text).unwrap();
            assert_eq!(Attachment::from(stored), attachment, "{text}");
        }
    }
}

//! A file as a message carries it, and how messages hear that it became another.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{AttachedFile, Attachment, FileState, Picture, PictureSize, Place};
use serde_json::json;

use super::{FileId, MediaFile, Size, State};
use crate::jobs::{self, NewJob, QueueName};
use crate::postgres::Stored;

/// Tells the messages that carry a file what it is now: `{"file", "after"?}`, or those of a conversation that was brought
/// back: `{"room", "after"?}`.
pub const CHANGED: &str = "media.changed";

/// To be called in the transaction in which a file becomes ready, failed or deleted: all messages that carry it hear of it,
/// each by an entry of its room's log.
pub async fn changed(client: &impl GenericClient, file: FileId) -> Stored<()> {
    let payload = json!({ "file": file.uuid() });
    jobs::enqueue(client, &NewJob::new(QueueName::MediaProcessing, CHANGED, payload)).await.map(drop)
}

impl From<Size> for PictureSize {
    fn from(size: Size) -> Self {
        match size {
            Size::Thumbnail => Self::Thumbnail,
            Size::Small => Self::Small,
            Size::Medium => Self::Medium,
            Size::Large => Self::Large,
        }
    }
}

impl From<PictureSize> for Size {
    fn from(size: PictureSize) -> Self {
        match size {
            PictureSize::Thumbnail => Self::Thumbnail,
            PictureSize::Small => Self::Small,
            PictureSize::Medium => Self::Medium,
            PictureSize::Large => Self::Large,
        }
    }
}

impl From<&State> for FileState {
    fn from(state: &State) -> Self {
        match state {
            State::Processing => Self::Processing,
            State::Ready => Self::Ready,
            State::Failed(_) => Self::Failed,
            State::Deleted => Self::Deleted,
        }
    }
}

impl From<&MediaFile> for Attachment {
    /// Of one that is not ready nothing is told but what it is; of one that was deleted nothing but that.
    fn from(file: &MediaFile) -> Self {
        let picture = |variant: &super::Variant| Picture {
            size: variant.size.into(),
            key: variant.key.as_str().into(),
            width: variant.width,
            height: variant.height,
            bytes: variant.bytes,
        };
        let (is_ready, is_gone) = (file.state == State::Ready, file.state == State::Deleted);
        let attached = AttachedFile {
            id: file.id.uuid(),
            state: (&file.state).into(),
            name: file.name.as_deref().filter(|_| !is_gone).map(Arc::from),
            bytes: if is_gone { 0 } else { file.bytes },
            blurhash: file.blurhash.as_deref().filter(|_| is_ready).map(Arc::from),
            peaks: file.peaks.as_deref().filter(|_| is_ready).map(Arc::from),
            pictures: file.variants.iter().filter(|_| is_ready).map(picture).collect(),
        };
        let place = if is_gone { Place::Gone } else { Place::Object(file.key.as_str().into()) };
        let of = |value: Option<u32>| value.filter(|value| *value > 0 && !is_gone);
        Self {
            mime: Some(file.mime.as_str()).filter(|_| !is_gone).map(Arc::from),
            duration_ms: of(file.duration_ms),
            width: of(file.width),
            height: of(file.height),
            file: Some(Arc::new(attached)),
            ..Self::new(place, file.kind)
        }
    }
}

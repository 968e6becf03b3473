//! Files that come in by requests, as `multipart/form-data`, and are answered before anything is made of them.
//!
//! Each goes piece by piece from the network to `temp/` of the object store; its beginning says what it is, whatever it is
//! called. A form is taken when all of it has come: who breaks off leaves nothing. What a request may bring, how many come
//! in at the same time, and how long one may take is bounded by `[media]`; how often one may ask by `limits.uploads`; how much
//! one may have by the plan.

mod body;
mod flow;
mod form;
mod gallery;
mod kind;
pub mod routes;
mod slots;
mod view;

use std::sync::Arc;

use greenroom_actors::domain::{AttachmentKind, UserId};
use greenroom_actors::protocol::Refusal;

use self::flow::Flow;
use self::form::Arrived;
use self::slots::Slots;
use super::files::{MediaFile, Purpose};
use super::{FileType, Media, NewFile, ObjectKey, Source};

/// What is uploaded, as handlers find it. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Uploads {
    media: Media,
    slots: Arc<Slots>,
    flow: Arc<Flow>,
}

impl Uploads {
    #[must_use]
    pub fn new(media: Media) -> Self {
        let settings = media.settings();
        let slots = Slots::new(settings.uploads_at_once, settings.uploads_per_user, settings.upload_wait());
        let flow = Flow::new(settings.upload_bytes_per_s);
        Self { slots: Arc::new(slots), flow: Arc::new(flow), media }
    }

    /// Takes what came for the user's own messages.
    async fn take(&self, owner: UserId, arrived: Arrived) -> Result<MediaFile, Refusal> {
        let Arrived { temp, kind, file_type, name } = arrived;
        let key = ObjectKey::of_upload(owner, temp.id(), file_type);
        let new = NewFile { owner, purpose: Purpose::Upload, character: None, kind, name, key };
        self.media.take(new, Source::Temp(temp)).await
    }

    fn max_bytes(&self, kind: AttachmentKind) -> u64 {
        let settings = self.media.settings();
        match kind {
            AttachmentKind::Image => settings.image_max_bytes,
            AttachmentKind::Audio => settings.audio_max_bytes,
            AttachmentKind::Video => settings.video_max_bytes,
        }
    }
}

/// The types of each kind that are taken.
pub(super) fn types(kind: AttachmentKind) -> &'static [FileType] {
    match kind {
        AttachmentKind::Image => &[FileType::Png, FileType::Jpeg, FileType::Webp, FileType::Gif],
        AttachmentKind::Audio => {
            &[FileType::Mp3, FileType::Wav, FileType::Ogg, FileType::M4a, FileType::Weba]
        }
        AttachmentKind::Video => &[FileType::Mp4, FileType::Webm],
    }
}

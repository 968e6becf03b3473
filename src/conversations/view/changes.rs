//! What a message carries beside its text, and what became of it after it was stored.

use std::collections::BTreeMap;

use greenroom_actors::domain::{
    AttachedFile, Attachment, AttachmentKind, FileState, Into as BecomesPart, MessageId, Picture, Place,
    Reaction,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::media;
use crate::media::files::{Size, VariantView};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttachmentType {
    Image,
    Video,
    Audio,
}

impl From<AttachmentKind> for AttachmentType {
    fn from(kind: AttachmentKind) -> Self {
        match kind {
            AttachmentKind::Image => Self::Image,
            AttachmentKind::Video => Self::Video,
            AttachmentKind::Audio => Self::Audio,
        }
    }
}

/// The file of an audio or media message; the message's text is its transcript or caption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentView {
    /// Of a file that lies here: an address that opens it for a while, another one at each reading. Null where there is nothing
    /// to open: an uploaded file that is not ready, could not be read, or was deleted.
    pub url: Option<String>,
    #[serde(rename = "type")]
    pub kind: AttachmentType,
    /// Media type: `image/webp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Of what was uploaded here.
    #[serde(flatten)]
    pub file: Option<AttachedFileView>,
}

/// How far an uploaded file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttachedState {
    /// A `message:update` tells when it is ready.
    Processing,
    Ready,
    /// It could not be read.
    Failed,
    /// A tombstone: nothing of it is left.
    Deleted,
}

/// What a message tells of the uploaded file that it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachedFileView {
    /// Whoever owns it finds it under this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_id: Option<Uuid>,
    pub state: AttachedState,
    /// As it was called where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What stands in its place while it loads: <https://blurha.sh>.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blurhash: Option<String>,
    /// Loudness over time, 0 to 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peaks: Option<Vec<u8>>,
    /// Smaller pictures, by name; each has an address of its own that opens it for a while.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, VariantView>)]
    pub variants: BTreeMap<Size, VariantView>,
}

impl From<&AttachedFile> for AttachedFileView {
    fn from(file: &AttachedFile) -> Self {
        let variant = |picture: &Picture| {
            let url = media::address(&Place::Object(picture.key.clone()));
            (picture.size.into(), VariantView { url, width: picture.width, height: picture.height })
        };
        Self {
            media_id: Some(file.id),
            state: match file.state {
                FileState::Processing => AttachedState::Processing,
                FileState::Ready => AttachedState::Ready,
                FileState::Failed => AttachedState::Failed,
                FileState::Deleted => AttachedState::Deleted,
            },
            name: file.name.as_deref().map(str::to_owned),
            blurhash: file.blurhash.as_deref().map(str::to_owned),
            peaks: file.peaks.as_ref().map(|peaks| peaks.to_vec()),
            variants: file.pictures.iter().map(variant).collect(),
        }
    }
}

impl AttachmentView {
    /// As everybody sees it: not how it was called on somebody's device, nor under which id its owner finds it.
    #[must_use]
    pub fn public(attachment: &Attachment) -> Self {
        let mut view = Self::from(attachment);
        if let Some(file) = &mut view.file {
            (file.media_id, file.name) = (None, None);
        }
        view
    }
}

impl From<&Attachment> for AttachmentView {
    fn from(attachment: &Attachment) -> Self {
        let is_there = attachment.state().is_none_or(|state| state == FileState::Ready)
            && attachment.place != Place::Gone;
        Self {
            url: is_there.then(|| media::address(&attachment.place)),
            kind: attachment.kind.into(),
            mime: attachment.mime.as_deref().map(str::to_owned),
            duration_ms: attachment.duration_ms,
            width: attachment.width,
            height: attachment.height,
            file: attachment.file.as_deref().map(AttachedFileView::from),
        }
    }
}

/// An emoji under a message, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReactionView {
    pub emoji: String,
    /// In the order in which they came.
    pub user_ids: Vec<Uuid>,
}

/// By emoji, in the order in which each came first.
pub(super) fn reactions(of: &[Reaction]) -> Vec<ReactionView> {
    let mut views: Vec<ReactionView> = Vec::new();
    for reaction in of {
        let emoji = reaction.emoji.as_str();
        match views.iter_mut().find(|view| view.emoji == emoji) {
            Some(view) => view.user_ids.push(reaction.user.uuid()),
            None => {
                views.push(ReactionView { emoji: emoji.to_owned(), user_ids: vec![reaction.user.uuid()] });
            }
        }
    }
    views
}

/// What a reply under way becomes part of; a reply that becomes a message of its own has neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntoView {
    /// It becomes another variant of this message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<Uuid>,
    /// It goes on with this message: its text stands after what the message says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<Uuid>,
}

impl From<BecomesPart> for IntoView {
    fn from(into: BecomesPart) -> Self {
        match into {
            BecomesPart::New => Self::default(),
            BecomesPart::Variant(message) => {
                Self { variant_of: Some(MessageId::uuid(message)), continues: None }
            }
            BecomesPart::Continuation(message) => {
                Self { variant_of: None, continues: Some(MessageId::uuid(message)) }
            }
        }
    }
}

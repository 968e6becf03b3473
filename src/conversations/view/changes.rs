//! What a message carries beside its text, and what became of it after it was stored.

use greenroom_actors::domain::{Attachment, AttachmentKind, Into as BecomesPart, MessageId, Reaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::media;

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
    /// Of a file that lies here: an address that opens it for a while, another one at each reading.
    pub url: String,
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
}

impl From<&Attachment> for AttachmentView {
    fn from(attachment: &Attachment) -> Self {
        Self {
            url: media::address(&attachment.place),
            kind: attachment.kind.into(),
            mime: attachment.mime.as_deref().map(str::to_owned),
            duration_ms: attachment.duration_ms,
            width: attachment.width,
            height: attachment.height,
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

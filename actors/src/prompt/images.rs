//! Which pictures of a conversation a model is shown.
//!
//! Every line stands in words, with "[image: its caption]" where a picture is, so the same prompt does for a model that sees
//! nothing. Beside the words go the pictures of the latest lines that have one: a line loses its picture only when another
//! comes in, so a provider's cache holds the beginning until then.

use crate::domain::{Attachment, AttachmentKind, FileState, Picture, PictureSize, Place};
use crate::ports::{PromptImage, PromptMessage};
use crate::settings::PromptSettings;

/// Pixels of a side that is not known: as large as models read.
const SIDE_UNKNOWN: u32 = 1_024;

/// The picture of an attachment that lies here: the medium one where there is one, else the nearest to it.
pub(super) fn of(attachment: &Attachment) -> Option<PromptImage> {
    if attachment.kind != AttachmentKind::Image {
        return None;
    }
    let Place::Object(key) = &attachment.place else { return None };
    let original = |bytes| PromptImage {
        object: key.clone(),
        width: attachment.width.unwrap_or(SIDE_UNKNOWN),
        height: attachment.height.unwrap_or(SIDE_UNKNOWN),
        bytes,
        inline: None,
    };
    let Some(file) = &attachment.file else { return Some(original(0)) };
    if file.state != FileState::Ready {
        return None;
    }
    let nearest = |picture: &&Picture| match picture.size {
        PictureSize::Medium => 0,
        PictureSize::Large => 1,
        PictureSize::Small => 2,
        PictureSize::Thumbnail => 3,
    };
    // Cut to a square it would not show all.
    let whole = file.pictures.iter().filter(|picture| picture.size != PictureSize::Thumbnail);
    let image = whole.min_by_key(nearest).map(|picture| PromptImage {
        object: picture.key.clone(),
        width: picture.width,
        height: picture.height,
        bytes: picture.bytes,
        inline: None,
    });
    Some(image.unwrap_or_else(|| original(file.bytes)))
}

/// Leaves the pictures of the latest lines, as many as there are places, bytes and `tokens` for; the words stay.
pub(super) fn choose(lines: &mut [PromptMessage], tokens: usize, settings: &PromptSettings) {
    let (mut places, mut bytes, mut tokens) = (settings.images_max, settings.images_max_bytes, tokens);
    for line in lines.iter_mut().rev().filter(|line| !line.images.is_empty()) {
        let takes = (line.images.iter().map(|image| image.bytes).sum::<u64>(), line.image_tokens());
        if places > 0 && takes.0 <= bytes && takes.1 <= tokens {
            (places, bytes, tokens) = (places - 1, bytes - takes.0, tokens - takes.1);
        } else {
            line.images.clear();
            // Nor do older ones get in past it: which they are would change with every message.
            places = 0;
        }
    }
}

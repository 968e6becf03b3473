//! The lines that came along, as the prompt compiler reads a room's history.

use std::sync::Arc;

use uuid::Uuid;

use super::{Completion, Speaker};
use crate::domain::{
    AttachedFile, Attachment, AttachmentKind, Changes, ClientId, Content, FileState, Finish, Message,
    MessageId, Place, RoomId, Sender, kind_of,
};
use crate::ports::{GenerateRequest, PromptImage};

/// The lines as the prompt compiler reads a room's history, where a message carries one picture at most: those before a line's
/// last one stand before it.
pub(super) fn of(asked: &Completion, now: jiff::Timestamp) -> Vec<Arc<Message>> {
    let mut history = Vec::with_capacity(asked.lines.len());
    for line in &asked.lines {
        let mut push = |text: &str, picture: Option<&PromptImage>| {
            let offset = history.len() as i64 + 1;
            history.push(Arc::new(message(asked, line.by, text, picture, offset, now)));
        };
        let (last, before) = match line.pictures.split_last() {
            Some((last, before)) => (Some(last), before),
            None => (None, [].as_slice()),
        };
        before.iter().for_each(|picture| push("", Some(picture)));
        push(line.text.as_str(), last);
    }
    history
}

/// Gives the pictures that were chosen their files: history knows them by name.
pub(super) fn hand_over(asked: &Completion, request: &mut GenerateRequest) {
    for image in request.messages.iter_mut().flat_map(|message| &mut message.images) {
        let mut came = asked.lines.iter().flat_map(|line| &line.pictures);
        image.inline = came.find(|came| came.object == image.object).and_then(|came| came.inline.clone());
    }
}

fn message(
    asked: &Completion,
    by: Speaker,
    text: &str,
    picture: Option<&PromptImage>,
    offset: i64,
    now: jiff::Timestamp,
) -> Message {
    let id = MessageId::new();
    let attachment = picture.map(|picture| Arc::new(attached(picture)));
    Message {
        id,
        room: RoomId::from_uuid(asked.id),
        offset,
        revision: offset,
        sender: match by {
            Speaker::Person => Sender::User(asked.user),
            Speaker::Character => Sender::Character(asked.character),
        },
        client_id: ClientId::of_message(id),
        kind: kind_of(attachment.as_deref()),
        content: Content::trusted(text),
        attachment,
        // Not a greeting: its braces are no macros.
        reply_to: Some(id),
        finish: Finish::Complete,
        replies: Vec::new(),
        changes: Changes::default(),
        created_at: now,
    }
}

/// A picture that came along, as a message would carry it.
fn attached(picture: &PromptImage) -> Attachment {
    let file = AttachedFile {
        id: Uuid::nil(),
        state: FileState::Ready,
        name: None,
        bytes: picture.bytes,
        blurhash: None,
        peaks: None,
        pictures: Arc::new([]),
    };
    Attachment {
        width: Some(picture.width),
        height: Some(picture.height),
        file: Some(Arc::new(file)),
        ..Attachment::new(Place::Object(picture.object.clone()), AttachmentKind::Image)
    }
}

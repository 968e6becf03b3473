//! Jobs that come with messages: audio without a text, which somebody is to listen to once its file is there, and files whose
//! state may have changed while their message was on its way. A job is there if, and only if, its message is.

use greenroom_actors::domain::{Attachment, FileState, MessageKind, RoomId, Sender};
use greenroom_actors::journal::decide::{FILE_CHANGED, Writes};
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::jobs::{NOTIFIED, QueueName};

/// What listens to one: `{"room", "message", "user"}`.
pub const TRANSCRIBE: &str = "audio.transcribe";
/// What compares the file that a message was stored with to the file as it is: `{"room", "message", "file"}`.
pub const ATTACHED: &str = "media.attached";

/// The jobs of one kind that come with a batch.
pub(super) struct JobColumns {
    pub ids: Vec<Uuid>,
    kind: &'static str,
    payloads: Vec<Value>,
    keys: Vec<String>,
    queue: &'static str,
}

impl JobColumns {
    fn new(kind: &'static str) -> Self {
        let queue = QueueName::MediaProcessing.as_str();
        Self { ids: Vec::new(), kind, payloads: Vec::new(), keys: Vec::new(), queue }
    }

    fn add(&mut self, message: Uuid, payload: Value) {
        self.ids.push(Uuid::now_v7());
        self.payloads.push(payload);
        self.keys.push(message.to_string());
    }

    /// For all that were said in a batch, and those whose file came with it.
    pub(super) fn unheard(writes: &Writes) -> Self {
        let mut columns = Self::new(TRANSCRIBE);
        let mut add =
            |room: RoomId, message: Uuid, sender, kind, text: &str, attachment: Option<&Attachment>| {
                let is_there =
                    attachment.and_then(Attachment::state).is_none_or(|state| state == FileState::Ready);
                if let (MessageKind::Audio, Sender::User(user), "", true) = (kind, sender, text, is_there) {
                    let payload = json!({ "room": room.uuid(), "message": message, "user": user.uuid() });
                    columns.add(message, payload);
                }
            };
        for new in &writes.messages {
            add(
                new.room,
                new.id.uuid(),
                new.sender,
                new.kind,
                new.content.as_str(),
                new.attachment.as_deref(),
            );
        }
        let came =
            |revision| writes.changes.iter().any(|one| one.kind == FILE_CHANGED && one.revision == revision);
        for message in writes.amended.values().filter(|message| came(message.revision)) {
            add(
                message.room,
                message.id.uuid(),
                message.sender,
                message.kind,
                message.content.as_str(),
                message.attachment.as_deref(),
            );
        }
        columns
    }

    /// For all new messages with a file.
    pub(super) fn attached(writes: &Writes) -> Self {
        let mut columns = Self::new(ATTACHED);
        for new in &writes.messages {
            if let Some(file) = new.attachment.as_ref().and_then(|one| one.file.as_ref()) {
                let payload = json!({ "room": new.room.uuid(), "message": new.id.uuid(), "file": file.id });
                columns.add(new.id.uuid(), payload);
            }
        }
        columns
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.ids, &self.queue, &self.kind, &self.payloads, &self.keys, &NOTIFIED]
    }
}

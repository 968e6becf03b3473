//! Audio messages that came without a text: somebody is to listen to them. The job is there if, and only if, the message is.

use greenroom_actors::domain::{MessageKind, Sender};
use greenroom_actors::journal::decide::Writes;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::jobs::{NOTIFIED, QueueName};

/// What listens to one: `{"room", "message", "user"}`.
pub const TRANSCRIBE: &str = "audio.transcribe";

/// For all that were said in a batch.
pub(super) struct UnheardColumns {
    pub ids: Vec<Uuid>,
    payloads: Vec<Value>,
    keys: Vec<String>,
    queue: &'static str,
}

impl UnheardColumns {
    pub(super) fn of(writes: &Writes) -> Self {
        let mut columns = Self {
            ids: Vec::new(),
            payloads: Vec::new(),
            keys: Vec::new(),
            queue: QueueName::MediaProcessing.as_str(),
        };
        for new in &writes.messages {
            if let (MessageKind::Audio, Sender::User(user), "") = (new.kind, new.sender, new.content.as_str())
            {
                let (room, message) = (new.room.uuid(), new.id.uuid());
                columns.ids.push(Uuid::now_v7());
                columns.payloads.push(json!({ "room": room, "message": message, "user": user.uuid() }));
                columns.keys.push(message.to_string());
            }
        }
        columns
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.ids, &self.queue, &TRANSCRIBE, &self.payloads, &self.keys, &NOTIFIED]
    }
}

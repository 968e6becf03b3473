//! The export of one conversation: all of it, as JSON or Markdown, written while it is read.
//!
//! Bounds: a page of messages in memory; a connection of the pool is held for one page only; so many exports at a time
//! on a node. It ends where the log stood when it began; what is changed meanwhile is written as it then is. One that
//! breaks off ends the connection, so that nobody takes a part for the whole.

mod markdown;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use greenroom_actors::domain::{Finish, Message, Revision, RoomId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, StoredVariant};
use super::view::{ConversationView, FinishView, MessageView, Names, SenderKind, wire_time};
use super::{Conversations, MessageRange, not_found};
use crate::postgres::refusal;

/// Exports that are under way at the same time on a node.
pub const EXPORTS_MAX: usize = 8;
/// Messages that are read at a time.
const PAGE: i64 = 200;
const RETRY_AFTER: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    #[default]
    Json,
    Markdown,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    format: &'static str,
    version: u32,
    exported_at: Timestamp,
    conversation: &'a ConversationView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Variant {
    index: u16,
    content: String,
    finish: FinishView,
    created_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    #[serde(flatten)]
    message: MessageView,
    sender_name: String,
    /// All variants of a reply that has more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_variants: Vec<Variant>,
}

/// An export that has begun.
pub struct Export {
    /// What the file is to be called, without its ending.
    pub name: String,
    state: State,
}

struct State {
    conversations: Conversations,
    user: UserId,
    room: RoomId,
    format: ExportFormat,
    view: ConversationView,
    names: Names,
    upto: Revision,
    at: At,
    _permit: OwnedSemaphorePermit,
}

#[derive(Clone, Copy)]
enum At {
    Head,
    /// After this offset; whether a message was written yet.
    Messages(Revision, Written),
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    Something,
}

impl Conversations {
    /// Begins an export, for a member.
    pub async fn export(&self, user: UserId, room: RoomId, format: ExportFormat) -> Result<Export, Refusal> {
        let permit = self.exports.clone().try_acquire_owned().map_err(|_| {
            Refusal::temporary(
                RefusalCode::Overloaded,
                "too many exports at once: try again soon",
                RETRY_AFTER,
            )
        })?;
        let view = self.view(user, room).await?;
        let client = self.client().await?;
        let names = store::names(&client, &[room.uuid()]).await.map_err(|error| refusal(&error))?;
        let upto = store::head(&client, room).await.map_err(|error| refusal(&error))?;
        Ok(Export {
            name: view.slug.clone(),
            state: State {
                conversations: self.clone(),
                user,
                room,
                format,
                names: names.into_values().next().unwrap_or_default(),
                view,
                upto,
                at: At::Head,
                _permit: permit,
            },
        })
    }
}

impl Export {
    /// The file, piece by piece.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
        stream::try_unfold(self.state, async |mut state| {
            let piece = state.next().await.map_err(|refusal| {
                tracing::warn!(room = %state.room, cause = refusal.message, "an export broke off");
                std::io::Error::other("the export broke off")
            })?;
            Ok(piece.map(|piece| (Bytes::from(piece), state)))
        })
    }
}

impl State {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<String>, Refusal> {
        match self.at {
            At::Head => {
                self.at = At::Messages(0, Written::Nothing);
                Ok(Some(self.head()?))
            }
            At::Messages(after, written) => {
                let (messages, variants) = self.page(after).await?;
                let Some(last) = messages.last().map(|message| message.offset) else {
                    self.at = At::End;
                    return Ok(Some(self.tail()));
                };
                self.at = At::Messages(last, Written::Something);
                Ok(Some(self.messages(&messages, variants, written)?))
            }
            At::End => Ok(None),
        }
    }

    async fn page(
        &self,
        after: Revision,
    ) -> Result<(Vec<Message>, HashMap<Uuid, Vec<StoredVariant>>), Refusal> {
        let client = self.conversations.client().await?;
        // Who was removed meanwhile reads no further.
        if !store::is_member(&client, self.room, self.user).await.map_err(|error| refusal(&error))? {
            return Err(not_found());
        }
        let mut messages = store::messages(&client, self.room, MessageRange::After(after), PAGE)
            .await
            .map_err(|error| refusal(&error))?;
        messages.retain(|message| message.offset <= self.upto);
        let several: Vec<Uuid> = messages
            .iter()
            .filter(|message| message.changes.variants > 1)
            .map(|message| message.id.uuid())
            .collect();
        let variants = store::variants(&client, &several).await.map_err(|error| refusal(&error))?;
        Ok((messages, variants))
    }

    fn head(&self) -> Result<String, Refusal> {
        Ok(match self.format {
            ExportFormat::Json => {
                let head = Head {
                    format: "greenroom.conversation",
                    version: 1,
                    exported_at: wire_time(Timestamp::now()),
                    conversation: &self.view,
                };
                let mut head = json(&head)?;
                // What follows stands in the same object.
                head.truncate(head.len() - 1);
                head.push_str(",\"messages\":[");
                head
            }
            ExportFormat::Markdown => markdown::head(&self.view),
        })
    }

    fn messages(
        &self,
        messages: &[Message],
        mut variants: HashMap<Uuid, Vec<StoredVariant>>,
        mut written: Written,
    ) -> Result<String, Refusal> {
        let mut text = String::new();
        for message in messages {
            let sender = self.names.sender(message.sender);
            match self.format {
                ExportFormat::Json => {
                    text.push_str(if written == Written::Nothing { "\n" } else { ",\n" });
                    written = Written::Something;
                    let all = variants.remove(&message.id.uuid()).unwrap_or_default();
                    let exported = Exported {
                        message: MessageView::from(message),
                        sender_name: sender.name,
                        all_variants: all.into_iter().map(Variant::from).collect(),
                    };
                    text.push_str(&json(&exported)?);
                }
                ExportFormat::Markdown => text.push_str(&markdown::message(message, &sender)),
            }
        }
        Ok(text)
    }

    fn tail(&self) -> String {
        match self.format {
            // Its last word says that nothing is missing.
            ExportFormat::Json => "\n],\"complete\":true}\n".to_owned(),
            ExportFormat::Markdown => String::from("\n"),
        }
    }
}

impl From<StoredVariant> for Variant {
    fn from(stored: StoredVariant) -> Self {
        let StoredVariant { index, content, finish, created_at } = stored;
        Self { index, content, finish: Finish::into(finish), created_at: wire_time(created_at) }
    }
}

fn json(value: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "an export cannot be written");
        Refusal::new(RefusalCode::Internal, "something went wrong on our side")
    })
}

/// Whether a name says which kind of sender it is, in a file that people read.
fn is_character(kind: SenderKind) -> bool {
    kind == SenderKind::Character
}

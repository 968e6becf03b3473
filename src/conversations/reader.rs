//! Who may read a conversation: its members, and everybody what is public or unlisted. To others it does not exist.

use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::protocol::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, FoundRoom};
use super::view::{ConversationView, MessageView, Names, PublicConversationView, PublicMessageView};
use super::{Conversations, MESSAGES_MAX, MessageRange, end, not_found, paging, reading, slug};
use crate::postgres::refusal;

/// As what somebody reads a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readership {
    Member(UserId),
    /// Anybody: it is public, or unlisted.
    Reader,
}

/// A conversation, and as what it may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable {
    pub room: RoomId,
    /// Its present slug.
    pub slug: String,
    pub listed: Listed,
    pub readership: Readership,
}

/// Whether search engines and lists may show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    Yes,
    No,
}

/// A conversation as the caller may see it: a member more of it than others.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SeenConversation {
    Member(Box<ConversationView>),
    Public(Box<PublicConversationView>),
}

/// A message as the caller may see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SeenMessage {
    Member(Box<MessageView>),
    Public(Box<PublicMessageView>),
}

impl Conversations {
    /// The conversation behind an id, a slug or one that it had; `not_found` for whoever may not read it.
    pub async fn readable(&self, user: Option<UserId>, id_or_slug: &str) -> Result<Readable, Refusal> {
        let client = self.client().await?;
        let found = match Uuid::try_parse(id_or_slug) {
            Ok(id) => store::room_by_id(&client, RoomId::from_uuid(id), user).await,
            Err(_) if slug::is_slug(id_or_slug) => store::room_by_slug(&client, id_or_slug, user).await,
            Err(_) => Ok(None),
        };
        let FoundRoom { room, slug, public, unlisted, member } =
            found.map_err(|error| refusal(&error))?.ok_or_else(not_found)?;
        let readership = match user {
            Some(user) if member => Readership::Member(user),
            _ if public || unlisted => Readership::Reader,
            _ => return Err(not_found()),
        };
        Ok(Readable { room, slug, listed: if public { Listed::Yes } else { Listed::No }, readership })
    }

    /// One conversation, as its reader may see it.
    pub async fn seen(&self, readable: &Readable) -> Result<SeenConversation, Refusal> {
        match readable.readership {
            Readership::Member(user) => {
                Ok(SeenConversation::Member(Box::new(self.view(user, readable.room).await?)))
            }
            Readership::Reader => {
                Ok(SeenConversation::Public(Box::new(self.public_view(readable.room).await?)))
            }
        }
    }

    pub(super) async fn public_view(&self, room: RoomId) -> Result<PublicConversationView, Refusal> {
        let client = self.client().await?;
        let found = store::public_views(&client, &[room]).await.map_err(|error| refusal(&error))?;
        found.into_iter().next().ok_or_else(not_found)
    }

    /// A page of messages, as their reader may see them; otherwise like [`messages`](Self::messages).
    pub async fn seen_messages(
        &self,
        readable: &Readable,
        range: MessageRange,
        limit: usize,
    ) -> Result<(Vec<SeenMessage>, bool), Refusal> {
        match readable.readership {
            Readership::Member(user) => {
                let (messages, more) = self.messages(user, readable.room, range, limit).await?;
                let seen = messages.into_iter().map(|message| SeenMessage::Member(Box::new(message)));
                Ok((seen.collect(), more))
            }
            Readership::Reader => {
                let (messages, _, more) = self.public_messages(readable.room, range, limit).await?;
                let seen = messages.into_iter().map(|message| SeenMessage::Public(Box::new(message)));
                Ok((seen.collect(), more))
            }
        }
    }

    /// The same of a room that everybody may read, which is looked at again.
    pub(super) async fn public_messages(
        &self,
        room: RoomId,
        range: MessageRange,
        limit: usize,
    ) -> Result<(Vec<PublicMessageView>, Names, bool), Refusal> {
        let limit = limit.clamp(1, MESSAGES_MAX);
        let mut client = self.client().await?;
        let reading = reading(&mut client).await?;
        let read = async {
            let found = store::room_by_id(&reading, room, None).await?;
            if !found.is_some_and(|found| found.public || found.unlisted) {
                return Ok(None);
            }
            let messages = store::messages(&reading, room, range, limit as i64 + 1).await?;
            let names = store::names(&reading, &[room.uuid()]).await?;
            Ok(Some((messages, names)))
        };
        let read = read.await.map_err(|error: deadpool_postgres::PoolError| refusal(&error))?;
        let (mut messages, mut names) = read.ok_or_else(not_found)?;
        end(reading).await?;
        let more = paging::cut(&mut messages, limit);
        if !matches!(range, MessageRange::After(_)) {
            messages.reverse();
        }
        let names = names.remove(&room.uuid()).unwrap_or_default();
        Ok((messages.iter().map(|message| names.message(message)).collect(), names, more))
    }
}

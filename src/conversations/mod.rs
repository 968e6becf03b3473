//! Conversations: who is in them, what was said in them, and how a client that was away catches up.
//!
//! Reads its SQL itself; what changes a room's log goes through the engine, whose journal is the only writer of it.
//! Everything here asks for membership first: to a stranger a conversation does not exist. What is public or unlisted is
//! read by everybody, in shapes of its own (`view/public.rs`), which hold nothing that is its members' alone.

mod attachment;
mod carried;
mod catch_up;
mod changes;
mod chatroom;
mod create;
mod cursor;
mod details;
mod export;
mod following;
mod lists;
mod page;
mod paging;
mod publishing;
mod reader;
mod readers;
mod restore;
pub mod routes;
mod search;
mod send;
mod slug;
mod statistics;
mod store;
mod upkeep;
pub mod view;
mod words;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::domain::{CONTENT_MAX_CHARS, Message, ReplyState, Revision, RoomId, UserId};
use greenroom_actors::engine::Engine;
use greenroom_actors::protocol::{Refusal, RefusalCode, Responder};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use attachment::{Carried, NewAttachment, NotSaid, Said, emoji};
pub use carried::Laden;
pub use catch_up::Snapshot;
pub use changes::{Change, FeatureAnswer, FeatureWish, Invited};
pub use create::{CHARACTERS_MAX, MEMBERS_MAX, NewConversation, TITLE_MAX_CHARS};
pub use details::NewDetails;
pub use page::pages;
pub use publishing::{CATEGORY_MAX_CHARS, TAG_MAX_CHARS, TAGS_MAX, category_of, tags_of};
pub use reader::{Listed, Readable, Readership};
pub use readers::Reader;
pub use restore::ERASE_DELETED;
pub use routes::routes;
pub use send::NewMessage;
pub use slug::checked_slug;
pub use store::MessageRange;

use crate::characters::Characters;
use crate::postgres::refusal;
use view::{ConversationView, MessageView};

/// Messages of a page when nothing else is asked for.
pub const MESSAGES_DEFAULT: usize = 50;
/// Messages of a page at most.
pub const MESSAGES_MAX: usize = 100;

#[derive(Clone, Debug)]
pub struct ConversationSettings {
    /// Missed messages that are sent to a client which comes back; with more it starts afresh.
    pub resume_max_messages: usize,
    /// Characters (Unicode) of one message.
    pub content_max_chars: usize,
    /// Slug of the character that speaks in chatrooms; empty: there are none.
    pub assistant_character: String,
    /// How long a request waits for the engine's answer before it says `outcome_unknown`.
    pub answer_timeout: Duration,
    /// Days in which a deleted conversation can be brought back.
    pub restore_days: u32,
    /// Categories that there are; none: any.
    pub categories: Vec<String>,
    /// Text search configuration of PostgreSQL for what was said.
    pub search_language: String,
    /// What addresses of pages start with, without a slash at the end.
    pub public_url: String,
}

impl Default for ConversationSettings {
    fn default() -> Self {
        Self {
            resume_max_messages: 1_000,
            content_max_chars: CONTENT_MAX_CHARS,
            assistant_character: String::new(),
            answer_timeout: Duration::from_secs(15),
            restore_days: 30,
            categories: Vec::new(),
            search_language: "simple".to_owned(),
            public_url: String::new(),
        }
    }
}

/// Called once for each conversation that was made, with all its members; must not block.
pub type Created = Arc<dyn Fn(&[UserId], &ConversationView) + Send + Sync>;

/// Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    pool: Pool,
    /// Names the database; see `docs/PROTOCOL.md` §4.
    epoch: Uuid,
    engine: Engine,
    characters: Characters,
    settings: ConversationSettings,
    created: Created,
    lists: lists::Lists,
    words: words::Words,
    readers: readers::Readers,
    exports: Arc<Semaphore>,
}

impl Conversations {
    /// `created` tells the members' sockets of a new conversation.
    #[must_use]
    pub fn new(
        pool: Pool,
        epoch: Uuid,
        engine: Engine,
        characters: Characters,
        settings: ConversationSettings,
        created: Created,
    ) -> Self {
        let words = words::Words::new(&settings.search_language);
        let (readers, exports) = (readers::Readers::default(), Arc::new(Semaphore::new(export::EXPORTS_MAX)));
        let lists = lists::Lists::default();
        Self { pool, epoch, engine, characters, settings, created, lists, words, readers, exports }
    }

    /// One conversation of the user's, by its id or its slug.
    pub async fn get(&self, user: UserId, id_or_slug: &str) -> Result<ConversationView, Refusal> {
        let room = self.resolve(user, id_or_slug).await?;
        self.view(user, room).await
    }

    /// The room behind an id or a slug; `not_found` for whoever is not in it.
    pub async fn resolve(&self, user: UserId, id_or_slug: &str) -> Result<RoomId, Refusal> {
        let room = match Uuid::try_parse(id_or_slug) {
            Ok(id) => {
                let room = RoomId::from_uuid(id);
                self.member_of(user, room).await?.then_some(room)
            }
            Err(_) if slug::is_slug(id_or_slug) => {
                let client = self.client().await?;
                store::resolve(&client, id_or_slug, user).await.map_err(|error| refusal(&error))?
            }
            Err(_) => None,
        };
        room.ok_or_else(not_found)
    }

    pub async fn member_of(&self, user: UserId, room: RoomId) -> Result<bool, Refusal> {
        let client = self.client().await?;
        store::is_member(&client, room, user).await.map_err(|error| refusal(&error))
    }

    /// A page of messages, oldest first, and whether there are more of them beyond it in the direction asked for.
    /// At most [`MESSAGES_MAX`], and fewer when they are long.
    pub async fn messages(
        &self,
        user: UserId,
        room: RoomId,
        range: MessageRange,
        limit: usize,
    ) -> Result<(Vec<MessageView>, bool), Refusal> {
        let limit = limit.clamp(1, MESSAGES_MAX);
        let mut messages = {
            let mut client = self.client().await?;
            let reading = reading(&mut client).await?;
            if !store::is_member(&reading, room, user).await.map_err(|error| refusal(&error))? {
                return Err(not_found());
            }
            let messages = store::messages(&reading, room, range, limit as i64 + 1)
                .await
                .map_err(|error| refusal(&error))?;
            end(reading).await?;
            messages
        };
        let more = paging::cut(&mut messages, limit);
        if !matches!(range, MessageRange::After(_)) {
            messages.reverse();
        }
        self.mark_running(room, &mut messages).await;
        Ok((messages.iter().map(MessageView::from).collect(), more))
    }

    /// Deletes the conversation, for its owner only.
    pub async fn delete(&self, user: UserId, room: RoomId) -> Result<Revision, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.delete_room(room, user, responder);
        self.answered(answer).await
    }

    /// Marks the room as read up to `offset`; answers the mark that then stands.
    pub async fn read(&self, user: UserId, room: RoomId, offset: Revision) -> Result<Revision, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.read(room, user, offset, responder);
        self.answered(answer).await
    }

    /// Says of replies that the database holds as open what they do at this moment.
    async fn mark_running(&self, room: RoomId, messages: &mut [Message]) {
        let open = |message: &Message| message.replies.iter().any(|reply| reply.state == ReplyState::Queued);
        if !messages.iter().any(open) {
            return;
        }
        let running = self.engine.open_replies(room).await;
        for reply in messages.iter_mut().flat_map(|message| &mut message.replies) {
            if let Some(now) = running.iter().find(|now| now.message == reply.message) {
                reply.state = now.state;
            }
        }
    }

    async fn view(&self, user: UserId, room: RoomId) -> Result<ConversationView, Refusal> {
        let mut client = self.client().await?;
        let reading = reading(&mut client).await?;
        let found = store::views(&reading, user, &[room]).await.map_err(|error| refusal(&error))?;
        end(reading).await?;
        found.into_iter().next().ok_or_else(not_found)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// A look at one moment of the database, however many statements it takes.
async fn reading(client: &mut Client) -> Result<deadpool_postgres::Transaction<'_>, Refusal> {
    client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(|error| refusal(&error))
}

async fn end(reading: deadpool_postgres::Transaction<'_>) -> Result<(), Refusal> {
    reading.commit().await.map_err(|error| refusal(&error))
}

fn not_found() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such conversation")
}

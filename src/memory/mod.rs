//! What characters remember of a person, for that person: read it, correct it, have it forgotten.
//!
//! Facts are written by the journal, at the end of the reply in which a character heard them; here their person alone sees
//! and changes them, whatever room they were told in. A fact that they wrote themselves outlives those that were only told.
//! The engine keeps what it read of them and is told of each change, so it counts from the next reply on.

mod routes;
mod store;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::domain::{CharacterId, Fact, MemoryId, UserId};
use greenroom_actors::engine::Engine;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use routes::routes;

use crate::http::{Page, PageQuery};
use crate::postgres::refusal;

/// Where a fact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemorySource {
    /// The character heard it in a conversation.
    Told,
    /// Its person wrote it, or changed it.
    Written,
}

/// A fact that a character remembers of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryView {
    pub id: Uuid,
    pub character_id: Uuid,
    /// As its person would say it.
    #[schema(example = "I have a dog called Rex", min_length = 1, max_length = 200)]
    pub fact: String,
    pub source: MemorySource,
    /// Where it was told. In conversations of several people only what was told there is known.
    pub conversation_id: Uuid,
    /// The message in which it was told.
    pub message_id: Uuid,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Memories {
    pool: Pool,
    engine: Engine,
}

impl Memories {
    #[must_use]
    pub fn new(pool: Pool, engine: Engine) -> Self {
        Self { pool, engine }
    }

    /// A page of what the character remembers of the user, the latest told first.
    pub async fn list(
        &self,
        user: UserId,
        character: &str,
        page: &PageQuery,
    ) -> Result<Page<MemoryView>, Refusal> {
        let after = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let character = character_of(&client, user, character).await?;
        let (found, total) = store::list(&client, user, character, after, limit + 1, skip)
            .await
            .map_err(|error| refusal(&error))?;
        Ok(Page::cut_by_id(page, found, Some(total), |last| last.id))
    }

    /// Puts the user's own words in a fact's place.
    pub async fn change(
        &self,
        user: UserId,
        character: &str,
        memory: MemoryId,
        fact: &Fact,
    ) -> Result<MemoryView, Refusal> {
        let client = self.client().await?;
        let character = character_of(&client, user, character).await?;
        let changed = store::change(&client, user, character, memory, fact).await;
        match changed.map_err(|error| refusal(&error))? {
            store::Changed::To(view) => {
                self.engine.memories_changed(user);
                Ok(view)
            }
            store::Changed::Nothing => Err(no_fact()),
            store::Changed::KnownAlready => {
                Err(Refusal::new(RefusalCode::Conflict, "the character remembers this already"))
            }
        }
    }

    /// Has the character forget one fact.
    pub async fn erase(&self, user: UserId, character: &str, memory: MemoryId) -> Result<(), Refusal> {
        let client = self.client().await?;
        let character = character_of(&client, user, character).await?;
        let erased = store::erase(&client, user, character, memory).await.map_err(|error| refusal(&error))?;
        self.engine.memories_changed(user);
        if erased { Ok(()) } else { Err(no_fact()) }
    }

    /// Has the character forget all that it knows of the user; answers how many facts that were.
    pub async fn erase_all(&self, user: UserId, character: &str) -> Result<u64, Refusal> {
        let client = self.client().await?;
        let character = character_of(&client, user, character).await?;
        let erased = store::erase_all(&client, user, character).await.map_err(|error| refusal(&error))?;
        self.engine.memories_changed(user);
        Ok(erased)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// The character of this id or slug, where the user may see it. By its id one that was deleted is found too, or is kept from
/// them now: what it knew stays its person's.
async fn character_of(client: &Client, user: UserId, id_or_slug: &str) -> Result<CharacterId, Refusal> {
    let found = store::character(client, user, id_or_slug).await.map_err(|error| refusal(&error))?;
    found.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "there is no such character"))
}

fn no_fact() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "the character remembers no such thing of you")
}

//! Characters: who there is to talk with. Lists them, finds them, seeds the shipped ones.
//!
//! What leaves through here is public; the prompt parts are read by the engine's archive alone.

pub mod cards;
mod cursor;
mod lorebook;
pub mod routes;
pub mod seed;
mod store;
mod view;

use deadpool_postgres::Pool;
use greenroom_actors::domain::CharacterId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

pub use lorebook::{LoreEntry, LorePosition, Lorebook, SecondaryRule};
pub use routes::routes;
pub use view::CharacterView;

use crate::error::FieldError;
use crate::http::{Page, PageQuery};
use crate::postgres::refusal;
use seed::{SeedCharacter, SeedError};

/// Longest slug that is looked up.
const SLUG_MAX: usize = 80;

/// Characters (Unicode) of one filter.
const FILTER_MAX_CHARS: usize = 100;

/// Which characters a list shows: those that fit all that is given, each of at most 100 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CharacterFilter {
    /// Equal but for case.
    pub category: Option<String>,
    /// One of the character's tags, equal but for case.
    pub tag: Option<String>,
    /// Stands in the name, the tagline, the description or a tag.
    pub q: Option<String>,
}

impl CharacterFilter {
    /// Without the blank ones, or what is wrong.
    pub fn checked(self) -> Result<Self, FieldError> {
        let check = |field: &'static str, value: Option<String>| match value.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) if text.chars().count() > FILTER_MAX_CHARS || text.contains('\0') => {
                Err(FieldError::new(field, "takes at most 100 characters"))
            }
            Some(text) => Ok(Some(text.to_owned())),
        };
        Ok(Self {
            category: check("category", self.category)?,
            tag: check("tag", self.tag)?,
            q: check("q", self.q)?,
        })
    }
}

/// What founding a conversation needs of a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CastMember {
    pub id: CharacterId,
    pub name: String,
    pub greeting: String,
}

/// The characters that come with Greenroom.
pub fn seed_characters() -> Result<Vec<SeedCharacter>, SeedError> {
    seed::parse(seed::SHIPPED)
}

/// What seeding did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeedReport {
    pub made: usize,
    pub changed: usize,
    /// They stood as the file says, or an admin had taken them over or deleted them.
    pub unchanged: usize,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Characters {
    pool: Pool,
}

impl Characters {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// A page of the characters, by name. The filter is to be a [checked](CharacterFilter::checked) one.
    pub async fn list(
        &self,
        filter: &CharacterFilter,
        page: &PageQuery,
    ) -> Result<Page<CharacterView>, Refusal> {
        let after = cursor::position(page)?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let found = store::list(&client, filter, after.as_ref(), limit + 1, skip)
            .await
            .map_err(|error| refusal(&error))?;
        let next =
            |last: &CharacterView| cursor::write(&cursor::Position { name: last.name.clone(), id: last.id });
        Ok(Page::cut(page, found.characters, Some(found.total.unsigned_abs()), next))
    }

    /// One character by its id or its slug.
    pub async fn get(&self, id_or_slug: &str) -> Result<CharacterView, Refusal> {
        let client = self.client().await?;
        let found = match Uuid::try_parse(id_or_slug) {
            Ok(id) => store::by_id(&client, CharacterId::from_uuid(id)).await,
            Err(_) if is_slug(id_or_slug) => store::by_slug(&client, id_or_slug).await,
            Err(_) => Ok(None),
        };
        found.map_err(|error| refusal(&error))?.ok_or_else(not_found)
    }

    pub async fn exists(&self, character: CharacterId) -> Result<bool, Refusal> {
        let client = self.client().await?;
        let found = store::by_id(&client, character).await.map_err(|error| refusal(&error))?;
        Ok(found.is_some())
    }

    /// What founding a conversation needs of these characters, in the same order; `not_found` if one is missing.
    pub async fn cast(&self, characters: &[CharacterId]) -> Result<Vec<CastMember>, Refusal> {
        let client = self.client().await?;
        let cast = store::cast(&client, characters).await.map_err(|error| refusal(&error))?;
        if cast.len() == characters.len() { Ok(cast) } else { Err(not_found()) }
    }

    /// Makes these characters, or brings those that were seeded before to what is given here. Repeating it changes
    /// nothing. A character that is no longer marked as seeded, or was deleted, stays as it is.
    pub async fn seed(&self, characters: &[SeedCharacter]) -> Result<SeedReport, Refusal> {
        let mut client = self.client().await?;
        store::seed(&mut client, characters).await.map_err(|error| refusal(&error))
    }

    /// Takes away the seeded characters that no conversation ever had; answers how many.
    pub async fn unseed(&self) -> Result<u64, Refusal> {
        let client = self.client().await?;
        store::unseed(&client).await.map_err(|error| refusal(&error))
    }

    async fn client(&self) -> Result<deadpool_postgres::Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

fn not_found() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such character")
}

/// Whether `text` can be a slug at all: what cannot is not looked up.
fn is_slug(text: &str) -> bool {
    (1..=SLUG_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

//! Characters: who there is to talk with. Lists and finds them, has admins make, change and delete them, seeds the shipped
//! ones, keeps what people rate and look at, and counts what becomes of it.
//!
//! What leaves through here is public ([`CharacterView`]), but for [`FullCharacter`], which is for admins, exports and
//! nobody else. The prompt is made by the engine, which reads characters through its archive.
//!
//! Limits: every field is bounded in `rules.rs`, a gallery in `gallery/`, the caches by `characters.*` in the settings.

mod access;
mod body;
pub mod cards;
mod cursor;
mod draft;
pub mod gallery;
mod list;
mod lorebook;
mod news;
pub mod owned;
mod ratings;
pub mod routes;
mod rules;
pub mod seed;
pub mod statistics;
mod store;
mod view;
mod write;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::Pool;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

pub use access::{Access, FACE, LISTED, Making, Viewer, Visibility, face, plays, seen};
pub use body::{CharacterBody, DialsBody, SettingsBody};
pub use cards::drawn;
pub use draft::{AiChoice, CharacterDraft, Dials, ExampleLine, FullCharacter, ResponseCache, Speaker};
pub use list::{CharacterFilter, Sort};
pub use lorebook::{LoreEntry, LorePosition, Lorebook, SecondaryRule};
pub use news::{Changed, OnChanged};
pub(crate) use routes::BODY_MAX;
pub use routes::routes;
pub use rules::checked as checked_draft;
pub use view::{AdminCharacterView, CharacterSettings, CharacterStatistics, CharacterView};

use crate::cache::{Cache, Counted};
use crate::config::CharacterSettings as Settings;
use crate::postgres::refusal;
use seed::{SeedCharacter, SeedError};
use statistics::PendingViews;

/// Longest slug that is looked up.
const SLUG_MAX: usize = 80;
/// Filters whose counts are kept.
const COUNTS_MAX: u64 = 1_000;

/// What founding a conversation needs of a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CastMember {
    pub id: CharacterId,
    pub name: String,
    /// The greeting, then the other ways to begin.
    pub greetings: Vec<String>,
}

/// A character as one of many to be asked by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
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

/// What a character is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CharacterKey {
    Id(Uuid),
    Slug(String),
}

impl CharacterKey {
    /// `None`: neither an id nor a slug.
    fn parse(text: &str) -> Option<Self> {
        match Uuid::try_parse(text) {
            Ok(id) => Some(Self::Id(id)),
            Err(_) if is_slug(text) => Some(Self::Slug(text.to_owned())),
            Err(_) => None,
        }
    }
}

/// What everybody who may sees of a character.
struct Known {
    view: Arc<CharacterView>,
    access: Access,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Characters(Arc<Inner>);

struct Inner {
    pool: Pool,
    half_life: Duration,
    /// The public views, and who may see them.
    views: Cache<Uuid, Arc<Known>>,
    /// Slugs never move to another character: one that is forgotten is looked up anew.
    slugs: Cache<String, Uuid>,
    /// How many a list's filter lets through.
    counts: Cache<CharacterFilter, u64>,
    /// Profile views that are not yet written.
    seen: PendingViews,
    /// Cards that are read and written at a time, and how large they may be.
    cards: cards::Desk,
    on_changed: OnceLock<OnChanged>,
}

impl Characters {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self::open(pool, &Settings::default())
    }

    #[must_use]
    pub fn open(pool: Pool, settings: &Settings) -> Self {
        let (capacity, life) = (settings.cache_max, Duration::from_secs(settings.cache_s));
        Self(Arc::new(Inner {
            pool,
            half_life: Duration::from_secs(settings.popularity_half_life_s),
            views: Cache::new("characters", capacity, life),
            slugs: Cache::new("character-slugs", capacity, life),
            counts: Cache::new("character-counts", COUNTS_MAX, life),
            seen: PendingViews::default(),
            cards: cards::Desk::new(settings.card_max_bytes),
            on_changed: OnceLock::new(),
        }))
    }

    /// For the status of the caches.
    #[must_use]
    pub fn caches(&self) -> Vec<Box<dyn Counted>> {
        let Inner { views, slugs, counts, .. } = &*self.0;
        vec![Box::new(views.clone()), Box::new(slugs.clone()), Box::new(counts.clone())]
    }

    fn counts(&self) -> &Cache<CharacterFilter, u64> {
        &self.0.counts
    }

    /// What this viewer sees of a character, by its id or its slug; `not_found` where it is not for them.
    pub async fn get(&self, viewer: Viewer, id_or_slug: &str) -> Result<Arc<CharacterView>, Refusal> {
        let id = self.id_of(id_or_slug).await?;
        self.view(viewer, CharacterId::from_uuid(id)).await
    }

    /// The same by its id.
    pub async fn view(&self, viewer: Viewer, id: CharacterId) -> Result<Arc<CharacterView>, Refusal> {
        let known = self.known(id).await?;
        if known.access.opens_to(viewer) { Ok(known.view.clone()) } else { Err(not_found()) }
    }

    async fn known(&self, id: CharacterId) -> Result<Arc<Known>, Refusal> {
        let load = async {
            let client = self.client().await?;
            let found = store::public(&client, &CharacterKey::Id(id.uuid())).await;
            let found = found.map_err(|error| refusal(&error))?;
            Ok::<_, Refusal>(found.map(|(view, access)| Arc::new(Known { view: Arc::new(view), access })))
        };
        self.0.views.get_or(id.uuid(), load).await?.ok_or_else(not_found)
    }

    /// The id that this id or slug stands for, whoever may see it; an id is not looked up.
    async fn id_of(&self, id_or_slug: &str) -> Result<Uuid, Refusal> {
        let slug = match CharacterKey::parse(id_or_slug) {
            Some(CharacterKey::Id(id)) => return Ok(id),
            Some(CharacterKey::Slug(slug)) => slug,
            None => return Err(not_found()),
        };
        let key = CharacterKey::Slug(slug.clone());
        let load = async {
            let client = self.client().await?;
            let found = store::public(&client, &key).await.map_err(|error| refusal(&error))?;
            Ok::<_, Refusal>(found.map(|(view, _)| view.id))
        };
        self.0.slugs.get_or(slug, load).await?.ok_or_else(not_found)
    }

    /// All of a character, by its id or slug. For admins, and for what is made of one (an export): never for the public.
    pub async fn full(&self, id_or_slug: &str) -> Result<FullCharacter, Refusal> {
        let id = self.id_of(id_or_slug).await?;
        let client = self.client().await?;
        store::full(&client, id).await.map_err(|error| refusal(&error))?.ok_or_else(not_found)
    }

    /// A character as an admin sees it.
    pub async fn whole(&self, id_or_slug: &str) -> Result<AdminCharacterView, Refusal> {
        let full = self.full(id_or_slug).await?;
        let client = self.client().await?;
        let statistics = store::numbers(&client, full.id.uuid()).await.map_err(|error| refusal(&error))?;
        Ok(AdminCharacterView::new(full, statistics))
    }

    /// At most `most` of all that are listed for this user: those that are for everybody, and their own; by slug.
    pub async fn listed(&self, user: UserId, most: u32) -> Result<Vec<Listed>, Refusal> {
        let client = self.client().await?;
        store::listed(&client, user, most).await.map_err(|error| refusal(&error))
    }

    /// What founding a conversation of this user's needs of these characters, in the same order; `not_found` if one is missing
    /// or not for them.
    pub async fn cast(&self, user: UserId, characters: &[CharacterId]) -> Result<Vec<CastMember>, Refusal> {
        let client = self.client().await?;
        let cast = store::cast(&client, user, characters).await.map_err(|error| refusal(&error))?;
        if cast.len() == characters.len() { Ok(cast) } else { Err(not_found()) }
    }

    /// Makes these characters, or brings those that were seeded before to what is given here. Repeating it changes
    /// nothing. A character that is no longer marked as seeded, or was deleted, stays as it is.
    pub async fn seed(&self, characters: &[SeedCharacter]) -> Result<SeedReport, Refusal> {
        let mut client = self.client().await?;
        let seeded = store::seed(&mut client, characters).await;
        self.forget_all();
        seeded.map_err(|error| refusal(&error))
    }

    /// Takes away the seeded characters that no conversation ever had; answers how many.
    pub async fn unseed(&self) -> Result<u64, Refusal> {
        let client = self.client().await?;
        let gone = store::unseed(&client).await;
        self.forget_all();
        gone.map_err(|error| refusal(&error))
    }

    fn forget_all(&self) {
        self.0.views.forget_all();
        self.0.slugs.forget_all();
        self.0.counts.forget_all();
    }

    async fn client(&self) -> Result<deadpool_postgres::Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
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

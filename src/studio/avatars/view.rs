//! Avatars as their owners see them: all of it, with what nobody else is shown.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::WritingRow;
use super::{Avatars, store};
use crate::billing::ledger::{self, BalanceView};
use crate::characters::owned::{Owned, OwnedNumbers, count};
use crate::characters::{CharacterStatistics, Dials, ExampleLine, Lorebook, Making, Visibility};
use crate::conversations::view::{MessageType, wire_time};
use crate::http::{Page, PageQuery};
use crate::media::files::{self, FileView, MediaFile};
use crate::postgres::refusal;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

/// An avatar, for its owner.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvatarView {
    pub id: Uuid,
    /// Raised at each change.
    pub version: i64,
    #[schema(example = "nadia-k7m3x")]
    pub slug: String,
    /// A private one is its owner's alone; an unlisted one for whoever has its id or slug.
    pub visibility: Visibility,
    /// It can be talked with when it is `ready`.
    pub state: Making,
    /// Why its writing failed; it was paid back.
    pub fault: Option<AvatarFault>,
    /// Who wrote it: `provider/model`, or `offline` for the built-in rules; null for one that was imported.
    pub written_by: Option<String>,
    pub name: String,
    pub tagline: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub color: String,
    pub greeting: String,
    pub alternate_greetings: Vec<String>,
    pub tone: String,
    pub dials: Dials,
    pub traits: Vec<String>,
    pub talkativeness: f32,
    pub voice: Option<String>,
    pub reply_type: MessageType,
    /// How it looks, for pictures of it.
    pub appearance: String,
    pub settings: AvatarSettingsView,
    /// Null until one is made.
    pub thumbnail: Option<FileView>,
    pub stats: CharacterStatistics,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What others are never shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvatarSettingsView {
    pub personality: String,
    pub scenario: String,
    pub examples: Vec<ExampleLine>,
    pub knowledge: Vec<String>,
    pub restricted_topics: Vec<String>,
    pub lorebook: Lorebook,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AvatarFault {
    /// `content_refused`, `invalid_answer`, `dependency_down`, `interrupted` or `expired`.
    pub code: String,
    pub message: String,
}

/// How many one may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AvatarLimitView {
    /// Those whose writing failed do not count.
    pub used: u64,
    pub limit: u32,
    pub plan: String,
    /// What one costs.
    pub credits: i64,
}

/// What became of all avatars of one owner. Conversations and messages follow within a minute or so.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvatarStatsView {
    pub avatars: u64,
    pub conversations: u64,
    /// What they have said.
    pub messages: u64,
    pub ratings: u64,
    /// The average of all ratings; null while there are none.
    pub rating: Option<f64>,
    pub views: u64,
    /// The newest first, at most 100.
    pub by_avatar: Vec<OneAvatarStats>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneAvatarStats {
    pub id: Uuid,
    pub slug: String,
    pub name: String,
    #[serde(flatten)]
    pub stats: CharacterStatistics,
}

/// Avatars that statistics tell one by one.
const BY_AVATAR_MAX: i64 = 100;

fn view(owned: Owned, writing: Option<WritingRow>, thumbnail: Option<&MediaFile>) -> AvatarView {
    let Owned { character, statistics } = owned;
    let draft = character.draft;
    let (fault, written_by) = writing.map(|row| (row.fault, row.written_by)).unwrap_or_default();
    AvatarView {
        id: character.id.uuid(),
        version: character.version,
        slug: draft.slug.unwrap_or_default(),
        visibility: character.access.visibility,
        state: character.access.making,
        fault: fault.map(|(code, message)| AvatarFault { code, message }),
        written_by,
        name: draft.name,
        tagline: draft.tagline,
        description: draft.description,
        category: draft.category,
        tags: draft.tags,
        color: draft.color,
        greeting: draft.greeting,
        alternate_greetings: draft.alternate_greetings,
        tone: draft.tone,
        dials: draft.dials,
        traits: draft.traits,
        talkativeness: draft.talkativeness,
        voice: draft.voice,
        reply_type: draft.reply_type,
        appearance: character.appearance,
        settings: AvatarSettingsView {
            personality: draft.personality,
            scenario: draft.scenario,
            examples: draft.examples,
            knowledge: draft.knowledge,
            restricted_topics: draft.restricted_topics,
            lorebook: draft.lorebook,
        },
        thumbnail: thumbnail.map(FileView::from),
        stats: statistics,
        created_at: wire_time(character.created_at),
        updated_at: wire_time(character.updated_at),
    }
}

impl Avatars {
    /// One of the user's by its id or slug.
    pub async fn get(&self, user: UserId, id_or_slug: &str) -> Result<AvatarView, Refusal> {
        let owned = self.0.characters.owned_one(user, id_or_slug).await.map_err(|refusal| {
            if refusal.code == RefusalCode::NotFound { super::not_found() } else { refusal }
        })?;
        self.views(user, vec![owned]).await?.pop().ok_or_else(super::not_found)
    }

    /// A page of the user's, the newest first.
    pub async fn list(&self, user: UserId, page: &PageQuery) -> Result<Page<AvatarView>, Refusal> {
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let (found, total) = self.0.characters.owned(user, before, limit + 1, skip).await?;
        let views = self.views(user, found).await?;
        Ok(Page::cut_by_id(page, views, Some(total), |view| view.id))
    }

    pub(super) async fn views(&self, user: UserId, all: Vec<Owned>) -> Result<Vec<AvatarView>, Refusal> {
        let ids: Vec<Uuid> = all.iter().map(|one| one.character.id.uuid()).collect();
        let client = self.client().await?;
        let writings = store::of_all(&client, &ids).await.map_err(|error| refusal(&error))?;
        let thumbnails = files::thumbnails(&client, user, &ids).await.map_err(|error| refusal(&error))?;
        let viewed = |one: Owned| {
            let id = one.character.id;
            let writing = writings.iter().find(|row| row.avatar == id).cloned();
            let thumbnail = thumbnails.iter().find(|file| file.character == Some(id));
            view(one, writing, thumbnail)
        };
        Ok(all.into_iter().map(viewed).collect())
    }

    /// How many the user has, and may have.
    pub async fn limit(&self, user: UserId) -> Result<AvatarLimitView, Refusal> {
        let client = self.client().await?;
        let plan = self.0.gates.plan_in(&client, user).await.map_err(|error| refusal(&error))?;
        let plan = plan.ok_or_else(super::not_found)?;
        let used = count(&client, user).await?;
        let credits = self.0.settings.credits;
        Ok(AvatarLimitView { used, limit: plan.avatars, plan: plan.name.to_string(), credits })
    }

    /// What became of all of the user's.
    pub async fn stats(&self, user: UserId) -> Result<AvatarStatsView, Refusal> {
        let client = self.client().await?;
        let numbers = store::numbers(&client, user).await.map_err(|error| refusal(&error))?;
        drop(client);
        let [avatars, conversations, messages, ratings, sum, views] = numbers;
        let found = self.0.characters.owned_numbers(user, BY_AVATAR_MAX).await?;
        let one = |OwnedNumbers { id, slug, name, statistics }| OneAvatarStats {
            id,
            slug,
            name,
            stats: statistics,
        };
        Ok(AvatarStatsView {
            avatars,
            conversations,
            messages,
            ratings,
            rating: (ratings > 0).then(|| sum as f64 / ratings as f64),
            views,
            by_avatar: found.into_iter().map(one).collect(),
        })
    }

    /// What the user has of credits.
    pub(super) async fn balance(&self, user: UserId) -> Result<BalanceView, Refusal> {
        let client = self.client().await?;
        ledger::balance(&client, user).await.map_err(|error| refusal(&error))
    }
}

//! What leaves the server of a character. The public view has no field for its prompt, its knowledge, its lorebook or
//! how it was told to be: what is not there cannot slip out. Admins get those beside it, under `settings`.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Lorebook;
use super::access::{Making, Visibility};
use super::draft::{AiChoice, CharacterDraft, Dials, ExampleLine, FullCharacter};
use crate::conversations::view::{MessageType, wire_time};

/// A character as everybody sees it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CharacterView {
    pub id: Uuid,
    /// Raised at each change: of two forms the one with the higher version is the newer.
    pub version: i64,
    #[schema(example = "mira-the-lighthouse-keeper")]
    pub slug: String,
    pub name: String,
    /// One line.
    pub tagline: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    /// What it says when a conversation with it begins.
    pub greeting: String,
    /// Other ways to begin one.
    pub alternate_greetings: Vec<String>,
    pub avatar_url: Option<String>,
    /// Its accent, as `#rrggbb`.
    #[schema(example = "#7a5cff")]
    pub color: String,
    pub traits: Vec<String>,
    pub tone: String,
    pub dials: Dials,
    /// How readily it speaks up in a room of many, 0 to 1.
    pub talkativeness: f32,
    pub voice: Option<String>,
    /// What kind of message it usually answers with, where the plan of who asks has it.
    pub reply_type: MessageType,
    pub premium: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub statistics: CharacterStatistics,
}

/// What became of it. Messages, conversations and popularity follow within a minute or so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CharacterStatistics {
    pub conversations: u64,
    /// What it has said.
    pub messages: u64,
    /// How many rated it.
    pub ratings: u64,
    /// The average of 1 to 5; null while nobody has.
    pub rating: Option<f64>,
    pub views: u64,
    pub last_active_at: Option<Timestamp>,
    /// Each message counts 1 when it is said and half as much after each half-life.
    pub popularity: f64,
}

/// What the public never sees.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CharacterSettings {
    pub personality: String,
    pub scenario: String,
    pub examples: Vec<ExampleLine>,
    pub knowledge: Vec<String>,
    pub restricted_topics: Vec<String>,
    pub lorebook: Lorebook,
    pub system_prompt: Option<String>,
    pub post_history: Option<String>,
    pub ai: AiChoice,
}

/// A character as admins see it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AdminCharacterView {
    #[serde(flatten)]
    pub character: CharacterView,
    pub settings: CharacterSettings,
    /// Of an avatar; null for the house's characters.
    pub avatar: Option<AvatarMark>,
}

/// Whose avatar it is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvatarMark {
    pub owner_id: Uuid,
    pub visibility: Visibility,
    pub state: Making,
    /// How it looks, for pictures of it.
    pub appearance: String,
}

/// What one asks for by id: the second form for admins alone.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AskedCharacter {
    #[schema(value_type = CharacterView)]
    Public(std::sync::Arc<CharacterView>),
    Whole(Box<AdminCharacterView>),
}

impl AdminCharacterView {
    #[must_use]
    pub fn new(character: FullCharacter, statistics: CharacterStatistics) -> Self {
        let FullCharacter { id, version, created_at, updated_at, access, appearance, draft } = character;
        let CharacterDraft {
            slug,
            name,
            tagline,
            description,
            category,
            tags,
            avatar_url,
            color,
            greeting,
            alternate_greetings,
            personality,
            scenario,
            tone,
            dials,
            traits,
            talkativeness,
            examples,
            knowledge,
            restricted_topics,
            lorebook,
            system_prompt,
            post_history,
            ai,
            voice,
            reply_type,
            premium,
            card: _,
        } = draft;
        Self {
            character: CharacterView {
                id: id.uuid(),
                version,
                slug: slug.unwrap_or_default(),
                name,
                tagline,
                description,
                category,
                tags,
                greeting,
                alternate_greetings,
                avatar_url,
                color,
                traits,
                tone,
                dials,
                talkativeness,
                voice,
                reply_type,
                premium,
                created_at: wire_time(created_at),
                updated_at: wire_time(updated_at),
                statistics,
            },
            settings: CharacterSettings {
                personality,
                scenario,
                examples,
                knowledge,
                restricted_topics,
                lorebook,
                system_prompt,
                post_history,
                ai,
            },
            avatar: access.owner.map(|owner| AvatarMark {
                owner_id: owner.uuid(),
                visibility: access.visibility,
                state: access.making,
                appearance,
            }),
        }
    }
}

//! A conversation as its members see it.

use greenroom_actors::domain::{self, ReplyMode, Revision, RoomCharacter};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::MessageView;

/// A character as a conversation names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationCharacterView {
    pub id: Uuid,
    pub slug: String,
    pub name: String,
    pub tagline: String,
    pub avatar_url: Option<String>,
    /// Its accent, as `#rrggbb`.
    pub color: String,
}

impl From<&RoomCharacter> for ConversationCharacterView {
    fn from(character: &RoomCharacter) -> Self {
        Self {
            id: character.id.uuid(),
            slug: character.slug.to_string(),
            name: character.name.to_string(),
            tagline: character.tagline.to_string(),
            avatar_url: crate::characters::face(character.avatar_url.as_deref()),
            color: character.color.to_string(),
        }
    }
}

/// A person as a conversation names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    pub role: MemberRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    Owner,
    Member,
}

/// Who answers when a message asks for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyModeView {
    /// Those who are named, else the first character.
    Mention,
    /// Those who are named, else the one after who spoke last.
    TurnOrder,
    /// Those who are named, and others by how readily they speak up.
    Talkativeness,
    /// Nobody: replies are asked for by hand.
    ByHand,
}

impl From<ReplyMode> for ReplyModeView {
    fn from(mode: ReplyMode) -> Self {
        match mode {
            ReplyMode::Mention => Self::Mention,
            ReplyMode::TurnOrder => Self::TurnOrder,
            ReplyMode::Talkativeness => Self::Talkativeness,
            ReplyMode::ByHand => Self::ByHand,
        }
    }
}

impl From<ReplyModeView> for ReplyMode {
    fn from(mode: ReplyModeView) -> Self {
        match mode {
            ReplyModeView::Mention => Self::Mention,
            ReplyModeView::TurnOrder => Self::TurnOrder,
            ReplyModeView::Talkativeness => Self::Talkativeness,
            ReplyModeView::ByHand => Self::ByHand,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    Private,
    Unlisted,
    Public,
}

impl From<domain::Visibility> for Visibility {
    fn from(visibility: domain::Visibility) -> Self {
        match visibility {
            domain::Visibility::Private => Self::Private,
            domain::Visibility::Unlisted => Self::Unlisted,
            domain::Visibility::Public => Self::Public,
        }
    }
}

impl From<Visibility> for domain::Visibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Private => Self::Private,
            Visibility::Unlisted => Self::Unlisted,
            Visibility::Public => Self::Public,
        }
    }
}

/// A conversation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub owner_id: Uuid,
    pub visibility: Visibility,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub featured: bool,
    pub reply_mode: ReplyModeView,
    /// The first one answers when nothing else decides.
    pub characters: Vec<ConversationCharacterView>,
    /// The owner first.
    pub member_ids: Vec<Uuid>,
    /// The owner first.
    pub members: Vec<MemberView>,
    /// The conversation's last change.
    pub last_offset: Revision,
    /// How far the asking member has read.
    pub read_offset: Revision,
    /// Messages of others after that, up to 100.
    pub unread_count: u32,
    pub last_message: Option<MessageView>,
    pub created_at: Timestamp,
    /// The last message's time, or a later change of the conversation itself.
    pub updated_at: Timestamp,
}

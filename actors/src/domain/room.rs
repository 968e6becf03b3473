//! A room's members, characters and settings.

use std::sync::Arc;

use super::{CharacterId, MessageKind, Revision, UserId};

/// Who answers when the message asks for nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum ReplyMode {
    /// Those who are named, in that order; else the first character.
    #[default]
    Mention = 0,
    /// Those who are named; else the one after who spoke last.
    TurnOrder = 1,
    /// Those who are named, and others by how readily they speak up.
    Talkativeness = 2,
    /// Nobody: replies are asked for by hand.
    ByHand = 3,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// For its members.
    #[default]
    Private,
    /// For whoever knows its address.
    Unlisted,
    /// For all, and listed.
    Public,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMember {
    pub id: UserId,
    pub username: Arc<str>,
    /// How a character addresses the person.
    pub display_name: Arc<str>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RoomCharacter {
    pub id: CharacterId,
    pub slug: Arc<str>,
    pub name: Arc<str>,
    pub tagline: Arc<str>,
    pub avatar_url: Option<Arc<str>>,
    /// `#rrggbb`.
    pub color: Arc<str>,
    /// How readily it speaks up, 0 to 1.
    pub talkativeness: f32,
    /// It knows what was said after this revision.
    pub since: Revision,
    /// What kind of message it usually answers with.
    pub reply_kind: MessageKind,
}

/// What a room is called and how it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomDetails {
    pub title: Arc<str>,
    /// Its address: unique over all rooms.
    pub slug: Arc<str>,
    pub visibility: Visibility,
    pub category: Option<Arc<str>>,
    pub tags: Vec<Arc<str>>,
    pub featured: bool,
    pub reply_mode: ReplyMode,
}

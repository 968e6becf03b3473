//! Who may see a character: the one place that says so, for what is in memory ([`Access::opens_to`]) and for SQL ([`seen`],
//! [`LISTED`], [`plays`]). `tests/media/avatars/seeing.rs` walks both, by every way to a character.
//!
//! The house's characters are everybody's. An avatar belongs to a user: a private one is seen, used and found by its owner
//! alone, an unlisted one by whoever knows its id or slug, a public one by all and in lists. One that is being written, or whose
//! writing failed, is no character yet: only the list of its owner's avatars has it. Admins see all by their own routes; where
//! they talk with characters they are users as any.
//!
//! In a room that its owner brought it into, its members see the public face of a private avatar and it answers them, for as long
//! as its owner is in the room. One that became private, was deleted or whose owner left stays in the rooms of others as what
//! was said; it answers there no more.

use greenroom_actors::domain::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// No token.
    Nobody,
    User(UserId),
    /// An admin by an admin's route.
    Admin,
}

impl Viewer {
    /// The user's id; null for nobody, and for an admin, who needs none.
    #[must_use]
    pub fn user(self) -> Option<Uuid> {
        match self {
            Self::User(user) => Some(user.uuid()),
            Self::Nobody | Self::Admin => None,
        }
    }
}

impl From<Option<UserId>> for Viewer {
    fn from(user: Option<UserId>) -> Self {
        user.map_or(Self::Nobody, Self::User)
    }
}

/// Who finds an avatar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CharacterVisibility)]
pub enum Visibility {
    /// Its owner alone.
    #[default]
    Private,
    /// Whoever knows its id or slug.
    Unlisted,
    /// Everybody, in lists too.
    Public,
}

impl Visibility {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Unlisted => "unlisted",
            Self::Public => "public",
        }
    }

    /// What is stored; an unknown word is the least.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "public" => Self::Public,
            "unlisted" => Self::Unlisted,
            _ => Self::Private,
        }
    }
}

/// How far an avatar is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CharacterState)]
pub enum Making {
    /// A model writes it.
    Writing,
    #[default]
    Ready,
    /// Nothing came of the writing; it was paid back.
    Failed,
}

impl Making {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "ready" => Self::Ready,
            "writing" => Self::Writing,
            _ => Self::Failed,
        }
    }
}

/// What decides who may see a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// `None`: the house's.
    pub owner: Option<UserId>,
    pub visibility: Visibility,
    pub making: Making,
}

impl Access {
    /// Of the house's characters.
    pub const OPEN: Self = Self { owner: None, visibility: Visibility::Public, making: Making::Ready };

    #[must_use]
    pub fn opens_to(&self, viewer: Viewer) -> bool {
        let owns = |user| self.owner == Some(user);
        match viewer {
            Viewer::Admin => true,
            _ if self.making != Making::Ready => false,
            Viewer::Nobody => self.visibility != Visibility::Private,
            Viewer::User(user) => self.visibility != Visibility::Private || owns(user),
        }
    }

    /// Whether somebody may not see it: it is kept for its owner.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.opens_to(Viewer::Nobody)
    }
}

/// Columns of `characters c` that [`Access`] is read from.
pub(super) const COLUMNS: &str = "c.owner_id, c.visibility, c.state";

/// Of `characters c`: those that lists show to everybody.
pub const LISTED: &str = "c.deleted_at is null and c.visibility = 'public' and c.state = 'ready'";

/// Of `characters c`: those that the user with this id may see; `user` is an expression of SQL, which may be null.
#[must_use]
pub fn seen(user: &str) -> String {
    format!(
        "(c.deleted_at is null and c.state = 'ready' and (c.visibility <> 'private' or c.owner_id = {user}))"
    )
}

/// Of `characters c`: those that answer in the room with this id; `room` is an expression of SQL.
#[must_use]
pub fn plays(room: &str) -> String {
    format!(
        "(c.deleted_at is null and c.state = 'ready' and (c.visibility <> 'private' or exists (
            select from room_members own where own.room_id = {room} and own.user_id = c.owner_id and own.left_at is null)))"
    )
}

/// The address of a character's picture: of an avatar the thumbnail that was made last. Columns of `characters c`.
///
/// Where it lies here it begins with `media:`; [`face`] makes an address of it.
pub const FACE: &str = "coalesce((select 'media:' || f.key from media_files f where f.character_id = c.id
    and f.purpose = 'avatar' and f.owner_id = c.owner_id and f.state = 'ready' order by f.id desc limit 1), c.avatar_url)";

/// What [`FACE`] read, as an address that opens.
#[must_use]
pub fn face(stored: Option<&str>) -> Option<String> {
    let stored = stored?;
    Some(match stored.strip_prefix("media:") {
        Some(key) => crate::media::address(&greenroom_actors::domain::Place::Object(key.into())),
        None => stored.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_avatar_is_its_owners_and_one_in_writing_nobodys() {
        let (owner, other) = (UserId::new(), UserId::new());
        let access = |visibility, making| Access { owner: Some(owner), visibility, making };
        let of = |access: Access| {
            [Viewer::Nobody, Viewer::User(other), Viewer::User(owner), Viewer::Admin]
                .map(|viewer| access.opens_to(viewer))
        };
        assert_eq!(of(access(Visibility::Private, Making::Ready)), [false, false, true, true]);
        for open in [Visibility::Unlisted, Visibility::Public] {
            assert_eq!(of(access(open, Making::Ready)), [true; 4]);
            assert_eq!(of(access(open, Making::Writing)), [false, false, false, true]);
            assert_eq!(of(access(open, Making::Failed)), [false, false, false, true]);
        }
        assert_eq!(of(Access::OPEN), [true; 4]);
    }

    #[test]
    fn words_that_nobody_knows_open_nothing() {
        assert_eq!(Visibility::from_stored("other"), Visibility::Private);
        assert_eq!(Making::from_stored("other"), Making::Failed);
        for one in [Visibility::Private, Visibility::Unlisted, Visibility::Public] {
            assert_eq!(Visibility::from_stored(one.as_str()), one);
        }
        for one in [Making::Writing, Making::Ready, Making::Failed] {
            assert_eq!(Making::from_stored(one.as_str()), one);
        }
    }

    #[test]
    fn only_what_lies_here_is_signed() {
        assert_eq!(face(None), None);
        assert_eq!(face(Some("https://example.com/a.webp")).as_deref(), Some("https://example.com/a.webp"));
        assert_eq!(face(Some("/media/a/b.webp")).as_deref(), Some("/media/a/b.webp"));
        assert!(face(Some("media:avatars/a/b.webp")).unwrap().starts_with("/media/avatars/a/b.webp"));
    }
}

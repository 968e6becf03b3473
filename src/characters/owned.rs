//! Characters that belong to a user, for the room that makes avatars of them (`studio/avatars`): kept like all others, written
//! by their owner instead of an admin. What may be seen of them by whom is said in `access.rs`.
//!
//! All of it works in the caller's transaction, so that an avatar stands or falls with what pays for it. After it commits the
//! caller tells of it ([`Characters::written`]).

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::access::{Making, Visibility};
use super::draft::{CharacterDraft, FullCharacter};
use super::news::News;
use super::view::CharacterStatistics;
use super::write::{stem, tail};
use super::{CharacterKey, Characters, cards, not_found, store};
use crate::postgres::refusal;

/// A slug that is in use is made anew.
const SLUG_TRIES: usize = 5;

/// What stands beside the draft of an owned character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    pub owner: UserId,
    pub visibility: Visibility,
    pub making: Making,
    pub appearance: String,
}

/// An owned character with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    pub character: FullCharacter,
    pub statistics: CharacterStatistics,
}

/// What became of an owned character.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedNumbers {
    pub id: Uuid,
    pub slug: String,
    pub name: String,
    pub statistics: CharacterStatistics,
}

/// Makes one of a [checked](super::checked_draft) draft. Its slug is of its name and a random tail: nobody takes a name from
/// others.
pub async fn make(
    client: &impl GenericClient,
    id: CharacterId,
    draft: &CharacterDraft,
    ownership: &Ownership,
) -> Result<FullCharacter, Refusal> {
    let stem = stem(&draft.name);
    for _ in 0..SLUG_TRIES {
        let slug = format!("{stem}-{}", tail());
        let made = store::insert(client, id, &slug, draft).await.map_err(|error| refusal(&error))?;
        if made.is_some() {
            return kept(client, id, ownership, News::Changed(id)).await;
        }
    }
    Err(Refusal::new(RefusalCode::Conflict, "no free slug was found: try again"))
}

/// One of the owner's, locked against other changes; `not_found` where it is not theirs.
pub async fn lock(
    client: &impl GenericClient,
    owner: UserId,
    id: CharacterId,
) -> Result<FullCharacter, Refusal> {
    let found = store::lock(client, id).await.map_err(|error| refusal(&error))?;
    found.filter(|character| character.access.owner == Some(owner)).ok_or_else(not_found)
}

/// Writes a locked one anew.
pub async fn rewrite(
    client: &impl GenericClient,
    before: &FullCharacter,
    draft: &CharacterDraft,
    ownership: &Ownership,
) -> Result<FullCharacter, Refusal> {
    let slug = before.draft.slug.clone().unwrap_or_default();
    store::update(client, before.id, &slug, draft).await.map_err(|error| refusal(&error))?;
    kept(client, before.id, ownership, News::Changed(before.id)).await
}

async fn kept(
    client: &impl GenericClient,
    id: CharacterId,
    ownership: &Ownership,
    news: News,
) -> Result<FullCharacter, Refusal> {
    let written = async {
        store::owned::set(client, id, ownership).await?;
        store::notify(client, news).await?;
        store::full(client, id.uuid()).await
    };
    written.await.map_err(|error| refusal(&error))?.ok_or_else(not_found)
}

/// Deletes a locked one: it is in no list any more and answers nobody; conversations keep what was said in them.
pub async fn delete(client: &impl GenericClient, id: CharacterId) -> Result<(), Refusal> {
    let deleted = async {
        store::delete(client, id).await?;
        store::notify(client, News::Deleted(id)).await
    };
    deleted.await.map_err(|error| refusal(&error))
}

/// How many count against the owner's limit: all that are there, but for those whose writing failed.
pub async fn count(client: &impl GenericClient, owner: UserId) -> Result<u64, Refusal> {
    store::owned::count(client, owner).await.map_err(|error| refusal(&error))
}

/// Keeps a small PNG as the picture that its card is exported with.
pub async fn keep_picture(client: &impl GenericClient, id: CharacterId, png: &[u8]) -> Result<(), Refusal> {
    cards::store::put_picture(client, id, png).await.map_err(|error| refusal(&error))
}

/// The picture that was kept so.
pub async fn picture(client: &impl GenericClient, id: CharacterId) -> Result<Option<Vec<u8>>, Refusal> {
    let kept = cards::store::picture(client, id).await.map_err(|error| refusal(&error))?;
    Ok(kept.map(|picture| picture.bytes))
}

/// Takes away all that the user's avatars say, in the transaction that erases their account; the rooms of others keep what was
/// said in them. Answers which they are.
pub async fn forget(client: &impl GenericClient, owner: UserId) -> crate::postgres::Stored<Vec<CharacterId>> {
    let gone = store::owned::forget(client, owner).await?;
    for id in &gone {
        store::notify(client, News::Deleted(*id)).await?;
    }
    Ok(gone)
}

/// Takes away for good up to `limit` avatars whose writing failed or was given up before this moment. Answers which they are.
pub async fn purge(
    client: &impl GenericClient,
    before: Timestamp,
    limit: i64,
) -> crate::postgres::Stored<Vec<CharacterId>> {
    let gone = store::owned::purge(client, before, limit).await?;
    for id in &gone {
        store::notify(client, News::Deleted(*id)).await?;
    }
    Ok(gone)
}

/// The user's avatars with ids above `after`, the oldest first: for the export of their account.
pub async fn records(
    client: &impl GenericClient,
    owner: UserId,
    after: Uuid,
    limit: i64,
) -> crate::postgres::Stored<Vec<Owned>> {
    store::owned::records(client, owner, after, limit).await
}

impl Characters {
    /// A page of the owner's, the newest first: from below `before`, or `skip` left out; and how many there are in all. Without the
    /// cards that they came from.
    pub async fn owned(
        &self,
        owner: UserId,
        before: Option<Uuid>,
        limit: i64,
        skip: i64,
    ) -> Result<(Vec<Owned>, u64), Refusal> {
        let client = self.client().await?;
        let found = store::owned::list(&client, owner, before, limit, skip).await;
        let total = store::owned::total(&client, owner).await;
        Ok((found.map_err(|error| refusal(&error))?, total.map_err(|error| refusal(&error))?))
    }

    /// What became of each of the owner's, the newest first.
    pub async fn owned_numbers(&self, owner: UserId, limit: i64) -> Result<Vec<OwnedNumbers>, Refusal> {
        let client = self.client().await?;
        store::owned::numbers(&client, owner, limit).await.map_err(|error| refusal(&error))
    }

    /// One of the owner's by its id or slug, in whatever state; `not_found` where it is not theirs.
    pub async fn owned_one(&self, owner: UserId, id_or_slug: &str) -> Result<Owned, Refusal> {
        let key = CharacterKey::parse(id_or_slug).ok_or_else(not_found)?;
        let client = self.client().await?;
        store::owned::one(&client, owner, &key).await.map_err(|error| refusal(&error))?.ok_or_else(not_found)
    }

    /// An owned character was made or changed, and that is committed.
    pub fn written(&self, id: CharacterId) {
        self.changed_here(News::Changed(id));
    }

    /// One was deleted, and that is committed.
    pub fn taken_away(&self, id: CharacterId) {
        self.changed_here(News::Deleted(id));
    }
}

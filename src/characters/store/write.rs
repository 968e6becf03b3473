//! Making, changing and deleting a character.

use std::sync::LazyLock;

use deadpool_postgres::{GenericClient, PoolError};
use greenroom_actors::domain::CharacterId;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::rows::{self, FULL_COLUMNS, Written};
use crate::characters::draft::{CharacterDraft, FullCharacter};
use crate::postgres::{Stored, execute, query_opt};

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into characters as c (id, slug, {}) values ($1, $2, {})
         on conflict (slug) do nothing returning {}",
        rows::WRITTEN,
        rows::places(3),
        *FULL_COLUMNS
    )
});

/// Makes a character; `None`: the slug is in use.
pub async fn insert(
    client: &impl GenericClient,
    id: CharacterId,
    slug: &str,
    draft: &CharacterDraft,
) -> Stored<Option<FullCharacter>> {
    let row = query_opt(client, &INSERT, &with_values(&id.uuid(), &slug, &Written::new(draft))).await?;
    Ok(row.map(|row| rows::full(&row)))
}

static LOCK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {} from characters c where c.id = $1 and c.deleted_at is null for no key update",
        *FULL_COLUMNS
    )
});

/// The character, locked against other changes.
pub async fn lock(client: &impl GenericClient, id: CharacterId) -> Stored<Option<FullCharacter>> {
    Ok(query_opt(client, &LOCK, &[&id.uuid()]).await?.map(|row| rows::full(&row)))
}

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    // One that an admin changed is the admin's: seeding leaves it alone from then on.
    format!(
        "update characters c set (slug, {}) = ($2, {}), seeded = false, version = c.version + 1, updated_at = now()
         where c.id = $1 returning {}",
        rows::WRITTEN,
        rows::places(3),
        *FULL_COLUMNS
    )
});

/// Writes the draft over a locked character; `None`: the slug is in use, and the transaction is lost.
pub async fn update(
    client: &impl GenericClient,
    id: CharacterId,
    slug: &str,
    draft: &CharacterDraft,
) -> Stored<Option<FullCharacter>> {
    match query_opt(client, &UPDATE, &with_values(&id.uuid(), &slug, &Written::new(draft))).await {
        Ok(row) => Ok(row.map(|row| rows::full(&row))),
        Err(PoolError::Backend(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

fn with_values<'a>(
    id: &'a uuid::Uuid,
    slug: &'a &str,
    written: &'a Written<'_>,
) -> Vec<&'a (dyn ToSql + Sync)> {
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![id, slug];
    values.extend(written.values());
    values
}

const DELETE: &str = "update characters set deleted_at = now(), updated_at = now(), version = version + 1
    where id = $1 and deleted_at is null";

pub async fn delete(client: &impl GenericClient, id: CharacterId) -> Stored<bool> {
    Ok(execute(client, DELETE, &[&id.uuid()]).await? > 0)
}

//! What lies in the store, and what characters are called.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use uuid::Uuid;

use crate::postgres::{Stored, query};

/// Files, and the bytes of all that was made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    pub files: i64,
    pub bytes: i64,
}

const OF_ONE: &str = "select count(*), coalesce(sum(total_bytes), 0)::bigint from media_files
    where owner_id = $1 and state <> 'deleted'";
const OF_ALL: &str = "select count(*), coalesce(sum(bytes), 0)::bigint from media_objects";

pub(in crate::insights) async fn storage(client: &impl GenericClient, user: Uuid) -> Stored<Storage> {
    let rows = query(client, OF_ONE, &[&user]).await?;
    Ok(rows.first().map_or_else(Storage::default, |row| Storage { files: row.get(0), bytes: row.get(1) }))
}

const AVATARS: &str = "select count(*) from characters where owner_id = $1 and deleted_at is null";

/// Characters that the user owns, those that are being written included.
pub(in crate::insights) async fn avatars(client: &impl GenericClient, user: Uuid) -> Stored<i64> {
    let rows = query(client, AVATARS, &[&user]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Of all objects: takes as long as there are many.
pub(in crate::insights) async fn storage_of_all(client: &impl GenericClient) -> Stored<Storage> {
    let rows = query(client, OF_ALL, &[]).await?;
    Ok(rows.first().map_or_else(Storage::default, |row| Storage { files: row.get(0), bytes: row.get(1) }))
}

/// What these characters are called.
pub(in crate::insights) async fn names(
    client: &impl GenericClient,
    characters: &[Uuid],
) -> Stored<HashMap<Uuid, String>> {
    let rows = query(client, "select id, name from characters where id = any ($1)", &[&characters]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

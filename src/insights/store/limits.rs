//! What lies in the store of all, and what characters are called.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use uuid::Uuid;

use crate::postgres::{Stored, query};

/// Objects, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    pub files: i64,
    pub bytes: i64,
}

const OF_ALL: &str = "select count(*), coalesce(sum(bytes), 0)::bigint from media_objects";

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

//! The SQL of reading the settings anew.

use deadpool_postgres::GenericClient;

use crate::postgres::{Stored, query};

/// The channel that admins' word is told on.
pub const CHANNEL: &str = "greenroom_settings";

/// How often admins gave the word.
pub async fn revision(client: &impl GenericClient) -> Stored<i64> {
    let rows = query(client, "select revision from config_reloads", &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Once more; told when the transaction commits.
pub async fn raise(client: &impl GenericClient) -> Stored<i64> {
    const RAISE: &str = "update config_reloads set revision = revision + 1, at = now() returning revision";
    let rows = query(client, RAISE, &[]).await?;
    let revision: i64 = rows.first().map_or(0, |row| row.get(0));
    query(client, "select pg_notify($1, $2)::text", &[&CHANNEL, &revision.to_string()]).await?;
    Ok(revision)
}

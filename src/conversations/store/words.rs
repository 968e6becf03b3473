//! The index of words: its expression, and its upkeep.

use deadpool_postgres::GenericClient;

use crate::postgres::{Stored, execute, query};

/// What the index of that language holds of a message `m`. The expression must be the index's own, sign by sign.
#[must_use]
pub fn vector(language: &str) -> String {
    format!("to_tsvector('{language}', 'r' || replace(m.room_id::text, '-', '') || ' ' || m.content)")
}

#[must_use]
pub fn index_name(language: &str) -> String {
    format!("messages_words_{language}")
}

const KNOWN: &str =
    "select exists (select from pg_ts_config where cfgname = $1 and pg_ts_config_is_visible(oid))";

/// Whether the database has such a language.
pub async fn knows(client: &impl GenericClient, language: &str) -> Stored<bool> {
    Ok(query(client, KNOWN, &[&language]).await?.first().is_some_and(|row| row.get(0)))
}

const INDEXES: &str = "select c.relname::text, i.indisvalid and i.indisready from pg_index i
    join pg_class c on c.oid = i.indexrelid
    where i.indrelid = 'messages'::regclass and c.relname like 'messages\\_words\\_%' order by 1";

/// The languages that there are indexes of, and whether each is whole.
pub async fn indexes(client: &impl GenericClient) -> Stored<Vec<(String, bool)>> {
    let rows = query(client, INDEXES, &[]).await?;
    let language = |name: String| name.trim_start_matches("messages_words_").to_owned();
    Ok(rows.iter().map(|row| (language(row.get(0)), row.get(1))).collect())
}

/// The statement that makes the index beside all else that goes on. It cannot stand in a transaction.
#[must_use]
pub fn create(language: &str) -> String {
    format!(
        "create index concurrently {} on messages using gin (to_tsvector('{language}', 'r' || \
         replace(room_id::text, '-', '') || ' ' || content)) with (gin_pending_list_limit = 16384) \
         where deleted_at is null",
        index_name(language)
    )
}

#[must_use]
pub fn drop(language: &str) -> String {
    format!("drop index concurrently if exists {}", index_name(language))
}

const TIDY: &str = "select gin_clean_pending_list(to_regclass($1)) where to_regclass($1) is not null";

/// Takes up what waits in the index's pending list, so that no writer has to and no search reads it.
pub async fn tidy(client: &impl GenericClient, language: &str) -> Stored<()> {
    execute(client, TIDY, &[&index_name(language)]).await.map(std::mem::drop)
}

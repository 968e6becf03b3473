//! The SQL of memories: every statement names its person. The journal writes them, the archive reads them for prompts.

use std::sync::LazyLock;

use deadpool_postgres::{GenericClient, PoolError};
use greenroom_actors::domain::{CharacterId, Fact, MemoryId, UserId};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::{MemorySource, MemoryView};
use crate::characters::seen;
use crate::conversations::view::wire_time;
use crate::postgres::{Stored, execute, query, query_opt};

const COLUMNS: &str = "id, character_id, fact, source, room_id, message_id, created_at, updated_at";

fn view(row: &Row) -> MemoryView {
    MemoryView {
        id: row.get(0),
        character_id: row.get(1),
        fact: row.get(2),
        source: if row.get::<_, i16>(3) == 0 { MemorySource::Told } else { MemorySource::Written },
        conversation_id: row.get(4),
        message_id: row.get(5),
        created_at: wire_time(row.get(6)),
        updated_at: wire_time(row.get(7)),
    }
}

// One that is not theirs to see any more, and the house's that was deleted: what it knew stays its person's.
static BY_ID: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select c.id from characters c where c.id = $1 and (c.owner_id is null or {}
            or exists (select from memories m where m.character_id = c.id and m.user_id = $2))",
        seen("$2::uuid")
    )
});
static BY_SLUG: LazyLock<String> =
    LazyLock::new(|| format!("select c.id from characters c where c.slug = $1 and {}", seen("$2::uuid")));

pub async fn character(
    client: &impl GenericClient,
    user: UserId,
    id_or_slug: &str,
) -> Stored<Option<CharacterId>> {
    // What holds a NUL is no slug, and no text for the database.
    if id_or_slug.contains('\0') {
        return Ok(None);
    }
    let row = match Uuid::try_parse(id_or_slug) {
        Ok(id) => query_opt(client, &BY_ID, &[&id, &user.uuid()]).await?,
        Err(_) => query_opt(client, &BY_SLUG, &[&id_or_slug, &user.uuid()]).await?,
    };
    Ok(row.map(|row| CharacterId::from_uuid(row.get(0))))
}

/// The latest first, from below `after`; and how many there are in all.
pub async fn list(
    client: &impl GenericClient,
    user: UserId,
    character: CharacterId,
    after: Option<Uuid>,
    limit: i64,
    skip: i64,
) -> Stored<(Vec<MemoryView>, u64)> {
    let sql = format!(
        "select {COLUMNS} from memories where user_id = $1 and character_id = $2 and ($3::uuid is null or id < $3)
        order by id desc limit $4 offset $5"
    );
    let (user, character) = (user.uuid(), character.uuid());
    let found =
        query(client, &sql, &[&user, &character, &after, &limit, &skip]).await?.iter().map(view).collect();
    let count = "select count(*) from memories where user_id = $1 and character_id = $2";
    let total: i64 = query_opt(client, count, &[&user, &character]).await?.map_or(0, |row| row.get(0));
    Ok((found, total.unsigned_abs()))
}

/// What became of a change.
pub enum Changed {
    To(MemoryView),
    /// There is no such fact of this user.
    Nothing,
    /// Another fact says the same.
    KnownAlready,
}

pub async fn change(
    client: &impl GenericClient,
    user: UserId,
    character: CharacterId,
    memory: MemoryId,
    fact: &Fact,
) -> Stored<Changed> {
    let sql = format!(
        "update memories set fact = $4, fact_key = $5, source = 1, updated_at = now()
        where id = $1 and user_id = $2 and character_id = $3 returning {COLUMNS}"
    );
    let (id, user, character) = (memory.uuid(), user.uuid(), character.uuid());
    match query_opt(client, &sql, &[&id, &user, &character, &fact.as_str(), &fact.key()]).await {
        Ok(row) => Ok(row.as_ref().map_or(Changed::Nothing, |row| Changed::To(view(row)))),
        Err(PoolError::Backend(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            Ok(Changed::KnownAlready)
        }
        Err(error) => Err(error),
    }
}

/// Answers whether it was there and the user's.
pub async fn erase(
    client: &impl GenericClient,
    user: UserId,
    character: CharacterId,
    memory: MemoryId,
) -> Stored<bool> {
    let sql = "delete from memories where id = $1 and user_id = $2 and character_id = $3";
    Ok(execute(client, sql, &[&memory.uuid(), &user.uuid(), &character.uuid()]).await? > 0)
}

pub async fn erase_all(client: &impl GenericClient, user: UserId, character: CharacterId) -> Stored<u64> {
    let sql = "delete from memories where user_id = $1 and character_id = $2";
    execute(client, sql, &[&user.uuid(), &character.uuid()]).await
}

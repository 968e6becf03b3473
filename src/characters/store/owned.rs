//! Characters that users own.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{self, CARDLESS_COLUMNS, FULL_COLUMNS, FULL_COUNT, STATISTICS_COLUMNS};
use crate::characters::CharacterKey;
use crate::characters::owned::{Owned, OwnedNumbers, Ownership};
use crate::postgres::{Stored, execute, query, query_opt};

// It is shared when it is opened to others, or to more of them.
const SET: &str = "update characters set owner_id = $2, visibility = $3, state = $4, appearance = $5,
        shared_at = case when $3 = 'private' then null
            when owner_id is null or visibility = 'private' or (visibility = 'unlisted' and $3 = 'public') then now()
            else shared_at end
    where id = $1";

pub async fn set(client: &impl GenericClient, id: CharacterId, ownership: &Ownership) -> Stored<()> {
    let Ownership { owner, visibility, making, appearance } = ownership;
    let (visibility, making) = (visibility.as_str(), making.as_str());
    execute(client, SET, &[&id.uuid(), &owner.uuid(), &visibility, &making, appearance]).await.map(drop)
}

fn of(columns: &str, condition: &str) -> String {
    format!(
        "select {columns}, {STATISTICS_COLUMNS} from characters c left join character_stats s on s.character_id = c.id
        where c.owner_id = $1 and c.deleted_at is null and {condition}"
    )
}

fn owned(row: &Row) -> Owned {
    Owned { character: rows::full(row), statistics: rows::statistics(row, FULL_COUNT) }
}

static LIST: LazyLock<String> = LazyLock::new(|| {
    of(&CARDLESS_COLUMNS, "($2::uuid is null or c.id < $2) order by c.id desc limit $3 offset $4")
});

/// Without their cards.
pub async fn list(
    client: &impl GenericClient,
    owner: UserId,
    before: Option<Uuid>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<Owned>> {
    Ok(query(client, &LIST, &[&owner.uuid(), &before, &limit, &skip]).await?.iter().map(owned).collect())
}

static NUMBERS: LazyLock<String> =
    LazyLock::new(|| of("c.id, c.slug, c.name", "true order by c.id desc limit $2"));

/// What became of each, the newest first.
pub async fn numbers(client: &impl GenericClient, owner: UserId, limit: i64) -> Stored<Vec<OwnedNumbers>> {
    let numbers = |row: &Row| OwnedNumbers {
        id: row.get(0),
        slug: row.get(1),
        name: row.get(2),
        statistics: rows::statistics(row, 3),
    };
    Ok(query(client, &NUMBERS, &[&owner.uuid(), &limit]).await?.iter().map(numbers).collect())
}

static RECORDS: LazyLock<String> = LazyLock::new(|| of(&FULL_COLUMNS, "c.id > $2 order by c.id limit $3"));

pub async fn records(
    client: &impl GenericClient,
    owner: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<Owned>> {
    Ok(query(client, &RECORDS, &[&owner.uuid(), &after, &limit]).await?.iter().map(owned).collect())
}

static BY_ID: LazyLock<String> = LazyLock::new(|| of(&FULL_COLUMNS, "c.id = $2"));
static BY_SLUG: LazyLock<String> = LazyLock::new(|| of(&FULL_COLUMNS, "c.slug = $2"));

pub async fn one(client: &impl GenericClient, owner: UserId, key: &CharacterKey) -> Stored<Option<Owned>> {
    let row = match key {
        CharacterKey::Id(id) => query_opt(client, &BY_ID, &[&owner.uuid(), id]).await?,
        CharacterKey::Slug(slug) => query_opt(client, &BY_SLUG, &[&owner.uuid(), slug]).await?,
    };
    Ok(row.as_ref().map(owned))
}

async fn number(client: &impl GenericClient, sql: &str, owner: UserId) -> Stored<u64> {
    Ok(query_opt(client, sql, &[&owner.uuid()]).await?.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

pub async fn total(client: &impl GenericClient, owner: UserId) -> Stored<u64> {
    number(client, "select count(*) from characters where owner_id = $1 and deleted_at is null", owner).await
}

pub async fn count(client: &impl GenericClient, owner: UserId) -> Stored<u64> {
    let sql =
        "select count(*) from characters where owner_id = $1 and deleted_at is null and state <> 'failed'";
    number(client, sql, owner).await
}

// Nothing can refer to one that was never ready; where something does all the same, it stays. Writings are locked before their
// avatars, as by all others, and nothing that is locked is waited for.
const PURGE: &str = "with over as materialized (
        select c.id from characters c left join avatar_writings w on w.avatar_id = c.id
        where c.owner_id is not null and c.state <> 'ready' and c.created_at < $1
            and coalesce(c.deleted_at, w.ended_at, c.created_at) < $1 and (c.state = 'failed' or c.deleted_at is not null)
            and w.state is distinct from 'writing'
            and not exists (select from room_characters r where r.character_id = c.id)
            and not exists (select from rooms r where r.default_character_id = c.id)
            and not exists (select from content t where t.user_id = c.owner_id and t.avatar_id = c.id)
            and not exists (select from media_files f where f.character_id = c.id)
        order by c.created_at limit $2),
    writings as materialized (
        select w.avatar_id from avatar_writings w where w.avatar_id in (select id from over) for update skip locked),
    due as materialized (
        select c.id from characters c where c.id in (select id from over) and (c.id in (select avatar_id from writings)
            or not exists (select from avatar_writings w where w.avatar_id = c.id))
        for update skip locked)
    delete from characters c using due where c.id = due.id returning c.id";

/// Takes away up to `limit` avatars that were never ready and came to nothing before this moment; answers which.
pub async fn purge(client: &impl GenericClient, before: Timestamp, limit: i64) -> Stored<Vec<CharacterId>> {
    let gone = query(client, PURGE, &[&before, &limit]).await?;
    Ok(gone.iter().map(|row| CharacterId::from_uuid(row.get(0))).collect())
}

const FORGET: &str = "update characters set name = 'Erased avatar', slug = 'erased-' || id, tagline = '', description = '',
    category = 'general', tags = '{}', avatar_url = null, color = '#808080', greeting = '', alternate_greetings = '{}',
    personality = '', scenario = '', tone = '', traits = '{}', examples = '[]', knowledge = '{}', restricted_topics = '{}',
    lorebook = '{\"entries\": []}', voice = null, card = null, appearance = '', visibility = 'private',
    deleted_at = coalesce(deleted_at, now()), updated_at = now(), version = version + 1
    where owner_id = $1 returning id";
/// What hangs on them; memories of others, and their ratings, are the others'.
const HANGS: [&str; 3] = [
    "delete from character_pictures where character_id in (select id from characters where owner_id = $1)",
    "delete from character_gallery where character_id in (select id from characters where owner_id = $1)",
    "delete from avatar_writings where owner_id = $1",
];

/// Leaves nothing of what their owner wrote; answers which they are.
pub async fn forget(client: &impl GenericClient, owner: UserId) -> Stored<Vec<CharacterId>> {
    for sql in HANGS {
        execute(client, sql, &[&owner.uuid()]).await?;
    }
    let gone = query(client, FORGET, &[&owner.uuid()]).await?;
    Ok(gone.iter().map(|row| CharacterId::from_uuid(row.get(0))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_numbers_leave_cards_where_they_are() {
        assert!(BY_ID.contains("c.card") && RECORDS.contains("c.card"));
        assert!(!LIST.contains("c.card") && !NUMBERS.contains("c.card"));
    }
}

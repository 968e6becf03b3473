//! Characters that users own.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{self, FULL_COLUMNS, FULL_COUNT, STATISTICS_COLUMNS};
use crate::characters::CharacterKey;
use crate::characters::owned::{Owned, Ownership};
use crate::postgres::{Stored, execute, query, query_opt};

const SET: &str =
    "update characters set owner_id = $2, visibility = $3, state = $4, appearance = $5 where id = $1";

pub async fn set(client: &impl GenericClient, id: CharacterId, ownership: &Ownership) -> Stored<()> {
    let Ownership { owner, visibility, making, appearance } = ownership;
    let (visibility, making) = (visibility.as_str(), making.as_str());
    execute(client, SET, &[&id.uuid(), &owner.uuid(), &visibility, &making, appearance]).await.map(drop)
}

fn of(condition: &str) -> String {
    format!(
        "select {}, {STATISTICS_COLUMNS} from characters c left join character_stats s on s.character_id = c.id
        where c.owner_id = $1 and c.deleted_at is null and {condition}",
        *FULL_COLUMNS
    )
}

fn owned(row: &Row) -> Owned {
    Owned { character: rows::full(row), statistics: rows::statistics(row, FULL_COUNT) }
}

static LIST: LazyLock<String> =
    LazyLock::new(|| of("($2::uuid is null or c.id < $2) order by c.id desc limit $3 offset $4"));

pub async fn list(
    client: &impl GenericClient,
    owner: UserId,
    before: Option<Uuid>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<Owned>> {
    Ok(query(client, &LIST, &[&owner.uuid(), &before, &limit, &skip]).await?.iter().map(owned).collect())
}

static RECORDS: LazyLock<String> = LazyLock::new(|| of("c.id > $2 order by c.id limit $3"));

pub async fn records(
    client: &impl GenericClient,
    owner: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<Owned>> {
    Ok(query(client, &RECORDS, &[&owner.uuid(), &after, &limit]).await?.iter().map(owned).collect())
}

static BY_ID: LazyLock<String> = LazyLock::new(|| of("c.id = $2"));
static BY_SLUG: LazyLock<String> = LazyLock::new(|| of("c.slug = $2"));

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

//! The SQL of characters.

mod list;
pub mod owned;
mod rows;
mod seeds;
pub mod statistics;
mod write;

use std::sync::LazyLock;

use deadpool_postgres::{Client, GenericClient};
use greenroom_actors::domain::{CharacterId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

pub use list::{count, list, listed};
pub use seeds::{seed, unseed};
pub use write::{delete, insert, lock, update};

use super::access::{self, Access};
use super::draft::FullCharacter;
use super::news::News;
use super::view::{CharacterStatistics, CharacterView};
use super::{CastMember, CharacterKey};
use crate::postgres::{Stored, query, query_opt};

/// The channel that changes are told on.
pub const CHANNEL: &str = "greenroom_characters";

/// Of [`access::COLUMNS`].
const ACCESS_COUNT: usize = 3;

/// The public part of a character, and who may see it.
pub async fn public(
    client: &impl GenericClient,
    key: &CharacterKey,
) -> Stored<Option<(CharacterView, Access)>> {
    let columns = format!("{}, {}", access::COLUMNS, *rows::PUBLIC_COLUMNS);
    let row = match key {
        CharacterKey::Id(id) => query_opt(client, &of("c.id = $1", &columns), &[id]).await?,
        CharacterKey::Slug(slug) => query_opt(client, &of("c.slug = $1", &columns), &[slug]).await?,
    };
    Ok(row.map(|row| (rows::public(&row, ACCESS_COUNT), rows::access(&row, 0))))
}

/// All of a character.
pub async fn full(client: &impl GenericClient, id: Uuid) -> Stored<Option<FullCharacter>> {
    let row = query_opt(client, &of("c.id = $1", &rows::FULL_COLUMNS), &[&id]).await?;
    Ok(row.map(|row| rows::full(&row)))
}

pub async fn numbers(client: &impl GenericClient, id: Uuid) -> Stored<CharacterStatistics> {
    let row = query_opt(client, &of("c.id = $1", rows::STATISTICS_COLUMNS), &[&id]).await?;
    Ok(row.map(|row| rows::statistics(&row, 0)).unwrap_or_default())
}

fn of(condition: &str, columns: &str) -> String {
    format!(
        "select {columns} from characters c left join character_stats s on s.character_id = c.id
         where {condition} and c.deleted_at is null"
    )
}

static CAST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select c.id, c.name, array_prepend(c.greeting, c.alternate_greetings)
        from unnest($1::uuid[]) with ordinality as asked(id, position)
        join characters c on c.id = asked.id and {} order by asked.position",
        access::seen("$2::uuid")
    )
});

/// Those of `ids` that there are for this user, in the same order.
pub async fn cast(client: &impl GenericClient, user: UserId, ids: &[CharacterId]) -> Stored<Vec<CastMember>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = query(client, &CAST, &[&ids, &user.uuid()]).await?;
    let member = |row: &Row| CastMember {
        id: CharacterId::from_uuid(row.get(0)),
        name: row.get(1),
        greetings: row.get(2),
    };
    Ok(rows.iter().map(member).collect())
}

/// Tells it when the transaction commits.
pub async fn notify(client: &impl GenericClient, news: News) -> Stored<()> {
    query(client, "select pg_notify($1, $2)::text", &[&CHANNEL, &news.write()]).await.map(drop)
}

const CHANGED: &str = "select id, deleted_at is not null from characters
    where updated_at > $1 order by updated_at desc limit $2";

/// What changed after that time, the latest first, at most `limit` of them.
pub async fn changed_after(client: &impl GenericClient, after: Timestamp, limit: i64) -> Stored<Vec<News>> {
    let news = |row: &Row| {
        let id = CharacterId::from_uuid(row.get(0));
        if row.get(1) { News::Deleted(id) } else { News::Changed(id) }
    };
    Ok(query(client, CHANGED, &[&after, &limit]).await?.iter().map(news).collect())
}

// The character is locked, so that a deletion comes before or after.
static RATE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into character_ratings as r (character_id, user_id, rating)
        select c.id, $2, $3 from characters c where c.id = $1 and {} for key share of c
        on conflict (character_id, user_id) do update set rating = excluded.rating, rated_at = now()
        returning character_id",
        access::seen("$2::uuid")
    )
});
// Read in the same transaction, which holds the row since the rating was written: these sums have it in them.
const RATED: &str = "select ratings, rating_sum from character_stats where character_id = $1";

/// Stores a rating; answers how many there are and their sum, or `None` where it is not for this user.
pub async fn rate(
    client: &mut Client,
    character: Uuid,
    user: Uuid,
    rating: i16,
) -> Stored<Option<(u64, u64)>> {
    let transaction = client.transaction().await?;
    if query_opt(&transaction, &RATE, &[&character, &user, &rating]).await?.is_none() {
        return Ok(None);
    }
    let row = query_opt(&transaction, RATED, &[&character]).await?;
    transaction.commit().await?;
    let number = |row: &Row, at: usize| row.get::<_, i64>(at).unsigned_abs();
    Ok(row.map(|row| (number(&row, 0), number(&row, 1))))
}

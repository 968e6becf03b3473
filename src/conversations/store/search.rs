//! The SQL of search; see `conversations::search` for what it is bound by.

use std::collections::HashMap;

use deadpool_postgres::{Client, GenericClient, PoolError, Transaction};
use greenroom_actors::domain::{Message, Revision, RoomId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::words::vector;
use crate::postgres::rows::{self, MESSAGE_COLUMNS};
use crate::postgres::{Stored, query};

/// Messages that are looked through before the index is asked.
const NEWEST: i64 = 1_000;
/// Rooms of one's own, and public ones, the last spoken in.
const ROOMS_MAX: i64 = 500;

/// A message that fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub message: Uuid,
    pub room: RoomId,
    pub offset: Revision,
    pub created_at: Timestamp,
    pub rank: f32,
}

// The plan must see the query: of one for any query the planner thinks that it finds half a percent of all. A bitmap is
// right for every one of them, since hits come in no order.
const SETTINGS: &str = "set local statement_timeout = 3000; set local plan_cache_mode = force_custom_plan; \
                        set local jit = off; set local enable_seqscan = off";

/// A transaction for one search.
pub async fn searching(client: &mut Client) -> Stored<Transaction<'_>> {
    let searching = client.build_transaction().read_only(true).start().await?;
    searching.batch_execute(SETTINGS).await?;
    Ok(searching)
}

#[must_use]
pub fn took_too_long(error: &PoolError) -> bool {
    matches!(error, PoolError::Backend(error) if error.code() == Some(&SqlState::QUERY_CANCELED))
}

/// The words of `wanted` as the index knows them; none when the query as a whole has none.
pub async fn lexemes(
    client: &impl GenericClient,
    language: &str,
    text: &str,
    wanted: &str,
) -> Stored<Vec<String>> {
    let sql = format!(
        "select case when numnode(websearch_to_tsquery('{language}', $1)) > 0
            then tsvector_to_array(to_tsvector('{language}', $2)) else '{{}}' end"
    );
    let rows = query(client, &sql, &[&text, &wanted]).await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}

fn hit(row: &Row) -> Hit {
    Hit {
        message: row.get(0),
        room: RoomId::from_uuid(row.get(1)),
        offset: row.get(2),
        created_at: row.get(3),
        rank: row.get(4),
    }
}

/// The word that stands for a room in the index.
fn room_word(room: Uuid) -> String {
    format!("r{}", room.simple())
}

const FLOOR: &str = r#"select coalesce((select "offset" from messages
    where room_id = $1 and "offset" < $2 order by "offset" desc offset $3 limit 1), 0)"#;

/// The newest `limit` messages of the room that fit, below the offset `before`.
pub async fn in_room(
    client: &impl GenericClient,
    language: &str,
    room: RoomId,
    text: &str,
    before: Revision,
    limit: i64,
) -> Stored<Vec<Hit>> {
    let (vector, room) = (vector(language), room.uuid());
    let newest = format!(
        r#"select m.id, m.room_id, m."offset", m.created_at,
            ts_rank_cd({vector}, websearch_to_tsquery('{language}', $3))
        from (select * from messages where room_id = $1 and "offset" < $2 order by "offset" desc limit $4) m
        where m.deleted_at is null and {vector} @@ websearch_to_tsquery('{language}', $3)
        order by m."offset" desc limit $5"#
    );
    let found = query(client, &newest, &[&room, &before, &text, &NEWEST, &limit]).await?;
    let mut hits: Vec<Hit> = found.iter().map(hit).collect();
    if hits.len() as i64 >= limit {
        return Ok(hits);
    }
    let floor: Revision =
        query(client, FLOOR, &[&room, &before, &(NEWEST - 1)]).await?.first().map_or(0, |row| row.get(0));
    if floor <= 1 {
        return Ok(hits);
    }
    // Ranked outside: in the sort it would be reckoned for each that fits.
    let older = format!(
        r#"select m.id, m.room_id, m."offset", m.created_at,
            ts_rank_cd({vector}, websearch_to_tsquery('{language}', $3))
        from (select * from messages m
            where {vector} @@ (websearch_to_tsquery('{language}', $3) && $4::text::tsquery)
                and m.room_id = $1 and m."offset" < $2 and m.deleted_at is null
            order by m."offset" desc limit $5) m
        order by m."offset" desc"#
    );
    let left = limit - hits.len() as i64;
    let word = room_word(room);
    let found = query(client, &older, &[&room, &floor, &text, &word, &left]).await?;
    hits.extend(found.iter().map(hit));
    Ok(hits)
}

/// The newest `limit` messages of these rooms that fit, before that one in time.
pub async fn in_rooms(
    client: &impl GenericClient,
    language: &str,
    rooms: &[Uuid],
    text: &str,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Stored<Vec<Hit>> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let vector = vector(language);
    let sql = format!(
        r#"select m.id, m.room_id, m."offset", m.created_at,
            ts_rank_cd({vector}, websearch_to_tsquery('{language}', $2))
        from (select * from messages m
            where {vector} @@ (websearch_to_tsquery('{language}', $2) && $3::text::tsquery)
                and m.room_id = any($1) and m.deleted_at is null
                and ($4::timestamptz is null or (m.created_at, m.id) < ($4, $5::uuid))
            order by m.created_at desc, m.id desc limit $6) m
        order by m.created_at desc, m.id desc"#
    );
    let words = rooms.iter().copied().map(room_word).collect::<Vec<_>>().join(" | ");
    let (at, id) = (after.map(|after| after.0), after.map(|after| after.1));
    let found = query(client, &sql, &[&rooms, &text, &words, &at, &id, &limit]).await?;
    Ok(found.iter().map(hit).collect())
}

const OWN: &str = r#"select r.id from room_members m join rooms r on r.id = m.room_id and r.deleted_at is null
    left join lateral (
        select created_at from messages where room_id = r.id order by "offset" desc limit 1) l on true
    where m.user_id = $1 and m.left_at is null
    order by l.created_at desc nulls last, r.id limit $2"#;

/// The user's rooms, at most 500 of them.
pub async fn own_rooms(client: &impl GenericClient, user: UserId) -> Stored<Vec<Uuid>> {
    let rows = query(client, OWN, &[&user.uuid(), &ROOMS_MAX]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

const PUBLIC: &str = "select r.id from rooms r left join publications p on p.room_id = r.id
    where r.visibility = 'public' and r.deleted_at is null
    order by greatest(r.updated_at, p.active_at) desc, r.id limit $1";

/// Public rooms, at most 500 of them.
pub async fn public_rooms(client: &impl GenericClient) -> Stored<Vec<Uuid>> {
    let rows = query(client, PUBLIC, &[&ROOMS_MAX]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

// One's own are few: they are looked at one by one.
const BY_NAME: &str = "select found.id from (
        select id, updated_at, room_words(title, category, tags) as words from rooms
        where visibility = 'public' and deleted_at is null
            and to_tsvector('simple', room_words(title, category, tags)) @@ websearch_to_tsquery('simple', $2)
        union
        select r.id, r.updated_at, room_words(r.title, r.category, r.tags)
        from room_members m join rooms r on r.id = m.room_id
        where m.user_id = $1 and m.left_at is null and r.deleted_at is null
            and to_tsvector('simple', room_words(r.title, r.category, r.tags)) @@ websearch_to_tsquery('simple', $2)
    ) found
    order by ts_rank_cd(to_tsvector('simple', found.words), websearch_to_tsquery('simple', $2)) desc,
        found.updated_at desc, found.id limit $3";

/// Public rooms, and the user's own, whose title, category or tags fit: the best first.
pub async fn by_name(
    client: &impl GenericClient,
    user: Option<UserId>,
    text: &str,
    limit: i64,
) -> Stored<Vec<RoomId>> {
    let rows = query(client, BY_NAME, &[&user.map(UserId::uuid), &text, &limit]).await?;
    Ok(rows.iter().map(|row| RoomId::from_uuid(row.get(0))).collect())
}

/// These messages in any order, without those that are deleted.
pub async fn by_ids(client: &impl GenericClient, ids: &[Uuid]) -> Stored<Vec<Message>> {
    let sql =
        format!("select {MESSAGE_COLUMNS} from messages m where m.id = any($1) and m.deleted_at is null");
    Ok(query(client, &sql, &[&ids]).await?.iter().map(rows::message).collect())
}

const TITLES: &str = "select id, slug, title from rooms where id = any($1)";

/// Slugs and titles of these rooms.
pub async fn titles(client: &impl GenericClient, rooms: &[Uuid]) -> Stored<HashMap<Uuid, (String, String)>> {
    let rows = query(client, TITLES, &[&rooms]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// Of each text the words, as they stand in it, that fit one of `lexemes`.
pub async fn fitting_words(
    client: &impl GenericClient,
    language: &str,
    texts: &[&str],
    lexemes: &[String],
) -> Stored<Vec<Vec<String>>> {
    let sql = format!(
        "select array(select distinct token from ts_parse('default', asked.content)
            where tokid <> 12 and tsvector_to_array(to_tsvector('{language}', token)) && $2::text[])
        from unnest($1::text[]) with ordinality as asked(content, place) order by place"
    );
    Ok(query(client, &sql, &[&texts, &lexemes]).await?.iter().map(|row| row.get(0)).collect())
}

//! Rooms as everybody sees them: who may read one, lists of the public ones, and how those in it are called.

use std::collections::HashMap;
use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use futures_util::future::try_join;
use greenroom_actors::domain::{RoomId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::characters::{FACE, face};
use crate::conversations::view::{ConversationCharacterView, Names, PublicConversationView, wire_time};
use crate::postgres::rows::visibility;
use crate::postgres::{Stored, execute, query, query_opt};

/// A room that was looked up, and what it is to the one who looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRoom {
    pub room: RoomId,
    /// The one it has now; the look-up may have gone by an older one.
    pub slug: String,
    pub public: bool,
    pub unlisted: bool,
    pub member: bool,
}

const BY_ID: &str = "select r.id, r.slug, r.visibility, exists (select from room_members m
        where m.room_id = r.id and m.user_id = $2 and m.left_at is null)
    from rooms r where r.id = $1 and r.deleted_at is null";

/// By the slug that a room has, else by one that it had.
const BY_SLUG: &str = "select r.id, r.slug, r.visibility, exists (select from room_members m
        where m.room_id = r.id and m.user_id = $2 and m.left_at is null)
    from (select id from rooms where slug = $1
        union all select room_id from room_slugs where slug = $1 limit 1) of_slug
    join rooms r on r.id = of_slug.id and r.deleted_at is null";

fn found(row: &Row) -> FoundRoom {
    let visibility: &str = row.get(2);
    FoundRoom {
        room: RoomId::from_uuid(row.get(0)),
        slug: row.get(1),
        public: visibility == "public",
        unlisted: visibility == "unlisted",
        member: row.get(3),
    }
}

pub async fn room_by_id(
    client: &impl GenericClient,
    room: RoomId,
    user: Option<UserId>,
) -> Stored<Option<FoundRoom>> {
    let user = user.map(UserId::uuid);
    Ok(query_opt(client, BY_ID, &[&room.uuid(), &user]).await?.as_ref().map(found))
}

pub async fn room_by_slug(
    client: &impl GenericClient,
    slug: &str,
    user: Option<UserId>,
) -> Stored<Option<FoundRoom>> {
    let user = user.map(UserId::uuid);
    Ok(query_opt(client, BY_SLUG, &[&slug, &user]).await?.as_ref().map(found))
}

/// Which public rooms a list shows: those that fit all that is given.
#[derive(Clone, Debug, Default)]
pub struct PublicFilter {
    pub category: Option<String>,
    pub tag: Option<String>,
    pub featured: Option<bool>,
    /// Words of the title, the category and the tags.
    pub q: Option<String>,
}

/// By what a list goes, the highest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublicOrder {
    /// By the last message, or a later change.
    #[default]
    Recent,
    /// By how many have read it.
    Popular,
}

/// A line of a list: the value that it goes by, and the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicPosition {
    /// Microseconds, or readers.
    pub value: i64,
    pub room: RoomId,
}

pub struct PublicPage {
    pub rooms: Vec<PublicPosition>,
    pub total: i64,
}

const LISTED: &str = "
with fitting as (
    select r.id, case when $5 then coalesce(p.views, 0)
        else (extract(epoch from greatest(r.updated_at, p.active_at)) * 1000000)::bigint end as value
    from rooms r left join publications p on p.room_id = r.id
    where r.visibility = 'public' and r.deleted_at is null
        and ($1::text is null or lower(r.category) = lower($1))
        and ($2::text is null or exists (select from unnest(r.tags) tag where lower(tag) = lower($2)))
        and ($3::boolean is null or r.featured = $3)
        and ($4::text is null or
            to_tsvector('simple', room_words(r.title, r.category, r.tags)) @@ websearch_to_tsquery('simple', $4))
)
select total, page.id, page.value
from (select count(*) as total from fitting) counted
left join (
    select id, value from fitting
    where $6::bigint is null or (value, id) < ($6, $7::uuid)
    order by value desc, id desc limit $8 offset $9) page on true
order by page.value desc, page.id desc";

/// Public rooms: `limit` of them after `after`, `skip` left out. Its cost follows the number of public rooms, not that
/// of their messages.
pub async fn listed(
    client: &impl GenericClient,
    filter: &PublicFilter,
    order: PublicOrder,
    after: Option<PublicPosition>,
    limit: i64,
    skip: i64,
) -> Stored<PublicPage> {
    let (value, room) = (after.map(|after| after.value), after.map(|after| after.room.uuid()));
    let popular = order == PublicOrder::Popular;
    let rows = query(
        client,
        LISTED,
        &[&filter.category, &filter.tag, &filter.featured, &filter.q, &popular, &value, &room, &limit, &skip],
    )
    .await?;
    let position = |row: &Row| {
        let room: Option<Uuid> = row.get(1);
        room.map(|room| PublicPosition { value: row.get(2), room: RoomId::from_uuid(room) })
    };
    Ok(PublicPage {
        total: rows.first().map_or(0, |row| row.get(0)),
        rooms: rows.iter().filter_map(position).collect(),
    })
}

// What a room gained since it was last counted: an index range, however long its log is.
const COUNT: &str = r#"
with behind as (
    select r.id, coalesce(p.revision, 0) as revision, h.last_revision
    from rooms r join heads h on h.room_id = r.id left join publications p on p.room_id = r.id
    where r.visibility <> 'private' and r.deleted_at is null and ($1::uuid[] is null or r.id = any($1))
        and (p.room_id is null or p.revision < h.last_revision)
    order by r.id limit 500
)
insert into publications as p (room_id, messages, active_at, revision)
select b.id, gained.messages, gained.active_at, b.last_revision
from behind b cross join lateral (
    select count(*) as messages, max(m.created_at) as active_at from messages m
    where m.room_id = b.id and m."offset" > b.revision and m."offset" <= b.last_revision) gained
order by b.id
on conflict (room_id) do update set messages = p.messages + excluded.messages,
    active_at = greatest(p.active_at, excluded.active_at), revision = excluded.revision
where p.revision = (select revision from behind where id = p.room_id)"#;

/// Counts what was said in shown rooms since it was last counted: in all of them, at most 500 at a time, or in these.
/// Several nodes may do it at once; each message counts once.
pub async fn count_messages(client: &impl GenericClient, rooms: Option<&[Uuid]>) -> Stored<u64> {
    execute(client, COUNT, &[&rooms]).await
}

const SHOWN: &str = "
select r.id, r.slug, r.title, r.visibility, r.category, r.tags, r.featured, r.created_at,
    greatest(r.updated_at, p.active_at), coalesce(p.messages, 0), coalesce(p.views, 0), p.room_id is not null
from rooms r left join publications p on p.room_id = r.id
where r.id = any($1) and r.deleted_at is null";

static CAST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
select rc.room_id, c.id, c.slug, c.name, c.tagline, {FACE}, c.color
from room_characters rc join characters c on c.id = rc.character_id
where rc.room_id = any($1) and ($2 or rc.left_at is null) order by rc.room_id, rc.position, c.id"
    )
});

const PEOPLE: &str = "
select m.room_id, u.id, u.display_name
from room_members m join rooms r on r.id = m.room_id join users u on u.id = m.user_id
where m.room_id = any($1) and ($2 or m.left_at is null)
order by m.room_id, m.user_id <> r.owner_id, m.joined_at, m.user_id";

/// Whose names are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Those {
    Present,
    /// Those who have left too.
    Ever,
}

/// The characters and the people of these rooms.
async fn in_them(client: &impl GenericClient, rooms: &[Uuid], those: Those) -> Stored<(Vec<Row>, Vec<Row>)> {
    let ever = those == Those::Ever;
    let parameters: [&(dyn ToSql + Sync); 2] = [&rooms, &ever];
    try_join(query(client, &CAST, &parameters), query(client, PEOPLE, &parameters)).await
}

fn character(row: &Row) -> ConversationCharacterView {
    ConversationCharacterView {
        id: row.get(1),
        slug: row.get(2),
        name: row.get(3),
        tagline: row.get(4),
        avatar_url: face(row.get(5)),
        color: row.get(6),
    }
}

/// These rooms as everybody sees them, in the order asked for; deleted ones are left out. Whether the caller may see them
/// is for the caller to know.
pub async fn public_views(
    client: &impl GenericClient,
    rooms: &[RoomId],
) -> Stored<Vec<PublicConversationView>> {
    let ids: Vec<Uuid> = rooms.iter().map(|room| room.uuid()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut shown = query(client, SHOWN, &[&ids]).await?;
    if shown.iter().any(|row| !row.get::<_, bool>(11)) {
        // Shown since a moment ago: no list should tell of an empty room.
        count_messages(client, Some(&ids)).await?;
        shown = query(client, SHOWN, &[&ids]).await?;
    }
    let (cast, people) = in_them(client, &ids, Those::Present).await?;
    let mut characters: HashMap<Uuid, Vec<ConversationCharacterView>> = HashMap::new();
    for row in &cast {
        characters.entry(row.get(0)).or_default().push(character(row));
    }
    let mut names: HashMap<Uuid, Vec<String>> = HashMap::new();
    for row in &people {
        names.entry(row.get(0)).or_default().push(row.get(2));
    }
    let mut found: HashMap<Uuid, PublicConversationView> = shown
        .iter()
        .map(|row| {
            let (id, slug): (Uuid, String) = (row.get(0), row.get(1));
            let view = PublicConversationView {
                id,
                page: format!("/c/{slug}"),
                slug,
                title: row.get(2),
                visibility: visibility(row.get(3)).into(),
                category: row.get(4),
                tags: row.get(5),
                featured: row.get(6),
                characters: characters.remove(&id).unwrap_or_default(),
                people: names.remove(&id).unwrap_or_default(),
                message_count: row.get::<_, i64>(9).unsigned_abs(),
                views: row.get::<_, i64>(10).unsigned_abs(),
                created_at: wire_time(row.get(7)),
                updated_at: wire_time(row.get::<_, Timestamp>(8)),
            };
            (id, view)
        })
        .collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// How those who spoke in these rooms are called, those who have left too.
pub async fn names(client: &impl GenericClient, rooms: &[Uuid]) -> Stored<HashMap<Uuid, Names>> {
    let (cast, people) = in_them(client, rooms, Those::Ever).await?;
    let of_room = |room: &Uuid| {
        let people = people.iter().filter(|row| row.get::<_, Uuid>(0) == *room);
        let cast = cast.iter().filter(|row| row.get::<_, Uuid>(0) == *room);
        Names::new(people.map(|row| (row.get(1), row.get(2))), cast.map(character))
    };
    Ok(rooms.iter().map(|room| (*room, of_room(room))).collect())
}

/// A category and how many public conversations are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryCount {
    pub category: String,
    pub conversations: i64,
}

const CATEGORIES: &str = "select category, count(*) from rooms
    where visibility = 'public' and deleted_at is null and category is not null
    group by category order by count(*) desc, category limit $1";

pub async fn categories(client: &impl GenericClient, limit: i64) -> Stored<Vec<CategoryCount>> {
    let rows = query(client, CATEGORIES, &[&limit]).await?;
    Ok(rows.iter().map(|row| CategoryCount { category: row.get(0), conversations: row.get(1) }).collect())
}

/// The numbers of all public conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublicTotals {
    pub conversations: i64,
    pub featured: i64,
    pub categories: i64,
    pub messages: i64,
    pub views: i64,
}

const TOTALS: &str = "select count(*), count(*) filter (where r.featured), count(distinct r.category),
        coalesce(sum(p.messages), 0)::bigint, coalesce(sum(p.views), 0)::bigint
    from rooms r left join publications p on p.room_id = r.id
    where r.visibility = 'public' and r.deleted_at is null";

pub async fn totals(client: &impl GenericClient) -> Stored<PublicTotals> {
    let row = query_opt(client, TOTALS, &[]).await?;
    Ok(row.map_or_else(PublicTotals::default, |row| PublicTotals {
        conversations: row.get(0),
        featured: row.get(1),
        categories: row.get(2),
        messages: row.get(3),
        views: row.get(4),
    }))
}

/// The numbers of one's own conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnTotals {
    pub conversations: i64,
    pub owned: i64,
    pub public: i64,
    pub featured: i64,
    pub views: i64,
}

const OWN_TOTALS: &str = "select count(*), count(*) filter (where r.owner_id = $1),
        count(*) filter (where r.owner_id = $1 and r.visibility = 'public'),
        count(*) filter (where r.owner_id = $1 and r.featured),
        coalesce(sum(p.views) filter (where r.owner_id = $1), 0)::bigint
    from room_members m join rooms r on r.id = m.room_id and r.deleted_at is null
    left join publications p on p.room_id = r.id
    where m.user_id = $1 and m.left_at is null";

pub async fn own_totals(client: &impl GenericClient, user: UserId) -> Stored<OwnTotals> {
    let row = query_opt(client, OWN_TOTALS, &[&user.uuid()]).await?;
    Ok(row.map_or_else(OwnTotals::default, |row| OwnTotals {
        conversations: row.get(0),
        owned: row.get(1),
        public: row.get(2),
        featured: row.get(3),
        views: row.get(4),
    }))
}

const STILL_PUBLIC: &str =
    "select id from rooms where id = any($1) and visibility = 'public' and deleted_at is null";

/// Which of these everybody may find.
pub async fn still_public(client: &impl GenericClient, rooms: &[Uuid]) -> Stored<Vec<Uuid>> {
    Ok(query(client, STILL_PUBLIC, &[&rooms]).await?.iter().map(|row| row.get(0)).collect())
}

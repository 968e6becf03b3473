//! Rooms as their members see them: finding one, listing them, loading what a list line or a page head shows.

use std::collections::HashMap;
use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use futures_util::future::try_join4;
use greenroom_actors::domain::{RoomId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::log;
use crate::characters::{FACE, face};
use crate::conversations::view::{
    ConversationCharacterView, ConversationView, MemberRole, MemberView, MessageView, wire_time,
};
use crate::postgres::rows::{reply_mode, visibility};
use crate::postgres::{Stored, query};

/// The last line of a page: the next one begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub active_at: Timestamp,
    pub room: RoomId,
}

pub struct RoomPage {
    pub rooms: Vec<Position>,
    /// All rooms of the user.
    pub total: i64,
}

const MEMBER: &str = "select exists (
    select from room_members m join rooms r on r.id = m.room_id
    where m.room_id = $1 and m.user_id = $2 and m.left_at is null and r.deleted_at is null)";

pub async fn is_member(client: &impl GenericClient, room: RoomId, user: UserId) -> Stored<bool> {
    let rows = query(client, MEMBER, &[&room.uuid(), &user.uuid()]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

const RESOLVE: &str = "select r.id
    from (select id from rooms where slug = $1
        union all select room_id from room_slugs where slug = $1 limit 1) of_slug
    join rooms r on r.id = of_slug.id join room_members m on m.room_id = r.id
    where m.user_id = $2 and m.left_at is null and r.deleted_at is null";

/// The room of that slug, or that had it, for a member of it.
pub async fn resolve(client: &impl GenericClient, slug: &str, user: UserId) -> Stored<Option<RoomId>> {
    let rows = query(client, RESOLVE, &[&slug, &user.uuid()]).await?;
    Ok(rows.first().map(|row| RoomId::from_uuid(row.get(0))))
}

// One index lookup per room of the user finds when it was last spoken in: a column for it would be another row to
// write with every message. The count comes with the page, also when that is empty.
const LIST: &str = r#"
with mine as (
    select r.id, greatest(r.updated_at, l.created_at) as active_at
    from room_members m
    join rooms r on r.id = m.room_id and r.deleted_at is null
    left join lateral (
        select created_at from messages where room_id = r.id order by "offset" desc limit 1) l on true
    where m.user_id = $1 and m.left_at is null
)
select total, page.id, page.active_at
from (select count(*) as total from mine) counted
left join (
    select id, active_at from mine
    where $2::timestamptz is null or (active_at, id) < ($2, $3::uuid)
    order by active_at desc, id desc limit $4 offset $5) page on true
order by page.active_at desc, page.id desc"#;

/// The user's rooms, the one last spoken in first: `limit` of them after `after`, `skip` left out.
pub async fn list(
    client: &impl GenericClient,
    user: UserId,
    after: Option<Position>,
    limit: i64,
    skip: i64,
) -> Stored<RoomPage> {
    let active_at = after.map(|position| position.active_at);
    let room = after.map(|position| position.room.uuid());
    let rows = query(client, LIST, &[&user.uuid(), &active_at, &room, &limit, &skip]).await?;
    let total = rows.first().map_or(0, |row| row.get(0));
    let position = |row: &Row| {
        let room: Option<Uuid> = row.get(1);
        room.map(|room| Position { active_at: row.get(2), room: RoomId::from_uuid(room) })
    };
    Ok(RoomPage { rooms: rows.iter().filter_map(position).collect(), total })
}

/// Which rooms a user is in, and how each of them stands: all that their members see of them has a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    rooms: i64,
    /// Of the rooms' ids and revisions.
    hash: i64,
}

const STANDING: &str = "
select count(*), coalesce(bit_xor(hashint8extended(h.last_revision, uuid_hash_extended(r.id, 0))), 0)
from room_members m
join rooms r on r.id = m.room_id and r.deleted_at is null
join heads h on h.room_id = r.id
where m.user_id = $1 and m.left_at is null";

pub async fn standing_of(client: &impl GenericClient, user: UserId) -> Stored<Standing> {
    let rows = query(client, STANDING, &[&user.uuid()]).await?;
    let standing = |row: &Row| Standing { rooms: row.get(0), hash: row.get(1) };
    Ok(rows.first().map_or(Standing { rooms: 0, hash: 0 }, standing))
}

const HEADS: &str = r#"
select r.id, r.slug, r.title, r.owner_id, r.visibility, r.created_at, r.updated_at,
    coalesce(h.last_revision, 0), coalesce(d.read_offset, 0), r.category, r.tags, r.featured, r.reply_mode,
    (select count(*) from (select from messages m where m.room_id = r.id
        and m."offset" > coalesce(d.read_offset, 0) and m.sender_id <> $2 and m.deleted_at is null
        limit 100) unread)
from rooms r
left join heads h on h.room_id = r.id
left join reads d on d.room_id = r.id and d.user_id = $2
where r.id = any($1) and r.deleted_at is null"#;

static CHARACTERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
select rc.room_id, c.id, c.slug, c.name, c.tagline, {FACE}, c.color
from room_characters rc join characters c on c.id = rc.character_id
where rc.room_id = any($1) and rc.left_at is null order by rc.room_id, rc.position, c.id"
    )
});

const MEMBERS: &str = "
select m.room_id, u.id, u.username, u.display_name, u.id = r.owner_id
from room_members m join rooms r on r.id = m.room_id join users u on u.id = m.user_id
where m.room_id = any($1) and m.left_at is null
order by m.room_id, m.user_id <> r.owner_id, m.joined_at, m.user_id";

/// These rooms as `user` sees them, in the order asked for; deleted ones are left out. Whether the user is a member
/// is for the caller to know. Five statements, however many rooms.
pub async fn views(
    client: &impl GenericClient,
    user: UserId,
    rooms: &[RoomId],
) -> Stored<Vec<ConversationView>> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rooms.iter().map(|room| room.uuid()).collect();
    let user = user.uuid();
    let (heads, characters, people, last) = try_join4(
        query(client, HEADS, &[&ids, &user]),
        query(client, &CHARACTERS, &[&ids]),
        query(client, MEMBERS, &[&ids]),
        log::last_messages(client, &ids),
    )
    .await?;
    let mut cast: HashMap<Uuid, Vec<ConversationCharacterView>> = HashMap::with_capacity(rooms.len());
    for row in &characters {
        cast.entry(row.get(0)).or_default().push(ConversationCharacterView {
            id: row.get(1),
            slug: row.get(2),
            name: row.get(3),
            tagline: row.get(4),
            avatar_url: face(row.get(5)),
            color: row.get(6),
        });
    }
    let mut members: HashMap<Uuid, Vec<MemberView>> = HashMap::with_capacity(rooms.len());
    for row in &people {
        members.entry(row.get(0)).or_default().push(MemberView {
            id: row.get(1),
            username: row.get(2),
            display_name: row.get(3),
            role: if row.get(4) { MemberRole::Owner } else { MemberRole::Member },
        });
    }
    let mut last: HashMap<Uuid, MessageView> =
        last.iter().map(|message| (message.room.uuid(), MessageView::from(message))).collect();
    let mut found: HashMap<Uuid, ConversationView> = heads
        .iter()
        .map(|row| {
            let id = row.get(0);
            let cast = cast.remove(&id).unwrap_or_default();
            let members = members.remove(&id).unwrap_or_default();
            (id, view(row, cast, members, last.remove(&id)))
        })
        .collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn view(
    row: &Row,
    characters: Vec<ConversationCharacterView>,
    members: Vec<MemberView>,
    last_message: Option<MessageView>,
) -> ConversationView {
    let changed = wire_time(row.get(6));
    let updated_at = last_message.as_ref().map_or(changed, |message| changed.max(message.created_at));
    ConversationView {
        id: row.get(0),
        slug: row.get(1),
        title: row.get(2),
        owner_id: row.get(3),
        visibility: visibility(row.get(4)).into(),
        category: row.get(9),
        tags: row.get(10),
        featured: row.get(11),
        reply_mode: reply_mode(row.get(12)).into(),
        characters,
        member_ids: members.iter().map(|member| member.id).collect(),
        members,
        last_offset: row.get(7),
        read_offset: row.get(8),
        unread_count: u32::try_from(row.get::<_, i64>(13)).unwrap_or_default(),
        last_message,
        created_at: wire_time(row.get(5)),
        updated_at,
    }
}

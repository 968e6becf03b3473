//! Rooms that are deleted and not yet erased.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{RoomId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::postgres::{Stored, query, query_opt};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRoom {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub created_at: Timestamp,
    pub deleted_at: Timestamp,
}

const DELETED: &str = "
with gone as (
    select id, slug, title, created_at, deleted_at from rooms
    where owner_id = $1 and deleted_at > now() - make_interval(days => $2)
)
select total, page.id, page.slug, page.title, page.created_at, page.deleted_at
from (select count(*) as total from gone) counted
left join (
    select * from gone where $3::timestamptz is null or (deleted_at, id) < ($3, $4::uuid)
    order by deleted_at desc, id desc limit $5 offset $6) page on true
order by page.deleted_at desc, page.id desc";

fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// The user's rooms that were deleted less than `span` days ago, and how many there are.
pub async fn deleted(
    client: &impl GenericClient,
    user: UserId,
    span: u32,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
    skip: i64,
) -> Stored<(Vec<DeletedRoom>, i64)> {
    let (at, id) = (after.map(|after| after.0), after.map(|after| after.1));
    let rows = query(client, DELETED, &[&user.uuid(), &days(span), &at, &id, &limit, &skip]).await?;
    let rooms = rows.iter().filter_map(|row| {
        Some(DeletedRoom {
            id: row.get::<_, Option<Uuid>>(1)?,
            slug: row.get(2),
            title: row.get(3),
            created_at: row.get(4),
            deleted_at: row.get(5),
        })
    });
    Ok((rooms.collect(), rows.first().map_or(0, |row| row.get(0))))
}

const OF_NAME: &str = "select r.id from rooms r
    join room_members m on m.room_id = r.id and m.user_id = $1 and m.left_at is null
    where r.deleted_at is not null and case when $2::uuid is null then r.slug = $3 else r.id = $2 end";

/// The deleted room of that id, or else of that slug, for who was in it.
pub async fn deleted_room(
    client: &impl GenericClient,
    user: UserId,
    id: Option<Uuid>,
    slug: &str,
) -> Stored<Option<RoomId>> {
    let row = query_opt(client, OF_NAME, &[&user.uuid(), &id, &slug]).await?;
    Ok(row.map(|row| RoomId::from_uuid(row.get(0))))
}

const DUE: &str = "select id from rooms where deleted_at <= now() - make_interval(days => $1)
    order by deleted_at limit $2";

/// Rooms that were deleted longer ago than `span` days.
pub async fn due(client: &impl GenericClient, span: u32, limit: i64) -> Stored<Vec<RoomId>> {
    let rows = query(client, DUE, &[&days(span), &limit]).await?;
    Ok(rows.iter().map(|row| RoomId::from_uuid(row.get(0))).collect())
}

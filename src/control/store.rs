//! The SQL of the admin's views: what the rooms in memory are called and what goes on in them.

use std::collections::HashMap;

use deadpool_postgres::{Client, PoolError};
use jiff::Timestamp;
use uuid::Uuid;

use crate::conversations::view::wire_time;

pub struct RoomFacts {
    pub title: String,
    pub slug: String,
    pub owner: Uuid,
    pub members: i64,
    pub characters: i64,
    pub turns: i64,
    pub last_revision: i64,
    pub last_message_at: Option<Timestamp>,
}

const FACTS: &str = r#"
select r.id, r.title, r.slug, r.owner_id,
    (select count(*) from room_members m where m.room_id = r.id and m.left_at is null),
    (select count(*) from room_characters c where c.room_id = r.id),
    (select count(*) from turns t where t.room_id = r.id and t.state = 0),
    coalesce(h.last_revision, 0),
    (select created_at from messages where room_id = r.id order by "offset" desc limit 1)
from rooms r left join heads h on h.room_id = r.id
where r.id = any($1) and r.deleted_at is null"#;

/// Facts of these rooms; deleted ones are left out.
pub async fn room_facts(client: &Client, rooms: &[Uuid]) -> Result<HashMap<Uuid, RoomFacts>, PoolError> {
    let statement = client.prepare_cached(FACTS).await?;
    let rows = client.query(&statement, &[&rooms]).await?;
    let facts = |row: &tokio_postgres::Row| RoomFacts {
        title: row.get(1),
        slug: row.get(2),
        owner: row.get(3),
        members: row.get(4),
        characters: row.get(5),
        turns: row.get(6),
        last_revision: row.get(7),
        last_message_at: row.get::<_, Option<Timestamp>>(8).map(wire_time),
    };
    Ok(rows.iter().map(|row| (row.get(0), facts(row))).collect())
}

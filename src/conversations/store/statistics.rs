//! Counting what was said in a room.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, Revision, RoomId, Sender, UserId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::postgres::{Stored, query};

/// Which messages are counted one by one, and what is known of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub messages: i64,
    /// The first that is counted one by one.
    pub since: Revision,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
}

// The key's index alone answers the count: some 60 ms for a million.
const FRAME: &str = r#"select
    (select count(*) from messages where room_id = $1),
    coalesce((select "offset" from messages where room_id = $1 order by "offset" desc offset $2::bigint - 1 limit 1), 0),
    (select created_at from messages where room_id = $1 order by "offset" limit 1),
    (select created_at from messages where room_id = $1 order by "offset" desc limit 1)"#;

pub async fn frame(client: &impl GenericClient, room: RoomId, most: i64) -> Stored<Frame> {
    let rows = query(client, FRAME, &[&room.uuid(), &most]).await?;
    Ok(rows.first().map_or_else(Frame::default, |row| Frame {
        messages: row.get(0),
        since: row.get(1),
        first_at: row.get(2),
        last_at: row.get(3),
    }))
}

/// What one sender said on one day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub day: Date,
    pub sender: Sender,
    /// Without the deleted ones.
    pub messages: i64,
    pub deleted: i64,
    pub words: i64,
    pub letters: i64,
}

const COUNTED: &str = r#"select (created_at at time zone 'utc')::date, sender_kind, sender_id,
        count(*) filter (where deleted_at is null), count(*) filter (where deleted_at is not null),
        coalesce(sum(regexp_count(content, '\S+')) filter (where deleted_at is null), 0)::bigint,
        coalesce(sum(char_length(content)) filter (where deleted_at is null), 0)::bigint
    from messages where room_id = $1 and "offset" >= $2 group by 1, 2, 3"#;

pub async fn counted(client: &impl GenericClient, room: RoomId, since: Revision) -> Stored<Vec<Counted>> {
    let rows = query(client, COUNTED, &[&room.uuid(), &since]).await?;
    let counted = |row: &tokio_postgres::Row| Counted {
        day: row.get(0),
        sender: match row.get::<_, i16>(1) {
            0 => Sender::User(UserId::from_uuid(row.get(2))),
            _ => Sender::Character(CharacterId::from_uuid(row.get(2))),
        },
        messages: row.get(3),
        deleted: row.get(4),
        words: row.get(5),
        letters: row.get(6),
    };
    Ok(rows.iter().map(counted).collect())
}

const REPLY_MS: &str = r#"select (avg(extract(epoch from created_at - before)) * 1000)::bigint from (
        select sender_kind, created_at, lag(sender_kind) over log as asked, lag(created_at) over log as before
        from messages where room_id = $1 and "offset" >= $2
        window log as (order by "offset")) said
    where sender_kind = 1 and asked = 0 and created_at >= before"#;

/// Milliseconds between what a person said and a character's reply that came next, in the mean.
pub async fn average_reply_ms(
    client: &impl GenericClient,
    room: RoomId,
    since: Revision,
) -> Stored<Option<i64>> {
    let rows = query(client, REPLY_MS, &[&room.uuid(), &since]).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

//! The SQL of replies that failed.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, MessageId, RoomId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{DeadReply, Superseded};
use crate::postgres::{Stored, query, query_opt, rows};

/// Counted up to here; more are many.
const COUNT_MAX: i64 = 10_000;

const COLUMNS: &str =
    "t.id, t.room_id, t.character_id, c.name, t.user_id, u.username, t.asked_id, t.into_kind, t.into_id,
        t.code, t.reason, t.tries, t.provider, t.model, coalesce(t.ended_at, t.created_at)";
/// Ids grow with time: a later one is a later wish.
const LATER: &str = "exists (select from turns n where n.asked_id = t.asked_id
        and n.character_id = t.character_id and n.id > t.id)";
const OF: &str =
    "from turns t left join characters c on c.id = t.character_id left join users u on u.id = t.user_id";

fn dead_reply(row: &Row) -> DeadReply {
    let provider: Option<String> = row.get(12);
    DeadReply {
        id: MessageId::from_uuid(row.get(0)),
        kind: rows::message_kind(row.get(16)),
        room: RoomId::from_uuid(row.get(1)),
        character: CharacterId::from_uuid(row.get(2)),
        character_name: row.get(3),
        user: UserId::from_uuid(row.get(4)),
        username: row.get(5),
        asked: MessageId::from_uuid(row.get(6)),
        into: rows::into_of(row.get(7), row.get(8)),
        code: row.get(9),
        reason: row.get(10),
        tries: row.get::<_, i32>(11).cast_unsigned(),
        back_end: provider.zip(row.get(13)),
        failed_at: row.get(14),
        superseded: if row.get(15) { Superseded::Yes } else { Superseded::No },
    }
}

/// The latest failure first. `after` goes before `skip`.
pub async fn list(
    client: &impl GenericClient,
    after: Option<(Timestamp, Uuid)>,
    skip: i64,
    limit: i64,
) -> Stored<Vec<DeadReply>> {
    let sql = format!(
        "select {COLUMNS}, false, t.reply_kind {OF} where t.state = 2 and t.ended_at is not null and not {LATER}
            and ($1::timestamptz is null or (t.ended_at, t.id) < ($1, $2))
        order by t.ended_at desc, t.id desc limit $3 offset $4"
    );
    let (at, id) = after.unzip();
    let skip = if after.is_some() { 0 } else { skip };
    Ok(query(client, &sql, &[&at, &id, &limit, &skip]).await?.iter().map(dead_reply).collect())
}

/// How many there are; `None`: more than are worth counting.
pub async fn count(client: &impl GenericClient) -> Stored<Option<u64>> {
    let sql = format!(
        "select count(*) from (select from turns t where t.state = 2 and t.ended_at is not null and not {LATER} limit $1) few"
    );
    let row = query_opt(client, &sql, &[&(COUNT_MAX + 1)]).await?;
    let counted: i64 = row.map_or(0, |row| row.get(0));
    Ok((counted <= COUNT_MAX).then_some(counted.unsigned_abs()))
}

pub async fn find(client: &impl GenericClient, id: Uuid) -> Stored<Option<DeadReply>> {
    let sql = format!("select {COLUMNS}, {LATER}, t.reply_kind {OF} where t.id = $1 and t.state = 2");
    Ok(query_opt(client, &sql, &[&id]).await?.as_ref().map(dead_reply))
}

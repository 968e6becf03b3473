//! The end of a room's log: the room goes with all that was said in it, for good.

use deadpool_postgres::{Client, PoolError};
use greenroom_actors::domain::RoomId;

/// Messages of one transaction: each is short, however much was said.
const BATCH: i64 = 2_000;

const CLOSE: &str = "UPDATE heads SET closed = true WHERE room_id = $1";
const DELETE: &str = "UPDATE rooms SET deleted_at = coalesce(deleted_at, now()) WHERE id = $1";
/// As a deletion does it: whoever still works on such a turn must not take its end for the one it stores itself.
const STOP: &str =
    "UPDATE turns SET state = 3, fence = fence + 1, ended_at = now() WHERE room_id = $1 AND state = 0";
const TAKE: &str = "WITH gone AS (
        DELETE FROM messages WHERE room_id = $1 AND \"offset\" IN (
            SELECT \"offset\" FROM messages WHERE room_id = $1 ORDER BY \"offset\" LIMIT $2)
        RETURNING id),
    turned AS (DELETE FROM turns WHERE asked_id IN (SELECT id FROM gone))
    SELECT count(*) FROM gone";
/// What hangs on messages and on the room, by the room's own indexes.
const ASIDE: [&str; 4] = [
    "DELETE FROM variants WHERE ctid = ANY(ARRAY(SELECT ctid FROM variants WHERE room_id = $1 LIMIT $2))",
    "DELETE FROM reactions WHERE ctid = ANY(ARRAY(SELECT ctid FROM reactions WHERE room_id = $1 LIMIT $2))",
    "UPDATE media_objects SET check_at = now(), room_id = NULL WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM media_objects WHERE room_id = $1 LIMIT $2))",
    "DELETE FROM room_changes WHERE ctid = ANY(ARRAY(SELECT ctid FROM room_changes WHERE room_id = $1 LIMIT $2))",
];
const LAST: [&str; 4] = [
    "DELETE FROM room_summaries WHERE room_id = $1",
    "DELETE FROM heads WHERE room_id = $1",
    "DELETE FROM reads WHERE room_id = $1",
    "DELETE FROM rooms WHERE id = $1",
];

/// Removes a room with its log. Nothing can be stored in it any more once this has begun; safe to repeat, also after it
/// broke off in the middle. An actor of the room that is alive should be told to delete it first: it hears `no_room`
/// for all that it still wants to store.
pub async fn erase_room(client: &mut Client, room: RoomId) -> Result<(), PoolError> {
    let id = room.uuid();
    // The head first: the journal's law of locks.
    let closing = client.transaction().await?;
    for sql in [CLOSE, STOP, DELETE] {
        let statement = closing.prepare_cached(sql).await?;
        closing.execute(&statement, &[&id]).await?;
    }
    closing.commit().await?;
    let take = client.prepare_cached(TAKE).await?;
    while client.query_one(&take, &[&id, &BATCH]).await?.get::<_, i64>(0) > 0 {}
    for sql in ASIDE {
        let statement = client.prepare_cached(sql).await?;
        while client.execute(&statement, &[&id, &BATCH]).await? > 0 {}
    }
    let ending = client.transaction().await?;
    for sql in LAST {
        let statement = ending.prepare_cached(sql).await?;
        ending.execute(&statement, &[&id]).await?;
    }
    ending.commit().await?;
    Ok(())
}

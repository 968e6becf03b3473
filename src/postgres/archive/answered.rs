//! A message and what answers it: what a wish for another reply is judged by.

use deadpool_postgres::Client;
use greenroom_actors::domain::{MessageId, RoomId};
use greenroom_actors::ports::{Answered, StoreError};

use super::query;
use crate::postgres::rows;

/// Replies of one message that are looked at, the latest.
const REPLIES_MAX: i64 = 32;

pub(super) async fn answered(
    client: &Client,
    room: RoomId,
    message: MessageId,
) -> Result<Option<Answered>, StoreError> {
    let (room, id) = (room.uuid(), message.uuid());
    let columns = rows::MESSAGE_COLUMNS;
    let by_id = format!("SELECT {columns} FROM messages m WHERE m.id = $1 AND m.room_id = $2");
    let Some(row) = query(client, &by_id, &[&id, &room]).await?.pop() else { return Ok(None) };
    // A reply has the id of the turn that asked for it; those by hand and in chains have one too.
    let replies = format!(
        "SELECT {columns} FROM turns t JOIN messages m ON m.id = t.id
         WHERE t.asked_id = $1 AND m.room_id = $2 AND m.deleted_at IS NULL ORDER BY m.\"offset\" DESC LIMIT $3"
    );
    let latest_first = query(client, &replies, &[&id, &room, &REPLIES_MAX]).await?;
    let replies = latest_first.iter().rev().map(rows::message).collect();
    Ok(Some(Answered { message: rows::message(&row), replies }))
}

//! The beginning of a room's log, in the transaction that makes the room.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::{CharacterId, ClientId, MessageId, MessageKind, RoomId};
use jiff::Timestamp;
use tokio_postgres::Error;

const FOUND: &str = "INSERT INTO heads (room_id, last_revision) VALUES ($1, $2)";
const GREET: &str =
    "INSERT INTO messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind,
        content, created_at) VALUES ($1, $2, 1, 1, 1, $3, $4, $5, $6, $7)";

/// Gives a new room its head, without which nothing can be stored in it, and what a character says to begin with, if
/// anything, as its first message. Errors: the room has a head already, or the connection failed.
pub async fn found_room(
    transaction: &Transaction<'_>,
    room: RoomId,
    greeting: Option<(CharacterId, &str)>,
) -> Result<(), Error> {
    let found = transaction.prepare_cached(FOUND).await?;
    let last_revision = i64::from(greeting.is_some());
    transaction.execute(&found, &[&room.uuid(), &last_revision]).await?;
    if let Some((character, content)) = greeting {
        let id = MessageId::new();
        let greet = transaction.prepare_cached(GREET).await?;
        let client_id = ClientId::of_message(id);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
            &id.uuid(),
            &room.uuid(),
            &character.uuid(),
            &client_id.as_str(),
            &(MessageKind::Text as i16),
            &content,
            &Timestamp::now(),
        ];
        transaction.execute(&greet, &values).await?;
    }
    Ok(())
}

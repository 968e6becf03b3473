//! The log of a deleted room, opened again.

use deadpool_postgres::{Client, PoolError};
use greenroom_actors::domain::{Revision, RoomId, UserId};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is there again, and stands at this revision.
    At(Revision),
    /// There is no such deleted room, or its time is over.
    None,
    /// It belongs to somebody else.
    NotTheirs,
}

/// What it is to be among its owner's rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    AsBefore,
    OneAmongOthers,
}

// The head first: the journal's law of locks. An erasure that has begun holds it, and leaves nothing here.
const LOCK: &str = "SELECT h.last_revision FROM heads h WHERE h.room_id = $1 AND h.closed FOR NO KEY UPDATE";
const DELETED: &str = "SELECT owner_id, deleted_at > now() - make_interval(days => $2) FROM rooms
    WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE";
const OPEN: &str = "UPDATE heads SET closed = false, last_revision = last_revision + 1 WHERE room_id = $1
    RETURNING last_revision";
/// Where the owner has another default room with the character by now, it comes back as one among others.
const RESTORE: &str = "UPDATE rooms r SET deleted_at = NULL, updated_at = now(),
        default_character_id = CASE WHEN $2 AND NOT EXISTS (SELECT FROM rooms o WHERE o.owner_id = r.owner_id
            AND o.default_character_id = r.default_character_id AND o.deleted_at IS NULL)
            THEN r.default_character_id END
    WHERE r.id = $1";
const NOTE: &str = "INSERT INTO room_changes (id, room_id, revision, user_id, kind, created_at)
    VALUES ($1, $2, $3, $4, 'restored', now())";

/// Opens the log of a room that its owner deleted less than `days` days ago, at its next revision.
pub async fn restore_room(
    client: &mut Client,
    room: RoomId,
    owner: UserId,
    days: u32,
) -> Result<Restored, PoolError> {
    match restore(client, room, owner, days, Standing::AsBefore).await {
        // Another default room was made in the same moment.
        Err(PoolError::Backend(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            restore(client, room, owner, days, Standing::OneAmongOthers).await
        }
        other => other,
    }
}

async fn restore(
    client: &mut Client,
    room: RoomId,
    owner: UserId,
    days: u32,
    standing: Standing,
) -> Result<Restored, PoolError> {
    let id = room.uuid();
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let transaction = client.transaction().await?;
    let lock = transaction.prepare_cached(LOCK).await?;
    if transaction.query_opt(&lock, &[&id]).await?.is_none() {
        return Ok(Restored::None);
    }
    let deleted = transaction.prepare_cached(DELETED).await?;
    match transaction.query_opt(&deleted, &[&id, &days]).await? {
        Some(row) if row.get::<_, Uuid>(0) != owner.uuid() => return Ok(Restored::NotTheirs),
        Some(row) if row.get(1) => {}
        _ => return Ok(Restored::None),
    }
    let open = transaction.prepare_cached(OPEN).await?;
    let revision: Revision = transaction.query_one(&open, &[&id]).await?.get(0);
    let back = transaction.prepare_cached(RESTORE).await?;
    transaction.execute(&back, &[&id, &(standing == Standing::AsBefore)]).await?;
    let note = transaction.prepare_cached(NOTE).await?;
    transaction.execute(&note, &[&Uuid::now_v7(), &id, &revision, &owner.uuid()]).await?;
    transaction.commit().await?;
    Ok(Restored::At(revision))
}

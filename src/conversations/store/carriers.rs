//! Which messages carry an uploaded file as it is not any more.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::media::files::MediaFile;
use crate::postgres::{Stored, query};

/// A message, and the file that it carries, or one of its variants.
#[derive(Clone, Copy, Debug)]
pub struct Carrier {
    pub message: Uuid,
    pub room: Uuid,
    pub file: Uuid,
}

fn carrier(row: &Row) -> Carrier {
    Carrier { message: row.get(0), room: row.get(1), file: row.get(2) }
}

// A tombstone stays one.
const OF: &str = "(select m.id, m.room_id, $5::uuid from messages m
        where m.attachment ? 'file' and m.attachment -> 'file' ->> 'id' = $1 and m.id > $3
            and m.attachment -> 'file' ->> 'state' not in ($2, 'deleted')
        order by m.id limit $4)
    union
    (select v.message_id, v.room_id, $5::uuid from variants v
        where v.attachment ? 'file' and v.attachment -> 'file' ->> 'id' = $1 and v.message_id > $3
            and v.attachment -> 'file' ->> 'state' not in ($2, 'deleted')
        order by v.message_id limit $4)
    order by 1 limit $4";

/// Those that carry the file in another state, behind `after`, in the order of their ids.
pub async fn carriers_of(
    client: &impl GenericClient,
    file: &MediaFile,
    after: Option<Uuid>,
    limit: i64,
) -> Stored<Vec<Carrier>> {
    let (id, state) = (file.id.uuid(), file.state.as_str());
    let rows = query(client, OF, &[&id.to_string(), &state, &after.unwrap_or_default(), &limit, &id]).await?;
    Ok(rows.iter().map(carrier).collect())
}

const IN: &str = "select c.id, c.room_id, f.id from (
        select m.id, m.room_id, m.attachment -> 'file' as file from messages m
        where m.room_id = $1 and m.attachment ? 'file' and m.id > $2
        union all
        select v.message_id, v.room_id, v.attachment -> 'file' from variants v
        where v.room_id = $1 and v.attachment ? 'file' and v.message_id > $2) c
    join media_files f on f.id = (c.file ->> 'id')::uuid
    where c.file ->> 'state' not in (f.state, 'deleted')
    order by 1 limit $3";

/// Those of a room that carry a file in another state than it is in.
pub async fn carriers_in(
    client: &impl GenericClient,
    room: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Stored<Vec<Carrier>> {
    let rows = query(client, IN, &[&room, &after.unwrap_or_default(), &limit]).await?;
    Ok(rows.iter().map(carrier).collect())
}

const ANOTHER: &str = "select from messages m where m.id = $1 and m.attachment ? 'file'
    and m.attachment -> 'file' ->> 'id' = $2 and m.attachment -> 'file' ->> 'state' not in ($3, 'deleted')";

/// Whether the message carries the file in another state.
pub async fn carries_another(client: &impl GenericClient, message: Uuid, file: &MediaFile) -> Stored<bool> {
    let (id, state) = (file.id.uuid().to_string(), file.state.as_str());
    Ok(!query(client, ANOTHER, &[&message, &id, &state]).await?.is_empty())
}

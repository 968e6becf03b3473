//! The SQL of what may be shown.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{Attachment, CharacterId, RoomId, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fitting::{Candidate, Shown};
use crate::media::files::FileId;
use crate::postgres::{Stored, query, rows};

/// Where an entry of a gallery is.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Url(String),
    /// A file that was uploaded here.
    File(FileId),
}

/// An entry of a gallery that can be shown: it has an address, or its file is ready.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub id: Uuid,
    pub source: Source,
    pub video: bool,
    pub premium: bool,
}

// The latest that were shown are enough to tell what was not shown of late.
const CANDIDATES: &str = r#"with shown as (
        select (m.attachment ->> 'item')::uuid as item, m."offset" from messages m
        where m.room_id = $2 and m.kind = 2 and m.sender_kind = 1 and m.attachment ? 'item'
        order by m."offset" desc limit 500)
    select g.id, g.url, g.kind, g.caption, g.tags, g.premium,
        (select max(s."offset") from shown s where s.item = g.id), g.media_id
    from character_gallery g
    where g.character_id = $1
        and (g.url is not null or exists (select from media_files f where f.id = g.media_id and f.state = 'ready'))
        and g.kind in ('image', 'video') and (not g.premium or $3)
    order by g.id desc limit 200"#;

/// What of the character's gallery can be shown in this room, the newest first.
pub(super) async fn candidates(
    client: &impl GenericClient,
    character: CharacterId,
    room: RoomId,
    premium: bool,
) -> Stored<Vec<Candidate<Entry>>> {
    let rows = query(client, CANDIDATES, &[&character.uuid(), &room.uuid(), &premium]).await?;
    Ok(rows.iter().filter_map(candidate).collect())
}

/// `None`: neither an address nor a file, which the table does not take.
fn candidate(row: &Row) -> Option<Candidate<Entry>> {
    let source = match (row.get(1), row.get::<_, Option<Uuid>>(7)) {
        (Some(url), _) => Source::Url(url),
        (None, Some(file)) => Source::File(FileId::from_uuid(file)),
        (None, None) => return None,
    };
    let video = row.get::<_, &str>(2) == "video";
    let item = Entry { id: row.get(0), source, video, premium: row.get(5) };
    let shown = if video { Shown::Video } else { Shown::Picture };
    Some(Candidate { item, shown, caption: row.get(3), tags: row.get(4), last_shown: row.get(6) })
}

/// What an audio message carries, while it stands there without a text.
pub(super) async fn unheard(client: &impl GenericClient, message: Uuid) -> Stored<Option<Arc<Attachment>>> {
    let sql = format!(
        "select {} from messages m where m.id = $1 and m.kind = 1 and m.content = '' and m.deleted_at is null",
        rows::MESSAGE_COLUMNS
    );
    Ok(query(client, &sql, &[&message]).await?.first().and_then(|row| rows::message(row).attachment))
}

/// Counts that these users looked at it, each once.
pub(super) async fn seen(client: &impl GenericClient, item: Uuid, users: &[UserId]) -> Stored<()> {
    for user in users {
        crate::characters::gallery::count_view(client, item, user.uuid()).await?;
    }
    Ok(())
}

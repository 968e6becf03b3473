//! The SQL of files: rows, changes of their state, and whose they are.

mod changes;
mod owned;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{AttachmentKind, CharacterId, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::{FileId, MediaFile, Purpose, State, Variant};
use crate::media::ObjectKey;
use crate::postgres::{Stored, execute, query, query_opt};

pub use changes::{
    Deleted, Made, delete, failed, forget, note_objects, overdue, purge, ready, spoiled, unlisted,
};
pub use owned::{
    Holder, Wanted, holder, in_work, is_carried_to, list, lock, meets, of, older_thumbnails, thumbnails,
    total,
};

macro_rules! columns {
    () => {
        "id, owner_id, purpose, character_id, kind, state, fault, name, key, mime, bytes, total_bytes, width, height, \
         duration_ms, blurhash, peaks, variants, created_at"
    };
}

const COLUMNS: &str = columns!();

const INSERT: &str = concat!(
    "insert into media_files (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
);

/// A new file, in the caller's transaction.
pub async fn insert(client: &impl GenericClient, file: &MediaFile) -> Stored<()> {
    let fault = match &file.state {
        State::Failed(fault) => Some(fault),
        State::Processing | State::Ready | State::Deleted => None,
    };
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let whole = |value: Option<u32>| value.map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    execute(
        client,
        INSERT,
        &[
            &file.id.uuid(),
            &file.owner.uuid(),
            &file.purpose.as_str(),
            &file.character.map(CharacterId::uuid),
            &kind_text(file.kind),
            &file.state.as_str(),
            &fault,
            &file.name,
            &file.key.as_str(),
            &file.mime,
            &bytes(file.bytes),
            &bytes(file.total_bytes),
            &whole(file.width),
            &whole(file.height),
            &whole(file.duration_ms),
            &file.blurhash,
            &file.peaks,
            &Json(&file.variants),
            &file.created_at,
        ],
    )
    .await
    .map(drop)
}

const BY_ID: &str = concat!("select ", columns!(), " from media_files where id = $1");

/// Deleted ones too.
pub async fn by_id(client: &impl GenericClient, id: FileId) -> Stored<Option<MediaFile>> {
    Ok(query_opt(client, BY_ID, &[&id.uuid()]).await?.as_ref().and_then(file))
}

const HELD: &str = concat!("select ", columns!(), " from media_files where id = $1 for share");

/// The same, which stays as it is until the caller's transaction ends.
pub async fn held(client: &impl GenericClient, id: FileId) -> Stored<Option<MediaFile>> {
    Ok(query_opt(client, HELD, &[&id.uuid()]).await?.as_ref().and_then(file))
}

const BY_IDS: &str = concat!("select ", columns!(), " from media_files where id = any($1)");

/// Those of them that there are, in no order; deleted ones too.
pub async fn by_ids(client: &impl GenericClient, ids: &[FileId]) -> Stored<Vec<MediaFile>> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(query(client, BY_IDS, &[&ids]).await?.iter().filter_map(file).collect())
}

const BY_KEY: &str = concat!("select ", columns!(), " from media_files where key = $1");

/// By the key of its original; deleted ones too.
pub async fn by_key(client: &impl GenericClient, key: &ObjectKey) -> Stored<Option<MediaFile>> {
    Ok(query_opt(client, BY_KEY, &[&key.as_str()]).await?.as_ref().and_then(file))
}

pub(in crate::media) fn kind_text(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::Image => "image",
        AttachmentKind::Video => "video",
        AttachmentKind::Audio => "audio",
    }
}

fn kind(text: &str) -> AttachmentKind {
    match text {
        "video" => AttachmentKind::Video,
        "audio" => AttachmentKind::Audio,
        _ => AttachmentKind::Image,
    }
}

/// `None`: its key is none, which nothing writes.
pub(super) fn file(row: &Row) -> Option<MediaFile> {
    let whole = |at: usize| row.get::<_, Option<i32>>(at).map(i32::unsigned_abs);
    let Json(variants): Json<Vec<Variant>> = row.get(17);
    Some(MediaFile {
        id: FileId::from_uuid(row.get(0)),
        owner: UserId::from_uuid(row.get(1)),
        purpose: Purpose::parse(row.get(2)),
        character: row.get::<_, Option<_>>(3).map(CharacterId::from_uuid),
        kind: kind(row.get(4)),
        state: State::parse(row.get(5), row.get(6)),
        name: row.get(7),
        key: ObjectKey::parse(row.get(8)).ok()?,
        mime: row.get(9),
        bytes: row.get::<_, i64>(10).unsigned_abs(),
        total_bytes: row.get::<_, i64>(11).unsigned_abs(),
        width: whole(12),
        height: whole(13),
        duration_ms: whole(14),
        blurhash: row.get(15),
        peaks: row.get(16),
        variants,
        created_at: row.get(18),
    })
}

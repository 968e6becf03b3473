//! What becomes of a file: each change of its state, in the caller's transaction.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use tokio_postgres::types::Json;

use super::super::{FileId, MediaFile, Variant};
use super::{COLUMNS, file};
use crate::characters::gallery;
use crate::media::ObjectKey;
use crate::postgres::{Stored, execute, query, query_opt};

/// What was made of a file that is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Of the original as it is kept.
    pub mime: String,
    pub bytes: u64,
    /// Pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_ms: Option<u32>,
    pub blurhash: Option<String>,
    /// Loudness over time, 0 to 255.
    pub peaks: Option<Vec<u8>>,
    pub variants: Vec<Variant>,
}

const NOTE: &str = "insert into media_objects (key, user_id, bytes, file_id, check_at)
    select key, $2, bytes, $1, now() + interval '1 hour'
    from unnest($3::text[], $4::bigint[]) as made (key, bytes)
    on conflict (key) do update set bytes = excluded.bytes, check_at = excluded.check_at";

/// Notes objects of a file, with their bytes, before they are put: so none is forgotten.
pub async fn note_objects(
    client: &impl GenericClient,
    of: &MediaFile,
    objects: &[(&ObjectKey, u64)],
) -> Stored<()> {
    let keys: Vec<&str> = objects.iter().map(|(key, _)| key.as_str()).collect();
    let bytes: Vec<i64> =
        objects.iter().map(|(_, bytes)| i64::try_from(*bytes).unwrap_or(i64::MAX)).collect();
    execute(client, NOTE, &[&of.id.uuid(), &of.owner.uuid(), &keys, &bytes]).await.map(drop)
}

fn ready_sql() -> String {
    format!(
        "update media_files set state = 'ready', fault = null, mime = $2, bytes = $3, total_bytes = $4, width = $5,
            height = $6, duration_ms = $7, blurhash = $8, peaks = $9, variants = $10, ready_at = now()
        where id = $1 and state = 'processing' returning {COLUMNS}"
    )
}

/// The file was looked at and its objects lie where they belong. `None`: it is not processed any more (it was deleted
/// meanwhile, has failed, or stands ready by another try); what belongs to no ready file is swept.
pub async fn ready(client: &impl GenericClient, id: FileId, made: &Made) -> Stored<Option<MediaFile>> {
    let whole = |value: Option<u32>| value.map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let total = made.variants.iter().map(|variant| variant.bytes).sum::<u64>() + made.bytes;
    let row = query_opt(
        client,
        &ready_sql(),
        &[
            &id.uuid(),
            &made.mime,
            &bytes(made.bytes),
            &bytes(total),
            &whole(made.width),
            &whole(made.height),
            &whole(made.duration_ms),
            &made.blurhash,
            &made.peaks,
            &Json(&made.variants),
        ],
    )
    .await?;
    // What lies of a ready file stays: the sweep has nothing to find out.
    if row.is_some() {
        let sql = "update media_objects set check_at = null where file_id = $1";
        execute(client, sql, &[&id.uuid()]).await?;
    } else {
        release(client, id).await?;
    }
    Ok(row.as_ref().and_then(file))
}

/// Nothing can be made of it; `fault` is why, for its owner. Nothing of it is kept or counted any more. `None`: as of
/// [`ready`].
pub async fn failed(client: &impl GenericClient, id: FileId, fault: &str) -> Stored<Option<MediaFile>> {
    let sql = format!(
        "update media_files set state = 'failed', fault = $2, total_bytes = 0, variants = '[]'
        where id = $1 and state = 'processing' returning {COLUMNS}"
    );
    let row = query_opt(client, &sql, &[&id.uuid(), &fault]).await?;
    if row.is_some() {
        gallery::forget_file(client, id.uuid()).await?;
    }
    release(client, id).await?;
    Ok(row.as_ref().and_then(file))
}

/// The sweep looks at the objects of the file at once: those of one that is ready by another try stay.
async fn release(client: &impl GenericClient, id: FileId) -> Stored<()> {
    let sql = "update media_objects set check_at = now() where file_id = $1";
    execute(client, sql, &[&id.uuid()]).await.map(drop)
}

/// A file that was deleted.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// The tombstone.
    pub file: MediaFile,
    /// What is to be taken away now. Empty for one that was being processed: a worker may put its objects at this moment,
    /// and the sweep takes them when it has ended.
    pub objects: Vec<ObjectKey>,
}

const DELETE: &str = "with old as (select id, state from media_files where id = $1 and state <> 'deleted' for update)
    update media_files f set state = 'deleted', deleted_at = now(), name = null, fault = null, blurhash = null, peaks = null,
        variants = '[]', total_bytes = 0
    from old where f.id = old.id returning old.state = 'processing'";

/// Makes a tombstone of it. `None`: it is gone already.
pub async fn delete(client: &impl GenericClient, id: FileId) -> Stored<Option<Deleted>> {
    let Some(row) = query_opt(client, DELETE, &[&id.uuid()]).await? else { return Ok(None) };
    let in_work: bool = row.get(0);
    gallery::forget_file(client, id.uuid()).await?;
    let wait = if in_work { "interval '1 hour'" } else { "interval '0'" };
    let sql = format!("update media_objects set check_at = now() + {wait} where file_id = $1 returning key");
    let rows = query(client, &sql, &[&id.uuid()]).await?;
    let Some(file) = super::by_id(client, id).await? else { return Ok(None) };
    let keys = rows.iter().filter_map(|row| ObjectKey::parse(row.get(0)).ok());
    let objects = if in_work { Vec::new() } else { keys.collect() };
    Ok(Some(Deleted { file, objects }))
}

const OF_OWNER: &str =
    "select id from media_files where owner_id = $1 and state <> 'deleted' and purpose <> 'gallery'
    order by id for update";

/// All files of an account become tombstones; the sweep takes what lies of them. What it put into galleries is theirs, and
/// stays.
pub async fn forget(client: &impl GenericClient, owner: UserId) -> Stored<Vec<MediaFile>> {
    let rows = query(client, OF_OWNER, &[&owner.uuid()]).await?;
    let mut gone = Vec::with_capacity(rows.len());
    for row in &rows {
        gone.extend(delete(client, FileId::from_uuid(row.get(0))).await?.map(|deleted| deleted.file));
    }
    Ok(gone)
}

/// Files that have been in work for so long that their job may have died.
pub async fn overdue(client: &impl GenericClient, seconds: f64, limit: i64) -> Stored<Vec<FileId>> {
    let sql = "select id from media_files where state = 'processing' and created_at < now() - make_interval(secs => $1)
        order by created_at limit $2";
    let rows = query(client, sql, &[&seconds, &limit]).await?;
    Ok(rows.iter().map(|row| FileId::from_uuid(row.get(0))).collect())
}

/// Files that nothing shows any more: of galleries whose entry is gone, thumbnails that a newer one has taken the place of, and
/// those of avatars that were deleted. One that failed has lost its entry by that, and its owner is still to read why.
pub async fn unlisted(client: &impl GenericClient, limit: i64) -> Stored<Vec<FileId>> {
    let sql = "select f.id from media_files f
        where f.state <> 'deleted' and f.created_at < now() - interval '1 minute' and (
            f.purpose = 'gallery' and f.state <> 'failed' and not exists (select from character_gallery g where g.media_id = f.id)
            or f.purpose = 'avatar' and exists (
                select from media_files n where n.character_id = f.character_id and n.owner_id = f.owner_id
                    and n.purpose = 'avatar' and n.state = 'ready' and n.id > f.id)
            or f.purpose = 'avatar' and exists (
                select from characters c where c.id = f.character_id and c.deleted_at is not null))
        order by f.id limit $1";
    Ok(query(client, sql, &[&limit]).await?.iter().map(|row| FileId::from_uuid(row.get(0))).collect())
}

const SPOILED: &str = "select id from media_files
    where state = 'failed' and coalesce(deleted_at, created_at) < now() - make_interval(days => $1)
    order by coalesce(deleted_at, created_at) limit $2";

/// Files that failed so many days ago: their owners have had the time to read why.
pub async fn spoiled(client: &impl GenericClient, days: i32, limit: i64) -> Stored<Vec<FileId>> {
    let rows = query(client, SPOILED, &[&days, &limit]).await?;
    Ok(rows.iter().map(|row| FileId::from_uuid(row.get(0))).collect())
}

// Messages tell of a deleted file by themselves. What else names one keeps its row, and so does an object that the sweep could
// not take away yet.
const PURGE: &str = "delete from media_files where id in (
        select f.id from media_files f
        where f.state = 'deleted' and coalesce(f.deleted_at, f.created_at) < now() - make_interval(days => $1)
            and not exists (select from media_objects o where o.file_id = f.id)
            and not exists (select from content c where f.id in (c.file_id, c.source_file))
            and not exists (select from character_gallery g where g.media_id = f.id)
        order by coalesce(f.deleted_at, f.created_at) limit $2)";

/// Takes away the rows of files that were deleted so many days ago; answers how many.
pub async fn purge(client: &impl GenericClient, days: i32, limit: i64) -> Stored<u64> {
    execute(client, PURGE, &[&days, &limit]).await
}

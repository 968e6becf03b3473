//! Whose files there are, how much they take, and who may see one.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{AttachmentKind, UserId};
use uuid::Uuid;

use super::super::{FileId, MediaFile, Purpose};
use super::{COLUMNS, file, kind_text};
use crate::media::ObjectKey;
use crate::postgres::{Stored, execute, query, query_opt};

const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('media of ' || $1::uuid, 0))";

/// Until the transaction ends, nobody else adds to what this user has.
pub async fn lock(client: &impl GenericClient, owner: UserId) -> Stored<()> {
    execute(client, LOCK, &[&owner.uuid()]).await.map(drop)
}

const TOTAL: &str = "select coalesce(sum(total_bytes), 0)::bigint from media_files
    where owner_id = $1 and state <> 'deleted' and purpose <> 'gallery'";

/// Bytes that the user's files take; what they put into galleries is the characters'.
pub async fn total(client: &impl GenericClient, owner: UserId) -> Stored<u64> {
    let row = query_opt(client, TOTAL, &[&owner.uuid()]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

/// Which files are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub kind: Option<AttachmentKind>,
    pub purpose: Option<Purpose>,
}

const FITS: &str = "owner_id = $1 and state <> 'deleted' and ($2::text is null or kind = $2)
    and ($3::text is null or purpose = $3)";

/// `limit` files of the user before `before`, `skip` left out, the newest first; and how many there are.
pub async fn list(
    client: &impl GenericClient,
    owner: UserId,
    wanted: Wanted,
    before: Option<Uuid>,
    (limit, skip): (i64, i64),
) -> Stored<(Vec<MediaFile>, u64)> {
    let (kind, purpose) = (wanted.kind.map(kind_text), wanted.purpose.map(Purpose::as_str));
    let sql = format!(
        "select {COLUMNS} from media_files where {FITS} and ($4::uuid is null or id < $4)
        order by id desc limit $5 offset $6"
    );
    let rows = query(client, &sql, &[&owner.uuid(), &kind, &purpose, &before, &limit, &skip]).await?;
    let sql = format!("select count(*) from media_files where {FITS}");
    let count = query_opt(client, &sql, &[&owner.uuid(), &kind, &purpose]).await?;
    let total = count.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs());
    Ok((rows.iter().filter_map(file).collect(), total))
}

/// The user's files after `after`, in the order of their ids, deleted ones left out.
pub async fn of(
    client: &impl GenericClient,
    owner: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<MediaFile>> {
    let sql = format!(
        "select {COLUMNS} from media_files where owner_id = $1 and state <> 'deleted' and id > $2 order by id limit $3"
    );
    Ok(query(client, &sql, &[&owner.uuid(), &after, &limit]).await?.iter().filter_map(file).collect())
}

/// Of each of the owner's avatars its thumbnail: the newest that is ready, else the newest.
pub async fn thumbnails(
    client: &impl GenericClient,
    owner: UserId,
    avatars: &[Uuid],
) -> Stored<Vec<MediaFile>> {
    let sql = format!(
        "select distinct on (character_id) {COLUMNS} from media_files
        where owner_id = $1 and character_id = any($2) and purpose = 'avatar' and state <> 'deleted'
        order by character_id, (state = 'ready') desc, id desc"
    );
    Ok(query(client, &sql, &[&owner.uuid(), &avatars]).await?.iter().filter_map(file).collect())
}

/// Older thumbnails of the avatar than this one.
pub async fn older_thumbnails(
    client: &impl GenericClient,
    owner: UserId,
    avatar: Uuid,
    than: FileId,
) -> Stored<Vec<FileId>> {
    let sql = "select id from media_files where owner_id = $1 and character_id = $2 and purpose = 'avatar'
        and state <> 'deleted' and id < $3";
    let rows = query(client, sql, &[&owner.uuid(), &avatar, &than.uuid()]).await?;
    Ok(rows.iter().map(|row| FileId::from_uuid(row.get(0))).collect())
}

/// Whose an object is: of which file it is part, and for whom it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub file: Option<FileId>,
    pub user: Option<UserId>,
}

pub async fn holder(client: &impl GenericClient, key: &ObjectKey) -> Stored<Option<Holder>> {
    let sql = "select file_id, user_id from media_objects where key = $1";
    let row = query_opt(client, sql, &[&key.as_str()]).await?;
    Ok(row.map(|row| Holder {
        file: row.get::<_, Option<_>>(0).map(FileId::from_uuid),
        user: row.get::<_, Option<_>>(1).map(UserId::from_uuid),
    }))
}

const CARRIED: &str = "select exists (
        select from messages m join room_members rm on rm.room_id = m.room_id join rooms r on r.id = m.room_id
        where m.attachment ? 'key' and m.attachment ->> 'key' = $2 and rm.user_id = $1 and rm.left_at is null
            and r.deleted_at is null)
    or exists (
        select from variants v join room_members rm on rm.room_id = v.room_id join rooms r on r.id = v.room_id
        where v.attachment ? 'key' and v.attachment ->> 'key' = $2 and rm.user_id = $1 and rm.left_at is null
            and r.deleted_at is null)";

/// Whether a message carries the object in a room that the user is in.
pub async fn is_carried_to(client: &impl GenericClient, user: UserId, key: &ObjectKey) -> Stored<bool> {
    let row = query_opt(client, CARRIED, &[&user.uuid(), &key.as_str()]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

const MEETS: &str =
    "select exists (select from room_characters rc join room_members rm on rm.room_id = rc.room_id
        join rooms r on r.id = rc.room_id
    where rc.character_id = $2 and rm.user_id = $1 and rm.left_at is null and r.deleted_at is null)";

/// Whether the user is in a room with the character.
pub async fn meets(client: &impl GenericClient, user: UserId, character: Uuid) -> Stored<bool> {
    Ok(query_opt(client, MEETS, &[&user.uuid(), &character]).await?.is_some_and(|row| row.get(0)))
}

/// Files that wait to be looked at or are, of everybody.
pub async fn in_work(client: &impl GenericClient) -> Stored<u64> {
    let sql = "select count(*) from media_files where state = 'processing'";
    Ok(query_opt(client, sql, &[]).await?.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

//! The SQL of what lies in the object store.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{MessageId, RoomId, UserId};

use crate::postgres::{Stored, execute, query};

const INSERT: &str =
    "insert into media_objects (key, user_id, room_id, message_id, bytes) values ($1, $2, $3, $4, $5)
    on conflict (key) do update set bytes = excluded.bytes, check_at = now() + interval '1 hour'";

/// Whom an object belongs to, and for which message it was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owner {
    pub user: Option<UserId>,
    pub room: Option<RoomId>,
    pub message: Option<MessageId>,
}

pub(super) async fn insert(client: &impl GenericClient, key: &str, owner: Owner, bytes: i64) -> Stored<()> {
    let user = owner.user.map(UserId::uuid);
    let (room, message) = (owner.room.map(RoomId::uuid), owner.message.map(MessageId::uuid));
    execute(client, INSERT, &[&key, &user, &room, &message, &bytes]).await.map(drop)
}

// What is in no use is put off by an hour, for the case that it cannot be deleted, and no lock is held meanwhile: the
// journal moves these rows too. An object of a file stays while the file is ready, whoever carries it; while the file is
// looked at, it is put off. The journal tells of the end of the message that an object was made for, and of no other: what
// is carried by others alone is looked at every day.
const SWEEP: &str = "with due as (
        select key, file_id, message_id from media_objects where check_at <= now()
        order by check_at limit $1 for update skip locked),
    judged as (
        select key, case when file_id is not null then
            (select case f.state when 'ready' then 'kept' when 'processing' then 'later' end
             from media_files f where f.id = due.file_id)
        when exists (select from messages m where m.id = due.message_id and m.attachment ? 'key'
                and m.attachment ->> 'key' = due.key)
            or exists (select from variants v where v.message_id = due.message_id and v.attachment ? 'key'
                and v.attachment ->> 'key' = due.key)
        then 'kept'
        when exists (select from messages m where m.attachment ? 'key' and m.attachment ->> 'key' = due.key)
            or exists (select from variants v where v.attachment ? 'key' and v.attachment ->> 'key' = due.key)
        then 'passed on' end as use
        from due),
    put_off as (
        update media_objects o set check_at = case
            when j.use = 'kept' then null
            when j.use = 'passed on' then now() + interval '1 day'
            else now() + interval '1 hour' end
        from judged j where o.key = j.key returning o.key, j.use)
    select key, use is null from put_off";

/// What a look at objects found.
#[derive(Debug)]
pub(super) struct Looked {
    /// How many there were to look at.
    pub at: usize,
    /// The keys of those that nothing carries.
    pub unused: Vec<String>,
}

/// Looks at the objects that are due, at most so many.
pub(super) async fn look(client: &impl GenericClient, limit: i64) -> Stored<Looked> {
    let rows = query(client, SWEEP, &[&limit]).await?;
    let unused = rows.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
    Ok(Looked { at: rows.len(), unused })
}

const FORGET: &str = "delete from media_objects where key = any($1)";

pub(super) async fn forget(client: &impl GenericClient, keys: &[String]) -> Stored<u64> {
    execute(client, FORGET, &[&keys]).await
}

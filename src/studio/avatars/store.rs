//! The SQL of avatars' writings.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::profile::Wish;
use crate::postgres::{Stored, execute, query, query_opt};

/// One writing as it stands.
#[derive(Clone, Debug)]
pub(super) struct WritingRow {
    pub avatar: CharacterId,
    pub owner: UserId,
    pub wish: Wish,
    pub open: bool,
    pub hold: Uuid,
    pub credits: i64,
    /// Code and words, for its owner.
    pub fault: Option<(String, String)>,
    pub written_by: Option<String>,
}

const COLUMNS: &str = "w.avatar_id, w.owner_id, w.asked, w.state = 'writing', w.hold_id, w.credits, w.fault_code, w.fault, w.written_by";

fn writing(row: &Row) -> Option<WritingRow> {
    let Json(wish) = row.try_get::<_, Json<Wish>>(2).ok()?;
    let code: Option<String> = row.get(6);
    Some(WritingRow {
        avatar: CharacterId::from_uuid(row.get(0)),
        owner: UserId::from_uuid(row.get(1)),
        wish,
        open: row.get(3),
        hold: row.get(4),
        credits: row.get(5),
        fault: code.zip(row.get(7)),
        written_by: row.get(8),
    })
}

const LOCK_OWNER: &str = "select pg_advisory_xact_lock(hashtextextended('avatars of ' || $1::uuid, 0))";

/// Until the transaction ends, nobody else makes avatars of this owner's.
pub(super) async fn lock_owner(client: &impl GenericClient, owner: UserId) -> Stored<()> {
    execute(client, LOCK_OWNER, &[&owner.uuid()]).await.map(drop)
}

/// What was asked for under this id of the client's.
pub(super) async fn asked(
    client: &impl GenericClient,
    owner: UserId,
    client_id: &str,
) -> Stored<Option<WritingRow>> {
    let sql = format!("select {COLUMNS} from avatar_writings w where w.owner_id = $1 and w.client_id = $2");
    Ok(query_opt(client, &sql, &[&owner.uuid(), &client_id]).await?.as_ref().and_then(writing))
}

const INSERT: &str = "insert into avatar_writings (avatar_id, owner_id, client_id, asked, hold_id, credits)
    values ($1, $2, $3, $4, $5, $6)";

pub(super) async fn insert(
    client: &impl GenericClient,
    row: &WritingRow,
    client_id: Option<&str>,
) -> Stored<()> {
    let WritingRow { avatar, owner, wish, hold, credits, .. } = row;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&avatar.uuid(), &owner.uuid(), &client_id, &Json(wish), hold, credits];
    execute(client, INSERT, &values).await.map(drop)
}

/// The writing of an avatar, as it stands.
pub(super) async fn of(client: &impl GenericClient, avatar: CharacterId) -> Stored<Option<WritingRow>> {
    let sql = format!("select {COLUMNS} from avatar_writings w where w.avatar_id = $1");
    Ok(query_opt(client, &sql, &[&avatar.uuid()]).await?.as_ref().and_then(writing))
}

/// The same, locked against its other end.
pub(super) async fn lock(client: &impl GenericClient, avatar: CharacterId) -> Stored<Option<WritingRow>> {
    let sql = format!("select {COLUMNS} from avatar_writings w where w.avatar_id = $1 for update");
    Ok(query_opt(client, &sql, &[&avatar.uuid()]).await?.as_ref().and_then(writing))
}

/// The writings of these avatars.
pub(super) async fn of_all(client: &impl GenericClient, avatars: &[Uuid]) -> Stored<Vec<WritingRow>> {
    let sql = format!("select {COLUMNS} from avatar_writings w where w.avatar_id = any($1)");
    Ok(query(client, &sql, &[&avatars]).await?.iter().filter_map(writing).collect())
}

const END: &str =
    "update avatar_writings set state = $2, written_by = $3, fault_code = $4, fault = $5, ended_at = now()
    where avatar_id = $1 and state = 'writing'";

/// How a locked writing ended: `done`, `failed` with a code and words, or `canceled`.
pub(super) async fn end(
    client: &impl GenericClient,
    avatar: CharacterId,
    state: &str,
    written_by: Option<&str>,
    fault: Option<(&str, &str)>,
) -> Stored<()> {
    let (code, words) = fault.unzip();
    execute(client, END, &[&avatar.uuid(), &state, &written_by, &code, &words]).await.map(drop)
}

const OPEN: &str = "select avatar_id from avatar_writings
    where state = 'writing' and created_at < now() - make_interval(secs => $1) order by created_at limit $2";

/// Open writings of more than so many seconds, the oldest first.
pub(super) async fn open(client: &impl GenericClient, seconds: f64, limit: i64) -> Stored<Vec<CharacterId>> {
    let rows = query(client, OPEN, &[&seconds, &limit]).await?;
    Ok(rows.iter().map(|row| CharacterId::from_uuid(row.get(0))).collect())
}

const NUMBERS: &str = "select count(*), coalesce(sum(s.conversations), 0)::bigint, coalesce(sum(s.messages), 0)::bigint,
        coalesce(sum(s.ratings), 0)::bigint, coalesce(sum(s.rating_sum), 0)::bigint, coalesce(sum(s.views), 0)::bigint
    from characters c left join character_stats s on s.character_id = c.id
    where c.owner_id = $1 and c.deleted_at is null";

/// Of all avatars of the owner's: how many there are, conversations, messages, ratings, their sum, and views.
pub(super) async fn numbers(client: &impl GenericClient, owner: UserId) -> Stored<[u64; 6]> {
    let row = query_opt(client, NUMBERS, &[&owner.uuid()]).await?;
    let number = |at: usize| row.as_ref().map_or(0, |row| row.get::<_, i64>(at).unsigned_abs());
    Ok(std::array::from_fn(number))
}

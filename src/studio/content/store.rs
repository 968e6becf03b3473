//! The SQL of contents: rows, whose turn it is, and what needs looking after. Lists are in [`lists`].

pub mod lists;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::kinds::{Kind, Quality, State, Wording};
use super::{Content, Ticket};
use crate::postgres::{Stored, execute, query, query_opt};

macro_rules! columns {
    () => {
        "id, user_id, client_id, kind, state, progress, prompt, optimized_prompt, optimize, avatar_id, image_id, source_file, \
         quality, size, seconds, credits, hold_id, provider, model, ticket, file_id, error_code, error_message, tries, attempt, \
         looks, step, turn, created_at, asked_at, started_at, ended_at"
    };
}
pub(super) const COLUMNS: &str = columns!();

const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('content of ' || $1::uuid, 0))";

/// Until the transaction ends, nobody else moves this user's contents.
pub async fn lock(client: &impl GenericClient, user: UserId) -> Stored<()> {
    execute(client, LOCK, &[&user.uuid()]).await.map(drop)
}

const BY_ID: &str = concat!("select ", columns!(), " from content where id = $1 and user_id = $2");

/// The user's content.
pub async fn by_id(client: &impl GenericClient, user: UserId, id: Uuid) -> Stored<Option<Content>> {
    Ok(query_opt(client, BY_ID, &[&id, &user.uuid()]).await?.as_ref().map(content))
}

const BY_CLIENT_ID: &str =
    concat!("select ", columns!(), " from content where user_id = $1 and client_id = $2");

pub async fn by_client_id(
    client: &impl GenericClient,
    user: UserId,
    client_id: &str,
) -> Stored<Option<Content>> {
    Ok(query_opt(client, BY_CLIENT_ID, &[&user.uuid(), &client_id]).await?.as_ref().map(content))
}

const OF_FILE: &str = concat!("select ", columns!(), " from content where file_id = $1");

/// The content whose result this file is.
pub async fn of_file(client: &impl GenericClient, file: Uuid) -> Stored<Option<Content>> {
    Ok(query_opt(client, OF_FILE, &[&file]).await?.as_ref().map(content))
}

const STEP: &str = "select step from content where id = $1";

/// How often it has moved; `None`: it is gone.
pub async fn step(client: &impl GenericClient, id: Uuid) -> Stored<Option<i32>> {
    Ok(query_opt(client, STEP, &[&id]).await?.map(|row| row.get(0)))
}

const INSERT: &str =
    "insert into content (id, user_id, client_id, kind, state, prompt, optimized_prompt, optimize, avatar_id,
        image_id, source_file, quality, size, seconds, credits, hold_id, created_at, asked_at)
    values ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)";

pub async fn insert(client: &impl GenericClient, new: &Content) -> Stored<()> {
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 16] = [
        &new.id,
        &new.user.uuid(),
        &new.client_id,
        &new.kind.as_str(),
        &new.prompt,
        &new.optimized_prompt,
        &(new.wording == Wording::Improved),
        &new.avatar,
        &new.image,
        &new.source,
        &new.quality.as_str(),
        &new.size,
        &new.seconds.map(small),
        &new.credits,
        &new.hold,
        &new.created_at,
    ];
    execute(client, INSERT, &parameters).await.map(drop)
}

const SAVE: &str = "update content set state = $2, progress = $3, optimized_prompt = $4, credits = $5, hold_id = $6, provider = $7,
        model = $8, ticket = $9, file_id = $10, error_code = $11, error_message = $12, tries = $13, attempt = $14, looks = $15,
        step = $16, turn = $17, asked_at = $18, started_at = $19, ended_at = $20, moved_at = now()
    where id = $1";

/// Writes all of it that changes, under its user's lock.
pub async fn save(client: &impl GenericClient, content: &Content) -> Stored<()> {
    let (code, message) = content.error.clone().unzip();
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 20] = [
        &content.id,
        &content.state.as_str(),
        &i16::from(content.progress),
        &content.optimized_prompt,
        &content.credits,
        &content.hold,
        &content.provider,
        &content.model,
        &content.ticket.as_ref().map(Json),
        &content.file,
        &code,
        &message,
        &i16::try_from(content.tries).unwrap_or(i16::MAX),
        &i16::try_from(content.attempt).unwrap_or(i16::MAX),
        &i32::try_from(content.looks).unwrap_or(i32::MAX),
        &content.step,
        &content.turn,
        &content.asked_at,
        &content.started_at,
        &content.ended_at,
    ];
    execute(client, SAVE, &parameters).await.map(drop)
}

pub async fn delete(client: &impl GenericClient, id: Uuid) -> Stored<()> {
    execute(client, "delete from content where id = $1", &[&id]).await.map(drop)
}

pub async fn forget(client: &impl GenericClient, user: UserId) -> Stored<()> {
    execute(client, "delete from content where user_id = $1", &[&user.uuid()]).await.map(drop)
}

const OPEN: &str = "select count(*) from content
    where user_id = $1 and state in ('queued', 'optimizing', 'generating', 'storing')";

/// What the user has under way.
pub async fn open(client: &impl GenericClient, user: UserId) -> Stored<u64> {
    let row = query_opt(client, OPEN, &[&user.uuid()]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

const TURNS: &str = "with running as (
        select count(*) as n from content
        where user_id = $1 and turn and state in ('queued', 'optimizing', 'generating', 'storing')),
    next as (
        select id from content where user_id = $1 and state = 'queued' and not turn
        order by asked_at, id limit greatest($2 - (select n from running), 0))
    update content c set turn = true, moved_at = now() from next where c.id = next.id returning c.id, c.step";

/// Gives so many of the user's contents their turn that `most` have it, those that wait longest first; answers them with their
/// steps. Under the user's lock.
pub async fn give_turns(client: &impl GenericClient, user: UserId, most: u32) -> Stored<Vec<(Uuid, i32)>> {
    let rows = query(client, TURNS, &[&user.uuid(), &i64::from(most)]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

const UNFINISHED: &str = concat!(
    "select ",
    columns!(),
    " from content where state in ('queued', 'optimizing', 'generating', 'storing')
      and (moved_at < now() - make_interval(secs => $1) or asked_at < $2) order by moved_at limit $3"
);

/// Those that have not moved for so long (seconds), or were asked for before.
pub async fn unfinished(
    client: &impl GenericClient,
    still: f64,
    asked_before: jiff::Timestamp,
    limit: i64,
) -> Stored<Vec<Content>> {
    Ok(query(client, UNFINISHED, &[&still, &asked_before, &limit]).await?.iter().map(content).collect())
}

const OVER: &str = "select user_id, id from content where state in ('failed', 'canceled') and ended_at < $1
    order by ended_at limit $2";

/// Those that failed or were cancelled before this moment, with whose they are.
pub async fn over(
    client: &impl GenericClient,
    before: jiff::Timestamp,
    limit: i64,
) -> Stored<Vec<(UserId, Uuid)>> {
    let rows = query(client, OVER, &[&before, &limit]).await?;
    Ok(rows.iter().map(|row| (UserId::from_uuid(row.get(0)), row.get(1))).collect())
}

fn small(number: u32) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

/// Words that the table's own rules keep to those that are known.
pub(super) fn content(row: &Row) -> Content {
    let count = |at: usize| row.get::<_, i16>(at).unsigned_abs();
    let text = |at: usize| row.get::<_, &str>(at);
    Content {
        id: row.get(0),
        user: UserId::from_uuid(row.get(1)),
        client_id: row.get(2),
        kind: Kind::parse(text(3)).unwrap_or(Kind::Image),
        state: State::parse(text(4)).unwrap_or(State::Failed),
        progress: u8::try_from(count(5)).unwrap_or(100),
        prompt: row.get(6),
        optimized_prompt: row.get(7),
        wording: if row.get(8) { Wording::Improved } else { Wording::AsWritten },
        avatar: row.get(9),
        image: row.get(10),
        source: row.get(11),
        quality: Quality::parse(text(12)).unwrap_or(Quality::Standard),
        size: row.get(13),
        seconds: row.get::<_, Option<i16>>(14).map(|seconds| u32::from(seconds.unsigned_abs())),
        credits: row.get(15),
        hold: row.get(16),
        provider: row.get(17),
        model: row.get(18),
        ticket: row.get::<_, Option<Json<Ticket>>>(19).map(|Json(ticket)| ticket),
        file: row.get(20),
        error: row.get::<_, Option<String>>(21).zip(row.get(22)),
        tries: count(23),
        attempt: count(24),
        looks: row.get::<_, i32>(25).unsigned_abs(),
        step: row.get(26),
        turn: row.get(27),
        created_at: row.get(28),
        asked_at: row.get(29),
        started_at: row.get(30),
        ended_at: row.get(31),
    }
}

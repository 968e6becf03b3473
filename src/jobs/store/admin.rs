//! The SQL of what admins see and do.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::CHANNEL;
use crate::jobs::{JobId, QueueName};
use crate::postgres::{Stored, execute, query, query_opt};

const PAUSED: &str = "select queue from paused_queues";
/// Each part has an index of its own: what was done long ago costs nothing.
const COUNTS: &str = "select queue,
        count(*) filter (where state = 0 and run_at <= now()),
        count(*) filter (where state = 0 and run_at > now()),
        count(*) filter (where state = 1),
        count(*) filter (where state = 3),
        (extract(epoch from now() - min(run_at) filter (where state = 0 and run_at <= now())) * 1000)::float8
    from (select queue, state, run_at from jobs where state = 0
        union all select queue, state, run_at from jobs where state = 1
        union all select queue, state, run_at from jobs where state = 3) kept group by queue";
const DONE_24H: &str = "select queue, count(*) from jobs
    where state = 2 and finished_at > now() - interval '24 hours' group by queue";
const PAUSE: &str =
    "insert into paused_queues (queue, paused_by) values ($1, $2) on conflict (queue) do nothing";
const RESUME: &str = "delete from paused_queues where queue = $1";
const WAKE: &str = "select pg_notify($1, '')::text";
const DEAD: &str = "select id, queue, kind, key, attempts, last_error, created_at, finished_at,
        coalesce(pg_column_size(payload), 0)
    from jobs where state = 3 and ($1::text is null or queue = $1)
        and ($2::timestamptz is null or (finished_at, id) < ($2, $3))
    order by finished_at desc, id desc limit $4 offset $5";
const DEAD_COUNT: &str = "select count(*) from jobs where state = 3 and ($1::text is null or queue = $1)";
const STATE: &str = "select state from jobs where id = $1 for no key update";
/// Its tries begin anew.
const RETRY: &str =
    "update jobs set state = 0, attempts = 0, run_at = now(), finished_at = null where id = $1
    returning queue, kind, key";
const DELETE: &str = "delete from jobs where id = $1 returning queue, kind, key";

/// Stored jobs of one queue in numbers, but for those that are done.
pub struct Counts {
    pub queue: String,
    pub waiting: u64,
    pub delayed: u64,
    pub running: u64,
    pub dead: u64,
    pub oldest_waiting_ms: Option<u64>,
}

/// Where a page of dead jobs ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub died_at: Timestamp,
    pub id: Uuid,
}

pub struct DeadJob {
    pub position: Position,
    pub queue: String,
    pub kind: String,
    pub key: Option<String>,
    pub attempts: u32,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub payload_bytes: u32,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Running,
    Done,
    Dead,
}

/// What a job is, as far as it is told.
#[derive(Clone, Debug)]
pub struct Facts {
    pub id: JobId,
    pub queue: String,
    pub kind: String,
    pub key: Option<String>,
}

pub async fn paused(client: &impl GenericClient) -> Stored<Vec<String>> {
    Ok(query(client, PAUSED, &[]).await?.iter().map(|row| row.get(0)).collect())
}

pub async fn counts(client: &impl GenericClient) -> Stored<Vec<Counts>> {
    let number = |row: &Row, at: usize| row.get::<_, i64>(at).cast_unsigned();
    let counts = |row: &Row| Counts {
        queue: row.get(0),
        waiting: number(row, 1),
        delayed: number(row, 2),
        running: number(row, 3),
        dead: number(row, 4),
        oldest_waiting_ms: row.get::<_, Option<f64>>(5).map(|ms| ms as u64),
    };
    Ok(query(client, COUNTS, &[]).await?.iter().map(counts).collect())
}

/// By the queue's name.
pub async fn done_24h(client: &impl GenericClient) -> Stored<HashMap<String, u64>> {
    let done = |row: &Row| (row.get(0), row.get::<_, i64>(1).cast_unsigned());
    Ok(query(client, DONE_24H, &[]).await?.iter().map(done).collect())
}

/// False: it is paused already.
pub async fn pause(client: &impl GenericClient, queue: QueueName, by: UserId) -> Stored<bool> {
    Ok(execute(client, PAUSE, &[&queue.as_str(), &by.uuid()]).await? > 0)
}

/// False: it was not paused.
pub async fn resume(client: &impl GenericClient, queue: QueueName) -> Stored<bool> {
    let resumed = execute(client, RESUME, &[&queue.as_str()]).await? > 0;
    wake(client).await?;
    Ok(resumed)
}

async fn wake(client: &impl GenericClient) -> Stored<()> {
    query(client, WAKE, &[&CHANNEL]).await.map(drop)
}

/// The latest dead first. `after` goes before `skip`.
pub async fn dead(
    client: &impl GenericClient,
    queue: Option<QueueName>,
    after: Option<Position>,
    skip: u64,
    limit: u32,
) -> Stored<Vec<DeadJob>> {
    let queue = queue.map(QueueName::as_str);
    let (died_at, id) = (after.map(|it| it.died_at), after.map(|it| it.id));
    let skip = if after.is_some() { 0 } else { i64::try_from(skip).unwrap_or(i64::MAX) };
    let rows = query(client, DEAD, &[&queue, &died_at, &id, &i64::from(limit), &skip]).await?;
    let dead = |row: &Row| DeadJob {
        position: Position { died_at: row.get(7), id: row.get(0) },
        queue: row.get(1),
        kind: row.get(2),
        key: row.get(3),
        attempts: row.get::<_, i32>(4).cast_unsigned(),
        last_error: row.get(5),
        created_at: row.get(6),
        payload_bytes: row.get::<_, i32>(8).cast_unsigned(),
    };
    Ok(rows.iter().map(dead).collect())
}

pub async fn dead_count(client: &impl GenericClient, queue: Option<QueueName>) -> Stored<u64> {
    let queue = queue.map(QueueName::as_str);
    let row = query_opt(client, DEAD_COUNT, &[&queue]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned()))
}

/// Locks it until the transaction ends. `None`: there is no such job.
pub async fn lock(client: &impl GenericClient, job: JobId) -> Stored<Option<State>> {
    let row = query_opt(client, STATE, &[&job.uuid()]).await?;
    Ok(row.map(|row| match row.get::<_, i16>(0) {
        0 => State::Waiting,
        1 => State::Running,
        2 => State::Done,
        _ => State::Dead,
    }))
}

fn facts(job: JobId, row: &Row) -> Facts {
    Facts { id: job, queue: row.get(0), kind: row.get(1), key: row.get(2) }
}

/// `None`: another unfinished job has its key.
pub async fn retry(client: &impl GenericClient, job: JobId) -> Stored<Option<Facts>> {
    match query_opt(client, RETRY, &[&job.uuid()]).await {
        Ok(row) => {
            wake(client).await?;
            Ok(row.map(|row| facts(job, &row)))
        }
        Err(deadpool_postgres::PoolError::Backend(error))
            if error.code() == Some(&SqlState::UNIQUE_VIOLATION) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

pub async fn delete(client: &impl GenericClient, job: JobId) -> Stored<Option<Facts>> {
    Ok(query_opt(client, DELETE, &[&job.uuid()]).await?.map(|row| facts(job, &row)))
}

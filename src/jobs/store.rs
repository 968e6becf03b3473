//! The SQL of jobs: putting in, taking, how they end. What admins see and do is in [`admin`].

pub mod admin;

use std::time::Duration;

use deadpool_postgres::{Client, GenericClient};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::leases::Taking;
use super::{Job, JobId, NewJob, QueueName};
use crate::postgres::{Stored, execute, query, query_opt};

/// What workers listen on. The database tells it when the transaction commits, once however many jobs it made.
pub const CHANNEL: &str = "greenroom_jobs";
/// Characters that are kept of an error.
const ERROR_MAX_CHARS: usize = 500;

const INSERT: &str = "with made as (
        insert into jobs (id, queue, kind, payload, priority, run_at, key)
        values ($1, $2, $3, $4, $5, coalesce($6, now()), $7)
        on conflict (kind, key) where state < 2 and key is not null do nothing
        returning id)
    select id, pg_notify($8, '')::text from made";
/// Many of one queue and kind, in the transaction of whoever prepares it. Ids, queue, kind, payloads and keys; last the channel.
pub const INSERT_MANY: &str = "with made as (
        insert into jobs (id, queue, kind, payload, priority, run_at, key)
        select j.i, $2, $3, j.p, 0, now(), j.k from unnest($1::uuid[], $4::jsonb[], $5::text[]) as j (i, p, k)
        on conflict (kind, key) where state < 2 and key is not null do nothing
        returning id)
    select pg_notify($6, '')::text from made limit 1";
/// A few of each queue are locked, and of those the most urgent are taken. A job that is locked by another node is being
/// taken by it this very moment, or will be left by it in the next.
const TAKE: &str = "with ready as materialized (
        select j.id from unnest($5::text[]) q (name), lateral (
            select id, priority, run_at from jobs
            where state = 0 and queue = q.name and run_at <= now() and kind = any($1)
            order by priority, run_at, id limit $2 for no key update skip locked) j
        where q.name <> all (array(select queue from paused_queues))
        order by j.priority, j.run_at, j.id limit $2)
    update jobs j set state = 1, attempts = j.attempts + 1, fence = j.fence + 1, node = $3,
        lease_until = now() + make_interval(secs => $4)
    from ready where ready.id = j.id
    returning j.id, j.queue, j.kind, j.payload, j.key, j.attempts, j.created_at, j.fence, j.priority, j.run_at";
/// Keeps the planner to the index `jobs_ready`: with old statistics it would read and sort all that waits, for every taking
/// (270 ms instead of 0.3 with 50,000 jobs).
const TAKE_PLAN: &str = "set local enable_sort = off; set local enable_seqscan = off; \
                         set local enable_bitmapscan = off; set local enable_hashjoin = off; \
                         set local enable_mergejoin = off; set local plan_cache_mode = force_generic_plan";
const RENEW: &str = "update jobs j set lease_until = now() + make_interval(secs => $3)
    from unnest($1::uuid[], $2::int[]) held (id, fence)
    where j.id = held.id and j.fence = held.fence and j.state = 1
    returning j.id, j.fence";
/// Also when its lease ran out meanwhile, as long as nobody has taken it again: it was done.
const DONE: &str = "update jobs set state = 2, payload = null, last_error = null, finished_at = now(),
        node = null, lease_until = null
    where id = $1 and fence = $2 and state < 2 returning state";
/// `$4`: seconds until it is tried again; null: it is dead.
const FAIL: &str = "update jobs set last_error = $3, node = null, lease_until = null,
        state = case when $4::float8 is null then 3 else 0 end,
        finished_at = case when $4::float8 is null then now() end,
        run_at = now() + make_interval(secs => coalesce($4::float8, 0))
    where id = $1 and fence = $2 and state = 1 returning state";
const GIVE_BACK: &str = "with back as (
        update jobs set state = 0, attempts = attempts - 1, node = null, lease_until = null
        where id = $1 and fence = $2 and state = 1 returning state)
    select state, pg_notify($3, '')::text from back";
const FREE: &str = "with over as materialized (
        select id from jobs where state = 1 and (lease_until < now() or ($2 and node <> $1))
        order by lease_until limit $4 for no key update skip locked)
    update jobs j set node = null, lease_until = null, last_error = 'the server that ran it died',
        state = case when j.attempts > $3 then 3 else 0 end,
        finished_at = case when j.attempts > $3 then now() end
    from over where over.id = j.id
    returning j.id, j.queue, j.kind, j.state = 3";
const CLAIM_SCHEDULE: &str = "insert into job_schedules (kind) values ($1)
    on conflict (kind) do update set last_at = now()
        where job_schedules.last_at <= now() - make_interval(secs => $2)";
const SWEEP_DONE: &str = "delete from jobs where id in (
    select id from jobs where state = 2 and finished_at < now() - make_interval(secs => $1)
    order by finished_at limit $2 for update skip locked)";
const SWEEP_DEAD: &str = "delete from jobs where id in (
    select id from jobs where state = 3 and finished_at < now() - make_interval(secs => $1)
    order by finished_at limit $2 for update skip locked)";

/// How a job stands after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It waits for another try.
    Waiting,
    Done,
    Dead,
}

/// A job whose node died.
pub struct Freed {
    pub id: JobId,
    pub queue: QueueName,
    pub kind: String,
    /// It had its tries.
    pub dead: bool,
}

pub async fn insert(client: &impl GenericClient, job: &NewJob) -> Stored<Option<JobId>> {
    let row = query_opt(
        client,
        INSERT,
        &[
            &Uuid::now_v7(),
            &job.queue.as_str(),
            &job.kind,
            &Json(&job.payload),
            &job.priority,
            &job.run_at,
            &job.key,
            &CHANNEL,
        ],
    )
    .await?;
    Ok(row.map(|row| JobId::from_uuid(row.get(0))))
}

pub async fn is_open(client: &impl GenericClient, kind: &str, key: &str) -> Stored<bool> {
    let sql = "select exists (select from jobs where kind = $1 and key = $2 and state < 2)";
    Ok(query_opt(client, sql, &[&kind, &key]).await?.is_some_and(|row| row.get(0)))
}

/// Jobs of a kind that wait, and that run.
pub async fn open(client: &impl GenericClient, kind: &str) -> Stored<(u64, u64)> {
    let sql = "select count(*) filter (where state = 0), count(*) filter (where state = 1) from jobs
        where kind = $1 and state < 2";
    let row = query_opt(client, sql, &[&kind]).await?;
    let number = |row: &Row, at: usize| row.get::<_, i64>(at).unsigned_abs();
    Ok(row.map_or((0, 0), |row| (number(&row, 0), number(&row, 1))))
}

/// Takes at most `room` jobs of these kinds and queues that are due, the most urgent first.
pub async fn take(
    client: &mut Client,
    kinds: &[&str],
    queues: &[&str],
    room: usize,
    node: Uuid,
    lease: Duration,
) -> Stored<Vec<Job>> {
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    let transaction = client.transaction().await?;
    transaction.batch_execute(TAKE_PLAN).await?;
    let values: [&(dyn ToSql + Sync); 5] = [&kinds, &room, &node, &lease.as_secs_f64(), &queues];
    let mut rows = query(&transaction, TAKE, &values).await?;
    transaction.commit().await?;
    // An update gives its rows in any order.
    rows.sort_by_cached_key(|row| {
        let (priority, run_at, id): (i16, jiff::Timestamp, Uuid) = (row.get(8), row.get(9), row.get(0));
        (priority, run_at, id)
    });
    Ok(rows.iter().map(job).collect())
}

fn job(row: &Row) -> Job {
    Job {
        id: JobId::from_uuid(row.get(0)),
        queue: queue(row.get(1)),
        kind: row.get(2),
        payload: row.get::<_, Option<Json<_>>>(3).map(|Json(payload)| payload).unwrap_or_default(),
        key: row.get(4),
        attempt: row.get::<_, i32>(5).cast_unsigned(),
        created_at: row.get(6),
        fence: row.get(7),
    }
}

/// The table takes no other names.
fn queue(name: &str) -> QueueName {
    QueueName::parse(name).unwrap_or(QueueName::Maintenance)
}

/// Answers those that are still held.
pub async fn renew(client: &impl GenericClient, takings: &[Taking], lease: Duration) -> Stored<Vec<Taking>> {
    let (ids, fences): (Vec<Uuid>, Vec<i32>) = takings.iter().copied().unzip();
    let rows = query(client, RENEW, &[&ids, &fences, &lease.as_secs_f64()]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn ended(row: Option<Row>) -> Option<Ended> {
    row.map(|row| match row.get::<_, i16>(0) {
        2 => Ended::Done,
        3 => Ended::Dead,
        _ => Ended::Waiting,
    })
}

/// `None`, as in the next two: another has taken it, or it was dropped.
pub async fn done(client: &impl GenericClient, job: &Job) -> Stored<Option<Ended>> {
    query_opt(client, DONE, &[&job.id.uuid(), &job.fence]).await.map(ended)
}

/// `again`: what to wait before the next try; `None`: it is dead.
pub async fn fail(
    client: &impl GenericClient,
    job: &Job,
    why: &str,
    again: Option<Duration>,
) -> Stored<Option<Ended>> {
    // Postgres takes no NUL.
    let why: String = why.chars().filter(|c| *c != '\0').take(ERROR_MAX_CHARS).collect();
    let seconds = again.map(|wait| wait.as_secs_f64());
    query_opt(client, FAIL, &[&job.id.uuid(), &job.fence, &why, &seconds]).await.map(ended)
}

/// As if it had not been taken. Wakes other nodes.
pub async fn give_back(client: &impl GenericClient, job: &Job) -> Stored<Option<Ended>> {
    query_opt(client, GIVE_BACK, &[&job.id.uuid(), &job.fence, &CHANNEL]).await.map(ended)
}

/// Frees what dead nodes ran; `gone`: all others are dead.
pub async fn free(
    client: &impl GenericClient,
    node: Uuid,
    gone: bool,
    retries: u32,
    limit: i64,
) -> Stored<Vec<Freed>> {
    let retries = i32::try_from(retries).unwrap_or(i32::MAX);
    let rows = query(client, FREE, &[&node, &gone, &retries, &limit]).await?;
    let freed = |row: &Row| Freed {
        id: JobId::from_uuid(row.get(0)),
        queue: queue(row.get(1)),
        kind: row.get(2),
        dead: row.get(3),
    };
    Ok(rows.iter().map(freed).collect())
}

/// True for the one who is to put the job in this time.
pub async fn claim_schedule(client: &impl GenericClient, kind: &str, every: Duration) -> Stored<bool> {
    Ok(execute(client, CLAIM_SCHEDULE, &[&kind, &every.as_secs_f64()]).await? == 1)
}

/// Forgets the records of jobs that were done so long ago; answers how many.
pub async fn sweep_done(client: &impl GenericClient, age: Duration, limit: i64) -> Stored<u64> {
    execute(client, SWEEP_DONE, &[&age.as_secs_f64(), &limit]).await
}

/// The same for dead ones.
pub async fn sweep_dead(client: &impl GenericClient, age: Duration, limit: i64) -> Stored<u64> {
    execute(client, SWEEP_DEAD, &[&age.as_secs_f64(), &limit]).await
}

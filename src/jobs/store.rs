//! The SQL of jobs.

use deadpool_postgres::GenericClient;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{JobId, NewJob};
use crate::postgres::{Stored, query_opt};

/// What workers listen on. The database tells it when the transaction commits, once however many jobs it made.
pub const CHANNEL: &str = "greenroom_jobs";

const INSERT: &str = "with made as (
        insert into jobs (id, queue, kind, payload, priority, run_at, key)
        values ($1, $2, $3, $4, $5, coalesce($6, now()), $7)
        on conflict (kind, key) where state < 2 do nothing
        returning id)
    select id, pg_notify($8, '')::text from made";

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

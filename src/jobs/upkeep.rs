//! What a queue needs beside its workers: jobs of dead nodes freed, recurring ones put in, old records swept, depths told.
//!
//! Every node does it; statements that find nothing cost nothing, and rows that another has locked are left to it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use greenroom_actors::ports::StoreError;
use tokio::time::Instant;

use super::store::{self, Freed};
use super::{NewJob, Recurring, Shared, metrics};
use crate::postgres::archive::OtherNodes;
use crate::postgres::{Stored, store_error};

/// Rows of one statement: a long one would hold locks and a connection.
const BATCH: i64 = 500;
/// Batches of one sweep; what is left waits for the next.
const BATCHES_MAX: usize = 20;
const FREE_EVERY_MAX: Duration = Duration::from_secs(5);
const DEPTH_EVERY: Duration = Duration::from_secs(10);
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const REPEAT_EVERY: Duration = Duration::from_secs(60);

/// A chore and when it is due.
struct Due {
    every: Duration,
    at: Instant,
}

impl Due {
    fn every(every: Duration) -> Self {
        Self { every, at: Instant::now() }
    }

    fn now(&mut self) -> bool {
        let due = self.at <= Instant::now();
        if due {
            self.at = Instant::now() + self.every;
        }
        due
    }
}

/// Goes on until it is dropped. What fails is done again at its next time; the workers tell of a database that is away.
pub(super) async fn run(shared: Arc<Shared>) {
    let pause = (shared.settings.lease / 4).min(FREE_EVERY_MAX);
    let (mut sweep_due, mut depth_due) = (Due::every(SWEEP_EVERY), Due::every(DEPTH_EVERY));
    let mut repeat_due = Due::every(REPEAT_EVERY);
    loop {
        told("jobs of dead nodes are not freed for now", free(&shared).await);
        if repeat_due.now() {
            told("recurring jobs are not put in for now", repeat(&shared).await);
        }
        if sweep_due.now() {
            told("old jobs stay for now", sweep(&shared).await);
        }
        if depth_due.now() {
            told("the depth of the queues is not known", depth(&shared).await);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.added.notified() => repeat_due.at = Instant::now(),
        }
    }
}

fn told(what: &'static str, done: Stored<()>) {
    match done.map_err(|error| store_error(&error)) {
        Ok(()) | Err(StoreError::Unavailable) => {}
        Err(error) => tracing::error!(%error, "{what}"),
    }
}

async fn free(shared: &Shared) -> Stored<()> {
    let settings = &shared.settings;
    let gone = settings.others == OtherNodes::Gone;
    let client = shared.pool.get().await?;
    loop {
        let freed = store::free(&client, shared.node, gone, settings.retries, BATCH).await?;
        for Freed { id, queue, kind, dead } in &freed {
            if *dead {
                metrics::dead(*queue, kind);
                tracing::error!(job = %id, kind, "a job is dead: the servers that ran it died each time");
            } else {
                tracing::info!(job = %id, kind, "the job of a dead node is free again");
            }
        }
        if !freed.is_empty() {
            shared.wake.notify_one();
        }
        if (freed.len() as i64) < BATCH {
            return Ok(());
        }
    }
}

async fn repeat(shared: &Shared) -> Stored<()> {
    let recurring: Vec<Recurring> = shared.recurring.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if recurring.is_empty() {
        return Ok(());
    }
    let mut client = shared.pool.get().await?;
    for Recurring { queue, kind, every } in recurring {
        let transaction = client.transaction().await?;
        if store::claim_schedule(&transaction, kind, every).await? {
            let job = NewJob {
                key: Some("recurring".to_owned()),
                ..NewJob::new(queue, kind, serde_json::Value::Null)
            };
            store::insert(&transaction, &job).await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

async fn sweep(shared: &Shared) -> Stored<()> {
    let settings = &shared.settings;
    let client = shared.pool.get().await?;
    for _ in 0..BATCHES_MAX {
        let done = store::sweep_done(&client, settings.keep_done, BATCH).await?;
        let dead = store::sweep_dead(&client, settings.keep_dead, BATCH).await?;
        if done.max(dead) < BATCH as u64 {
            break;
        }
    }
    Ok(())
}

async fn depth(shared: &Shared) -> Stored<()> {
    metrics::depth(&shared.depths().await?);
    Ok(())
}

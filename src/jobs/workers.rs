//! The workers: take what is due while there is room, run its handler, and write down how it ended.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::leases::{Lease, Leases};
use super::store::{self, Ended};
use super::{Job, JobError, QueueName, Settings, Shared, metrics};
use crate::postgres::Stored;

/// Each further try waits so many times longer.
const BACKOFF_FACTOR: u32 = 4;
/// For so long a job is put off at most because somebody asked for patience. Where the settings wait for less, that holds.
const ASKED_MAX: Duration = Duration::from_secs(24 * 3_600);
/// After a look that found nothing although something woke it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Between two tries to write down how a job ended.
const RECORD_MIN: Duration = Duration::from_millis(100);
const RECORD_MAX: Duration = Duration::from_secs(5);

/// Works until it is told to stop, and then until what it runs has ended.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut running = JoinSet::new();
    let mut poll = tokio::time::interval(shared.settings.poll);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Whether there may be something to take: what fills the room may have left more behind.
    let mut more = true;
    let mut woken = false;
    let mut held_back = false;
    while !shared.stopping.is_cancelled() {
        let room = shared.settings.workers.saturating_sub(running.len());
        if more && room > 0 {
            let asked = Instant::now();
            let (room, open) = open_to(shared.settings.workers, room, |queue| shared.leases.of(queue));
            let taken = take(&shared, room, &open).await;
            more = taken.len() == room;
            held_back = open.len() < QueueName::STORED.len();
            if std::mem::take(&mut woken) && taken.is_empty() {
                // Another node was first. It may have locked more for a moment than it took.
                poll.reset_after(LOOK_AGAIN.min(shared.settings.poll));
            }
            for job in taken {
                let lease = Leases::hold(&shared, &job, asked);
                running.spawn(do_one(shared.clone(), job, lease));
            }
            continue;
        }
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => {}
            Some(_) = running.join_next(), if !running.is_empty() => more |= held_back,
            () = shared.wake.notified() => (more, woken) = (true, true),
            _ = poll.tick() => more = true,
        }
    }
    while running.join_next().await.is_some() {}
}

/// How many may be taken at once, and of which queues: one whose handlers hang leaves workers to the others.
fn open_to(workers: usize, room: usize, running: impl Fn(QueueName) -> usize) -> (usize, Vec<&'static str>) {
    let share = (workers - workers / 4).min(workers.saturating_sub(1)).max(1);
    let left = |queue: QueueName| share.saturating_sub(running(queue));
    let open: Vec<(QueueName, usize)> = QueueName::STORED
        .map(|queue| (queue, left(queue)))
        .into_iter()
        .filter(|(_, left)| *left > 0)
        .collect();
    let room = open.iter().fold(room, |room, (_, left)| room.min(*left));
    (room, open.iter().map(|(queue, _)| queue.as_str()).collect())
}

async fn take(shared: &Shared, room: usize, queues: &[&str]) -> Vec<Job> {
    let taken = async {
        let mut client = shared.pool.get().await?;
        let kinds: Vec<&str> = shared.handlers.keys().copied().collect();
        store::take(&mut client, &kinds, queues, room, shared.node, shared.settings.lease).await
    };
    let taken = taken.await;
    let before = shared.reachable.swap(taken.is_ok(), Relaxed);
    taken.unwrap_or_else(|error| {
        if before {
            tracing::warn!(%error, "jobs cannot be taken for now");
        }
        Vec::new()
    })
}

/// How a try ended here.
enum Outcome {
    Done,
    Failed(JobError),
    /// The server ends: it was not the job's fault.
    Cut,
}

async fn do_one(shared: Arc<Shared>, job: Job, lease: Lease) {
    metrics::taken(&job);
    let started = Instant::now();
    let outcome = tokio::select! {
        biased;
        () = lease.lost() => None,
        () = shared.cut.cancelled() => Some(Outcome::Cut),
        outcome = handle(&shared, &job) => Some(outcome),
    };
    let Some(outcome) = outcome else {
        metrics::lost(&job);
        tracing::warn!(job = %job.id, kind = job.kind, "a job was broken off: its lease could not be kept");
        return;
    };
    if !matches!(outcome, Outcome::Cut) {
        metrics::took(&job, started.elapsed());
    }
    record(&shared, &job, &outcome).await;
}

async fn handle(shared: &Shared, job: &Job) -> Outcome {
    let Some(handler) = shared.handlers.get(job.kind.as_str()) else {
        // Only kinds of these handlers are taken.
        return Outcome::Failed(JobError::Again("no handler does it here".to_owned()));
    };
    let work = AssertUnwindSafe(async { handler.handle(job).await }).catch_unwind().boxed();
    match tokio::time::timeout(shared.settings.deadline, work).await {
        Ok(Ok(Ok(()))) => Outcome::Done,
        Ok(Ok(Err(error))) => Outcome::Failed(error),
        Ok(Err(panic)) => {
            // Its text may hold anything: it is for the log, not for the table.
            let cause = panic_text(panic.as_ref());
            tracing::error!(job = %job.id, kind = job.kind, cause, "a job's handler panicked");
            Outcome::Failed(JobError::Again("the handler panicked; the log has the cause".to_owned()))
        }
        Err(_) => {
            let seconds = shared.settings.deadline.as_secs_f64();
            Outcome::Failed(JobError::Again(format!("it took longer than {seconds} s")))
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

/// Writes it down, however long the database is away: a job that was done is not to be done again.
async fn record(shared: &Shared, job: &Job, outcome: &Outcome) {
    let mut pause = RECORD_MIN;
    let ended = loop {
        match record_once(shared, job, outcome).await {
            Ok(ended) => break ended,
            Err(error) => {
                tracing::debug!(%error, job = %job.id, "the end of a job cannot be noted for now");
            }
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(RECORD_MAX);
    };
    let (job_id, kind, attempt) = (job.id, job.kind.as_str(), job.attempt);
    match (ended, outcome) {
        (None, _) => tracing::warn!(job = %job_id, kind, "a job ended here after another had taken it"),
        (Some(_), Outcome::Cut) => tracing::info!(job = %job_id, kind, "a job was given back"),
        (Some(Ended::Done), _) => {
            metrics::done(job);
            tracing::debug!(job = %job_id, kind, attempt, "a job is done");
        }
        (
            Some(ended),
            Outcome::Failed(JobError::Again(why) | JobError::NotBefore(_, why) | JobError::Never(why)),
        ) => {
            metrics::failed(job);
            if ended == Ended::Dead {
                metrics::dead(job.queue, kind);
                tracing::error!(job = %job_id, kind, attempt, why, "a job is dead");
            } else {
                tracing::warn!(job = %job_id, kind, attempt, why, "a job failed and is tried again");
            }
        }
        (Some(_), Outcome::Done) => {}
    }
}

async fn record_once(shared: &Shared, job: &Job, outcome: &Outcome) -> Stored<Option<Ended>> {
    let client = shared.pool.get().await?;
    match outcome {
        Outcome::Done => store::done(&client, job).await,
        Outcome::Cut => store::give_back(&client, job).await,
        Outcome::Failed(JobError::Never(why)) => store::fail(&client, job, why, None).await,
        Outcome::Failed(JobError::Again(why)) => {
            store::fail(&client, job, why, backoff(&shared.settings, job.attempt)).await
        }
        Outcome::Failed(JobError::NotBefore(wait, why)) => {
            // Somebody else's word: it may name any time.
            let wait = (*wait).min(shared.settings.backoff_max).min(ASKED_MAX);
            let again = backoff(&shared.settings, job.attempt).map(|backoff| backoff.max(wait));
            store::fail(&client, job, why, again).await
        }
    }
}

/// What to wait after this many tries; `None`: no further one.
fn backoff(settings: &Settings, attempts: u32) -> Option<Duration> {
    if attempts > settings.retries {
        return None;
    }
    let factor = BACKOFF_FACTOR.saturating_pow(attempts.saturating_sub(1));
    let wait = settings.backoff.saturating_mul(factor).min(settings.backoff_max);
    // Jobs that failed together do not come again together.
    Some(wait.mul_f64(0.75 + 0.5 * fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_queue_gets_all_workers_and_a_lone_worker_serves_all() {
        let emails = |running| move |queue| if queue == QueueName::Emails { running } else { 0 };
        let all = vec!["ai-responses", "media-processing", "analytics", "emails", "maintenance"];
        let others = vec!["ai-responses", "media-processing", "analytics", "maintenance"];
        assert_eq!(open_to(8, 8, emails(0)), (6, all.clone()));
        assert_eq!(open_to(8, 4, emails(4)), (2, all.clone()));
        assert_eq!(open_to(8, 2, emails(6)), (2, others.clone()));
        assert_eq!(open_to(2, 2, emails(0)), (1, all.clone()));
        assert_eq!(open_to(2, 1, emails(1)), (1, others));
        assert_eq!(open_to(1, 1, emails(0)), (1, all));
    }
}

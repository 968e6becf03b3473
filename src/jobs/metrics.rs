//! What Prometheus sees of the jobs.

use std::time::Duration;

use super::view::QueueView;
use super::{Job, QueueName};

const DEPTH: &str = "greenroom_jobs_depth";
const TAKEN: &str = "greenroom_jobs_taken_total";
const DONE: &str = "greenroom_jobs_done_total";
const FAILED: &str = "greenroom_jobs_failed_total";
const DEAD: &str = "greenroom_jobs_dead_total";
const LOST: &str = "greenroom_jobs_lost_total";
const DURATION: &str = "greenroom_job_duration_seconds";

pub(super) fn describe() {
    metrics::describe_gauge!(DEPTH, "Jobs of all nodes, by queue and state; live queues tell this node's.");
    metrics::describe_counter!(TAKEN, "Tries begun on this node, by queue and kind.");
    metrics::describe_counter!(DONE, "Jobs done on this node, by queue and kind.");
    metrics::describe_counter!(FAILED, "Tries that failed on this node, by queue and kind.");
    metrics::describe_counter!(DEAD, "Jobs given up by this node, by queue and kind.");
    metrics::describe_counter!(
        LOST,
        "Tries broken off because the lease could not be kept, by queue and kind."
    );
    metrics::describe_histogram!(
        DURATION,
        metrics::Unit::Seconds,
        "Time that a handler took for one try, by queue and kind."
    );
}

fn count(name: &'static str, queue: &str, kind: &str) {
    metrics::counter!(name, "queue" => queue.to_owned(), "kind" => kind.to_owned()).increment(1);
}

pub(super) fn taken(job: &Job) {
    count(TAKEN, job.queue.as_str(), &job.kind);
}

pub(super) fn done(job: &Job) {
    count(DONE, job.queue.as_str(), &job.kind);
}

pub(super) fn failed(job: &Job) {
    count(FAILED, job.queue.as_str(), &job.kind);
}

pub(super) fn lost(job: &Job) {
    count(LOST, job.queue.as_str(), &job.kind);
}

pub(super) fn dead(queue: QueueName, kind: &str) {
    count(DEAD, queue.as_str(), kind);
}

pub(super) fn took(job: &Job, took: Duration) {
    metrics::histogram!(DURATION, "queue" => job.queue.as_str(), "kind" => job.kind.clone())
        .record(took.as_secs_f64());
}

pub(super) fn depth(queues: &[QueueView]) {
    for queue in queues {
        let states = [
            ("waiting", queue.waiting),
            ("delayed", queue.delayed),
            ("running", queue.running),
            ("failed", queue.failed),
        ];
        for (state, jobs) in states {
            metrics::gauge!(DEPTH, "queue" => queue.name, "state" => state).set(jobs as f64);
        }
    }
}

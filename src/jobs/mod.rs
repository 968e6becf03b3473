//! Jobs: work that outlives the request that asked for it, and the server that does it. A queue on Postgres.
//!
//! A feature puts a job into the queue in its own transaction ([`enqueue`]): it is there if, and only if, the rest is.
//! The workers of any node take it, by priority and then by age, with a lease that they renew while the handler runs.
//! A node that dies loses its leases, and another takes its jobs again; so a handler may run twice and must be safe.
//! A job that fails is tried again with growing pauses, and then is dead: kept for an admin to look at.
//!
//! Owned here: the tables `jobs`, `paused_queues` and `job_schedules`. All time is the database's. At most
//! `jobs.workers` handlers run at once on a node; what waits is bounded by the limits of who asks for it. Payloads are
//! erased when a job is done, and never shown.

mod store;

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::GenericClient;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::postgres::Stored;

/// A queue by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// The journal that stores messages: a live view, nothing is put there.
    Messages,
    /// The pool of workers that write replies: a live view too.
    AiResponses,
    MediaProcessing,
    Analytics,
    Emails,
    /// The server's own chores: sweeps, erasure.
    Maintenance,
}

impl QueueName {
    pub const ALL: [Self; 6] = [
        Self::Messages,
        Self::AiResponses,
        Self::MediaProcessing,
        Self::Analytics,
        Self::Emails,
        Self::Maintenance,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::AiResponses => "ai-responses",
            Self::MediaProcessing => "media-processing",
            Self::Analytics => "analytics",
            Self::Emails => "emails",
            Self::Maintenance => "maintenance",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == text)
    }

    /// True for a view of what the engine does: nothing is stored in it, and it cannot be paused.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Messages | Self::AiResponses)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a job. Sorts by when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Uuid);

impl JobId {
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub queue: QueueName,
    /// Which handler does it: `mail.send`, say.
    pub kind: &'static str,
    /// For the handler; at most 1 MB. Secrets in it are sealed by whoever put them there.
    pub payload: Value,
    /// Lower goes first; 0 is normal.
    pub priority: i16,
    /// Not before; `None` is now, by the database's clock.
    pub run_at: Option<Timestamp>,
    /// Unique among the unfinished jobs of the kind: the same key twice is one job. At most 300 characters; admins see it.
    pub key: Option<String>,
}

impl NewJob {
    #[must_use]
    pub fn new(queue: QueueName, kind: &'static str, payload: Value) -> Self {
        Self { queue, kind, payload, priority: 0, run_at: None, key: None }
    }
}

/// Puts a job into its queue, in the caller's transaction, and wakes the workers when that commits.
///
/// `None`: an unfinished one with this key is there already.
pub async fn enqueue(client: &impl GenericClient, job: &NewJob) -> Stored<Option<JobId>> {
    store::insert(client, job).await
}

/// A job as its handler gets it.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    pub queue: QueueName,
    pub kind: String,
    pub payload: Value,
    pub key: Option<String>,
    /// From 1.
    pub attempt: u32,
    pub created_at: Timestamp,
    /// Which taking of the job this is.
    fence: i32,
}

/// Why a job was not done. The texts are for admins: no secrets in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobError {
    /// It may go better later: tried again with growing pauses, then dead.
    Again(String),
    /// It will never go: dead at once.
    Never(String),
}

/// Does the jobs of one kind.
pub trait Handler: Send + Sync + 'static {
    /// Does one job. May be called twice for the same one, and is dropped in mid-work when its deadline is over, when the
    /// lease is lost, or when the server ends.
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>>;
}

/// Handlers by the kind that they do.
pub type Handlers = Vec<(&'static str, Arc<dyn Handler>)>;

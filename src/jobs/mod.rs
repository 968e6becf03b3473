//! Jobs: work that outlives the request that asked for it, and the server that does it. A queue on Postgres.
//!
//! A feature puts a job into the queue in its own transaction ([`enqueue`]): it is there if, and only if, the rest is.
//! The workers of any node take it, by priority and then by age, with a lease that they renew while the handler runs.
//! A node that dies loses its leases, and another takes its jobs again; so a handler may run twice and must be safe.
//! A job that fails is tried again with growing pauses, and then is dead: kept for an admin to look at.
//!
//! Owned here: the tables `jobs`, `paused_queues` and `job_schedules`. All time is the database's. At most
//! `jobs.workers` handlers run at once on a node, and no queue gets all of them; what waits is bounded by the limits of who asks for it. Payloads are
//! erased when a job is done, and never shown.

mod admin;
mod leases;
mod listener;
mod metrics;
mod routes;
mod store;
mod upkeep;
mod view;
mod workers;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool};
use futures_util::future::BoxFuture;
use greenroom_actors::domain::NodeId;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::leases::Leases;
pub use self::routes::{pages, routes};
pub use self::store::CHANNEL as NOTIFIED;
pub use self::store::INSERT_MANY;
use crate::http::Finding;
use crate::postgres::archive::OtherNodes;
use crate::postgres::{Connector, Stored};

/// For giving back what was broken off at the end.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// A queue by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// The journal that stores messages: a live view, nothing is put there.
    Messages,
    /// The pool of workers that write replies, a live view too; and what models do behind them (summaries), as stored jobs.
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

    /// Those that are kept in the database.
    pub const STORED: [Self; 5] =
        [Self::AiResponses, Self::MediaProcessing, Self::Analytics, Self::Emails, Self::Maintenance];

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

    /// True for a view of what the engine does: it cannot be paused.
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

/// Whether a job with this key waits or runs.
pub async fn is_open(client: &impl GenericClient, kind: &str, key: &str) -> Stored<bool> {
    store::is_open(client, kind, key).await
}

/// Jobs of a kind that wait, and that run, on all nodes.
pub async fn open(client: &impl GenericClient, kind: &str) -> Stored<(u64, u64)> {
    store::open(client, kind).await
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
    /// The same, but not before so long, up to the longest pause: somebody else has asked for patience.
    NotBefore(Duration, String),
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

/// How the queue is worked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Handlers that run at the same time on this node; one queue gets at most three quarters of them.
    pub workers: usize,
    /// Between two looks into the queue when nothing woke the workers.
    pub poll: Duration,
    /// Without renewal for so long, a job is free for others.
    pub lease: Duration,
    /// For one try of one job.
    pub deadline: Duration,
    /// Further tries after the first one failed.
    pub retries: u32,
    /// Before the first further try; four times as long before each next one, up to `backoff_max`.
    pub backoff: Duration,
    pub backoff_max: Duration,
    /// How long the record of a finished job is kept, and a dead one.
    pub keep_done: Duration,
    pub keep_dead: Duration,
    /// Whether jobs of other nodes are free at once: nobody else can be alive on a private cluster.
    pub others: OtherNodes,
}

/// A job that is put into its queue again and again, by one node for all.
#[derive(Clone, Copy, Debug)]
pub struct Recurring {
    pub queue: QueueName,
    pub kind: &'static str,
    pub every: Duration,
}

/// A queue that the engine keeps in memory, shown beside the others.
#[derive(Clone)]
pub struct LiveQueue {
    pub name: QueueName,
    pub look: Arc<dyn Fn() -> LiveNumbers + Send + Sync>,
}

/// What a live queue holds on this node; the last two since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveNumbers {
    pub waiting: u64,
    pub running: u64,
    pub oldest_waiting: Option<Duration>,
    pub done: u64,
    pub failed: u64,
}

/// The queue and this node's workers. Cheap to clone; when the last clone goes without [`stop`](Self::stop), the workers
/// end in mid-work, as if the node had died.
#[derive(Clone)]
pub struct Jobs(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    workers: Mutex<Option<JoinHandle<()>>>,
    /// Renewing, listening, upkeep.
    helpers: [JoinHandle<()>; 3],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.helpers.iter().for_each(JoinHandle::abort);
        if let Some(workers) = self.workers.get_mut().take() {
            workers.abort();
        }
    }
}

/// What all tasks of one node's queue share.
struct Shared {
    pool: Pool,
    node: Uuid,
    settings: Settings,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    live: Vec<LiveQueue>,
    recurring: StdMutex<Vec<Recurring>>,
    leases: Leases,
    /// There may be something to take.
    wake: Notify,
    /// A recurring job was added.
    added: Notify,
    /// Whether the last look into the queue reached the database, and whether the workers are told of new jobs.
    reachable: AtomicBool,
    listening: AtomicBool,
    /// Nothing more is taken.
    stopping: CancellationToken,
    /// What runs is broken off and given back.
    cut: CancellationToken,
}

impl Jobs {
    /// Starts this node's workers. Jobs of kinds that no handler does are left for nodes that have one.
    ///
    /// A database that is away is no error: they go on trying.
    pub async fn start(
        pool: Pool,
        connector: Connector,
        settings: Settings,
        node: NodeId,
        handlers: Handlers,
        live: Vec<LiveQueue>,
    ) -> Self {
        metrics::describe();
        let shared = Arc::new(Shared {
            pool,
            node: node.uuid(),
            handlers: handlers.into_iter().collect(),
            live,
            recurring: StdMutex::default(),
            leases: Leases::new(settings.lease),
            wake: Notify::new(),
            added: Notify::new(),
            reachable: AtomicBool::new(true),
            listening: AtomicBool::new(false),
            stopping: CancellationToken::new(),
            cut: CancellationToken::new(),
            settings,
        });
        let helpers = [
            tokio::spawn(leases::renew(shared.clone())),
            tokio::spawn(listener::listen(shared.clone(), connector)),
            tokio::spawn(upkeep::run(shared.clone())),
        ];
        let workers = tokio::spawn(workers::run(shared.clone()));
        Self(Arc::new(Running { shared, workers: Mutex::new(Some(workers)), helpers }))
    }

    /// Puts this job into its queue now if it is due, and then whenever `every` has passed: once, however many nodes run.
    pub fn repeat(&self, job: Recurring) {
        let shared = &self.0.shared;
        shared.recurring.lock().unwrap_or_else(PoisonError::into_inner).push(job);
        shared.added.notify_one();
    }

    /// Takes nothing more, and waits until what runs has ended. What still runs at the deadline is broken off and given
    /// back: another node, or the next start, does it again.
    pub async fn stop(&self, deadline: Duration) {
        let Running { shared, workers, helpers } = &*self.0;
        shared.stopping.cancel();
        let mut workers = workers.lock().await;
        if let Some(mut running) = workers.take()
            && tokio::time::timeout(deadline, &mut running).await.is_err()
        {
            shared.cut.cancel();
            if tokio::time::timeout(GIVE_BACK, &mut running).await.is_err() {
                tracing::warn!("jobs could not be given back; their leases run out");
                running.abort();
            }
        }
        helpers.iter().for_each(JoinHandle::abort);
    }

    /// How the queue does, for the health of the server.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let shared = &self.0.shared;
        if !shared.reachable.load(Relaxed) {
            Finding::down("the database cannot be reached: jobs wait")
        } else if !shared.listening.load(Relaxed) {
            Finding::degraded("new jobs are not told: workers look for them now and then")
        } else {
            Finding::up()
        }
    }
}

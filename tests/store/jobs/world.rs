//! A queue on a database of its own, with workers that do what a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::Client;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom::jobs::{Handler, Handlers, Job, JobError, JobId, Jobs, NewJob, QueueName, Settings, enqueue};
use greenroom::postgres::archive::OtherNodes;
use greenroom_actors::domain::NodeId;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use crate::support::database::TestDatabase;

pub const KIND: &str = "test.work";

/// A lease that no test waits out, and pauses that only a hand in the database ends.
pub fn settings() -> Settings {
    Settings {
        workers: 4,
        poll: Duration::from_millis(50),
        lease: Duration::from_secs(60),
        deadline: Duration::from_secs(60),
        retries: 3,
        backoff: Duration::from_secs(1_000),
        backoff_max: Duration::from_secs(1_000_000),
        keep_done: Duration::from_secs(1_000),
        keep_dead: Duration::from_secs(1_000),
        others: OtherNodes::Leased(Duration::from_secs(60)),
    }
}

type Work = dyn Fn(Job) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync;

struct Does(Box<Work>);

impl Handler for Does {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        (self.0)(job.clone())
    }
}

/// A handler of [`KIND`].
pub fn does<F>(work: impl Fn(Job) -> F + Send + Sync + 'static) -> Handlers
where
    F: Future<Output = Result<(), JobError>> + Send + 'static,
{
    vec![(KIND, Arc::new(Does(Box::new(move |job| work(job).boxed()))))]
}

/// What was handled, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Value>>>);

impl Log {
    pub fn add(&self, payload: Value) {
        self.0.lock().unwrap().push(payload);
    }

    pub fn all(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    pub fn has(&self, payload: &Value) -> bool {
        self.all().contains(payload)
    }

    /// A handler that notes the payload and is done.
    pub fn handlers(&self) -> Handlers {
        let log = self.clone();
        does(move |job| {
            log.add(job.payload);
            async { Ok(()) }
        })
    }
}

pub struct World {
    pub database: TestDatabase,
}

impl World {
    pub async fn new() -> Self {
        Self { database: TestDatabase::create().await }
    }

    /// A node that does these jobs.
    pub async fn node(&self, settings: Settings, handlers: Handlers) -> Jobs {
        let database = self.database.database();
        Jobs::start(database.pool(), database.connector(), settings, NodeId::new(), handlers, Vec::new())
            .await
    }

    pub async fn client(&self) -> Client {
        self.database.pool().get().await.expect("a connection")
    }

    pub async fn put(&self, job: &NewJob) -> Option<JobId> {
        enqueue(&self.client().await, job).await.expect("enqueued")
    }

    pub async fn put_payload(&self, payload: Value) -> JobId {
        self.put(&work(payload)).await.expect("no key")
    }

    pub async fn execute(&self, sql: &str) -> u64 {
        self.client().await.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.client()
            .await
            .query_one(sql, &[])
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    }

    /// The job's row as JSON, without its times of day.
    pub async fn row(&self, job: JobId) -> Value {
        let id: [&(dyn ToSql + Sync); 1] = [&job.uuid()];
        let sql = "select jsonb_build_object('state', state, 'attempts', attempts, 'payload', payload,
            'error', last_error, 'waits', extract(epoch from run_at - now())::float8, 'leased', node is not null)
            from jobs where id = $1";
        let row = self.client().await.query_opt(sql, &id).await.expect("a row");
        row.map_or(Value::Null, |row| row.get(0))
    }

    pub async fn state(&self, job: JobId) -> i64 {
        self.row(job).await["state"].as_i64().unwrap_or(-1)
    }

    /// As if all that jobs wait for had come: pauses are over, leases too.
    pub async fn time_passes(&self) {
        self.execute("update jobs set run_at = now() where state = 0").await;
        self.execute("update jobs set lease_until = now() - interval '1 second' where state = 1").await;
    }
}

pub fn work(payload: Value) -> NewJob {
    NewJob::new(QueueName::Emails, KIND, payload)
}

pub fn keyed(key: &str) -> NewJob {
    NewJob { key: Some(key.to_owned()), ..work(json!({})) }
}

pub const WAITING: i64 = 0;
pub const RUNNING: i64 = 1;
pub const DONE: i64 = 2;
pub const DEAD: i64 = 3;

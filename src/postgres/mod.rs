//! The database: where it is, how it is kept alive, and how it is reached.
//!
//! [`Database::open`] takes `DATABASE_URL` or starts the [private cluster](cluster); [`Database::pool`] serves the
//! features' own SQL, and the journal's lanes have connections of their own. PostgreSQL 15 is the lowest that will do.
//! Losing the database is no crash: calls are refused with `dependency_down` until it is back.

pub mod archive;
pub mod calls;
mod cluster;
mod connect;
pub mod drafts;
mod error;
pub mod journal;
mod locate;
mod migrate;
pub mod nodes;
pub mod rows;
mod sql;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

pub use cluster::{ClusterOptions, Durability, PrivateCluster};
pub use connect::{Connector, Listening};
pub use error::{DatabaseError, Failure, refusal, store_error};
pub use migrate::Migrated;
pub use sql::{Stored, containing, execute, query, query_opt};

/// Between two tries to reach a database that is not there yet.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Connections of a private cluster beside the pool's: lanes, migrations, a person with `psql`.
const OTHER_CONNECTIONS: usize = 24;

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `DATABASE_URL`: `postgres://user:password@host:port/name?sslmode=…`. `None` runs a private cluster.
    pub url: Option<SecretString>,
    /// `PG_BIN`: folder of the PostgreSQL programs for the private cluster.
    pub pg_bin: Option<PathBuf>,
    /// Connections of the pool.
    pub pool_size: usize,
    /// What a caller waits for a free connection of the pool before it hears `dependency_down`.
    pub wait_timeout: Duration,
    /// What making a new connection may take.
    pub create_timeout: Duration,
    /// A statement that takes longer is cancelled.
    pub statement_timeout: Duration,
    /// A transaction that does nothing for this long loses its connection, and so its locks.
    pub idle_in_transaction_timeout: Duration,
    /// What `open` waits for the database to take connections, recovery after a crash included.
    pub start_timeout: Duration,
    /// How the sessions are named in `pg_stat_activity`.
    pub application_name: String,
    /// Of the private cluster.
    pub durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: None,
            pg_bin: None,
            pool_size: 16,
            wait_timeout: Duration::from_secs(2),
            create_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15),
            idle_in_transaction_timeout: Duration::from_secs(30),
            start_timeout: Duration::from_secs(60),
            application_name: "greenroom".into(),
            durability: Durability::Full,
        }
    }
}

/// Whether the database answers, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: HealthState,
    /// Of the question that was asked, or until it was given up.
    pub latency: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    Up,
    Down,
}

/// The open database. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    connector: Connector,
    cluster: Option<PrivateCluster>,
    epoch: OnceLock<Uuid>,
}

impl Database {
    /// Reaches the database, or starts the private one with its data in `data_dir`, and waits until it answers.
    /// Does not migrate.
    pub async fn open(options: &Options, data_dir: &Path) -> Result<Self, DatabaseError> {
        let (config, tls, cluster) = match &options.url {
            Some(url) => {
                let (config, tls) = tls::parse(url.expose_secret())?;
                (config, tls, None)
            }
            None => {
                let cluster = PrivateCluster::open(
                    &ClusterOptions {
                        pg_bin: options.pg_bin.clone(),
                        max_connections: options.pool_size + OTHER_CONNECTIONS,
                        durability: options.durability,
                        start_timeout: options.start_timeout,
                    },
                    data_dir,
                )
                .await?;
                (cluster.config(), tls::none()?, Some(cluster))
            }
        };
        let connector = Connector::new(config, tls, options);
        await_answer(&connector, options.start_timeout).await?;
        let pool = connector.pool(options)?;
        Ok(Self { inner: Arc::new(Inner { pool, connector, cluster, epoch: OnceLock::new() }) })
    }

    /// Connections for the features' own SQL. Dead ones are replaced as they are found.
    #[must_use]
    pub fn pool(&self) -> Pool {
        self.inner.pool.clone()
    }

    /// For connections outside the pool.
    #[must_use]
    pub fn connector(&self) -> Connector {
        self.inner.connector.clone()
    }

    /// The private cluster, if it is one.
    #[must_use]
    pub fn private_cluster(&self) -> Option<&PrivateCluster> {
        self.inner.cluster.as_ref()
    }

    /// Brings the schema up to date and learns the epoch. Safe when several nodes do it at once.
    pub async fn migrate(&self) -> Result<Migrated, DatabaseError> {
        let migrated = migrate::migrate(&self.inner.connector).await?;
        self.inner.epoch.get_or_init(|| migrated.epoch);
        Ok(migrated)
    }

    /// Names this database; another one after a backup was restored. Nil before [`migrate`](Self::migrate).
    #[must_use]
    pub fn epoch(&self) -> Uuid {
        self.inner.epoch.get().copied().unwrap_or_default()
    }

    /// Asks the database for a sign of life, for at most `deadline`.
    pub async fn health(&self, deadline: Duration) -> Health {
        let start = Instant::now();
        let answered = tokio::time::timeout(deadline, async {
            let client = self.inner.pool.get().await.ok()?;
            client.query_one("SELECT 1", &[]).await.ok()
        });
        let up = matches!(answered.await, Ok(Some(_)));
        Health { state: if up { HealthState::Up } else { HealthState::Down }, latency: start.elapsed() }
    }

    /// Closes the pool, then ends the private cluster, if it is one, and waits for its end. To be called last.
    pub async fn close(&self) {
        self.inner.pool.close();
        if let Some(cluster) = &self.inner.cluster {
            cluster.close().await;
        }
    }
}

/// Waits, with growing pauses, for a database that is still starting; what will not pass is an error at once.
async fn await_answer(connector: &Connector, timeout: Duration) -> Result<(), DatabaseError> {
    let start = Instant::now();
    let mut pause = RETRY_MIN;
    loop {
        // The driver's own limit ends with the TCP connection: a peer that then says nothing would hold us for ever.
        let left = timeout.saturating_sub(start.elapsed()).max(RETRY_MIN);
        let cause = match tokio::time::timeout(left, connector.connect()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error::is_connection_lost(&error) && !error::is_untrusted(&error) => {
                error::describe(&error)
            }
            Ok(Err(error)) => return Err(DatabaseError::Unreachable(error::describe(&error))),
            Err(_) => "no answer in time".to_owned(),
        };
        if start.elapsed() + pause > timeout {
            return Err(DatabaseError::Unreachable(cause));
        }
        tracing::warn!(cause, pause_ms = pause.as_millis(), "the database does not answer");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

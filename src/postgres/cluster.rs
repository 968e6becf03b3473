//! The private cluster: a PostgreSQL of the server's own, with its data in the data folder, for whoever sets no
//! `DATABASE_URL`.
//!
//! It runs as a child in its own process session, answers on a Unix socket that only this account can open, and ends
//! with the server however that ends: told to when the server closes, by death signal (Linux) when it is killed, and at
//! the latest when the next server on the folder finds it. One server per data folder, by file lock. fsync stays on.

mod folder;
mod guardian;
mod process;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use self::folder::Folder;
use self::guardian::{Guardian, State};
use self::process::{Account, Stop};
use super::error::DatabaseError;
use super::locate;

/// A clean end writes a checkpoint; after these it is told to end at once, and then killed.
const STOP_FAST: Duration = Duration::from_secs(20);
const STOP_IMMEDIATE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// Whether what was committed outlives a loss of power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    #[default]
    Full,
    /// Nothing is synced to disk: for tests, whose data nobody misses.
    None,
}

/// How to run a private cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Folder of the PostgreSQL programs; `None` searches for them.
    pub pg_bin: Option<PathBuf>,
    pub max_connections: usize,
    pub durability: Durability,
    /// From the start of PostgreSQL until it takes connections, recovery after a crash included.
    pub start_timeout: Duration,
}

/// What the guardian starts.
struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    account: Account,
}

/// A running private cluster. Dropped without [`close`](Self::close) it still ends, but nobody waits for it.
pub struct PrivateCluster {
    guardian: Guardian,
    sockets: PathBuf,
}

impl PrivateCluster {
    /// Locks `data_dir`, makes a cluster in it if there is none, starts it and waits until it takes connections.
    pub async fn open(options: &ClusterOptions, data_dir: &Path) -> Result<Self, DatabaseError> {
        let (prepared, data_dir) = (options.clone(), data_dir.to_owned());
        let (folder, launch) = tokio::task::spawn_blocking(move || prepare(&prepared, &data_dir))
            .await
            .map_err(|error| DatabaseError::Start(error.to_string()))??;
        let folder = Arc::new(folder);
        let cluster = folder.cluster();
        let cluster = Self { sockets: folder.sockets.clone(), guardian: Guardian::start(folder, launch)? }
            .await_ready(&cluster, options.start_timeout)
            .await?;
        Ok(cluster)
    }

    async fn await_ready(self, cluster: &Path, timeout: Duration) -> Result<Self, DatabaseError> {
        let state = self.guardian.state();
        let start = Instant::now();
        loop {
            let now = state.borrow().clone();
            match now {
                State::Running(pid) if folder::postmaster(cluster) == Some((pid, true)) => return Ok(self),
                State::Down(reason) => return Err(DatabaseError::Start(reason)),
                _ if start.elapsed() > timeout => {
                    let seconds = timeout.as_secs();
                    return Err(DatabaseError::Start(format!("it took no connections within {seconds} s")));
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// How to connect to it: over its socket, as the one role, without TLS.
    #[must_use]
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.host_path(&self.sockets).user(folder::ROLE).dbname("postgres").ssl_mode(SslMode::Disable);
        config
    }

    /// Process id of the postmaster; `None` while it is down.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        match *self.guardian.state().borrow() {
            State::Running(pid) => Some(pid),
            State::Starting | State::Down(_) | State::Stopped => None,
        }
    }

    /// Ends it cleanly and waits until it has ended and the data folder is free again. A second call waits too.
    pub async fn close(&self) {
        for (how, patience) in
            [(Stop::Fast, STOP_FAST), (Stop::Immediate, STOP_IMMEDIATE), (Stop::Kill, STOP_IMMEDIATE)]
        {
            self.guardian.stop(how);
            let mut state = self.guardian.state();
            // An error says that the guardian is gone, and so its child.
            if tokio::time::timeout(patience, state.wait_for(|state| *state == State::Stopped)).await.is_ok()
            {
                return;
            }
            tracing::warn!(?how, "PostgreSQL does not end");
        }
    }
}

/// All that blocks: locks, the search for PostgreSQL, `initdb`.
fn prepare(options: &ClusterOptions, data_dir: &Path) -> Result<(Folder, Launch), DatabaseError> {
    let folder = Folder::open(data_dir)?;
    let cluster = folder.cluster();
    let version = folder.version()?;
    let wanted = version.map(|major| (major, cluster.as_path()));
    let installation = locate::locate(options.pg_bin.as_deref(), wanted)?;
    let account = Account::choose(&cluster, &installation.bin)?;
    if version.is_none() {
        tracing::info!(folder = %cluster.display(), version = installation.major, "making the database");
        folder.initialise(&installation, account)?;
    }
    folder.give_to(account, &cluster)?;
    folder.give_to(account, &folder.sockets)?;
    let launch = Launch {
        program: installation.bin.join("postgres"),
        arguments: arguments(options, &folder),
        account,
    };
    Ok((folder, launch))
}

fn arguments(options: &ClusterOptions, folder: &Folder) -> Vec<OsString> {
    let mut socket = OsString::from("unix_socket_directories=");
    socket.push(&folder.sockets);
    let mut arguments: Vec<OsString> = vec!["-D".into(), folder.cluster().into(), "-c".into(), socket];
    let mut set = |name: &str, value: &str| arguments.extend(["-c".into(), format!("{name}={value}").into()]);
    set("max_connections", &options.max_connections.to_string());
    for (name, value) in SETTINGS {
        set(name, value);
    }
    if cfg!(target_os = "linux") {
        // After a crash every file of the cluster is synced to disk: in one call, and not one by one (2 s).
        set("recovery_init_sync_method", "syncfs");
    }
    if options.durability == Durability::None {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            set(name, "off");
        }
    }
    arguments
}

/// For a journal: many small transactions, few connections, short queries, and a quick recovery.
const SETTINGS: [(&str, &str); 20] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("cluster_name", "greenroom"),
    ("shared_buffers", "128MB"),
    ("wal_buffers", "16MB"),
    // Bounds what a start after a crash has to replay; lower, and checkpoints would come too often under load.
    ("max_wal_size", "256MB"),
    ("min_wal_size", "128MB"),
    ("checkpoint_timeout", "5min"),
    ("jit", "off"),
    // The head of a busy room leaves dead rows at every append.
    ("autovacuum_naptime", "15s"),
    ("max_wal_senders", "0"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // The log goes to the server's own: terse, for details and statements can hold what people said.
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_line_prefix", ""),
    ("log_min_messages", "warning"),
    ("log_checkpoints", "off"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
];

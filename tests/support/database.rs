//! A database per test, on one cluster for all test processes of a run.
//!
//! The first process that needs a cluster starts a keeper: its own test binary, detached, which runs a private cluster
//! without fsync, migrates a template once, and ends when no test process has been there for some seconds. Each test
//! then copies the template (some 20 ms) and drops its copy. The keeper is the ignored test at the end.

use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use greenroom::postgres::{ClusterOptions, Database, Durability, Options, PrivateCluster};
use secrecy::SecretString;
use tokio_postgres::NoTls;

const KEEPER_FOLDER: &str = "GREENROOM_TEST_KEEPER";
const TEMPLATE: &str = "greenroom_template";
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Without a test process for so long, the keeper ends.
const IDLE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const IDLE_POLL: Duration = Duration::from_millis(500);

/// A migrated database that nobody else knows; dropped with this.
pub struct TestDatabase {
    name: String,
    sockets: String,
    database: Database,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let sockets = tokio::task::spawn_blocking(cluster).await.expect("the test cluster");
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        execute(&sockets, &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")).await;
        let database =
            Database::open(&options(&sockets, &name), Path::new("/nonexistent")).await.expect("a database");
        database.migrate().await.expect("a migrated database");
        Self { name, sockets, database }
    }

    /// It, open.
    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn pool(&self) -> Pool {
        self.database.pool()
    }

    /// What `DATABASE_URL` is to be, in a server process of a test's.
    pub fn url(&self) -> String {
        url(&self.sockets, &self.name)
    }

    /// To open it once more.
    pub fn options(&self) -> Options {
        options(&self.sockets, &self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (sockets, sql) =
            (self.sockets.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        self.database.pool().close();
        // The test's own runtime may be ending: this one is not its.
        let dropped = std::thread::spawn(move || runtime().block_on(execute(&sockets, &sql))).join();
        if dropped.is_err() && !std::thread::panicking() {
            panic!("the database {} could not be dropped", self.name);
        }
    }
}

fn url(sockets: &str, name: &str) -> String {
    format!("host={sockets} user=greenroom dbname={name}")
}

fn options(sockets: &str, name: &str) -> Options {
    Options { url: Some(SecretString::from(url(sockets, name))), pool_size: 8, ..Options::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn execute(sockets: &str, sql: &str) {
    let (client, connection) =
        tokio_postgres::connect(&url(sockets, "postgres"), NoTls).await.expect("the cluster");
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    drop(client);
    let _ = driver.await;
}

/// The folder that the processes of all runs of this very checkout and schema share.
fn base() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    let mut migrations: Vec<PathBuf> = std::fs::read_dir(root.join("migrations"))
        .expect("migrations")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    migrations.sort();
    for path in migrations {
        std::fs::read(path).expect("a migration").hash(&mut hasher);
    }
    let user = std::fs::metadata(root).expect("the checkout").uid();
    std::env::temp_dir().join(format!("greenroom-test-{user}-{:016x}", hasher.finish()))
}

fn lock_file(base: &Path, name: &str) -> File {
    OpenOptions::new().create(true).truncate(false).write(true).open(base.join(name)).expect("a lock file")
}

/// The socket folder of the shared cluster, which is started if it does not run. It runs at least as long as this process.
fn cluster() -> String {
    static CLUSTER: OnceLock<(String, File)> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            let base = base();
            // Others may pass: PostgreSQL may have to run as another account.
            std::fs::DirBuilder::new().recursive(true).mode(0o711).create(&base).expect("a temporary folder");
            let user = lock_file(&base, "users.lock");
            user.lock_shared().expect("a share in the cluster");
            (start_if_needed(&base), user)
        })
        .0
        .clone()
}

#[allow(clippy::zombie_processes)] // The keeper outlives this process: there is nothing to wait for.
fn start_if_needed(base: &Path) -> String {
    let starting = lock_file(base, "start.lock");
    starting.lock().expect("the right to start the cluster");
    let keeper = lock_file(base, "keeper.lock");
    if keeper.try_lock().is_ok() {
        let _ = std::fs::remove_file(base.join("ready"));
        drop(keeper);
        let log = File::create(base.join("keeper.log")).expect("a log file");
        let test = module_path!().split_once("::").map_or(String::new(), |(_, path)| format!("{path}::"));
        Command::new(std::env::current_exe().expect("this test binary"))
            .args([&format!("{test}keep_the_test_cluster"), "--exact", "--ignored", "--nocapture"])
            .env(KEEPER_FOLDER, base)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            // Out of reach of what ends this test and its group.
            .process_group(0)
            .spawn()
            .expect("the keeper");
    }
    let start = Instant::now();
    loop {
        if let Ok(sockets) = std::fs::read_to_string(base.join("ready")) {
            return sockets;
        }
        if start.elapsed() > START_TIMEOUT {
            let log = std::fs::read_to_string(base.join("keeper.log")).unwrap_or_default();
            panic!("the test cluster did not start:\n{log}");
        }
        std::thread::sleep(POLL);
    }
}

#[test]
#[ignore = "the body of the process that keeps the cluster"]
fn keep_the_test_cluster() {
    let Some(base) = std::env::var_os(KEEPER_FOLDER).map(PathBuf::from) else { return };
    let keeper = lock_file(&base, "keeper.lock");
    keeper.lock().expect("to be the only keeper");
    sweep(&base);
    runtime().block_on(async {
        let cluster_options = ClusterOptions {
            pg_bin: std::env::var_os("PG_BIN").map(PathBuf::from),
            max_connections: 400,
            durability: Durability::None,
            start_timeout: START_TIMEOUT,
        };
        let cluster = PrivateCluster::open(&cluster_options, &base.join("data")).await.expect("a cluster");
        let sockets = base.join("data/run").canonicalize().expect("its sockets");
        let sockets = sockets.to_str().expect("a plain path");
        execute(sockets, &format!("CREATE DATABASE {TEMPLATE}")).await;
        let template = Database::open(&options(sockets, TEMPLATE), &base).await.expect("the template");
        template.migrate().await.expect("its migrations");
        template.close().await;
        execute(sockets, &format!("ALTER DATABASE {TEMPLATE} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true"))
            .await;
        std::fs::write(base.join("ready.new"), sockets).expect("the sign that it is ready");
        std::fs::rename(base.join("ready.new"), base.join("ready")).expect("the sign that it is ready");

        let users = lock_file(&base, "users.lock");
        let mut idle_since = Instant::now();
        while idle_since.elapsed() < IDLE {
            tokio::time::sleep(IDLE_POLL).await;
            match users.try_lock() {
                Ok(()) => users.unlock().expect("to let others in"),
                Err(_) => idle_since = Instant::now(),
            }
        }
        // Who comes from here on waits, and then starts another.
        users.lock().expect("nobody else");
        let _ = std::fs::remove_file(base.join("ready"));
        cluster.close().await;
        let _ = std::fs::remove_dir_all(base.join("data"));
    });
}

/// Removes what keepers left that were killed, of this checkout and others of this user.
fn sweep(own: &Path) {
    let _ = std::fs::remove_dir_all(own.join("data"));
    let Some((stem, _)) = own.to_str().and_then(|own| own.rsplit_once('-')) else { return };
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let path = entry.path();
        let other = path != own && path.to_str().is_some_and(|path| path.starts_with(stem));
        if other && path.join("data").exists() && lock_file(&path, "keeper.lock").try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(path.join("data"));
        }
    }
}

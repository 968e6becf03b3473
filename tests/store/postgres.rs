//! The private cluster, the pool and the migrations, on a real PostgreSQL.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use greenroom::postgres::{Database, DatabaseError, HealthState, Options, refusal};
use greenroom_actors::protocol::RefusalCode;

mod elsewhere;
mod encrypted;

const DATA_DIR: &str = "GREENROOM_TEST_SERVER_DATA";

async fn open(data: &Path) -> Result<Database, DatabaseError> {
    Database::open(&Options::default(), data).await
}

fn pid_of(database: &Database) -> i32 {
    database.private_cluster().and_then(|cluster| cluster.pid()).expect("a running postmaster")
}

fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kill(pid: i32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Not a test of its own: the server process that other tests start, and kill.
#[tokio::test]
#[ignore = "the body of a child process"]
#[allow(clippy::print_stdout)] // That is how it speaks with its parent.
async fn a_server_that_runs_until_it_is_killed() {
    let Some(data) = std::env::var_os(DATA_DIR) else { return };
    let database = open(Path::new(&data)).await.unwrap();
    database.migrate().await.unwrap();
    let client = database.pool().get().await.unwrap();
    client.batch_execute("CREATE TABLE IF NOT EXISTS acked (n bigint PRIMARY KEY)").await.unwrap();
    let first: i64 = client.query_one("SELECT coalesce(max(n), 0) FROM acked", &[]).await.unwrap().get(0);
    println!("\nready {}", pid_of(&database));
    for n in first + 1.. {
        client.execute("INSERT INTO acked VALUES ($1)", &[&n]).await.unwrap();
        println!("acked {n}");
    }
}

/// A server in a process of its own, and the id of its postmaster.
fn start_server(data: &Path) -> (Child, BufReader<std::process::ChildStdout>, i32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres::a_server_that_runs_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DATA_DIR, data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("ready ") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the server ended before it was ready");
    }
    let pid = line["ready ".len()..].trim().parse().unwrap();
    (child, lines, pid)
}

#[tokio::test]
async fn a_new_folder_becomes_a_database_and_a_clean_stop_leaves_it_whole() {
    let data = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let database = open(data.path()).await.unwrap();
    eprintln!("ready {:?} with initdb", start.elapsed());
    let first = database.migrate().await.unwrap();
    assert!(!first.applied.is_empty());
    assert_eq!(database.epoch(), first.epoch);
    assert_eq!(database.health(Duration::from_secs(5)).await.state, HealthState::Up);
    let pid = pid_of(&database);
    database.close().await;
    assert!(!is_alive(pid));
    let start = Instant::now();
    let again = open(data.path()).await.unwrap();
    eprintln!("ready {:?} after a clean stop", start.elapsed());
    let second = again.migrate().await.unwrap();
    assert_eq!((second.applied.len(), second.epoch), (0, first.epoch));
    again.close().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_and_harms_nothing() {
    let data = tempfile::tempdir().unwrap();
    let database = open(data.path()).await.unwrap();
    let refused = open(data.path()).await.err().unwrap();
    assert!(matches!(refused, DatabaseError::AlreadyRunning { .. }), "{refused}");
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    assert_eq!(database.health(Duration::from_secs(5)).await.state, HealthState::Up);
    database.close().await;
}

#[tokio::test]
async fn a_killed_server_takes_its_postgres_with_it_and_what_it_acked_is_there() {
    let data = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let (mut server, mut lines, postmaster) = start_server(data.path());
        let mut line = String::new();
        let mut acked = 0;
        for _ in 0..50 {
            line.clear();
            lines.read_line(&mut line).unwrap();
            acked = line["acked ".len()..].trim().parse::<i64>().unwrap();
        }
        server.kill().unwrap();
        if round == 1 {
            kill(postmaster);
        }
        server.wait().unwrap();
        let start = Instant::now();
        let database = open(data.path()).await.unwrap();
        eprintln!("ready {:?} after kill -9 of the server, round {round}", start.elapsed());
        assert!(!is_alive(postmaster));
        let client = database.pool().get().await.unwrap();
        let kept: i64 = client.query_one("SELECT count(*) FROM acked", &[]).await.unwrap().get(0);
        assert!(kept >= acked, "{kept} rows of {acked} that were acked");
        drop(client);
        database.close().await;
    }
}

#[tokio::test]
async fn a_killed_postgres_is_started_again_and_calls_are_refused_meanwhile() {
    let data = tempfile::tempdir().unwrap();
    let database = open(data.path()).await.unwrap();
    let pool = database.pool();
    let client = pool.get().await.unwrap();
    let pid = pid_of(&database);
    kill(pid);
    let start = Instant::now();
    eventually("the connection notices", async || client.query_one("SELECT 1", &[]).await.is_err()).await;
    let error = client.query_one("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(refusal(&error).code, RefusalCode::DependencyDown);
    drop(client);
    eventually("the database is back", async || match pool.get().await {
        Ok(client) => client.query_one("SELECT 1", &[]).await.is_ok(),
        Err(error) => {
            assert_eq!(refusal(&error).code, RefusalCode::DependencyDown, "{error}");
            false
        }
    })
    .await;
    eprintln!("back {:?} after kill -9 of postgres", start.elapsed());
    assert_ne!(pid_of(&database), pid);
    database.close().await;
}

#[tokio::test]
async fn a_cluster_that_another_account_owns_is_run_as_that_account() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).await.unwrap().close().await;
    let cluster = data.path().join("postgres");
    let given = Command::new("chown").arg("-R").arg("postgres").arg(&cluster).stderr(Stdio::null()).status();
    if !given.is_ok_and(|status| status.success()) {
        return; // Only root can give files away, and only to an account that exists.
    }
    std::fs::remove_dir(data.path().join("run")).unwrap();
    let database = open(data.path()).await.unwrap();
    let owner = std::fs::metadata(format!("/proc/{}", pid_of(&database))).unwrap().uid();
    assert_eq!(owner, std::fs::metadata(&cluster).unwrap().uid());
    database.migrate().await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn ctrl_c_at_the_terminal_does_not_reach_postgres() {
    let data = tempfile::tempdir().unwrap();
    let database = open(data.path()).await.unwrap();
    let session = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        after_name.split(' ').nth(3).unwrap().to_owned()
    };
    if cfg!(target_os = "linux") {
        let postmaster = pid_of(&database).cast_unsigned();
        assert_eq!(session(postmaster), postmaster.to_string());
        assert_ne!(session(postmaster), session(std::process::id()));
    }
    database.close().await;
}

#[tokio::test]
async fn a_cluster_of_another_version_is_not_touched() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).await.unwrap().close().await;
    let version = data.path().join("postgres/PG_VERSION");
    let was = std::fs::read_to_string(&version).unwrap();
    std::fs::write(&version, "99\n").unwrap();
    let refused = open(data.path()).await.err().unwrap();
    assert!(matches!(refused, DatabaseError::WrongVersion { wanted: 99, .. }), "{refused}");
    std::fs::write(&version, was).unwrap();
    open(data.path()).await.unwrap().close().await;
}

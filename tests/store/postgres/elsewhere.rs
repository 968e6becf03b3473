//! A database that is reached by `DATABASE_URL`: deadlines, errors, and migrations by several nodes at once.

use std::path::Path;
use std::time::{Duration, Instant};

use greenroom::postgres::{Database, DatabaseError, HealthState, Options, refusal};
use greenroom_actors::protocol::RefusalCode;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::support::database::TestDatabase;

async fn open(options: &Options) -> Result<Database, DatabaseError> {
    Database::open(options, Path::new("/nonexistent")).await
}

fn options(url: String) -> Options {
    Options {
        url: Some(SecretString::from(url)),
        start_timeout: Duration::from_millis(500),
        ..Options::default()
    }
}

#[tokio::test]
async fn nodes_that_start_together_migrate_once() {
    let test = TestDatabase::create().await;
    let client = test.pool().get().await.unwrap();
    client.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let (one, two, three) = (
        open(&test.options()).await.unwrap(),
        open(&test.options()).await.unwrap(),
        open(&test.options()).await.unwrap(),
    );
    let (one, two, three) = tokio::try_join!(one.migrate(), two.migrate(), three.migrate()).unwrap();
    let mut runs = [one.applied.len(), two.applied.len(), three.applied.len()];
    runs.sort_unstable();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().count();
    assert_eq!(runs, [0, 0, files], "one of them did it all, and the others found it done");
    assert!(one.epoch == two.epoch && two.epoch == three.epoch);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled_and_a_full_pool_refuses_in_time() {
    let test = TestDatabase::create().await;
    let limits = Options {
        pool_size: 1,
        wait_timeout: Duration::from_millis(100),
        statement_timeout: Duration::from_millis(200),
        ..test.options()
    };
    let database = open(&limits).await.unwrap();
    let client = database.pool().get().await.unwrap();
    let error = client.batch_execute("SELECT pg_sleep(60)").await.unwrap_err();
    assert_eq!(refusal(&error).code, RefusalCode::DependencyDown, "{error:?}");
    let error = client.batch_execute("SELECT nonsense").await.unwrap_err();
    assert_eq!(refusal(&error).code, RefusalCode::Internal, "{error:?}");

    let Err(full) = database.pool().get().await else { panic!("a second connection of one") };
    assert_eq!(refusal(&full).code, RefusalCode::DependencyDown, "{full:?}");
    let health = database.health(Duration::from_secs(30)).await;
    assert_eq!(health.state, HealthState::Down);
    drop(client);
    assert_eq!(database.health(Duration::from_secs(30)).await.state, HealthState::Up);
    database.close().await;
}

#[tokio::test]
async fn a_database_that_never_answers_is_down_by_the_deadline() {
    let test = TestDatabase::create().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("host=127.0.0.1 port={port} user=greenroom dbname=x connect_timeout=1");
    let error = open(&options(url)).await.err().unwrap();
    assert!(matches!(error, DatabaseError::Unreachable(_)), "{error}");
    // An open database whose every connection is busy answers health by the deadline, not later.
    let database = open(&Options { pool_size: 1, wait_timeout: Duration::from_secs(60), ..test.options() })
        .await
        .unwrap();
    let held = database.pool().get().await.unwrap();
    let health = database.health(Duration::from_millis(50)).await;
    assert_eq!(health.state, HealthState::Down);
    assert!(health.latency >= Duration::from_millis(50));
    drop(held);
}

#[tokio::test]
async fn what_will_not_pass_is_an_error_at_once_and_names_no_secret() {
    let test = TestDatabase::create().await;
    let start = Instant::now();
    let patient = Options {
        url: Some(SecretString::from(format!(
            "{} password=topsecret",
            test.url().replace("dbname=", "dbname=not_")
        ))),
        start_timeout: Duration::from_secs(600),
        ..Options::default()
    };
    let error = open(&patient).await.err().unwrap().to_string();
    assert!(error.contains("3D000") && !error.contains("topsecret"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(300), "it was not tried again and again");
}

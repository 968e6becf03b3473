//! Connections that break at any point, the COMMIT itself among them, and a database that is killed.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenroom::postgres::journal::PostgresJournal;
use greenroom::postgres::{Database, Options};
use greenroom_actors::domain::{NodeId, RoomId, UserId};
use greenroom_actors::ports::{Entry, JournalStore};

use super::fixture::{Node, ask, close, entry, persist, revision, said};

/// A message and the reply to it, as two entries.
fn exchange(room: RoomId, user: UserId, name: &str) -> [Entry; 2] {
    let asked = ask(room, user, name);
    let mut turn = asked.turns[0].clone();
    turn.asked_offset = 1;
    [entry(room, &asked), close(&turn, said())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_connection_breaks_at_any_point_is_stored_exactly_once() {
    const BATCHES: usize = 150;
    let (node, room, user) = Node::start_with_room().await;
    let node = Arc::new(node);
    let done = Arc::new(AtomicBool::new(false));
    let breaker = {
        let (node, done) = (node.clone(), done.clone());
        tokio::spawn(async move {
            let client = node.database.pool().get().await.unwrap();
            while !done.load(Ordering::Relaxed) {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name LIKE '%lane%' AND datname = current_database()";
                client.query(sql, &[]).await.unwrap();
                tokio::time::sleep(Duration::from_micros(fastrand::u64(2_000..20_000))).await;
            }
        })
    };
    let mut lane = node.lane();
    let (mut lost, mut next, mut batch) = (0, 1, 0);
    // As many as it takes for the connection to have broken often.
    while batch < BATCHES || lost < 20 {
        let entries: Vec<Entry> =
            (0..4).flat_map(|number| exchange(room, user, &format!("{batch}-{number}"))).collect();
        let (outcomes, lost_now) = persist(&mut lane, &entries).await;
        for outcome in &outcomes {
            assert_eq!(revision(outcome), next, "batch {batch}");
            next += 1;
        }
        lost += lost_now;
        batch += 1;
    }
    done.store(true, Ordering::Relaxed);
    breaker.await.unwrap();
    assert_eq!(node.number("SELECT count(*) FROM messages", &[]).await, next - 1);
    node.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_outlives_a_killed_postgres_and_the_lane_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let database = Database::open(&Options::default(), data.path()).await.unwrap();
    database.migrate().await.unwrap();
    let (room, user) = (RoomId::new(), UserId::new());
    let insert = "INSERT INTO heads (room_id) VALUES ($1)";
    database.pool().get().await.unwrap().execute(insert, &[&room.uuid()]).await.unwrap();
    let mut lane = PostgresJournal::new(database.connector(), NodeId::new()).lane(0);
    let (mut next, mut kills, mut lost) = (1, 0, 0);
    for batch in 0..60 {
        if batch % 20 == 10 {
            // A lane may be served by the next postmaster before the cluster has named it.
            let kill =
                |pid: i32| Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success();
            while !database.private_cluster().unwrap().pid().is_some_and(kill) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            kills += 1;
        }
        let (outcomes, lost_now) = persist(&mut lane, &exchange(room, user, &batch.to_string())).await;
        for outcome in &outcomes {
            assert_eq!(revision(outcome), next);
            next += 1;
        }
        lost += lost_now;
    }
    assert!(lost >= kills, "{kills} kills, {lost} lost batches");
    // The lane may have ended with a backend that outlived its postmaster: the next one may not be there yet.
    let connected = async {
        loop {
            match database.pool().get().await {
                Ok(client) => break client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let client = tokio::time::timeout(Duration::from_secs(20), connected).await.expect("Postgres comes back");
    let row = client.query_one("SELECT count(*), max(\"offset\") FROM messages", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (next - 1, next - 1));
    drop(client);
    database.close().await;
}

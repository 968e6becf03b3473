//! The database goes away and comes back; the server process is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use greenroom::http::{DependencyState, Finding};
use greenroom::jobs::{Jobs, Settings};
use greenroom::postgres::{Database, Options};
use greenroom_actors::domain::NodeId;
use secrecy::SecretString;
use serde_json::json;

use super::world::{DONE, Log, RUNNING, World, settings};
use crate::support::app::eventually;
use crate::support::chaos::{ChaosProxy, Target};
use crate::support::process::{free_port, greenroom};

/// The world's database, once more, through a proxy.
async fn through_a_proxy(world: &World) -> (Database, ChaosProxy) {
    let url = world.database.url();
    let part = |name: &str| {
        let value = url.split_whitespace().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().to_owned()
    };
    let socket = PathBuf::from(part("host")).join(".s.PGSQL.5432");
    let proxy = ChaosProxy::start(Target::Unix(socket)).await;
    let through = format!(
        "host=127.0.0.1 port={} user={} dbname={} sslmode=disable",
        proxy.address.port(),
        part("user"),
        part("dbname")
    );
    let options = Options { url: Some(SecretString::from(through)), ..world.database.options() };
    (Database::open(&options, Path::new("/nonexistent")).await.expect("the proxy leads there"), proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workers_outlive_the_database_and_go_on_when_it_is_back() {
    let (world, log) = (World::new().await, Log::default());
    let (database, proxy) = through_a_proxy(&world).await;
    // Woken by the database alone: the listening connection has to come back too.
    let settings = Settings { poll: Duration::from_secs(2), ..settings() };
    let (pool, connector) = (database.pool(), database.connector());
    let node = Jobs::start(pool, connector, settings, NodeId::new(), log.handlers(), Vec::new()).await;
    world.put_payload(json!("before")).await;
    eventually("before", async || log.has(&json!("before"))).await;

    proxy.take_down();
    eventually("it says so", async || node.finding().state == DependencyState::Down).await;
    let during = world.put_payload(json!("during")).await;

    proxy.restore();
    eventually("done after all", async || world.state(during).await == DONE).await;
    eventually("and says so", async || node.finding() == Finding::up()).await;
    let after = world.put_payload(json!("after")).await;
    eventually("as before", async || world.state(after).await == DONE).await;
    assert_eq!(log.all(), [json!("before"), json!("during"), json!("after")]);
    node.stop(Duration::from_secs(10)).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ended_while_the_database_was_away_is_noted_later_and_not_done_twice() {
    let (world, log) = (World::new().await, Log::default());
    let (database, proxy) = through_a_proxy(&world).await;
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let (wait, noted) = (go.clone(), log.clone());
    let handlers = super::world::does(move |job| {
        let (wait, noted) = (wait.clone(), noted.clone());
        async move {
            wait.notified().await;
            noted.add(job.payload);
            Ok(())
        }
    });
    let (pool, connector) = (database.pool(), database.connector());
    let node = Jobs::start(pool, connector, settings(), NodeId::new(), handlers, Vec::new()).await;
    let job = world.put_payload(json!("a letter")).await;
    eventually("running", async || world.state(job).await == RUNNING).await;
    proxy.take_down();
    go.notify_one();
    eventually("done, and nobody to tell", async || log.has(&json!("a letter"))).await;
    assert_eq!(world.state(job).await, RUNNING);
    proxy.restore();
    eventually("noted", async || world.state(job).await == DONE).await;
    assert_eq!((log.all().len(), &world.row(job).await["attempts"]), (1, &json!(1)));
    node.stop(Duration::from_secs(10)).await;
    database.close().await;
}

struct Server(Child);

impl Server {
    fn start(world: &World, folder: &Path) -> Self {
        let port = free_port();
        let server = Command::new(greenroom())
            .arg("serve")
            .env("DATABASE_URL", world.database.url())
            .env("JWT_SECRET", "a secret for this test of thirty-two characters")
            .env("GREENROOM__SERVER__PORT", port.to_string())
            .env("GREENROOM__DATA_DIR", folder)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(server.expect("the server starts"))
    }

    fn kill_9(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it has ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_server_killed_with_9_is_done_by_the_next() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    // The hourly sweep, held up in its middle.
    let mut client = world.client().await;
    let held = client.transaction().await.unwrap();
    held.batch_execute("lock table refresh_tokens in access exclusive mode").await.unwrap();
    let server = Server::start(&world, folder.path());
    let running = "select count(*) from jobs where kind = 'accounts.sweep' and state = 1";
    eventually("running", async || world.count(running).await == 1).await;
    server.kill_9();
    held.rollback().await.unwrap();
    assert_eq!(world.count(running).await, 1, "nobody was there to say how it ended");
    world.time_passes().await;
    let _server = Server::start(&world, folder.path());
    let done = "select count(*) from jobs where kind = 'accounts.sweep' and state = 2 and attempts = 2";
    eventually("done", async || world.count(done).await == 1).await;
}

//! What the credit ledger carries on a PostgreSQL of its own, with fsync: `cargo bench --bench ledger`.
//!
//! `holds_and_ends` is two transfers an item, by 64 askers at once, each for people of their own. `commits` is the yardstick
//! in the same run: as many empty rows committed, one a transaction. PostgreSQL and this process share the machine.

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use greenroom::billing::Ledger;
use greenroom::billing::ledger::{Note, Order};
use greenroom::postgres::{Database, Options};
use greenroom_actors::domain::UserId;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

const ASKERS: usize = 64;
/// Of each asker, in one sample.
const ROUNDS: usize = 50;
const PEOPLE: usize = 200;

fn main() {
    divan::main();
}

struct World {
    runtime: Runtime,
    database: Database,
    people: Vec<Vec<UserId>>,
    _data: TempDir,
}

impl World {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let data = tempfile::tempdir().unwrap();
        let people: Vec<Vec<_>> = (0..ASKERS).map(|_| (0..PEOPLE).map(|_| UserId::new()).collect()).collect();
        let database = runtime.block_on(async {
            let database = Database::open(&Options::default(), data.path()).await.unwrap();
            database.migrate().await.unwrap();
            let client = database.pool().get().await.unwrap();
            client.batch_execute("create table yardstick (id uuid primary key)").await.unwrap();
            let ledger = Ledger::new(database.pool());
            for user in people.iter().flatten() {
                let key = format!("grant:{user}");
                let note = Note { key: &key, ..Note::default() };
                ledger.record(*user, &Order::Grant { amount: 1_000_000 }, &note).await.unwrap();
            }
            // Each by itself: several statements in one are a transaction.
            client.batch_execute("vacuum analyze").await.unwrap();
            client.batch_execute("checkpoint").await.unwrap();
            database
        });
        Self { runtime, database, people, _data: data }
    }

    /// `ROUNDS` times by each asker at once.
    fn all<F: Future<Output = ()> + Send>(&self, ask: impl Fn(UserId) -> F + Send + Sync + 'static) {
        let ask = Arc::new(ask);
        self.runtime.block_on(async {
            let mut askers = tokio::task::JoinSet::new();
            for people in &self.people {
                let (ask, people) = (ask.clone(), people.clone());
                askers.spawn(async move {
                    for _ in 0..ROUNDS {
                        ask(people[fastrand::usize(..PEOPLE)]).await;
                    }
                });
            }
            askers.join_all().await;
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.runtime.block_on(self.database.close());
    }
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn holds_and_ends(bencher: Bencher<'_, '_>) {
    let world = World::new();
    let ledger = Ledger::new(world.database.pool());
    bencher.counter(ItemsCount::new(2 * ASKERS * ROUNDS)).bench_local(|| {
        let ledger = ledger.clone();
        world.all(move |user| {
            let ledger = ledger.clone();
            async move {
                let key = Uuid::now_v7().to_string();
                let note = Note { key: &key, reference: "image", ..Note::default() };
                let held = ledger.hold(user, 5, Duration::from_secs(600), &note).await.unwrap();
                ledger.end(user, held.id, 5).await.unwrap();
            }
        });
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn commits(bencher: Bencher<'_, '_>) {
    let world = World::new();
    let pool = world.database.pool();
    bencher.counter(ItemsCount::new(2 * ASKERS * ROUNDS)).bench_local(|| {
        let pool = pool.clone();
        world.all(move |_| {
            let pool = pool.clone();
            async move {
                for _ in 0..2 {
                    let client = pool.get().await.unwrap();
                    let insert = client.prepare_cached("insert into yardstick values ($1)").await.unwrap();
                    client.execute(&insert, &[&Uuid::now_v7()]).await.unwrap();
                }
            }
        });
    });
}

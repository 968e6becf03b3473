//! What the engine alone costs, without sockets and SQL: `cargo bench --bench engine`.

use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::future::join_all;
use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::protocol::ReplyWish;
use greenroom_actors::testsuite::{TestEngine, character};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

fn world(rooms: usize) -> (Runtime, TestEngine, Vec<(RoomId, UserId)>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let test = runtime.block_on(TestEngine::start(|settings| settings.pool.workers = 256));
    let ada = test.store.add_character(character("Ada"));
    let rooms = (0..rooms)
        .map(|_| {
            let user = test.store.add_user("premium");
            (test.store.add_room(&[user], &[ada]), user)
        })
        .collect();
    (runtime, test, rooms)
}

/// A message each in as many rooms at once: admit, reserve, append, ack, fan-out, against the journal in memory.
#[divan::bench(args = [1, 100], sample_count = 20, max_time = 5)]
fn send(bencher: Bencher<'_, '_>, rooms: usize) {
    let (runtime, test, rooms) = world(rooms);
    bencher.counter(ItemsCount::new(rooms.len())).bench_local(|| {
        runtime.block_on(join_all(
            rooms.iter().map(|(room, user)| test.say(*room, *user, "Good evening", ReplyWish::None)),
        ))
    });
}

/// A message and its reply each: the whole walk, with a generator that answers at once.
#[divan::bench(args = [1, 100], sample_count = 20, max_time = 5)]
fn turn(bencher: Bencher<'_, '_>, rooms: usize) {
    let (runtime, test, rooms) = world(rooms);
    bencher.counter(ItemsCount::new(rooms.len())).bench_local(|| {
        runtime.block_on(join_all(rooms.iter().map(|(room, user)| {
            let test = &test;
            async move {
                let sent = test.say(*room, *user, "Good evening", ReplyWish::Auto).await.unwrap();
                test.fanout.end_of(*room, sent.replies[0].message).await.unwrap();
            }
        })));
    });
}

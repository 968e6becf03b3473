//! A random walk of all that is counted, in several time zones: what is told equals a recount at every step.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use fastrand::Rng;
use greenroom::insights;
use greenroom::postgres::Database;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::recount::{assert_equal, assert_told};
use super::world::{call, character, credits, execute, number, reply, roll_up, room, say, spend, user};
use crate::support::database::TestDatabase;

const ZONES: [&str; 6] = [
    "UTC",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
    "America/St_Johns",
];
const STEPS: usize = 240;

fn seeded() -> Rng {
    let seed =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    Rng::with_seed(seed)
}

/// Some moment of the last weeks, often near to a midnight of somewhere; and so long ago that its day has begun everywhere.
fn moment(random: &mut Rng) -> String {
    let minutes = random.i64(3 * 24 * 60..80 * 24 * 60);
    let at = Timestamp::now().checked_sub(SignedDuration::from_mins(minutes)).unwrap();
    match random.u8(0..3) {
        0 => at.to_string(),
        // On the quarter, and just before it.
        kind => {
            let second = at.as_second() - at.as_second() % 900 - i64::from(kind == 1);
            Timestamp::from_second(second).unwrap().to_string()
        }
    }
}

struct Walk {
    database: Arc<TestDatabase>,
    users: Vec<Uuid>,
    cast: Vec<Uuid>,
    rooms: Vec<(Uuid, Uuid)>,
}

impl Walk {
    async fn begin(random: &mut Rng) -> Self {
        let database = Arc::new(TestDatabase::create().await);
        let (mut users, mut cast) = (Vec::new(), Vec::new());
        for zone in ZONES {
            let one = user(&database, zone).await;
            // Some have moved in the weeks before.
            for _ in 0..random.usize(0..3) {
                let sql =
                    "insert into insight_zones values ($1, $2::text::timestamptz, $3) on conflict do nothing";
                execute(&database, sql, &[&one, &moment(random), &ZONES[random.usize(..ZONES.len())]]).await;
            }
            // And come here lately.
            let sql = "insert into insight_zones values ($1, now() - interval '1 day', $2)";
            execute(&database, sql, &[&one, &zone]).await;
            users.push(one);
        }
        for name in ["Vera", "Odo", "Pip"] {
            cast.push(character(&database, name).await);
        }
        Self { database, users, cast, rooms: Vec::new() }
    }

    async fn step(&mut self, random: &mut Rng) -> String {
        let database = self.database.clone();
        let (who, at) = (self.users[random.usize(..self.users.len())], moment(random));
        let of_cast = self.cast[random.usize(..self.cast.len())];
        if self.rooms.is_empty() {
            self.rooms.push((room(&database, who, &at).await, who));
        }
        let (place, owner) = self.rooms[random.usize(..self.rooms.len())];
        let amount = random.i64(1..9);
        let done = match random.u8(0..16) {
            0 => {
                self.rooms.push((room(&database, who, &at).await, who));
                "a room"
            }
            1..=4 => {
                say(&database, place, owner, &at).await;
                "a message"
            }
            5 | 6 => {
                reply(&database, place, owner, of_cast, &at).await;
                "a reply"
            }
            7 | 8 => {
                let purpose = ["reply", "completion", "summary", "moderation"][random.usize(..4)];
                let nobody = random.u8(0..6) == 0;
                let first = random.bool().then(|| random.i32(1..40_000));
                call(&database, (!nobody).then_some(who), &at, purpose, random.i32(1..5_000), first).await;
                "a call"
            }
            9 => {
                credits(&database, who, &at, ["purchase", "grant"][random.usize(..2)], amount + 10).await;
                "credits"
            }
            10 => {
                credits(&database, who, &at, "grant", amount).await;
                spend(&database, who, &at, ["settle", "release"][random.usize(..2)], amount).await;
                "credits spent or given back"
            }
            11 => {
                // What was said stays said.
                let sql = "update messages set content = '', deleted_at = now(), revision = revision + 1
                    where id in (select id from messages order by random() limit 2)";
                execute(&database, sql, &[]).await;
                "a deletion"
            }
            12 => {
                let sql = "update messages set content = 'otherwise', deleted_at = null, edited_at = now()
                    where id in (select id from messages order by random() limit 2)";
                execute(&database, sql, &[]).await;
                "an edit and a restore"
            }
            13 => {
                let sql = "update users set next_time_zone = $2, next_time_zone_at = now() + interval '1 hour' where id = $1";
                execute(&database, sql, &[&who, &ZONES[random.usize(..ZONES.len())]]).await;
                "a wish for another zone"
            }
            14 => {
                roll_up(&database).await;
                "a roll-up"
            }
            _ => {
                // It takes a part and dies before it commits.
                let mut client = database.pool().get().await.unwrap();
                let transaction = client.transaction().await.unwrap();
                transaction.query("select from insight_rollup for no key update", &[]).await.unwrap();
                transaction.execute("delete from insight_waiting", &[]).await.unwrap();
                transaction.rollback().await.unwrap();
                "a roll-up that died"
            }
        };
        format!("{done} at {at}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_equals_a_recount_at_every_step() {
    let mut random = seeded();
    let mut walk = Walk::begin(&mut random).await;
    for step in 0..STEPS {
        let done = walk.step(&mut random).await;
        assert_told(&walk.database, &walk.users, &format!("step {step}, {done}")).await;
    }
    roll_up(&walk.database).await;
    assert_eq!(number(&walk.database, "select count(*) from insight_waiting").await, 0);
    assert_equal(&walk.database, "at the end").await;
    assert_told(&walk.database, &walk.users, "at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_equals_a_recount_though_many_write_and_roll_ups_are_killed() {
    let mut random = seeded();
    let mut walk = Walk::begin(&mut random).await;
    for _ in 0..20 {
        walk.step(&mut random).await;
    }
    let (database, writing) = (walk.database.clone(), Arc::new(AtomicBool::new(true)));
    let apart = Database::open(&database.options(), Path::new("/nonexistent")).await.unwrap();
    let nodes = (0..2).map(|_| {
        let (pool, writing) = (apart.pool(), writing.clone());
        tokio::spawn(async move {
            let mut rolled = 0;
            while writing.load(Relaxed) {
                rolled += insights::roll_up(&pool).await.unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..5))).await;
            }
            rolled
        })
    });
    let nodes: Vec<_> = nodes.collect();
    let killer = {
        let (database, writing) = (database.clone(), writing.clone());
        tokio::spawn(async move {
            let kill = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
                and query like 'with gone as materialized%') killed";
            let mut killed = 0;
            while writing.load(Relaxed) {
                killed += number(&database, kill).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            killed
        })
    };
    let writers = (0..3).map(|_| {
        let (database, rooms, cast) = (database.clone(), walk.rooms.clone(), walk.cast.clone());
        let mut random = random.fork();
        tokio::spawn(async move {
            for _ in 0..60 {
                let at = moment(&mut random);
                let (place, owner) = rooms[random.usize(..rooms.len())];
                // Some stand open while others commit and roll up.
                let mut client = database.pool().get().await.unwrap();
                let transaction = client.transaction().await.unwrap();
                let sql = "insert into ai_calls (id, at, purpose, outcome, provider, model, user_id, prompt_tokens,
                        completion_tokens, cached_tokens, counted_here, cost_micros, first_token_ms, took_ms)
                    values (gen_random_uuid(), $1::text::timestamptz, 'reply', 'done', 'p', 'm', $2, 5, 7, 0, false, 9, 120, 1)";
                transaction.execute(sql, &[&at, &owner]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(random.u64(0..20))).await;
                match random.u8(0..6) {
                    0 => transaction.rollback().await.unwrap(),
                    _ => transaction.commit().await.unwrap(),
                }
                drop(client);
                say(&database, place, owner, &at).await;
                reply(&database, place, owner, cast[random.usize(..cast.len())], &at).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut looks = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_told(&database, &walk.users, "while others write").await;
        looks += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    writing.store(false, Relaxed);
    let mut rolled = 0;
    for node in nodes {
        rolled += node.await.unwrap();
    }
    let killed = killer.await.unwrap();
    assert!(looks > 0 && rolled > 0, "{looks} looks, {rolled} rolled up");
    eprintln!("{killed} killed");
    roll_up(&database).await;
    assert_equal(&database, "at the end").await;
}

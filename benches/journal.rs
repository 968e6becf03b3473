//! What the journal writes on a PostgreSQL of its own, with fsync: `cargo bench --bench journal`.
//!
//! Every row is a message with its usage and the turn that it opens. PostgreSQL and this process share the machine.

use divan::Bencher;
use divan::counter::ItemsCount;
use greenroom::postgres::journal::PostgresJournal;
use greenroom::postgres::{Database, Options};
use greenroom_actors::domain::{
    CharacterId, ClientId, Content, Into, MessageId, MessageKind, Meter, MeterKey, NodeId, Priority, RoomId,
    Scope, UserId,
};
use greenroom_actors::ports::{Entry, EntryKind, JournalLane, JournalStore, OpenTurn, Outcome, Say};
use jiff::Timestamp;
use jiff::civil::Date;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// As many as there are users, each in one of their own.
const ROOMS: usize = 2_000;

fn main() {
    divan::main();
}

struct World {
    runtime: Runtime,
    database: Database,
    journal: PostgresJournal,
    rooms: Vec<(RoomId, UserId, CharacterId)>,
    _data: TempDir,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let data = tempfile::tempdir().unwrap();
        let (database, rooms) = runtime.block_on(async {
            let database = Database::open(&Options::default(), data.path()).await.unwrap();
            database.migrate().await.unwrap();
            let rooms: Vec<_> =
                (0..ROOMS).map(|_| (RoomId::new(), UserId::new(), CharacterId::new())).collect();
            let ids: Vec<_> = rooms.iter().map(|(room, _, _)| room.uuid()).collect();
            let client = database.pool().get().await.unwrap();
            client.execute("INSERT INTO heads (room_id) SELECT unnest($1::uuid[])", &[&ids]).await.unwrap();
            for statement in ["VACUUM ANALYZE heads", "CHECKPOINT"] {
                client.batch_execute(statement).await.unwrap();
            }
            (database, rooms)
        });
        let journal = PostgresJournal::new(database.connector(), NodeId::new());
        Self { runtime, database, journal, rooms, _data: data }
    }

    /// Messages in rooms at random: those of lane `lane` of `lanes`.
    fn batch(&self, size: usize, lane: usize, lanes: usize) -> Vec<Entry> {
        let entry = |_| {
            let (room, sender, character) = self.rooms[fastrand::usize(..ROOMS / lanes) * lanes + lane];
            let id = MessageId::new();
            let scope = Scope::Character(character, MessageKind::Text);
            let meter = MeterKey { user: sender, scope, period: Date::constant(1970, 1, 1) };
            let turn = OpenTurn {
                message: MessageId::new(),
                room,
                character,
                asked: id,
                asked_offset: 0,
                user: sender,
                priority: Priority(3),
                into: Into::New,
                kind: MessageKind::Text,
                depth: 0,
                fence: 0,
                refund: vec![meter],
            };
            let say = Say {
                id,
                sender,
                client_id: ClientId::of_message(id),
                kind: MessageKind::Text,
                attachment: None,
                content: Content::trusted("Good evening. Is the lamp lit, and did the ships come home?"),
                reply_to: None,
                created_at: Timestamp::now(),
                meters: vec![Meter { key: meter, limit: 1_000_000_000 }],
                turns: vec![turn],
            };
            Entry { room, kind: EntryKind::Say(say) }
        };
        (0..size).map(entry).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.runtime.block_on(self.database.close());
    }
}

async fn commit(lane: &mut Box<dyn JournalLane>, batch: &[Entry]) {
    for outcome in lane.commit(batch).await.unwrap() {
        assert!(matches!(outcome, Outcome::Stored { .. }), "{outcome:?}");
    }
}

#[divan::bench(args = [1, 32, 500], sample_count = 400, sample_size = 1, max_time = 4)]
fn one_lane(bencher: Bencher<'_, '_>, batch: usize) {
    let world = World::new();
    let mut lane = world.journal.lane(0);
    world.runtime.block_on(commit(&mut lane, &world.batch(batch, 0, 1)));
    bencher
        .counter(ItemsCount::new(batch))
        .with_inputs(|| world.batch(batch, 0, 1))
        .bench_local_values(|batch| world.runtime.block_on(commit(&mut lane, &batch)));
}

/// Several commits on each of two lanes at the same time.
#[divan::bench(args = [1, 32, 500], sample_count = 200, sample_size = 1, max_time = 4)]
fn two_lanes(bencher: Bencher<'_, '_>, batch: usize) {
    const COMMITS: usize = 8;
    let world = World::new();
    let mut lanes = [world.journal.lane(0), world.journal.lane(1)];
    let batches = || [0, 1].map(|lane| (0..COMMITS).map(|_| world.batch(batch, lane, 2)).collect::<Vec<_>>());
    bencher.counter(ItemsCount::new(2 * COMMITS * batch)).with_inputs(batches).bench_local_values(
        |batches| {
            let [one, two] = &mut lanes;
            let both = |lane, batches: Vec<Vec<Entry>>| async move {
                let lane: &mut Box<dyn JournalLane> = lane;
                for batch in &batches {
                    commit(lane, batch).await;
                }
            };
            let [ones, twos] = batches;
            world.runtime.block_on(async { tokio::join!(both(one, ones), both(two, twos)) });
        },
    );
}

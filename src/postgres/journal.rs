//! The journal on Postgres: the only writer of the room log.
//!
//! A lane has one connection outside the pool. A batch is one READ COMMITTED transaction of two pipelined flushes: the
//! first locks and reads what the batch touches, then [`decide`] says what becomes of each entry, and the second writes
//! and commits. Law of locks: heads, turns, usage, each in the order of its key, then inserts; so lanes and nodes that
//! overlap wait for one another and never in a circle. Nothing that many users share belongs in this transaction.
//!
//! A connection that is lost at COMMIT leaves the outcome unknown: the same batch, committed again, finds what it stored.

mod amended;
mod charges;
mod columns;
mod erased;
mod filled;
mod found;
mod heard;
mod memories;
mod restored;
mod rooms;
mod statements;
mod swept;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{ClientId, MessageId, NodeId, RoomId, UserId};
use greenroom_actors::journal::decide::{Head, Locked, LockedTurn, Touched, Writes, decide};
use greenroom_actors::ports::{CommitError, Done, Entry, JournalLane, JournalStore, StoredBefore};
use greenroom_actors::settings::TurnSettings;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;

use self::amended::ChangeKeys;
pub use self::charges::PostgresCharges;
use self::columns::{ReadColumns, WriteColumns};
pub use self::erased::erase_room;
pub use self::filled::fill_room;
pub use self::found::found_room;
use self::heard::JobColumns;
pub use self::heard::{ATTACHED, TRANSCRIBE};
pub use self::restored::{Restored, restore_room};
use self::statements::Statements;
pub use self::swept::sweep_changes;
use super::connect::Connector;
use super::error::{describe, is_bad_data, is_conflict};
use super::rows;

/// A batch that is not answered by then counts as lost: its connection is given up and it is committed again. Above the
/// statement timeout, and safe even if the old transaction lives on: the replay waits for its locks.
const COMMIT_DEADLINE: Duration = Duration::from_secs(30);

/// Plans for arrays of unknown length: without these the planner now and then scans a whole table, and plans anew for
/// every batch (1.5 to 2 times slower).
const LANE_SETTINGS: &str = "SET synchronous_commit = on; SET plan_cache_mode = force_generic_plan; SET jit = off; \
                             SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

/// Makes the lanes of one node.
pub struct PostgresJournal {
    connector: Connector,
    node: NodeId,
    memories_max: usize,
}

impl PostgresJournal {
    /// `node` is noted as the holder of the turns that its batches open.
    #[must_use]
    pub fn new(connector: Connector, node: NodeId) -> Self {
        Self { connector, node, memories_max: TurnSettings::default().memories_max }
    }

    /// Characters keep so many facts of one person.
    #[must_use]
    pub fn keeping(self, memories_max: usize) -> Self {
        Self { memories_max, ..self }
    }
}

impl JournalStore for PostgresJournal {
    fn lane(&self, index: usize) -> Box<dyn JournalLane> {
        let connector = self.connector.with_setup(&format!("lane {index}"), LANE_SETTINGS);
        let memories_max = i64::try_from(self.memories_max).unwrap_or(i64::MAX);
        Box::new(Lane { connector, node: self.node, memories_max, connection: None })
    }
}

struct Lane {
    connector: Connector,
    node: NodeId,
    memories_max: i64,
    connection: Option<Connection>,
}

struct Connection {
    client: Client,
    statements: Statements,
    driver: JoinHandle<()>,
    memories_max: i64,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Without its driver the socket closes at once, and the server rolls back what was open.
        self.driver.abort();
    }
}

impl JournalLane for Lane {
    fn store<'a>(&'a mut self, batch: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Done>, CommitError>> {
        async move {
            // Taken out: a future that is dropped halfway takes its connection, and the open transaction, along.
            let connection = match self.connection.take() {
                Some(connection) if !connection.client.is_closed() => connection,
                _ => self.connect().await?,
            };
            let committed = tokio::time::timeout(COMMIT_DEADLINE, connection.commit(batch, self.node)).await;
            let failed = match committed {
                Ok(Ok(done)) => {
                    self.connection = Some(connection);
                    return Ok(done);
                }
                Ok(Err(error)) => classify(&error),
                Err(_) => CommitError::Lost("no answer in time".into()),
            };
            // The transaction failed and nothing of it is stored. A connection that cannot even say so is lost.
            if !matches!(failed, CommitError::Lost(_))
                && connection.client.batch_execute("ROLLBACK").await.is_ok()
            {
                self.connection = Some(connection);
            }
            Err(failed)
        }
        .boxed()
    }
}

impl Lane {
    async fn connect(&self) -> Result<Connection, CommitError> {
        let connected = async {
            let (client, driver) = self.connector.connect().await?;
            let statements = Statements::prepare(&client).await?;
            Ok::<_, Error>(Connection { client, statements, driver, memories_max: self.memories_max })
        };
        match tokio::time::timeout(COMMIT_DEADLINE, connected).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(CommitError::Lost(describe(&error))),
            Err(_) => Err(CommitError::Lost("no connection in time".into())),
        }
    }
}

/// What is neither a passing conflict nor bad data counts as lost: the batch is kept, and tried again on a new connection.
fn classify(error: &Error) -> CommitError {
    let detail = describe(error);
    if is_conflict(error) {
        CommitError::Conflict(detail)
    } else if is_bad_data(error) {
        CommitError::Data(detail)
    } else {
        CommitError::Lost(detail)
    }
}

impl Connection {
    async fn commit(&self, batch: &[Entry], node: NodeId) -> Result<Vec<Done>, Error> {
        let locked = self.lock(&Touched::of(batch)).boxed().await?;
        let (done, writes) = decide(batch, locked).into_parts();
        if writes.is_empty() {
            self.client.batch_execute("ROLLBACK").await?;
        } else {
            self.write(&writes, node).boxed().await?;
        }
        Ok(done)
    }

    /// First flush. `join!` polls in the order written, and a polled query is sent: one packet, one round trip.
    async fn lock(&self, touched: &Touched) -> Result<Locked, Error> {
        let keys = ReadColumns::of(touched);
        let changes = ChangeKeys::of(touched);
        let statements = &self.statements;
        let (begun, heads, turns, metered, meters, before, reads, standing) = tokio::join!(
            biased;
            self.client.batch_execute("BEGIN"),
            self.query(true, &statements.lock_heads, [&keys.rooms]),
            self.query(!keys.turns.is_empty(), &statements.lock_turns, [&keys.turns]),
            self.query(
                !keys.meters.users.is_empty(),
                &statements.insert_usage,
                keys.meters.keys(),
            ),
            self.query(
                !keys.meters.users.is_empty(),
                &statements.lock_usage,
                keys.meters.keys(),
            ),
            self.query(
                !keys.said_in.is_empty(),
                &statements.find_before,
                [&keys.said_in, &keys.said_by, &keys.said_as],
            ),
            self.query(!keys.read_in.is_empty(), &statements.find_reads, [&keys.read_in, &keys.read_by]),
            self.standing(&changes),
        );
        // The first error is the cause; those after it only say that the transaction has failed.
        begun?;
        let (heads, turns) = (heads?, turns?);
        metered?;
        let (meters, before, reads) = (meters?, before?, reads?);
        let mut locked = Locked {
            heads: heads
                .iter()
                .map(|row| (room(row, 0), Head { last: row.get(1), closed: row.get(2) }))
                .collect(),
            turns: turns
                .iter()
                .map(|row| {
                    (MessageId::from_uuid(row.get(0)), LockedTurn { fence: row.get(1), ended: row.get(2) })
                })
                .collect(),
            meters: meters
                .iter()
                .map(|row| {
                    let key = rows::meter_key(row.get(0), row.get(1), row.get(2), row.get(3));
                    (key, row.get::<_, i32>(4).cast_unsigned())
                })
                .collect(),
            before: stored_before(&before),
            reads: reads
                .iter()
                .map(|row| ((room(row, 0), UserId::from_uuid(row.get(1))), (row.get(2), row.get(3))))
                .collect(),
            ..Locked::default()
        };
        standing?.put_into(&mut locked);
        Ok(locked)
    }

    /// Second flush, COMMIT and all. A COMMIT that follows a failed statement rolls back and says that it succeeded:
    /// the statements' own answers are looked at first.
    async fn write(&self, writes: &Writes, node: NodeId) -> Result<(), Error> {
        for row in &writes.rooms {
            rooms::write(&self.client, row).await?;
        }
        let rows = WriteColumns::of(writes);
        let (statements, node) = (&self.statements, node.uuid());
        let (unheard, attached) = (JobColumns::unheard(writes), JobColumns::attached(writes));
        let (
            messages,
            heads,
            meters,
            opened,
            ended,
            changed,
            amended,
            reads,
            rooms,
            stopped,
            learned,
            called,
            heard,
            carried,
            committed,
        ) = tokio::join!(
            biased;
            self.query(!rows.messages.ids.is_empty(), &statements.insert_messages, rows.messages.parameters()),
            self.query(true, &statements.update_heads, [&rows.heads.ids, &rows.heads.revisions]),
            self.query(!rows.meters.used.is_empty(), &statements.update_usage, rows.meters.parameters()),
            self.query(!rows.opened.ids.is_empty(), &statements.insert_turns, rows.opened.parameters(&node)),
            self.query(!rows.ended.ids.is_empty(), &statements.end_turns, rows.ended.parameters()),
            self.query(
                !rows.changed.ids.is_empty(),
                &statements.change_messages,
                [&rows.changed.ids, &rows.changed.revisions],
            ),
            self.write_changes(writes),
            self.query(!rows.reads.rooms.is_empty(), &statements.upsert_reads, rows.reads.parameters()),
            self.query(!rows.deleted.ids.is_empty(), &statements.delete_rooms, [&rows.deleted.ids]),
            self.query(
                !rows.deleted.ids.is_empty(),
                &statements.stop_turns,
                [&rows.deleted.ids, &rows.deleted.revisions],
            ),
            self.remember(&rows.memories),
            self.query(!rows.calls.ids.is_empty(), &statements.insert_calls, rows.calls.parameters()),
            self.query(!unheard.ids.is_empty(), &statements.insert_jobs, unheard.parameters()),
            self.query(!attached.ids.is_empty(), &statements.insert_jobs, attached.parameters()),
            self.client.batch_execute("COMMIT"),
        );
        for result in [messages, heads, meters, opened, ended, changed] {
            result?;
        }
        amended?;
        for result in [reads, rooms, stopped] {
            result?;
        }
        learned?;
        called?;
        heard?;
        carried?;
        committed
    }

    /// Runs the statement if there is anything for it.
    async fn query<const N: usize>(
        &self,
        wanted: bool,
        statement: &Statement,
        parameters: [&(dyn ToSql + Sync); N],
    ) -> Result<Vec<Row>, Error> {
        if wanted { self.client.query(statement, &parameters).await } else { Ok(Vec::new()) }
    }
}

fn room(row: &Row, at: usize) -> RoomId {
    RoomId::from_uuid(row.get(at))
}

/// A row per reply that the message asked for, and one without a reply where it asked for none.
fn stored_before(rows: &[Row]) -> HashMap<(RoomId, Uuid, ClientId), StoredBefore> {
    let mut before: HashMap<(RoomId, Uuid, ClientId), StoredBefore> = HashMap::new();
    for row in rows {
        let message = rows::message(row);
        let key = (message.room, message.sender.uuid(), message.client_id.clone());
        let stored = before.entry(key).or_insert_with(|| StoredBefore { message, replies: Vec::new() });
        if row.get::<_, Option<Uuid>>(rows::MESSAGE_COLUMN_COUNT).is_some() {
            stored.replies.push(rows::reply(row, rows::MESSAGE_COLUMN_COUNT));
        }
    }
    for stored in before.values_mut() {
        // Those that ended well are messages of their own.
        stored.message.replies = stored.replies.clone();
        stored.message.replies.retain(|reply| reply.state != greenroom_actors::domain::ReplyState::Done);
    }
    before
}

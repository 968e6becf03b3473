//! A database with rooms, and entries to store in them.

use std::sync::Arc;
use std::time::Duration;

use greenroom::postgres::archive::{OtherNodes, PostgresArchive};
use greenroom::postgres::journal::{PostgresJournal, found_room};
use greenroom_actors::domain::{
    AiCall, CallOutcome, CharacterId, ClientId, Content, Counted, Finish, Into, MessageId, MessageKind,
    Meter, MeterKey, NodeId, Priority, Purpose, RoomId, Scope, TokenUsage, UserId,
};
use greenroom_actors::ports::{
    Archive, CloseTurn, CommitError, Entry, EntryKind, JournalLane, JournalStore, OpenTurn, Outcome, Say,
    TakeUp, TurnEnd,
};
use greenroom_actors::testsuite::plans;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::support::database::TestDatabase;

pub const DAY: Date = Date::constant(2026, 11, 20);

/// One node on a database of its own.
pub struct Node {
    pub database: TestDatabase,
    pub node: NodeId,
}

impl Node {
    pub async fn start() -> Self {
        Self { database: TestDatabase::create().await, node: NodeId::new() }
    }

    pub fn lane(&self) -> Box<dyn JournalLane> {
        self.lane_of(self.node)
    }

    pub fn lane_of(&self, node: NodeId) -> Box<dyn JournalLane> {
        PostgresJournal::new(self.database.database().connector(), node).lane(0)
    }

    pub fn archive(&self, others: OtherNodes) -> PostgresArchive {
        PostgresArchive::new(self.database.pool(), plans(), self.node, others)
    }

    pub async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) {
        self.database.pool().get().await.unwrap().execute(sql, values).await.unwrap();
    }

    pub async fn number(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> i64 {
        self.database.pool().get().await.unwrap().query_one(sql, values).await.unwrap().get(0)
    }

    pub async fn user(&self) -> UserId {
        let user = UserId::new();
        let name = user.to_string();
        let sql = "INSERT INTO users (id, username, username_key, display_name, plan, time_zone)
            VALUES ($1, $2, $2, 'Mira', 'basic', 'Europe/Rome')";
        self.execute(sql, &[&user.uuid(), &name]).await;
        user
    }

    pub async fn room(&self, owner: UserId) -> RoomId {
        let room = RoomId::new();
        let slug = room.to_string();
        let mut client = self.database.pool().get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let sql = "INSERT INTO rooms (id, slug, title, owner_id) VALUES ($1, $2, 'A room', $3)";
        transaction.execute(sql, &[&room.uuid(), &slug, &owner.uuid()]).await.unwrap();
        found_room(&transaction, room, None).await.unwrap();
        transaction.commit().await.unwrap();
        room
    }

    /// A room and who owns it.
    pub async fn start_with_room() -> (Self, RoomId, UserId) {
        let node = Self::start().await;
        let user = node.user().await;
        let room = node.room(user).await;
        (node, room, user)
    }

    /// What the log is to be after anything that only says and replies: without a hole, every message once, its usage
    /// counted once, no reply for a turn that is open and one for each that is done.
    pub async fn assert_whole(&self) {
        let checks = [
            ("holes", "SELECT count(*) FROM (SELECT max(\"offset\") m, count(*) n FROM messages GROUP BY room_id) r WHERE m <> n"),
            (
                "heads that are off",
                "SELECT count(*) FROM heads h LEFT JOIN (SELECT room_id, max(revision) m FROM messages GROUP BY 1) r
                 USING (room_id) WHERE h.last_revision <> coalesce(r.m, 0)",
            ),
            (
                "users whose usage is off",
                "SELECT count(*) FROM (SELECT sender_id u, count(*) n FROM messages WHERE sender_kind = 0 GROUP BY 1) m
                 FULL JOIN (SELECT user_id u, sum(used) n FROM usage WHERE kind = -1 GROUP BY 1 HAVING sum(used) > 0) c
                 USING (u) WHERE m.n IS DISTINCT FROM c.n",
            ),
            (
                "turns that are off",
                "SELECT count(*) FROM turns t LEFT JOIN messages m ON m.id = t.id WHERE (t.state = 1) <> (m.id IS NOT NULL)",
            ),
        ];
        for (what, sql) in checks {
            assert_eq!(self.number(sql, &[]).await, 0, "{what}");
        }
    }
}

/// The turns that are taken up, without their drafts.
pub async fn take_up(archive: &PostgresArchive, which: TakeUp, limit: usize) -> Vec<OpenTurn> {
    archive.take_up(which, limit).await.unwrap().into_iter().map(|taken| taken.turn).collect()
}

pub fn daily(user: UserId, limit: u32) -> Meter {
    Meter { key: MeterKey { user, scope: Scope::Daily, period: DAY }, limit }
}

pub fn text_meter(user: UserId, character: CharacterId, limit: u32) -> Meter {
    let scope = Scope::Character(character, MessageKind::Text);
    Meter { key: MeterKey { user, scope, period: Date::constant(1970, 1, 1) }, limit }
}

pub fn say(sender: UserId, client_id: &str) -> Say {
    Say {
        id: MessageId::new(),
        sender,
        client_id: ClientId::parse(client_id).unwrap(),
        kind: MessageKind::Text,
        attachment: None,
        content: Content::trusted("Good evening"),
        reply_to: None,
        // As precise as Postgres keeps it.
        created_at: Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap(),
        meters: vec![daily(sender, 1_000_000)],
        turns: Vec::new(),
    }
}

/// The same with a reply asked for.
pub fn ask(room: RoomId, sender: UserId, client_id: &str) -> Say {
    let mut say = say(sender, client_id);
    say.turns.push(OpenTurn {
        message: MessageId::new(),
        room,
        character: CharacterId::new(),
        asked: say.id,
        asked_offset: 0,
        user: sender,
        priority: Priority(3),
        into: Into::New,
        kind: MessageKind::Text,
        depth: 0,
        fence: 0,
        refund: say.meters.iter().map(|meter| meter.key).collect(),
    });
    say
}

pub fn entry(room: RoomId, say: &Say) -> Entry {
    Entry { room, kind: EntryKind::Say(say.clone()) }
}

pub fn close(turn: &OpenTurn, end: TurnEnd) -> Entry {
    let close = CloseTurn {
        turn: turn.message,
        fence: turn.fence,
        character: turn.character,
        asked: turn.asked,
        created_at: Timestamp::now(),
        end,
        into: turn.into,
        user: turn.user,
        calls: vec![call()],
        memories: Vec::new(),
        trouble: None,
        refund_if_gone: Vec::new(),
        follow: Vec::new(),
    };
    Entry { room: turn.room, kind: EntryKind::Close(close) }
}

pub fn said() -> TurnEnd {
    TurnEnd::Said {
        content: Content::trusted("Good evening to you"),
        finish: Finish::Length,
        attachment: None,
    }
}

/// One that costs 90 + 1 + 40 micro-dollars.
pub fn call() -> AiCall {
    AiCall {
        id: Uuid::now_v7(),
        back_end: Arc::new(greenroom_actors::testsuite::back_end()),
        purpose: Purpose::Reply,
        outcome: CallOutcome::Done,
        usage: TokenUsage { prompt_tokens: 100, completion_tokens: 20, cached_tokens: 10 },
        counted: Counted::ByProvider,
        first_token: Some(Duration::from_millis(30)),
        took: Duration::from_millis(400),
    }
}

/// Commits one entry.
pub async fn put(lane: &mut Box<dyn JournalLane>, entry: Entry) -> Outcome {
    lane.commit(&[entry]).await.unwrap().pop().unwrap()
}

/// Commits as the engine's lanes do: the same batch again until the outcome is known. Answers the losses, too.
pub async fn persist(lane: &mut Box<dyn JournalLane>, batch: &[Entry]) -> (Vec<Outcome>, u32) {
    let mut lost = 0;
    loop {
        match lane.commit(batch).await {
            Ok(outcomes) => return (outcomes, lost),
            Err(CommitError::Lost(_)) => {
                lost += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub fn revision(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Stored { revision } => *revision,
        other => panic!("not stored: {other:?}"),
    }
}

//! The engine's reading side: what its actors load when they start, and the turns of the dead.
//!
//! Everything goes through the pool, so a database that is away or busy is an error within the pool's deadlines and
//! never a wait without end.

mod answered;

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{
    Catalogue, CharacterId, CharacterRecord, Dials, ExampleLine, Fact, Memory, Message, MessageId, MeterKey,
    ModelChoice, NodeId, Priority, Revision, RoomDetails, RoomId, UserId,
};
use greenroom_actors::ports::{
    Answered, Archive, OpenTurn, RoomRecord, StoreError, StoredSummary, Summary, TakeUp, TakenUp, UserRecord,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::error::store_error;
use super::{drafts, rows};
use crate::characters::{FACE, Lorebook, ResponseCache, plays};

/// What may be assumed of the other nodes whose turns stand open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherNodes {
    /// Each lives while its heartbeat is younger than this.
    Leased(Duration),
    /// None can be alive: this server alone holds the private cluster.
    Gone,
}

/// Reads for the engine of one node.
#[derive(Clone)]
pub struct PostgresArchive {
    pool: Pool,
    plans: Catalogue,
    node: NodeId,
    others: OtherNodes,
}

impl PostgresArchive {
    #[must_use]
    pub fn new(pool: Pool, plans: Catalogue, node: NodeId, others: OtherNodes) -> Self {
        Self { pool, plans, node, others }
    }

    async fn client(&self) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(|error| store_error(&error))
    }
}

const ROOM: &str = "SELECT r.owner_id, h.last_revision, r.title, r.slug, r.visibility, r.category, r.tags,
        r.featured, r.reply_mode, (SELECT m.sender_id FROM messages m WHERE m.room_id = r.id AND m.sender_kind = 1
            ORDER BY m.\"offset\" DESC LIMIT 1)
    FROM rooms r JOIN heads h ON h.room_id = r.id
    WHERE r.id = $1 AND r.deleted_at IS NULL AND NOT h.closed";
const MEMBERS: &str = "SELECT m.user_id, u.username, u.display_name FROM room_members m
    JOIN rooms r ON r.id = m.room_id JOIN users u ON u.id = m.user_id
    WHERE m.room_id = $1 AND m.left_at IS NULL ORDER BY m.user_id <> r.owner_id, m.joined_at, m.user_id";
static CAST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT c.id, c.slug, c.name, c.tagline, {FACE}, c.color, c.talkativeness, r.since_revision, c.reply_kind
        FROM room_characters r JOIN characters c ON c.id = r.character_id
        WHERE r.room_id = $1 AND r.left_at IS NULL AND {} ORDER BY r.position, c.id",
        plays("r.room_id")
    )
});
const USER: &str = "SELECT u.display_name, s.plan, s.time_zone, s.valid_until
    FROM users u JOIN standing s ON s.id = u.id
    WHERE u.id = $1 AND u.deactivated_at IS NULL AND u.blocked_at IS NULL";
const USED: &str =
    "SELECT character_id, kind, period, used FROM usage WHERE user_id = $1 AND period = ANY($2)";
const CHARACTER: &str = "SELECT slug, name, tagline, description, personality, scenario, greeting, traits, examples,
        knowledge, system_prompt, talkativeness, provider, model, temperature, max_tokens, context_tokens, version,
        alternate_greetings, tone, formality, humor, empathy, creativity, confidence, emoji, restricted_topics,
        lorebook, post_history, fallbacks, response_cache, voice
    FROM characters WHERE id = $1 AND deleted_at IS NULL";

/// Alone with one person a character knows all that this one told it anywhere; among several only what was told there.
const MEMORIES: &str =
    "WITH present AS (SELECT user_id FROM room_members WHERE room_id = $1 AND left_at IS NULL)
    SELECT m.user_id, u.display_name, m.fact FROM memories m JOIN users u ON u.id = m.user_id
    WHERE m.user_id IN (SELECT user_id FROM present) AND m.character_id = $2
        AND (m.room_id = $1 OR (SELECT count(*) FROM present) = 1)
    ORDER BY m.updated_at DESC, m.id DESC LIMIT $3";

/// The journal drops those that are void.
const SUMMARY: &str =
    "SELECT text, since, up_to FROM room_summaries WHERE room_id = $1 AND character_id = $2";
/// From outside of every room it knows all that this one told it.
const OWN_MEMORIES: &str =
    "SELECT m.user_id, u.display_name, m.fact FROM memories m JOIN users u ON u.id = m.user_id
    WHERE m.user_id = $1 AND m.character_id = $2 ORDER BY m.updated_at DESC, m.id DESC LIMIT $3";

/// What [`open_turn`] reads.
const TURN_COLUMNS: &str =
    "t.id, t.room_id, t.character_id, t.asked_id, t.asked_offset, t.user_id, t.priority, t.fence, t.refund,
    t.into_kind, t.into_id, t.depth, t.reply_kind";
const TURN_COLUMN_COUNT: usize = 13;
const OF_DEAD_NODES: &str =
    "node <> $1 AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = node AND n.ended_at IS NULL
        AND n.beat_at > now() - make_interval(secs => $3))";
const OF_OTHER_NODES: &str = "node <> $1";
const OF_ROOM: &str = "node = $1 AND room_id = $3";

async fn query(client: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await.map_err(|error| store_error(&error))?;
    client.query(&statement, values).await.map_err(|error| store_error(&error))
}

impl Archive for PostgresArchive {
    fn room(&self, room: RoomId) -> BoxFuture<'_, Result<Option<RoomRecord>, StoreError>> {
        async move {
            let client = self.client().await?;
            let id = room.uuid();
            let key: [&(dyn ToSql + Sync); 1] = [&id];
            // The head is read first: a member or an entry that comes between is then seen as later than it.
            let Some(row) = query(&client, ROOM, &key).await?.pop() else { return Ok(None) };
            let (members, cast) =
                tokio::try_join!(query(&client, MEMBERS, &key), query(&client, &CAST, &key))?;
            Ok(Some(RoomRecord {
                id: room,
                owner: UserId::from_uuid(row.get(0)),
                details: room_details(&row),
                members: members.iter().map(rows::room_member).collect(),
                characters: cast.iter().map(rows::room_character).collect(),
                last_speaker: row.get::<_, Option<Uuid>>(9).map(CharacterId::from_uuid),
                head: row.get(1),
            }))
        }
        .boxed()
    }

    fn user(&self, user: UserId) -> BoxFuture<'_, Result<Option<UserRecord>, StoreError>> {
        async move {
            let client = self.client().await?;
            let row = query(&client, USER, &[&user.uuid()]).await?.pop();
            Ok(row.map(|row| UserRecord {
                id: user,
                display_name: row.get(0),
                plan: self.plans.get(row.get(1)),
                // A zone that this build's tables do not know must not keep anyone from chatting.
                time_zone: TimeZone::get(row.get(2)).unwrap_or(TimeZone::UTC),
                valid_until: row.get(3),
            }))
        }
        .boxed()
    }

    fn used(
        &self,
        user: UserId,
        periods: Vec<Date>,
    ) -> BoxFuture<'_, Result<Vec<(MeterKey, u32)>, StoreError>> {
        async move {
            let client = self.client().await?;
            let meter = |row: &Row| {
                let key = rows::meter_key(user.uuid(), row.get(0), row.get(1), row.get(2));
                (key, row.get::<_, i32>(3).cast_unsigned())
            };
            Ok(query(&client, USED, &[&user.uuid(), &periods]).await?.iter().map(meter).collect())
        }
        .boxed()
    }

    fn character(
        &self,
        character: CharacterId,
    ) -> BoxFuture<'_, Result<Option<CharacterRecord>, StoreError>> {
        async move {
            let client = self.client().await?;
            let row = query(&client, CHARACTER, &[&character.uuid()]).await?.pop();
            Ok(row.map(|row| character_record(character, &row)))
        }
        .boxed()
    }

    fn memories(
        &self,
        room: RoomId,
        character: CharacterId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Memory>, StoreError>> {
        async move {
            let client = self.client().await?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let latest_first = query(&client, MEMORIES, &[&room.uuid(), &character.uuid(), &limit]).await?;
            Ok(latest_first.iter().rev().map(memory).collect())
        }
        .boxed()
    }

    fn own_memories(
        &self,
        user: UserId,
        character: CharacterId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Memory>, StoreError>> {
        async move {
            let client = self.client().await?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let latest_first =
                query(&client, OWN_MEMORIES, &[&user.uuid(), &character.uuid(), &limit]).await?;
            Ok(latest_first.iter().rev().map(memory).collect())
        }
        .boxed()
    }

    /// The messages' `replies` are left empty: a prompt has no use for them.
    fn history(
        &self,
        room: RoomId,
        since: Revision,
        up_to: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        async move {
            let client = self.client().await?;
            let sql = format!(
                "SELECT {} FROM messages m WHERE m.room_id = $1 AND m.\"offset\" <= $2
                    AND m.\"offset\" > $4 AND m.deleted_at IS NULL
                 ORDER BY m.\"offset\" DESC LIMIT $3",
                rows::MESSAGE_COLUMNS
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let newest_first = query(&client, &sql, &[&room.uuid(), &up_to, &limit, &since]).await?;
            Ok(newest_first.iter().rev().map(rows::message).collect())
        }
        .boxed()
    }

    fn answered(
        &self,
        room: RoomId,
        message: MessageId,
    ) -> BoxFuture<'_, Result<Option<Answered>, StoreError>> {
        async move { answered::answered(&self.client().await?, room, message).await }.boxed()
    }

    fn summary(
        &self,
        room: RoomId,
        character: CharacterId,
    ) -> BoxFuture<'_, Result<StoredSummary, StoreError>> {
        async move {
            let client = self.client().await?;
            let row = query(&client, SUMMARY, &[&room.uuid(), &character.uuid()]).await?.pop();
            Ok(row.map(|row| Summary {
                text: row.get::<_, &str>(0).into(),
                since: row.get(1),
                up_to: row.get(2),
            }))
        }
        .boxed()
    }

    fn take_up(&self, which: TakeUp, limit: usize) -> BoxFuture<'_, Result<Vec<TakenUp>, StoreError>> {
        async move {
            let client = self.client().await?;
            let (node, limit) = (self.node.uuid(), i64::try_from(limit).unwrap_or(i64::MAX));
            let mut values: Vec<&(dyn ToSql + Sync)> = vec![&node, &limit];
            let (lease_seconds, id): (f64, Uuid);
            let of = match (which, self.others) {
                (TakeUp::DeadNodes, OtherNodes::Gone) => OF_OTHER_NODES,
                (TakeUp::DeadNodes, OtherNodes::Leased(lease)) => {
                    lease_seconds = lease.as_secs_f64();
                    values.push(&lease_seconds);
                    OF_DEAD_NODES
                }
                (TakeUp::Room(room), _) => {
                    id = room.uuid();
                    values.push(&id);
                    OF_ROOM
                }
            };
            // A turn that is locked is being ended or taken up by another node this very moment.
            let mut sql =
                String::from("WITH taken AS MATERIALIZED (SELECT id FROM turns WHERE state = 0 AND ");
            let _ = write!(
                sql,
                "{of} ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
                 UPDATE turns t SET fence = t.fence + 1, node = $1 FROM taken WHERE t.id = taken.id
                 RETURNING {TURN_COLUMNS}, {}",
                drafts::DRAFT_COLUMNS
            );
            let taken =
                |row: &Row| TakenUp { turn: open_turn(row), draft: drafts::draft(row, TURN_COLUMN_COUNT) };
            let mut turns: Vec<TakenUp> = query(&client, &sql, &values).await?.iter().map(taken).collect();
            // Ids sort by the order in which they were made.
            turns.sort_unstable_by_key(|taken| taken.turn.message);
            Ok(turns)
        }
        .boxed()
    }
}

fn memory(row: &Row) -> Memory {
    Memory {
        about: UserId::from_uuid(row.get(0)),
        name: row.get(1),
        fact: Fact::trusted(row.get::<_, &str>(2)),
    }
}

fn room_details(row: &Row) -> RoomDetails {
    RoomDetails {
        title: row.get::<_, &str>(2).into(),
        slug: row.get::<_, &str>(3).into(),
        visibility: rows::visibility(row.get(4)),
        category: row.get::<_, Option<&str>>(5).map(Arc::from),
        tags: row.get::<_, Vec<&str>>(6).into_iter().map(Arc::from).collect(),
        featured: row.get(7),
        reply_mode: rows::reply_mode(row.get(8)),
    }
}

fn open_turn(row: &Row) -> OpenTurn {
    OpenTurn {
        message: MessageId::from_uuid(row.get(0)),
        room: RoomId::from_uuid(row.get(1)),
        character: CharacterId::from_uuid(row.get(2)),
        asked: MessageId::from_uuid(row.get(3)),
        asked_offset: row.get(4),
        user: UserId::from_uuid(row.get(5)),
        priority: Priority(u8::try_from(row.get::<_, i16>(6)).unwrap_or(u8::MAX)),
        fence: row.get(7),
        into: rows::into_of(row.get(9), row.get(10)),
        depth: u8::try_from(row.get::<_, i16>(11)).unwrap_or_default(),
        kind: rows::message_kind(row.get(12)),
        refund: rows::refund_of(row.get(5), row.get(8)),
    }
}

#[derive(serde::Deserialize)]
struct StoredLine {
    from: String,
    text: String,
}

fn character_record(id: CharacterId, row: &Row) -> CharacterRecord {
    // What a person edited by hand and got wrong costs the examples or the lorebook, not the character.
    let lorebook = row.try_get::<_, Json<Lorebook>>(27).map(|Json(book)| book).unwrap_or_default();
    let examples = row.try_get::<_, Json<Vec<StoredLine>>>(8).map(|Json(lines)| lines).unwrap_or_default();
    CharacterRecord {
        id,
        slug: row.get(0),
        name: row.get(1),
        tagline: row.get(2),
        description: row.get(3),
        personality: row.get(4),
        scenario: row.get(5),
        greeting: row.get(6),
        alternate_greetings: row.get(18),
        tone: row.get(19),
        dials: Dials {
            formality: row.get(20),
            humor: row.get(21),
            empathy: row.get(22),
            creativity: row.get(23),
            confidence: row.get(24),
            emoji: row.get(25),
        },
        traits: row.get(7),
        examples: examples
            .into_iter()
            .map(|line| ExampleLine { from_user: line.from == "user", text: line.text })
            .collect(),
        knowledge: row.get(9),
        restricted_topics: row.get(26),
        lorebook: lorebook.into(),
        post_history: row.get(28),
        system_prompt: row.get(10),
        talkativeness: row.get(11),
        model: ModelChoice {
            provider: row.get(12),
            model: row.get(13),
            fallbacks: row.get(29),
            temperature: row.get(14),
            max_tokens: row.get::<_, i32>(15).cast_unsigned(),
            context_tokens: row.get::<_, i32>(16).cast_unsigned(),
            response_cache: ResponseCache::from_stored(row.get(30)).into(),
        },
        voice: row.get(31),
        version: row.get(17),
    }
}

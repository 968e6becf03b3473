//! The journal's SQL. Arrays in, one row an element: a batch of any size is the same few statements.

use tokio_postgres::{Client, Error, Statement};

use super::super::calls;
use super::super::rows::MESSAGE_COLUMNS;
use super::memories;

/// Prepared on one connection.
pub(super) struct Statements {
    pub lock_heads: Statement,
    pub lock_turns: Statement,
    pub insert_usage: Statement,
    pub lock_usage: Statement,
    pub seek_before: Statement,
    pub find_before: Statement,
    pub find_reads: Statement,
    pub find_messages: Statement,
    pub find_variants: Statement,
    pub find_changes: Statement,
    pub find_slugs: Statement,
    pub say: Statement,
    pub insert_messages: Statement,
    pub update_heads: Statement,
    pub update_usage: Statement,
    pub insert_turns: Statement,
    pub end_turns: Statement,
    pub change_messages: Statement,
    pub amend_messages: Statement,
    pub upsert_variants: Statement,
    pub erase_variants: Statement,
    pub erase_reactions: Statement,
    pub release_objects: Statement,
    pub insert_reactions: Statement,
    pub delete_reactions: Statement,
    pub insert_changes: Statement,
    pub upsert_reads: Statement,
    pub delete_rooms: Statement,
    pub stop_turns: Statement,
    pub insert_calls: Statement,
    pub insert_jobs: Statement,
    pub insert_memories: Statement,
    pub trim_memories: Statement,
    pub forget_told: Statement,
    pub void_summaries: Statement,
}

const LOCK_HEADS: &str = "SELECT room_id, last_revision, closed FROM heads WHERE room_id = ANY($1)
    ORDER BY room_id FOR NO KEY UPDATE";

/// Those that cover a message whose words change. They are made anew from what then stands.
const VOID_SUMMARIES: &str =
    "DELETE FROM room_summaries s USING unnest($1::uuid[], $2::bigint[]) AS w(room, place)
    WHERE s.room_id = w.room AND s.up_to >= w.place";

/// Open or ended: a replay must recognise the end that it stored.
const LOCK_TURNS: &str = "SELECT id, fence, ended_revision FROM turns WHERE id = ANY($1)
    ORDER BY id FOR NO KEY UPDATE";

/// A row must be there to be locked. Only for keys whose rows were looked for, and locked where they are.
pub(super) const INSERT_USAGE: &str = "INSERT INTO usage (user_id, character_id, kind, period)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::date[]) AS k(u, c, k, p)
    ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING";

pub(super) const LOCK_USAGE: &str = "SELECT m.user_id, m.character_id, m.kind, m.period, m.used
    FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::date[]) AS k(u, c, k, p)
    JOIN usage m ON m.user_id = k.u AND m.character_id = k.c AND m.kind = k.k AND m.period = k.p
    ORDER BY 1, 2, 3, 4 FOR NO KEY UPDATE OF m";

/// Whether anything was said under these keys before: hardly ever.
const SEEK_BEFORE: &str = "SELECT FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k(r, s, c)
    JOIN messages m ON m.room_id = k.r AND m.sender_id = k.s AND m.client_id = k.c";

const FIND_READS: &str =
    "SELECT r.room_id, r.user_id, r.read_offset, r.revision FROM unnest($1::uuid[], $2::uuid[]) AS k(r, u)
    JOIN reads r ON r.room_id = k.r AND r.user_id = k.u";

const INSERT_MESSAGES: &str = "INSERT INTO messages (id, room_id, \"offset\", revision, sender_kind, sender_id,
        client_id, kind, content, reply_to, finish, created_at, attachment)
    SELECT i, r, o, o, sk, s, c, k, t, re, f, at, a FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::smallint[],
        $5::uuid[], $6::text[], $7::smallint[], $8::text[], $9::uuid[], $10::smallint[], $11::timestamptz[],
        $12::jsonb[]) AS m(i, r, o, sk, s, c, k, t, re, f, at, a)";

const UPDATE_HEADS: &str =
    "UPDATE heads h SET last_revision = w.v FROM unnest($1::uuid[], $2::bigint[]) AS w(r, v)
    WHERE h.room_id = w.r";

pub(super) const UPDATE_USAGE: &str = "UPDATE usage m SET used = w.n
    FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::date[], $5::int[]) AS w(u, c, k, p, n)
    WHERE m.user_id = w.u AND m.character_id = w.c AND m.kind = w.k AND m.period = w.p";

const INSERT_TURNS: &str =
    "INSERT INTO turns (id, room_id, character_id, asked_id, asked_offset, user_id, priority,
        fence, refund, into_kind, into_id, depth, reply_kind, node)
    SELECT *, $10::uuid FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::uuid[],
        $7::smallint[], $8::int[], $9::text[], $11::smallint[], $12::uuid[], $13::smallint[],
        $14::smallint[])";

const END_TURNS: &str = "UPDATE turns t SET state = w.s, code = w.c, ended_revision = w.v, ended_at = now(),
        prompt_tokens = w.pt, completion_tokens = w.ct, cached_tokens = w.ht,
        reason = w.r, provider = w.p, model = w.m, tries = w.t, draft = NULL, draft_calls = NULL
    FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::int[], $6::int[], $7::int[],
        $8::text[], $9::text[], $10::text[], $11::int[]) AS w(i, s, c, v, pt, ct, ht, r, p, m, t)
    WHERE t.id = w.i";

const CHANGE_MESSAGES: &str =
    "UPDATE messages m SET revision = w.v FROM unnest($1::uuid[], $2::bigint[]) AS w(i, v)
    WHERE m.id = w.i";

/// Those whose replies changed may have been amended by the same batch: the later revision counts.
const AMEND_MESSAGES: &str =
    "UPDATE messages m SET content = w.t, finish = w.f, edited_at = w.e, deleted_at = w.d,
        variant = w.va, variants = w.vs, revision = greatest(m.revision, w.v),
        attachment = w.a, kind = w.k
    FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::timestamptz[], $5::timestamptz[], $6::smallint[],
        $7::smallint[], $8::bigint[], $9::jsonb[], $10::smallint[]) AS w(i, t, f, e, d, va, vs, v, a, k)
    WHERE m.id = w.i";

const FIND_VARIANTS: &str =
    "SELECT v.message_id, v.\"index\", v.content, v.finish, v.attachment FROM variants v
    WHERE v.message_id = ANY($1)";

const FIND_CHANGES: &str = "SELECT id, revision FROM room_changes WHERE id = ANY($1)";

/// Also those that a room had before: they lead to it still.
const FIND_SLUGS: &str = "SELECT slug, id FROM rooms WHERE slug = ANY($1)
    UNION ALL SELECT slug, room_id FROM room_slugs WHERE slug = ANY($1)";

const UPSERT_VARIANTS: &str = "INSERT INTO variants (message_id, \"index\", room_id, content, finish, created_at, attachment)
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::smallint[], $6::timestamptz[],
        $7::jsonb[])
    ON CONFLICT (message_id, \"index\") DO UPDATE SET content = excluded.content, finish = excluded.finish,
        attachment = excluded.attachment";

const ERASE_VARIANTS: &str = "DELETE FROM variants WHERE message_id = ANY($1)";

/// What they carried is looked at soon: whether another message carries it.
const RELEASE_OBJECTS: &str = "UPDATE media_objects SET check_at = now() WHERE message_id = ANY($1)";

const ERASE_REACTIONS: &str = "DELETE FROM reactions WHERE message_id = ANY($1)";

const INSERT_REACTIONS: &str = "INSERT INTO reactions (message_id, emoji, user_id, room_id, created_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])
    ON CONFLICT DO NOTHING";

const DELETE_REACTIONS: &str =
    "DELETE FROM reactions e USING unnest($1::uuid[], $2::text[], $3::uuid[]) AS w(m, e, u)
    WHERE e.message_id = w.m AND e.emoji = w.e AND e.user_id = w.u";

const INSERT_CHANGES: &str = "INSERT INTO room_changes (id, room_id, revision, user_id, kind, created_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[])";

const UPSERT_READS: &str = "INSERT INTO reads (room_id, user_id, read_offset, revision)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
    ON CONFLICT (room_id, user_id) DO UPDATE SET read_offset = excluded.read_offset, revision = excluded.revision";

const DELETE_ROOMS: &str = "WITH closed AS (UPDATE heads SET closed = true WHERE room_id = ANY($1))
    UPDATE rooms SET deleted_at = now(), updated_at = now() WHERE id = ANY($1) AND deleted_at IS NULL";

/// The fence moves along: who still works on such a turn must not take its end for the one it stores itself.
const STOP_TURNS: &str =
    "UPDATE turns t SET state = 3, fence = fence + 1, ended_revision = w.v, ended_at = now(), draft = NULL,
        draft_calls = NULL
    FROM unnest($1::uuid[], $2::bigint[]) AS w(r, v) WHERE t.room_id = w.r AND t.state = 0";

/// Messages with their meters and the replies that they ask for, in one statement: by far the most batches are that, and
/// each statement more costs both sides a waking. What is written is nothing that another part of it reads.
fn say() -> String {
    let (heads, meters) =
        (after(UPDATE_HEADS, MESSAGE_PARAMETERS), after(UPDATE_USAGE, MESSAGE_PARAMETERS + 2));
    let turns = after(INSERT_TURNS, MESSAGE_PARAMETERS + 2 + 5);
    format!("WITH h AS ({heads}), u AS ({meters}), t AS ({turns}) {INSERT_MESSAGES}")
}

/// Of [`INSERT_MESSAGES`].
const MESSAGE_PARAMETERS: usize = 12;

/// The statement with its parameters numbered after so many others.
fn after(statement: &str, others: usize) -> String {
    let mut parts = statement.split('$');
    let mut renumbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let number: usize = part[..digits].parse().unwrap_or_default();
        renumbered.push_str(&format!("${}{}", number + others, &part[digits..]));
    }
    renumbered
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        let find_before = format!(
            "SELECT {MESSAGE_COLUMNS}, t.id, t.character_id, t.state, t.code
             FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k(r, s, c)
             JOIN messages m ON m.room_id = k.r AND m.sender_id = k.s AND m.client_id = k.c
             LEFT JOIN turns t ON t.asked_id = m.id ORDER BY t.created_at, t.id"
        );
        let find_messages = format!(
            "SELECT {MESSAGE_COLUMNS}, t.id, t.character_id, t.state, t.code
             FROM unnest($1::uuid[]) AS k(i) JOIN messages m ON m.id = k.i
             LEFT JOIN turns t ON t.asked_id = m.id ORDER BY t.created_at, t.id"
        );
        Ok(Self {
            lock_heads: client.prepare(LOCK_HEADS).await?,
            lock_turns: client.prepare(LOCK_TURNS).await?,
            insert_usage: client.prepare(INSERT_USAGE).await?,
            lock_usage: client.prepare(LOCK_USAGE).await?,
            seek_before: client.prepare(SEEK_BEFORE).await?,
            find_before: client.prepare(&find_before).await?,
            find_reads: client.prepare(FIND_READS).await?,
            find_messages: client.prepare(&find_messages).await?,
            find_variants: client.prepare(FIND_VARIANTS).await?,
            find_changes: client.prepare(FIND_CHANGES).await?,
            find_slugs: client.prepare(FIND_SLUGS).await?,
            say: client.prepare(&say()).await?,
            insert_messages: client.prepare(INSERT_MESSAGES).await?,
            update_heads: client.prepare(UPDATE_HEADS).await?,
            update_usage: client.prepare(UPDATE_USAGE).await?,
            insert_turns: client.prepare(INSERT_TURNS).await?,
            end_turns: client.prepare(END_TURNS).await?,
            change_messages: client.prepare(CHANGE_MESSAGES).await?,
            amend_messages: client.prepare(AMEND_MESSAGES).await?,
            upsert_variants: client.prepare(UPSERT_VARIANTS).await?,
            erase_variants: client.prepare(ERASE_VARIANTS).await?,
            erase_reactions: client.prepare(ERASE_REACTIONS).await?,
            release_objects: client.prepare(RELEASE_OBJECTS).await?,
            insert_reactions: client.prepare(INSERT_REACTIONS).await?,
            delete_reactions: client.prepare(DELETE_REACTIONS).await?,
            insert_changes: client.prepare(INSERT_CHANGES).await?,
            upsert_reads: client.prepare(UPSERT_READS).await?,
            delete_rooms: client.prepare(DELETE_ROOMS).await?,
            stop_turns: client.prepare(STOP_TURNS).await?,
            insert_calls: client.prepare(calls::INSERT).await?,
            insert_jobs: client.prepare(crate::jobs::INSERT_MANY).await?,
            insert_memories: client.prepare(memories::INSERT).await?,
            trim_memories: client.prepare(memories::TRIM).await?,
            forget_told: client.prepare(memories::FORGET).await?,
            void_summaries: client.prepare(VOID_SUMMARIES).await?,
        })
    }
}

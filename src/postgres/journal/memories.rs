//! What characters are to remember, in the transaction that ends the reply in which they heard it.
//!
//! It comes last, in the order of its keys: two lanes that keep the same fact wait for one another and never in a circle.

use greenroom_actors::journal::decide::NewMemory;
use jiff::Timestamp;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Connection;

/// A fact that is known stays as it is.
pub(super) const INSERT: &str =
    "INSERT INTO memories (id, user_id, character_id, room_id, message_id, fact, fact_key, created_at, updated_at)
    SELECT i, u, c, r, m, f, k, at, at FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[],
        $6::text[], $7::text[], $8::timestamptz[]) AS w(i, u, c, r, m, f, k, at)
    ORDER BY u, c, k ON CONFLICT (user_id, character_id, fact_key) DO NOTHING";

/// Of those who were just told something, what is too much: the oldest, and what people wrote themselves last. What another
/// lane is taking away this very moment is left to it.
pub(super) const TRIM: &str = "DELETE FROM memories WHERE id IN (
    SELECT m.id FROM memories m JOIN (
        SELECT id, row_number() OVER (PARTITION BY user_id, character_id
            ORDER BY source DESC, updated_at DESC, id DESC) AS place
        FROM memories WHERE (user_id, character_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))) ranked
        ON ranked.id = m.id
    WHERE ranked.place > $3 ORDER BY m.id FOR UPDATE OF m SKIP LOCKED)";

/// What was told in messages that are deleted, but for what its person has written since.
pub(super) const FORGET: &str = "DELETE FROM memories WHERE message_id = ANY($1) AND source = 0";

#[derive(Default)]
pub(super) struct MemoryColumns<'a> {
    pub ids: Vec<Uuid>,
    users: Vec<Uuid>,
    characters: Vec<Uuid>,
    rooms: Vec<Uuid>,
    messages: Vec<Uuid>,
    facts: Vec<&'a str>,
    keys: Vec<String>,
    told_at: Vec<Timestamp>,
}

impl<'a> MemoryColumns<'a> {
    pub(super) fn of(memories: &'a [NewMemory]) -> Self {
        let mut columns = Self::default();
        for memory in memories {
            columns.ids.push(memory.id.uuid());
            columns.users.push(memory.user.uuid());
            columns.characters.push(memory.character.uuid());
            columns.rooms.push(memory.room.uuid());
            columns.messages.push(memory.message.uuid());
            columns.facts.push(memory.fact.as_str());
            columns.keys.push(memory.fact.key());
            columns.told_at.push(memory.at);
        }
        columns
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &self.ids,
            &self.users,
            &self.characters,
            &self.rooms,
            &self.messages,
            &self.facts,
            &self.keys,
            &self.told_at,
        ]
    }
}

impl Connection {
    /// Keeps what is new, and lets go what is too much.
    pub(super) async fn remember(&self, rows: &MemoryColumns<'_>) -> Result<(), Error> {
        if rows.ids.is_empty() {
            return Ok(());
        }
        let (insert, trim) = (&self.statements.insert_memories, &self.statements.trim_memories);
        let values = rows.parameters();
        let pairs: [&(dyn ToSql + Sync); 3] = [&rows.users, &rows.characters, &self.memories_max];
        // Both are sent at once.
        let (inserted, trimmed) = tokio::join!(
            biased;
            self.client.execute(insert, &values),
            self.client.execute(trim, &pairs),
        );
        inserted?;
        trimmed?;
        Ok(())
    }
}

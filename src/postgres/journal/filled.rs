//! Made-up messages for load tests: a log as long as one likes, of words that a load generator can compute.
//!
//! The words of a message follow from its offset alone, by whole numbers (`CONTENT`): a few words are in every other
//! message, many in a handful of a million. For rooms that nobody is in: a living room's actor is not told.

use std::sync::LazyLock;

use deadpool_postgres::{Client, Object, PoolError};
use greenroom_actors::domain::{MessageKind, Revision, RoomId};

/// Messages of one transaction.
const BATCH: Revision = 20_000;

const SETTINGS: &str = "set statement_timeout = 0; set synchronous_commit = off; set jit = off";
const LOCK: &str = "SELECT last_revision FROM heads WHERE room_id = $1 AND NOT closed FOR NO KEY UPDATE";
const HEAD: &str = "UPDATE heads SET last_revision = $2 WHERE room_id = $1";
/// Maps of what is visible and whole indexes, as a room has them that has grown for weeks.
const TIDY: &str = "VACUUM (ANALYZE) messages";

/// Ten words of the message at the offset `o`. Each product stays below 2^63.
const CONTENT: &str = "SELECT string_agg(($5::text[])[
        (1 + (h % 500) * (h / 500 % 500) * (h / 250000 % 500) / 250000)::int], ' ' ORDER BY j)
    FROM (SELECT j, (x % 2147483647) * (x % 2147483647) % 2147483647 * 48271 % 2147483647
        FROM (SELECT j, o * 16807 + j * 7919 FROM generate_series(0::bigint, 9) AS j) AS mixed(j, x)) AS drawn(j, h)";

/// One a second up to now, by the room's owner and its first character in turns. The ids are of version 7.
static FILL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind, content,
            created_at)
        WITH made AS MATERIALIZED (
            SELECT o, at, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
                || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid AS id
            FROM generate_series($2::bigint, $3::bigint) AS o
                CROSS JOIN LATERAL (SELECT now() - ($4::bigint - o) * interval '1 second') AS dated(at)),
        speakers AS (
            SELECT owner_id, (SELECT character_id FROM room_characters WHERE room_id = $1 AND left_at IS NULL
                ORDER BY position LIMIT 1) AS character_id
            FROM rooms WHERE id = $1)
        SELECT id, $1::uuid, o, o, (o + 1) % 2, CASE WHEN o % 2 = 1 THEN owner_id ELSE character_id END, id::text,
            $6::smallint,
            ({CONTENT}), at
        FROM made, speakers ORDER BY o"
    )
});

/// The 500 words: two syllables of 25.
fn words() -> Vec<String> {
    let syllables: Vec<String> =
        "bklmt".chars().flat_map(|first| "aeiou".chars().map(move |then| format!("{first}{then}"))).collect();
    (0..500).map(|word| format!("{}{}", syllables[word / 25], syllables[word % 25])).collect()
}

/// Lets the room's log grow to the revision `last` with made-up messages, and answers how many that took: none where
/// it is as long already. In batches, so that it goes on where it broke off. Errors: the room has no log or no
/// character, or the connection failed.
pub async fn fill_room(client: Client, room: RoomId, last: Revision) -> Result<u64, PoolError> {
    // Given up at the end: its settings must meet nobody else.
    let mut client = Object::take(client);
    client.batch_execute(SETTINGS).await?;
    let (id, words, kind) = (room.uuid(), words(), MessageKind::Text as i16);
    let mut filled = 0;
    loop {
        let transaction = client.transaction().await?;
        let head: Revision = transaction.query_one(LOCK, &[&id]).await?.get(0);
        if head >= last {
            break;
        }
        let end = last.min(head + BATCH);
        filled += transaction.execute(&*FILL, &[&id, &(head + 1), &end, &last, &words, &kind]).await?;
        transaction.execute(HEAD, &[&id, &end]).await?;
        transaction.commit().await?;
    }
    if filled > 0 {
        client.batch_execute(TIDY).await?;
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_five_hundred_different_words() {
        let mut words = words();
        assert_eq!((words[0].as_str(), words[26].as_str(), words[499].as_str()), ("baba", "bebe", "mutu"));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 500);
    }
}

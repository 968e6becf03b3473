//! The SQL of summaries. The journal drops those that are void, the archive reads them for prompts; here they are made.

use std::collections::HashMap;

use deadpool_postgres::Client;
use greenroom_actors::domain::{BackEnd, CharacterId, Revision, RoomId};
use greenroom_actors::ports::{Summary, SummaryWish};
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

use super::prompt::Line;
use crate::postgres::{Stored, execute, query, query_opt};

/// Messages that one summary is made of at most: the latest.
pub const MESSAGES_MAX: i64 = 1_000;

/// What a summary is to be made from, as it stood in one moment.
pub struct Kept {
    /// The one that it goes on from.
    pub before: Option<Summary>,
    pub lines: Vec<Line>,
    /// The room's revision then.
    pub head: Revision,
}

const STANDS: &str = "select h.last_revision from heads h
    join room_characters c on c.room_id = h.room_id and c.character_id = $2 and c.left_at is null
    where h.room_id = $1 and not h.closed and c.since_revision <= $3";
const BEFORE: &str =
    "select text, since, up_to from room_summaries where room_id = $1 and character_id = $2 and since >= $3";
const SAID: &str = r#"
select sender_id, content, speaker from (
    select m."offset", m.sender_id, m.content, coalesce(u.display_name, c.name, '') as speaker
    from messages m left join users u on m.sender_kind = 0 and u.id = m.sender_id
    left join characters c on m.sender_kind = 1 and c.id = m.sender_id
    where m.room_id = $1 and m."offset" > $2 and m."offset" <= $3 and m.deleted_at is null and m.content <> ''
    order by m."offset" desc limit $4) latest
order by "offset""#;

/// `None`: the room is gone, the character left it, or such a summary stands.
pub async fn kept(client: &mut Client, wish: &SummaryWish, most: i64) -> Stored<Option<Kept>> {
    let reading = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let (room, character) = (wish.room.uuid(), wish.character.uuid());
    let Some(head) = query_opt(&reading, STANDS, &[&room, &character, &wish.since]).await? else {
        return Ok(None);
    };
    let before = query_opt(&reading, BEFORE, &[&room, &character, &wish.since]).await?;
    let before = before.map(|row| Summary {
        text: row.get::<_, &str>(0).into(),
        since: row.get(1),
        up_to: row.get(2),
    });
    let from = before.as_ref().map_or(wish.since, |before| before.up_to);
    if from >= wish.up_to {
        return Ok(None);
    }
    let rows = query(&reading, SAID, &[&room, &from, &wish.up_to, &most]).await?;
    reading.commit().await?;
    // Nobody is nameless: two of them stay two.
    let mut nameless: HashMap<Uuid, usize> = HashMap::new();
    let lines = rows
        .iter()
        .map(|row| {
            let speaker: &str = row.get(2);
            let speaker = if speaker.trim().is_empty() {
                let next = nameless.len() + 1;
                format!("Somebody {}", nameless.entry(row.get(0)).or_insert(next))
            } else {
                speaker.to_owned()
            };
            Line { speaker, text: row.get(1) }
        })
        .collect();
    Ok(Some(Kept { before, lines, head: head.get(0) }))
}

/// A summary to be kept.
pub struct New<'a> {
    pub text: &'a str,
    pub since: Revision,
    pub up_to: Revision,
    /// The room's revision when its messages were read.
    pub made_from: Revision,
    pub tokens: usize,
    pub back_end: &'a BackEnd,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stood {
    Kept,
    /// A message that it covers was changed meanwhile. It was not kept.
    Changed,
    /// The room is gone.
    Gone,
}

/// With this nothing is written to the room's log until the transaction ends: the journal locks the head first.
const LOCK: &str = "select from heads where room_id = $1 and not closed for share";
const CHANGED: &str = r#"select exists (select from messages
    where room_id = $1 and revision > $2 and revision <> "offset" and "offset" <= $3)"#;
const KEEP: &str = "insert into room_summaries
    (room_id, character_id, since, up_to, made_from, text, tokens, provider, model)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (room_id, character_id) do update set since = excluded.since, up_to = excluded.up_to,
        made_from = excluded.made_from, text = excluded.text, tokens = excluded.tokens,
        provider = excluded.provider, model = excluded.model, made_at = now()
    where room_summaries.up_to < excluded.up_to or room_summaries.since < excluded.since";

pub async fn keep(
    client: &mut Client,
    (room, character): (RoomId, CharacterId),
    new: &New<'_>,
) -> Stored<Stood> {
    let keeping = client.transaction().await?;
    let (room, character) = (room.uuid(), character.uuid());
    if query_opt(&keeping, LOCK, &[&room]).await?.is_none() {
        return Ok(Stood::Gone);
    }
    let changed = query_opt(&keeping, CHANGED, &[&room, &new.made_from, &new.up_to]).await?;
    if changed.is_some_and(|row| row.get(0)) {
        return Ok(Stood::Changed);
    }
    let tokens = i32::try_from(new.tokens).unwrap_or(i32::MAX);
    let (provider, model) = (&*new.back_end.provider, &*new.back_end.model);
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] =
        [&room, &character, &new.since, &new.up_to, &new.made_from, &new.text, &tokens, &provider, &model];
    execute(&keeping, KEEP, &values).await?;
    keeping.commit().await?;
    Ok(Stood::Kept)
}

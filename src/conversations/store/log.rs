//! Reading a room's log: pages of messages, what changed since a revision, and who has read how far.

use std::collections::HashMap;
use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{Message, Reply, Revision, RoomId};
use uuid::Uuid;

use crate::conversations::view::ReadView;
use crate::postgres::rows::{self, MESSAGE_COLUMNS};
use crate::postgres::{Stored, query};

/// Which messages of a room; the bounds are left out themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRange {
    Latest,
    Before(Revision),
    After(Revision),
}

/// Statements on whole messages: their columns are named where they are read.
struct Statements {
    before: String,
    after: String,
    last: String,
    changed: String,
}

static STATEMENTS: LazyLock<Statements> = LazyLock::new(|| Statements {
    before: format!(
        r#"select {MESSAGE_COLUMNS} from messages m
        where m.room_id = $1 and m."offset" < $2 order by m."offset" desc limit $3"#
    ),
    after: format!(
        r#"select {MESSAGE_COLUMNS} from messages m
        where m.room_id = $1 and m."offset" > $2 order by m."offset" limit $3"#
    ),
    last: format!(
        r#"select {MESSAGE_COLUMNS} from unnest($1::uuid[]) as asked(room_id) cross join lateral (
            select * from messages where room_id = asked.room_id order by "offset" desc limit 1) m"#
    ),
    // Messages that stand as they were made are found by their key, those that changed since by their own small
    // index. Both come in the order of revisions, so neither reads further than the page.
    changed: format!(
        r#"(select {MESSAGE_COLUMNS} from messages m
            where m.room_id = $1 and m."offset" > $2 and m.revision = m."offset" order by m."offset" limit $3)
        union all
        (select {MESSAGE_COLUMNS} from messages m
            where m.room_id = $1 and m.revision > $2 and m.revision <> m."offset" order by m.revision limit $3)
        order by revision limit $3"#
    ),
});

/// At most `limit` messages of the range, nearest to its bound first, each with its replies.
pub async fn messages(
    client: &impl GenericClient,
    room: RoomId,
    range: MessageRange,
    limit: i64,
) -> Stored<Vec<Message>> {
    let (statement, bound) = match range {
        MessageRange::Latest => (&STATEMENTS.before, Revision::MAX),
        MessageRange::Before(bound) => (&STATEMENTS.before, bound),
        MessageRange::After(bound) => (&STATEMENTS.after, bound),
    };
    let found = query(client, statement, &[&room.uuid(), &bound, &limit]).await?;
    with_replies(client, found.iter().map(rows::message).collect()).await
}

/// The latest `limit` messages, newest first.
pub async fn latest(client: &impl GenericClient, room: RoomId, limit: i64) -> Stored<Vec<Message>> {
    messages(client, room, MessageRange::Latest, limit).await
}

/// The last message of each of these rooms.
pub(super) async fn last_messages(client: &impl GenericClient, rooms: &[Uuid]) -> Stored<Vec<Message>> {
    let found = query(client, &STATEMENTS.last, &[&rooms]).await?;
    with_replies(client, found.iter().map(rows::message).collect()).await
}

/// At most `limit` messages made or changed after `from`, as they are now, in the order of their last change.
pub async fn changed_since(
    client: &impl GenericClient,
    room: RoomId,
    from: Revision,
    limit: i64,
) -> Stored<Vec<Message>> {
    let found = query(client, &STATEMENTS.changed, &[&room.uuid(), &from, &limit]).await?;
    with_replies(client, found.iter().map(rows::message).collect()).await
}

const COUNT_CHANGED: &str = r#"select
    (select count(*) from (select from messages
        where room_id = $1 and "offset" > $2 and revision = "offset" limit $3) made)
    + (select count(*) from (select from messages
        where room_id = $1 and revision > $2 and revision <> "offset" limit $3) changed)"#;

/// How many messages were made or changed after `from`; exact up to `most`.
pub async fn count_changed_since(
    client: &impl GenericClient,
    room: RoomId,
    from: Revision,
    most: i64,
) -> Stored<i64> {
    let rows = query(client, COUNT_CHANGED, &[&room.uuid(), &from, &(most + 1)]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

const HEAD: &str = "select last_revision from heads where room_id = $1";

/// The room's last revision.
pub async fn head(client: &impl GenericClient, room: RoomId) -> Stored<Revision> {
    let rows = query(client, HEAD, &[&room.uuid()]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

const READS: &str = "select d.user_id, d.read_offset from reads d
    join room_members m on m.room_id = d.room_id and m.user_id = d.user_id and m.left_at is null
    where d.room_id = $1 order by d.user_id";

/// How far each member has read; one that has read nothing is left out.
pub async fn read_marks(client: &impl GenericClient, room: RoomId) -> Stored<Vec<ReadView>> {
    let rows = query(client, READS, &[&room.uuid()]).await?;
    Ok(rows.iter().map(|row| ReadView { user_id: row.get(0), offset: row.get(1) }).collect())
}

const REPLIES: &str = "select asked_id, id, character_id, state, code from turns
    where asked_id = any($1) and state <> 1 order by created_at, id";

/// Fills in the replies that were asked for and have not ended well.
async fn with_replies(client: &impl GenericClient, mut messages: Vec<Message>) -> Stored<Vec<Message>> {
    // Characters ask too, and are asked about by hand.
    let asking: Vec<Uuid> = messages.iter().map(|message| message.id.uuid()).collect();
    if asking.is_empty() {
        return Ok(messages);
    }
    let mut replies: HashMap<Uuid, Vec<Reply>> = HashMap::new();
    for row in query(client, REPLIES, &[&asking]).await? {
        replies.entry(row.get(0)).or_default().push(rows::reply(&row, 1));
    }
    for message in &mut messages {
        if let Some(replies) = replies.remove(&message.id.uuid()) {
            message.replies = replies;
        }
    }
    Ok(messages)
}

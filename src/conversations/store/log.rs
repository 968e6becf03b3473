//! Reading a room's log: pages of messages, what changed since a revision, and who has read how far.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{
    CharacterId, ClientId, Content, FailureCode, Finish, Message, MessageId, MessageKind, Reply, ReplyState,
    Revision, RoomId, Sender, UserId,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Stored, query};
use crate::conversations::view::ReadView;

/// Which messages of a room; the bounds are left out themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRange {
    Latest,
    Before(Revision),
    After(Revision),
}

macro_rules! columns {
    () => {
        r#"m.id, m.room_id, m."offset", m.revision, m.sender_kind, m.sender_id, m.client_id, m.kind, m.content,
    m.reply_to, m.finish, m.created_at"#
    };
}

const BEFORE: &str = concat!(
    "select ",
    columns!(),
    r#" from messages m where m.room_id = $1 and m."offset" < $2 order by m."offset" desc limit $3"#
);
const AFTER: &str = concat!(
    "select ",
    columns!(),
    r#" from messages m where m.room_id = $1 and m."offset" > $2 order by m."offset" limit $3"#
);

/// At most `limit` messages of the range, nearest to its bound first, each with its replies.
pub async fn messages(
    client: &impl GenericClient,
    room: RoomId,
    range: MessageRange,
    limit: i64,
) -> Stored<Vec<Message>> {
    let (statement, bound) = match range {
        MessageRange::Latest => (BEFORE, Revision::MAX),
        MessageRange::Before(bound) => (BEFORE, bound),
        MessageRange::After(bound) => (AFTER, bound),
    };
    let rows = query(client, statement, &[&room.uuid(), &bound, &limit]).await?;
    with_replies(client, rows.iter().map(message).collect()).await
}

/// The latest `limit` messages, newest first.
pub async fn latest(client: &impl GenericClient, room: RoomId, limit: i64) -> Stored<Vec<Message>> {
    messages(client, room, MessageRange::Latest, limit).await
}

const LAST: &str = concat!(
    "select ",
    columns!(),
    r#" from unnest($1::uuid[]) as asked(room_id) cross join lateral (
    select * from messages where room_id = asked.room_id order by "offset" desc limit 1) m"#
);

/// The last message of each of these rooms.
pub(super) async fn last_messages(client: &impl GenericClient, rooms: &[Uuid]) -> Stored<Vec<Message>> {
    let rows = query(client, LAST, &[&rooms]).await?;
    with_replies(client, rows.iter().map(message).collect()).await
}

// Messages that stand as they were made are found by their key, those that changed since by their own small index.
// Both come in the order of revisions, so neither reads further than the page.
const CHANGED: &str = concat!(
    "(select ",
    columns!(),
    r#" from messages m where m.room_id = $1 and m."offset" > $2 and m.revision = m."offset"
    order by m."offset" limit $3)
union all
(select "#,
    columns!(),
    r#" from messages m where m.room_id = $1 and m.revision > $2 and m.revision <> m."offset"
    order by m.revision limit $3)
order by revision limit $3"#
);

/// At most `limit` messages made or changed after `from`, as they are now, in the order of their last change.
pub async fn changed_since(
    client: &impl GenericClient,
    room: RoomId,
    from: Revision,
    limit: i64,
) -> Stored<Vec<Message>> {
    let rows = query(client, CHANGED, &[&room.uuid(), &from, &limit]).await?;
    with_replies(client, rows.iter().map(message).collect()).await
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

const REPLIES: &str = "select asked_id, character_id, id, state, code from turns
    where asked_id = any($1) and state <> 1 order by created_at, id";

/// Fills in the replies that were asked for and have not ended well.
async fn with_replies(client: &impl GenericClient, mut messages: Vec<Message>) -> Stored<Vec<Message>> {
    let asking: Vec<Uuid> = messages
        .iter()
        .filter(|message| matches!(message.sender, Sender::User(_)))
        .map(|message| message.id.uuid())
        .collect();
    if asking.is_empty() {
        return Ok(messages);
    }
    let mut replies: HashMap<Uuid, Vec<Reply>> = HashMap::new();
    for row in query(client, REPLIES, &[&asking]).await? {
        replies.entry(row.get(0)).or_default().push(reply(&row));
    }
    for message in &mut messages {
        if let Some(replies) = replies.remove(&message.id.uuid()) {
            message.replies = replies;
        }
    }
    Ok(messages)
}

fn reply(row: &Row) -> Reply {
    let state = match row.get::<_, i16>(3) {
        // What an open reply does at this moment is known to the engine only.
        0 => ReplyState::Queued,
        1 => ReplyState::Done,
        2 => ReplyState::Failed,
        3 => ReplyState::Stopped,
        _ => ReplyState::Interrupted,
    };
    Reply {
        character: CharacterId::from_uuid(row.get(1)),
        message: MessageId::from_uuid(row.get(2)),
        state,
        code: row.get::<_, Option<&str>>(4).map(FailureCode::from_text),
    }
}

fn message(row: &Row) -> Message {
    let id = MessageId::from_uuid(row.get(0));
    let sender: Uuid = row.get(5);
    Message {
        id,
        room: RoomId::from_uuid(row.get(1)),
        offset: row.get(2),
        revision: row.get(3),
        sender: match row.get::<_, i16>(4) {
            0 => Sender::User(UserId::from_uuid(sender)),
            _ => Sender::Character(CharacterId::from_uuid(sender)),
        },
        // The journal wrote it, so it was checked.
        client_id: ClientId::parse(row.get(6)).unwrap_or_else(|_| ClientId::of_message(id)),
        kind: match row.get::<_, i16>(7) {
            1 => MessageKind::Audio,
            2 => MessageKind::Media,
            _ => MessageKind::Text,
        },
        content: Content::trusted(row.get::<_, &str>(8)),
        reply_to: row.get::<_, Option<Uuid>>(9).map(MessageId::from_uuid),
        finish: match row.get::<_, i16>(10) {
            1 => Finish::Stopped,
            2 => Finish::Length,
            3 => Finish::Interrupted,
            _ => Finish::Complete,
        },
        replies: Vec::new(),
        created_at: row.get(11),
    }
}

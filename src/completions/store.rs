//! The SQL of answers that belong to a conversation: what became of a reply, and what it took.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{FailureCode, Message, MessageId, ReplyState, RoomId, TokenUsage};

use crate::postgres::rows::{self, MESSAGE_COLUMNS};
use crate::postgres::{Stored, query, query_opt};

/// What the database knows of a reply.
#[derive(Clone, Debug)]
pub enum StoredReply {
    /// It is under way, here or elsewhere.
    Open,
    Said(Box<Message>),
    /// It ended without a message.
    Nothing(ReplyState, Option<FailureCode>),
}

/// `None`: there is no such reply in the room.
pub async fn reply(
    client: &impl GenericClient,
    room: RoomId,
    reply: MessageId,
) -> Stored<Option<StoredReply>> {
    let turn = "select t.id, t.character_id, t.state, t.code from turns t where t.id = $1 and t.room_id = $2";
    let Some(row) = query_opt(client, turn, &[&reply.uuid(), &room.uuid()]).await? else { return Ok(None) };
    let known = rows::reply(&row, 0);
    match known.state {
        ReplyState::Queued | ReplyState::Thinking | ReplyState::Streaming => Ok(Some(StoredReply::Open)),
        ReplyState::Done => {
            let sql = format!("select {MESSAGE_COLUMNS} from messages m where m.id = $1 and m.room_id = $2");
            let found = query_opt(client, &sql, &[&reply.uuid(), &room.uuid()]).await?;
            Ok(found.map(|row| StoredReply::Said(Box::new(rows::message(&row)))))
        }
        state => Ok(Some(StoredReply::Nothing(state, known.code))),
    }
}

/// Tokens of a reply that has ended: of the prompt once, of what was said all.
pub async fn usage(client: &impl GenericClient, reply: MessageId) -> Stored<TokenUsage> {
    let sql = "select prompt_tokens, completion_tokens, cached_tokens from ai_calls where turn_id = $1
        order by at, id";
    let calls = query(client, sql, &[&reply.uuid()]).await?;
    let count = |row: &tokio_postgres::Row, at: usize| row.get::<_, i32>(at).cast_unsigned();
    let last = calls.last();
    Ok(TokenUsage {
        prompt_tokens: last.map_or(0, |row| count(row, 0)),
        completion_tokens: calls.iter().map(|row| count(row, 1)).fold(0, u32::saturating_add),
        cached_tokens: last.map_or(0, |row| count(row, 2)),
    })
}

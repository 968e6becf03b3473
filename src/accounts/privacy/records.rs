//! What an export holds, and the SQL that reads it: page by page, so that no account is too large.
//!
//! Of others it tells what their conversations showed to the user: messages and display names, nothing more.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{Revision, RoomId, UserId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conversations::view::{MessageType, MessageView, wire_time};
use crate::postgres::rows::{self, MESSAGE_COLUMN_COUNT, MESSAGE_COLUMNS};
use crate::postgres::{Stored, query};

/// Lines of one page.
pub(super) const PAGE: i64 = 500;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityRecord {
    id: Uuid,
    provider: String,
    issuer: String,
    subject: String,
    email: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignInRecord {
    pub id: Uuid,
    user_agent: Option<String>,
    address: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
    ended_at: Option<Timestamp>,
    ended_why: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryRecord {
    pub id: Uuid,
    event: String,
    refused_why: Option<String>,
    session_id: Option<Uuid>,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiKeyRecord {
    pub id: Uuid,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemoryRecord {
    pub id: Uuid,
    character_id: Uuid,
    character: Option<String>,
    fact: String,
    conversation_id: Uuid,
    message_id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageRecord {
    /// Null: of all characters together.
    character_id: Option<Uuid>,
    character: Option<String>,
    #[serde(rename = "type")]
    kind: Option<MessageType>,
    /// The first day of what was counted.
    period: Date,
    used: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConversationRecord {
    pub id: Uuid,
    title: String,
    slug: String,
    is_owner: bool,
    /// Display names.
    members: Vec<String>,
    characters: Vec<String>,
    created_at: Timestamp,
    joined_at: Timestamp,
    left_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    /// The file with the messages. Of a conversation that was left or deleted: only one's own.
    messages: String,
    #[serde(skip)]
    pub last_offset: Revision,
}

impl ConversationRecord {
    /// Only the user's own messages are theirs to take: the others cannot be seen by them any more.
    pub(super) fn is_closed(&self) -> bool {
        self.left_at.is_some() || self.deleted_at.is_some()
    }

    pub(super) fn file(&self) -> &str {
        &self.messages
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageRecord {
    #[serde(flatten)]
    pub message: MessageView,
    sender_name: Option<String>,
}

const MEMORIES: &str =
    "select m.id, m.character_id, c.name, m.fact, m.room_id, m.message_id, m.created_at, m.updated_at
    from memories m left join characters c on c.id = m.character_id
    where m.user_id = $1 and m.id > $2 order by m.id limit $3";

pub(super) async fn memories(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
) -> Stored<Vec<MemoryRecord>> {
    let record = |row: &Row| MemoryRecord {
        id: row.get(0),
        character_id: row.get(1),
        character: row.get(2),
        fact: row.get(3),
        conversation_id: row.get(4),
        message_id: row.get(5),
        created_at: wire_time(row.get(6)),
        updated_at: wire_time(row.get(7)),
    };
    Ok(query(client, MEMORIES, &[&user.uuid(), &after, &PAGE]).await?.iter().map(record).collect())
}

const IDENTITIES: &str =
    "select id, provider, issuer, subject, email, created_at, last_used_at from identities
    where user_id = $1 order by id limit $2";

pub(super) async fn identities(client: &impl GenericClient, user: UserId) -> Stored<Vec<IdentityRecord>> {
    let record = |row: &Row| IdentityRecord {
        id: row.get(0),
        provider: row.get(1),
        issuer: row.get(2),
        subject: row.get(3),
        email: row.get(4),
        created_at: wire_time(row.get(5)),
        last_used_at: wire_time(row.get(6)),
    };
    Ok(query(client, IDENTITIES, &[&user.uuid(), &PAGE]).await?.iter().map(record).collect())
}

const SIGN_INS: &str =
    "select id, user_agent, address, created_at, last_used_at, ended_at, ended_why from sign_ins
    where user_id = $1 and id > $2 order by id limit $3";

pub(super) async fn sign_ins(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
) -> Stored<Vec<SignInRecord>> {
    let record = |row: &Row| SignInRecord {
        id: row.get(0),
        user_agent: row.get(1),
        address: row.get(2),
        created_at: wire_time(row.get(3)),
        last_used_at: wire_time(row.get(4)),
        ended_at: row.get::<_, Option<Timestamp>>(5).map(wire_time),
        ended_why: row.get(6),
    };
    Ok(query(client, SIGN_INS, &[&user.uuid(), &after, &PAGE]).await?.iter().map(record).collect())
}

const HISTORY: &str =
    "select id, event, refused_why, sign_in_id, address, user_agent, created_at from auth_history
    where user_id = $1 and id > $2 order by id limit $3";

pub(super) async fn history(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
) -> Stored<Vec<HistoryRecord>> {
    let record = |row: &Row| HistoryRecord {
        id: row.get(0),
        event: row.get(1),
        refused_why: row.get(2),
        session_id: row.get(3),
        address: row.get(4),
        user_agent: row.get(5),
        created_at: wire_time(row.get(6)),
    };
    Ok(query(client, HISTORY, &[&user.uuid(), &after, &PAGE]).await?.iter().map(record).collect())
}

const API_KEYS: &str =
    "select id, name, prefix, scopes, created_at, last_used_at, expires_at, revoked_at from api_keys
    where user_id = $1 and id > $2 order by id limit $3";

pub(super) async fn api_keys(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
) -> Stored<Vec<ApiKeyRecord>> {
    let at = |row: &Row, column: usize| row.get::<_, Option<Timestamp>>(column).map(wire_time);
    let record = |row: &Row| ApiKeyRecord {
        id: row.get(0),
        name: row.get(1),
        prefix: row.get(2),
        scopes: row.get(3),
        created_at: wire_time(row.get(4)),
        last_used_at: at(row, 5),
        expires_at: at(row, 6),
        revoked_at: at(row, 7),
    };
    Ok(query(client, API_KEYS, &[&user.uuid(), &after, &PAGE]).await?.iter().map(record).collect())
}

const USAGE: &str = "select u.character_id, c.name, u.kind, u.period, u.used
    from usage u left join characters c on c.id = u.character_id
    where u.user_id = $1 order by u.character_id, u.kind, u.period limit $2 offset $3";

pub(super) async fn usage(client: &impl GenericClient, user: UserId, skip: i64) -> Stored<Vec<UsageRecord>> {
    let record = |row: &Row| {
        let character: Uuid = row.get(0);
        UsageRecord {
            character_id: Some(character).filter(|id| !id.is_nil()),
            character: row.get(1),
            kind: rows::counted_kind(row.get(2)).map(MessageType::from),
            period: row.get(3),
            used: row.get(4),
        }
    };
    Ok(query(client, USAGE, &[&user.uuid(), &PAGE, &skip]).await?.iter().map(record).collect())
}

const CONVERSATIONS: &str = "select r.id, r.title, r.slug, r.owner_id = $1,
    array(select u.display_name from room_members o join users u on u.id = o.user_id
        where o.room_id = r.id and o.left_at is null order by o.joined_at, o.user_id limit 1000),
    array(select c.name from room_characters rc join characters c on c.id = rc.character_id
        where rc.room_id = r.id order by rc.position),
    r.created_at, m.joined_at, m.left_at, r.deleted_at, coalesce(h.last_revision, 0)
    from room_members m join rooms r on r.id = m.room_id left join heads h on h.room_id = r.id
    where m.user_id = $1 and m.room_id > $2 order by m.room_id limit $3";

/// The user's conversations, left and deleted ones too, by their ids.
pub(super) async fn conversations(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
) -> Stored<Vec<ConversationRecord>> {
    let record = |row: &Row| {
        let id: Uuid = row.get(0);
        let (left_at, deleted_at): (Option<Timestamp>, Option<Timestamp>) = (row.get(8), row.get(9));
        let closed = left_at.is_some() || deleted_at.is_some();
        ConversationRecord {
            id,
            title: row.get(1),
            slug: row.get(2),
            is_owner: row.get(3),
            // Who is there now is not theirs to see once they have left.
            members: if closed { Vec::new() } else { row.get(4) },
            characters: row.get(5),
            created_at: wire_time(row.get(6)),
            joined_at: wire_time(row.get(7)),
            left_at: left_at.map(wire_time),
            deleted_at: deleted_at.map(wire_time),
            messages: format!("conversations/{id}.jsonl"),
            last_offset: row.get(10),
        }
    };
    Ok(query(client, CONVERSATIONS, &[&user.uuid(), &after, &PAGE]).await?.iter().map(record).collect())
}

/// The messages of a room after `after` and up to `last`, in its order; with `own` only the user's.
pub(super) async fn messages(
    client: &impl GenericClient,
    user: UserId,
    room: RoomId,
    (after, last): (Revision, Revision),
    own: bool,
) -> Stored<Vec<MessageRecord>> {
    let sql = format!(
        r#"select {MESSAGE_COLUMNS}, coalesce(u.display_name, c.name)
        from messages m
        left join users u on m.sender_kind = 0 and u.id = m.sender_id
        left join characters c on m.sender_kind = 1 and c.id = m.sender_id
        where m.room_id = $1 and m."offset" > $2 and m."offset" <= $3
            and ($4::uuid is null or (m.sender_kind = 0 and m.sender_id = $4))
        order by m."offset" limit $5"#
    );
    let only = own.then_some(user.uuid());
    let found = query(client, &sql, &[&room.uuid(), &after, &last, &only, &PAGE]).await?;
    let record = |row: &Row| MessageRecord {
        message: MessageView::from(&rows::message(row)),
        sender_name: row.get(MESSAGE_COLUMN_COUNT),
    };
    Ok(found.iter().map(record).collect())
}

//! Rows as the features write them, put in by hand: at any time, in any order.

use greenroom::insights;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::support::database::TestDatabase;

pub async fn execute(database: &TestDatabase, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> u64 {
    let client = database.pool().get().await.unwrap();
    client.execute(sql, parameters).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

pub async fn number(database: &TestDatabase, sql: &str) -> i64 {
    let client = database.pool().get().await.unwrap();
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

pub async fn roll_up(database: &TestDatabase) -> i64 {
    insights::roll_up(&database.pool()).await.unwrap()
}

/// Somebody, whose days begin there.
pub async fn user(database: &TestDatabase, zone: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "insert into users (id, username, username_key, display_name, plan, time_zone)
        values ($1, $2, $2, 'Mira', 'free', $3)";
    execute(database, sql, &[&id, &id.simple().to_string(), &zone]).await;
    id
}

pub async fn character(database: &TestDatabase, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "insert into characters (id, slug, name, tagline, description, category, color, greeting, personality)
        values ($1, $2, $3, 't', 'd', 'c', '#000000', 'g', 'p')";
    execute(database, sql, &[&id, &id.simple().to_string(), &name]).await;
    id
}

pub async fn room(database: &TestDatabase, owner: Uuid, at: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "insert into rooms (id, slug, title, owner_id, created_at) values ($1, $2, 'A room', $3, $4::text::timestamptz)";
    execute(database, sql, &[&id, &id.simple().to_string(), &owner, &at]).await;
    execute(database, "insert into heads (room_id) values ($1)", &[&id]).await;
    execute(database, "insert into room_members (room_id, user_id) values ($1, $2)", &[&id, &owner]).await;
    id
}

const SAY: &str = "with head as (
        update heads set last_revision = last_revision + 1 where room_id = $2 returning last_revision
    )
    insert into messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind, content, created_at)
    select $1, $2, last_revision, last_revision, $4, $3, $1::uuid::text, 0, 'text', $5::text::timestamptz from head";

/// A message of a user's; the statement that the journal uses is not this one, but the trigger is the same.
pub async fn say(database: &TestDatabase, room: Uuid, user: Uuid, at: &str) -> Uuid {
    let id = Uuid::now_v7();
    execute(database, SAY, &[&id, &room, &user, &0_i16, &at]).await;
    id
}

/// A reply to that user, with its turn.
pub async fn reply(database: &TestDatabase, room: Uuid, user: Uuid, character: Uuid, at: &str) -> Uuid {
    let id = Uuid::now_v7();
    let turn = "insert into turns (id, room_id, character_id, asked_id, asked_offset, user_id, priority, state, node)
        values ($1, $2, $3, $1, 1, $4, 3, 1, $1)";
    execute(database, turn, &[&id, &room, &character, &user]).await;
    execute(database, SAY, &[&id, &room, &character, &1_i16, &at]).await;
    id
}

const CALL: &str =
    "insert into ai_calls (id, at, purpose, outcome, provider, model, user_id, character_id, prompt_tokens,
        completion_tokens, cached_tokens, counted_here, cost_micros, first_token_ms, took_ms)
    values ($1, $2::text::timestamptz, $3, 'done', 'house', 'm', $4, null, $5, 7, 0, false, $6, $7, 900)";

/// A call to a model: what for, with so many tokens of the prompt, and when its first token came.
pub async fn call(
    database: &TestDatabase,
    user: Option<Uuid>,
    at: &str,
    purpose: &str,
    tokens: i32,
    first_token: Option<i32>,
) {
    let (id, cost) = (Uuid::now_v7(), i64::from(tokens) * 3);
    execute(database, CALL, &[&id, &at, &purpose, &user, &tokens, &cost, &first_token]).await;
}

/// A transfer with its entries.
pub async fn credits(database: &TestDatabase, user: Uuid, at: &str, kind: &str, amount: i64) {
    let id = Uuid::now_v7();
    let house = if kind == "purchase" { "sold" } else { "granted" };
    let mut client = database.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let sql = "insert into credit_transfers (id, key, kind, user_id, amount, created_at)
        values ($1, $1::uuid::text, $2, $3, $4, $5::text::timestamptz)";
    transaction.execute(sql, &[&id, &kind, &user, &amount, &at]).await.unwrap();
    let sql = "insert into credit_entries (transfer_id, user_id, account, amount)
        values ($1, $2, 'own', $3), ($1, '00000000-0000-0000-0000-000000000000', $4, -$3::bigint)";
    transaction.execute(sql, &[&id, &user, &amount, &house]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A hold that becomes a payment, or is given back.
pub async fn spend(database: &TestDatabase, user: Uuid, at: &str, kind: &str, amount: i64) {
    let (hold, end) = (Uuid::now_v7(), Uuid::now_v7());
    let mut client = database.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let transfer = "insert into credit_transfers (id, key, kind, user_id, amount, hold_id, created_at)
        values ($1, $1::uuid::text, $2, $3, $4, $5, $6::text::timestamptz)";
    transaction.execute(transfer, &[&hold, &"hold", &user, &amount, &None::<Uuid>, &at]).await.unwrap();
    let entries = "insert into credit_entries (transfer_id, user_id, account, amount)
        values ($1, $2, 'own', -$3::bigint), ($1, $2, 'held', $3)";
    transaction.execute(entries, &[&hold, &user, &amount]).await.unwrap();
    transaction.execute(transfer, &[&end, &kind, &user, &amount, &Some(hold), &at]).await.unwrap();
    let back = match kind {
        "settle" => {
            "insert into credit_entries (transfer_id, user_id, account, amount)
            values ($1, $2, 'held', -$3::bigint), ($1, '00000000-0000-0000-0000-000000000000', 'spent', $3)"
        }
        _ => {
            "insert into credit_entries (transfer_id, user_id, account, amount)
            values ($1, $2, 'held', -$3::bigint), ($1, $2, 'own', $3)"
        }
    };
    transaction.execute(back, &[&end, &user, &amount]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// An avatar of that user's, in this state, seen by these.
pub async fn avatar(database: &TestDatabase, owner: Uuid, at: &str, state: &str, visibility: &str) -> Uuid {
    let id = character(database, "Nadia").await;
    let sql = "update characters set owner_id = $2, state = $3, visibility = $4, created_at = $5::text::timestamptz,
        shared_at = case when $4::text <> 'private' then $5::text::timestamptz end where id = $1";
    execute(database, sql, &[&id, &owner, &state, &visibility, &at]).await;
    id
}

/// A picture that was asked for, in this state.
pub async fn content(database: &TestDatabase, user: Uuid, at: &str, state: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "insert into content (id, user_id, kind, state, prompt, optimize, quality, size, credits, error_code, error_message,
            created_at, ended_at)
        values ($1, $2, 'image', $3, 'A lake', false, 'standard', '1024x1024', 5,
            case when $3::text = 'failed' then 'provider_refused' end,
            case when $3::text = 'failed' then 'the provider will not make this' end, $4::text::timestamptz,
            case when $3::text in ('done', 'failed', 'canceled') then $4::text::timestamptz end)";
    execute(database, sql, &[&id, &user, &state, &at]).await;
    id
}

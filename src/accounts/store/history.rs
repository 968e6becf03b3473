//! The SQL of the history of sign-ins.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use uuid::Uuid;

use crate::accounts::history::{Happened, HistoryLine};
use crate::postgres::{Stored, execute, query};

const INSERT: &str =
    "insert into auth_history (id, user_id, event, refused_why, sign_in_id, address, user_agent)
    values ($1, $2, $3, $4, $5, $6, $7)";

pub async fn insert(client: &impl GenericClient, it: &Happened<'_>) -> Stored<()> {
    let sign_in = it.sign_in.map(|id| id.uuid());
    execute(
        client,
        INSERT,
        &[
            &Uuid::now_v7(),
            &it.user.uuid(),
            &it.event.as_str(),
            &it.refused_why,
            &sign_in,
            &it.origin.address,
            &it.origin.user_agent,
        ],
    )
    .await
    .map(drop)
}

const LIST: &str =
    "select id, event, refused_why, sign_in_id, address, user_agent, created_at from auth_history
    where user_id = $1 and ($2::uuid is null or id < $2) order by id desc offset $3 limit $4";

/// The user's lines before this one, the newest first.
pub async fn list(
    client: &impl GenericClient,
    user: UserId,
    before: Option<Uuid>,
    skip: i64,
    limit: i64,
) -> Stored<Vec<HistoryLine>> {
    let rows = query(client, LIST, &[&user.uuid(), &before, &skip, &limit]).await?;
    Ok(rows
        .iter()
        .map(|row| HistoryLine {
            id: row.get("id"),
            event: row.get("event"),
            refused_why: row.get("refused_why"),
            sign_in: row.get("sign_in_id"),
            address: row.get("address"),
            user_agent: row.get("user_agent"),
            created_at: row.get("created_at"),
        })
        .collect())
}

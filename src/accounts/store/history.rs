//! The SQL of the history of sign-ins.

use deadpool_postgres::GenericClient;
use uuid::Uuid;

use crate::accounts::history::Happened;
use crate::postgres::{Stored, execute};

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

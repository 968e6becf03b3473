//! Limits that were reached.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use crate::postgres::{Stored, execute};

/// That a message took a meter to its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub user: Uuid,
    /// With the period: each is kept once.
    pub meter: String,
    pub period: Date,
    pub character: Option<Uuid>,
    pub kind: Option<&'static str>,
    pub used: i32,
    pub at: Timestamp,
}

// An account that is gone meanwhile has no feed.
const INSERT: &str =
    "insert into insight_limits (id, user_id, meter, period, character_id, kind, used, reached_at)
    select $1, $2, $3, $4, $5, $6, $7, $8 where exists (select from users where id = $2 and erased_at is null)
    on conflict (user_id, meter, period) do nothing";

pub(in crate::insights) async fn insert(client: &impl GenericClient, reached: &Reached) -> Stored<()> {
    let Reached { user, meter, period, character, kind, used, at } = reached;
    execute(client, INSERT, &[&Uuid::now_v7(), user, meter, period, character, kind, used, at]).await?;
    Ok(())
}

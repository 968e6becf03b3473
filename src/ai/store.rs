//! The SQL of what admins switched at providers.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;

use crate::postgres::{Stored, query};

/// The channel that changes are told on.
pub const CHANNEL: &str = "greenroom_providers";

/// What is switched at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    pub name: String,
    pub enabled: bool,
    pub draining: bool,
}

/// All that were ever switched.
pub async fn switches(client: &impl GenericClient) -> Stored<Vec<Switch>> {
    let rows = query(client, "select name, enabled, draining from provider_switches", &[]).await?;
    let switch =
        |row: &tokio_postgres::Row| Switch { name: row.get(0), enabled: row.get(1), draining: row.get(2) };
    Ok(rows.iter().map(switch).collect())
}

/// Holds the provider's row until the transaction ends; makes it where there is none.
pub async fn lock(client: &impl GenericClient, name: &str) -> Stored<Switch> {
    const MAKE: &str = "insert into provider_switches (name) values ($1) on conflict (name) do nothing";
    const LOCK: &str = "select enabled, draining from provider_switches where name = $1 for update";
    query(client, MAKE, &[&name]).await?;
    let rows = query(client, LOCK, &[&name]).await?;
    let of = |at: usize, otherwise: bool| rows.first().map_or(otherwise, |row| row.get(at));
    Ok(Switch { name: name.to_owned(), enabled: of(0, true), draining: of(1, false) })
}

pub async fn write(client: &impl GenericClient, switch: &Switch, by: UserId) -> Stored<()> {
    const WRITE: &str =
        "update provider_switches set enabled = $2, draining = $3, changed_at = now(), changed_by = $4
        where name = $1";
    query(client, WRITE, &[&switch.name, &switch.enabled, &switch.draining, &by.uuid()]).await?;
    query(client, "select pg_notify($1, $2)::text", &[&CHANNEL, &switch.name]).await.map(drop)
}

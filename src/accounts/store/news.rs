//! The SQL of what every node has to hear.

use deadpool_postgres::GenericClient;

use crate::accounts::news::News;
use crate::postgres::{Stored, query};

pub const CHANNEL: &str = "greenroom_accounts";

/// Tells it when the transaction commits.
pub async fn notify(client: &impl GenericClient, news: News) -> Stored<()> {
    query(client, "select pg_notify($1, $2)::text", &[&CHANNEL, &news.write()]).await.map(drop)
}

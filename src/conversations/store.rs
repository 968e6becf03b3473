//! The SQL of conversations. Reads the rooms and their log; founds rooms; the log itself is written by the journal.

mod found;
mod log;
mod rooms;

pub(super) use found::{Founded, Founding, default_of, found};
pub use log::MessageRange;
pub(super) use log::{changed_since, count_changed_since, head, latest, messages, read_marks};
pub(super) use rooms::{Position, is_member, list, resolve, views};

use deadpool_postgres::{GenericClient, PoolError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A connection was not had, or the database said no; `postgres::refusal` says which.
pub(super) type Stored<T> = Result<T, PoolError>;

/// Runs a prepared statement; its plan is kept with the connection.
async fn query(
    client: &impl GenericClient,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = client.prepare_cached(statement).await?;
    client.query(&statement, parameters).await
}

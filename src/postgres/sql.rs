//! What every `store.rs` runs its statements with.

use deadpool_postgres::{GenericClient, PoolError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A connection was not had, or the database said no; [`refusal`](super::refusal) says which.
pub type Stored<T> = Result<T, PoolError>;

/// Runs a prepared statement and answers its rows. Its plan is kept with the connection.
pub async fn query(
    client: &impl GenericClient,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Stored<Vec<Row>> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.query(&statement, parameters).await?)
}

/// The same for a statement that finds one row or none.
pub async fn query_opt(
    client: &impl GenericClient,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Stored<Option<Row>> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.query_opt(&statement, parameters).await?)
}

/// The same for a statement that changes rows; answers how many.
pub async fn execute(
    client: &impl GenericClient,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Stored<u64> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.execute(&statement, parameters).await?)
}

/// The pattern for `like` of a text that holds `text`, whatever signs are in it.
#[must_use]
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_plain_signs() {
        assert_eq!(containing(r"50%_\"), r"%50\%\_\\%");
    }
}

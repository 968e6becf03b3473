//! What the journal kept so that batches which come twice are known, and that nobody needs any more.

use deadpool_postgres::{Client, PoolError};

/// Rows of one statement: each is short, and no lock of it is long.
const BATCH: i64 = 5_000;

const SWEEP: &str = "DELETE FROM room_changes WHERE id IN (
    SELECT id FROM room_changes WHERE created_at < now() - make_interval(days => $1) LIMIT $2)";

/// Forgets changes of rooms that are older than `days`; answers how many.
pub async fn sweep_changes(client: &Client, days: u32) -> Result<u64, PoolError> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let sweep = client.prepare_cached(SWEEP).await?;
    let mut swept = 0;
    loop {
        let gone = client.execute(&sweep, &[&days, &BATCH]).await?;
        swept += gone;
        if gone == 0 {
            return Ok(swept);
        }
    }
}

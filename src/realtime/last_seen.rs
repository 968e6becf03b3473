//! When users were last seen, over restarts: the hub knows who is connected and who went, and it is written now and then
//! in one go for all of them, so that a socket's coming and going costs the database nothing.

use std::time::Duration;

use deadpool_postgres::Pool;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::hub::Hub;
use super::store;
use crate::postgres::refusal;

/// Users that one statement writes.
const BATCH: usize = 1_000;

/// Cheap to clone.
#[derive(Clone)]
pub struct LastSeen {
    pool: Pool,
}

impl LastSeen {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Those of whom it is known. Who is connected was seen when that was last written.
    pub(super) async fn read(&self, users: &[UserId]) -> Result<Vec<(UserId, Timestamp)>, Refusal> {
        let client = self.pool.get().await.map_err(|error| refusal(&error))?;
        store::last_seen(&client, users).await.map_err(|error| refusal(&error))
    }

    /// Writes whom the hub saw since the last time. What cannot be written is lost: it is written again for those who are
    /// still there.
    pub async fn write(&self, hub: &Hub) {
        let seen = hub.take_seen();
        for batch in seen.chunks(BATCH) {
            let written = async {
                let client = self.pool.get().await?;
                store::see(&client, batch).await
            };
            if let Err(error) = written.await {
                tracing::warn!(%error, "who was last seen when cannot be written");
                return;
            }
        }
    }

    /// Writes again and again.
    pub fn keep(self, hub: Hub, every: Duration) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                self.write(&hub).await;
            }
        })
    }
}

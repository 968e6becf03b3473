//! The index of words, in the configured language.
//!
//! The migrations make it for `simple`. Another language has an index of its own name: the first node that starts with
//! it makes it, beside all else that goes on, and search goes by the former index until it is whole. Nodes with
//! different languages would take each other's index away: all of one database are to have the same.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool_postgres::Pool;

use super::store::words as store;
use crate::postgres::Stored;

/// What the migrations make an index for.
const FIRST: &str = "simple";
/// Only one node builds.
const ADVISORY_LOCK: i64 = 0x6772_6565_776f_7264;
const RETRY: Duration = Duration::from_secs(5);
/// Messages by the million take minutes.
const BUILD_TIMEOUT_MS: u64 = 6 * 3_600 * 1_000;

/// Which index search goes by. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Words {
    wanted: Arc<str>,
    current: Arc<RwLock<Arc<str>>>,
}

impl Words {
    pub(super) fn new(wanted: &str) -> Self {
        Self { wanted: Arc::from(wanted), current: Arc::new(RwLock::new(Arc::from(FIRST))) }
    }

    /// The language whose index is whole.
    pub(super) fn language(&self) -> Arc<str> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, language: &str) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::from(language);
    }

    /// Sees to it that there is an index of the wanted language, and of no other. Returns when that is so.
    pub(super) async fn ensure(&self, pool: &Pool) {
        loop {
            match self.look(pool).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the index of words cannot be seen to; tried again"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// One try; true when nothing is left to do.
    async fn look(&self, pool: &Pool) -> Stored<bool> {
        let client = pool.get().await?;
        let indexes = store::indexes(&client).await?;
        let whole = |language: &str| indexes.iter().any(|(name, whole)| name == language && *whole);
        if whole(&self.wanted) && indexes.len() == 1 {
            self.set(&self.wanted);
            return Ok(true);
        }
        if let Some((other, _)) = indexes.iter().find(|(_, whole)| *whole)
            && !whole(&self.wanted)
        {
            self.set(other);
        }
        if !store::knows(&client, &self.wanted).await? {
            tracing::error!(language = %self.wanted, "search.language: the database has no such configuration");
            return Ok(true);
        }
        // Given up at the end: its lock and its settings must meet nobody else.
        let client = deadpool_postgres::Object::take(client);
        // Tried, not waited for: a statement that waits holds a snapshot, for whose end the building would wait.
        let locked: bool =
            client.query_one("select pg_try_advisory_lock($1)", &[&ADVISORY_LOCK]).await?.get(0);
        if !locked {
            return Ok(false);
        }
        client.batch_execute(&format!("set statement_timeout = {BUILD_TIMEOUT_MS}")).await?;
        if !whole(&self.wanted) {
            tracing::info!(language = %self.wanted, "the index of words is being built");
            client.batch_execute(&store::drop(&self.wanted)).await?;
            client.batch_execute(&store::create(&self.wanted)).await?;
        }
        self.set(&self.wanted);
        for (other, _) in indexes.iter().filter(|(name, _)| **name != *self.wanted) {
            client.batch_execute(&store::drop(other)).await?;
        }
        tracing::info!(language = %self.wanted, "the index of words is ready");
        Ok(true)
    }
}

//! Which PostgreSQL, and how it is used.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::postgres::Options;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatabaseSettings {
    /// `postgres://…`; empty is a private cluster in `data_dir`.
    #[serde(serialize_with = "super::secret::masked")]
    pub url: SecretString,
    /// Folder with `postgres` and `initdb` for the private cluster; empty finds them.
    pub pg_bin: String,
    pub pool_size: usize,
    /// For a free connection of the pool.
    pub acquire_timeout_ms: u64,
    pub connect_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    /// Between two signs of life of this node.
    pub node_beat_ms: u64,
    /// Without a sign of life for so long a node is dead, and its replies are taken up.
    pub node_dead_after_ms: u64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: SecretString::default(),
            pg_bin: String::new(),
            pool_size: 16,
            acquire_timeout_ms: 3_000,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 15_000,
            node_beat_ms: 2_000,
            node_dead_after_ms: 10_000,
        }
    }
}

impl DatabaseSettings {
    /// The URL, or `None` for the private cluster.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        Some(self.url.expose_secret()).filter(|url| !url.is_empty())
    }

    /// The same, as the database takes it.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            url: self.url().map(|_| self.url.clone()),
            pg_bin: Some(&self.pg_bin).filter(|folder| !folder.is_empty()).map(PathBuf::from),
            pool_size: self.pool_size,
            wait_timeout: Duration::from_millis(self.acquire_timeout_ms),
            create_timeout: Duration::from_millis(self.connect_timeout_ms),
            statement_timeout: Duration::from_millis(self.statement_timeout_ms),
            ..Options::default()
        }
    }

    #[must_use]
    pub fn node_beat(&self) -> Duration {
        Duration::from_millis(self.node_beat_ms)
    }

    #[must_use]
    pub fn node_dead_after(&self) -> Duration {
        Duration::from_millis(self.node_dead_after_ms)
    }
}

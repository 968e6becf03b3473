//! Files: the object store, who may open what lies in it, and its cleaning up.
//!
//! An object lies under a key ([`ObjectKey`]); a message keeps the key, and whoever reads the message gets an address that
//! opens the object for a while ([`Links`]). So an object is as private as what carries it, and nothing is asked for when
//! it is fetched but the signature. Objects never change: another content has another key.
//!
//! Owned here: the table `media_objects`, which has a row for each object before it is there, and the folder
//! `<data_dir>/media`. Limits: `[media]` in the settings, a key of 512 bytes.

mod fault;
pub mod files;
pub mod films;
mod key;
mod links;
mod objects;
pub mod pictures;
mod routes;
pub mod sounds;
mod store;
mod sweep;

use std::path::PathBuf;

use bytes::Bytes;
use deadpool_postgres::{Client, Pool};
use greenroom_actors::protocol::Refusal;

pub use fault::Fault;
pub use key::{FileType, NoKey, ObjectKey};
pub use links::{LIFETIME_MIN, Links, Shut, address, own};
pub use objects::{ObjectError, Objects, Stat};
pub use routes::routes;
pub use store::Owner;
pub use sweep::SWEEP;

use crate::postgres::refusal;

/// Why something was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error("{0}")]
    Database(Refusal),
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Media {
    objects: Objects,
    pool: Pool,
}

impl Media {
    #[must_use]
    pub fn new(objects: Objects, pool: Pool) -> Self {
        Self { objects, pool }
    }

    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Stores an object and notes whose it is. It stays while a message carries it; one that none carries within an hour is
    /// taken away.
    pub async fn keep(&self, key: &ObjectKey, owner: Owner, bytes: Bytes) -> Result<(), KeepError> {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let client = self.client().await.map_err(KeepError::Database)?;
        let noted = store::insert(&client, key.as_str(), owner, size).await;
        noted.map_err(|error| KeepError::Database(refusal(&error)))?;
        drop(client);
        Ok(self.objects.put(key, bytes).await?)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// Where objects lie on this machine.
#[must_use]
pub fn folder(data_dir: &std::path::Path) -> PathBuf {
    data_dir.join("media")
}

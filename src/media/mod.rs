//! Files: the object store, what people upload and have made, who may open what lies there, and its cleaning up.
//!
//! An object lies under a key ([`ObjectKey`]); a message keeps the key, and whoever reads the message gets an address that
//! opens the object for a while ([`Links`]). So an object is as private as what carries it, and nothing is asked for when
//! it is fetched but the signature. Objects never change: another content has another key.
//!
//! A file comes in by one way ([`Media::take`]): as it is under `temp/`, with a row in `media_files` and the job that looks at
//! it. [`uploads`] is that way for requests, [`library`] what one has and who may see it.
//!
//! Owned here: the table `media_objects`, which has a row for each object before it is there (but for those under `temp/`), the
//! table `media_files`, and the folder `<data_dir>/media`. Limits: `[media]` in the settings, a key of 512 bytes; how much one
//! may have is said by the plan.

mod decoding;
mod fault;
pub mod files;
pub mod films;
mod keep;
mod key;
mod library;
mod links;
mod objects;
pub mod pictures;
mod probe;
mod process;
mod routes;
mod shown;
pub mod sounds;
mod store;
mod sweep;
mod temp;
pub mod uploads;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use deadpool_postgres::{Client, Pool};
use greenroom_actors::protocol::Refusal;
use utoipa_actix_web::service_config::ServiceConfig;

pub use fault::Fault;
pub use keep::{NewFile, PROCESS, Source};
pub use key::{FileType, NoKey, ObjectKey};
pub use library::{FileRecord, OnChanged, forget, records};
pub use links::{LIFETIME_MIN, Links, Shut, address, own};
pub use objects::{ObjectError, Objects, Stat};
pub use routes::routes as pages;
pub use shown::NotShown;
pub use store::Owner;
pub use sweep::SWEEP;
pub use temp::{Incoming, Temp};

use crate::accounts::Gates;
use crate::config::MediaSettings;
use crate::postgres::refusal;
use decoding::Decoding;
use files::MediaFile;
use pictures::Bounds;
use probe::Probes;

/// Why something was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error("{0}")]
    Database(Refusal),
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Media {
    objects: Objects,
    pool: Pool,
    settings: Arc<MediaSettings>,
    /// Without, no plan bounds what one may have, and nothing premium opens.
    gates: Option<Gates>,
    on_changed: Arc<RwLock<Vec<OnChanged>>>,
    decoding: Decoding,
    probes: Probes,
}

impl Media {
    /// The store and its rows alone.
    #[must_use]
    pub fn new(objects: Objects, pool: Pool) -> Self {
        let settings = Arc::<MediaSettings>::default();
        Self {
            objects,
            pool,
            decoding: Decoding::new(settings.processing_max_bytes),
            settings,
            gates: None,
            on_changed: Arc::default(),
            probes: Probes::default(),
        }
    }

    /// With the plans of those whose files they are.
    #[must_use]
    pub fn open(objects: Objects, pool: Pool, gates: Gates, settings: &MediaSettings) -> Self {
        Self {
            decoding: Decoding::new(settings.processing_max_bytes),
            settings: Arc::new(settings.clone()),
            gates: Some(gates),
            ..Self::new(objects, pool)
        }
    }

    /// Tells of each file that became ready, failed or was deleted, on this node.
    pub fn on_changed(&self, tell: OnChanged) {
        self.on_changed.write().unwrap_or_else(PoisonError::into_inner).push(tell);
    }

    fn tell(&self, file: &MediaFile) {
        let listeners = self.on_changed.read().unwrap_or_else(PoisonError::into_inner).clone();
        listeners.iter().for_each(|tell| tell(file));
    }

    fn gates(&self) -> Option<&Gates> {
        self.gates.as_ref()
    }

    /// The bounds of what comes in.
    #[must_use]
    pub fn settings(&self) -> &MediaSettings {
        &self.settings
    }

    /// What of a picture is taken.
    fn bounds(&self) -> Bounds {
        let MediaSettings { image_max_side: side, image_max_pixels: pixels, .. } = *self.settings;
        Bounds { side, pixels, ..Bounds::default() }
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

    /// These objects are gone; where that cannot be noted, the sweep finds out again.
    async fn forget_objects(&self, keys: &[String]) {
        if keys.is_empty() {
            return;
        }
        let forgotten = async {
            let client = self.client().await?;
            store::forget(&client, keys).await.map_err(|error| refusal(&error))
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "objects that are gone are forgotten later");
        }
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// What is under `/api/media`.
pub fn routes(config: &mut ServiceConfig<'_>) {
    uploads::routes::routes(config);
    library::routes::routes(config);
}

/// Where objects lie on this machine.
#[must_use]
pub fn folder(data_dir: &std::path::Path) -> PathBuf {
    data_dir.join("media")
}

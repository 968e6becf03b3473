//! Reading the settings anew while the server runs.
//!
//! What is read is taken whole or not at all: settings that do not hold, or that know nothing of a plan which somebody
//! has, change nothing. An admin's word goes to all nodes, each of which reads its own file and environment; SIGHUP is for
//! one node alone. How often admins gave the word stands in the database, so that a node which was deaf for a while sees
//! that it missed one.

mod routes;
mod store;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, GenericClient, Pool};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::accounts::Origin;
use crate::audit::{self, Act};
use crate::billing::plans::{NotTaken, check_in_use};
use crate::config::{Config, Reloaded};
use crate::http::Caller;
use crate::postgres::{Connector, refusal};

pub(super) use routes::reload as route;

/// Between two tries to connect.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// For connecting.
const DEADLINE: Duration = Duration::from_secs(10);

/// Puts settings in force: those that held before, and those that hold from now on. Must not block.
pub type Apply = dyn Fn(&Config, &Config) + Send + Sync;

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Reloader(Arc<Inner>);

struct Inner {
    pool: Pool,
    apply: Box<Apply>,
    /// Held while the settings are read and put in force, one after the other.
    held: Mutex<Held>,
}

struct Held {
    /// The settings that are in force.
    config: Config,
    /// The admins' word that was followed last.
    revision: i64,
}

impl Reloader {
    /// `config` is in force.
    pub async fn open(pool: Pool, config: &Config, apply: Box<Apply>) -> Result<Self, Refusal> {
        let client = pool.get().await.map_err(|error| refusal(&error))?;
        let revision = store::revision(&client).await.map_err(|error| refusal(&error))?;
        drop(client);
        let held = Mutex::new(Held { config: config.clone(), revision });
        Ok(Self(Arc::new(Inner { pool, apply, held })))
    }

    /// At an admin's word, on all nodes: this one before it is answered.
    pub async fn reload(&self, admin: &Caller, origin: &Origin) -> Result<Reloaded, NotTaken> {
        let mut held = self.0.held.lock().await;
        let mut client = self.client().await?;
        let reloaded = look(&client, &held.config).await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let revision = store::raise(&transaction).await.map_err(|error| refusal(&error))?;
        let detail = json!({ "changed": reloaded.changed, "needsRestart": reloaded.needs_restart });
        let act = Act::new(admin, "config.reload", ("config", revision.to_string()), origin);
        audit::record(&transaction, &Act { detail, ..act }).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.put_in_force(&mut held, &reloaded);
        held.revision = revision;
        Ok(reloaded)
    }

    /// On this node alone.
    pub async fn reload_here(&self) -> Result<Reloaded, NotTaken> {
        let held = self.0.held.lock().await;
        self.follow(held).await
    }

    /// Where an admin gave the word and this node has not followed it yet.
    async fn catch_up(&self) -> Result<Option<Reloaded>, NotTaken> {
        let mut held = self.0.held.lock().await;
        let client = self.client().await?;
        let revision = store::revision(&client).await.map_err(|error| refusal(&error))?;
        drop(client);
        if revision == held.revision {
            return Ok(None);
        }
        // Settings that are refused now are not read again before the next word.
        held.revision = revision;
        self.follow(held).await.map(Some)
    }

    async fn follow(&self, mut held: MutexGuard<'_, Held>) -> Result<Reloaded, NotTaken> {
        let client = self.client().await?;
        let reloaded = look(&client, &held.config).await?;
        self.put_in_force(&mut held, &reloaded);
        Ok(reloaded)
    }

    fn put_in_force(&self, held: &mut Held, reloaded: &Reloaded) {
        let before = std::mem::replace(&mut held.config, reloaded.config.clone());
        (self.0.apply)(&before, &held.config);
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
    }

    /// Follows the admins' word to other nodes, until it is aborted.
    #[must_use]
    pub fn listen(&self, connector: &Connector) -> JoinHandle<()> {
        let (reloader, connector) = (self.clone(), connector.with_setup("settings", "SELECT 1"));
        tokio::spawn(async move { reloader.hear(&connector).await })
    }

    async fn hear(&self, connector: &Connector) {
        let mut pause = RETRY_MIN;
        loop {
            match tokio::time::timeout(DEADLINE, connector.listen(store::CHANNEL)).await {
                Ok(Ok(mut listening)) => {
                    // What was said before it listened.
                    let mut followed = tell(self.catch_up().await);
                    while followed && listening.heard().await.is_some() {
                        pause = RETRY_MIN;
                        followed = tell(self.catch_up().await);
                    }
                    tracing::debug!("settings that are to be read anew are not heard of for now");
                }
                Ok(Err(error)) => tracing::debug!(%error, "new settings cannot be listened for"),
                Err(_) => tracing::debug!("new settings cannot be listened for: no answer in time"),
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Reads the settings anew at each SIGHUP, until it is aborted.
    #[must_use]
    pub fn at_hangups(&self) -> JoinHandle<()> {
        let reloader = self.clone();
        tokio::spawn(async move {
            let Ok(mut hangups) = signal(SignalKind::hangup()) else {
                return tracing::error!("SIGHUP cannot be listened to");
            };
            while hangups.recv().await.is_some() {
                tell(reloader.reload_here().await.map(Some));
            }
        })
    }
}

/// The settings as they stand at their source, against those in force.
async fn look(client: &impl GenericClient, config: &Config) -> Result<Reloaded, NotTaken> {
    let source = config.source.clone();
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    let reloaded = match read {
        Ok(Some(read)) => config.reload(&read?),
        // They were made by hand: there are no others.
        Ok(None) => config.reload(config),
        Err(_) => return Err(Refusal::new(RefusalCode::Internal, "the settings cannot be read").into()),
    };
    let plans = reloaded.config.engine_plans();
    if plans != config.engine_plans() {
        check_in_use(client, &plans).await?;
    }
    Ok(reloaded)
}

/// Writes to the log what came of it; false where the database was away.
fn tell(reloaded: Result<Option<Reloaded>, NotTaken>) -> bool {
    match reloaded {
        Ok(None) => {}
        Ok(Some(Reloaded { changed, needs_restart, .. })) => {
            tracing::warn!(?changed, ?needs_restart, "the settings were read anew");
        }
        Err(NotTaken::Settings(error)) => {
            tracing::error!("the settings were read anew and nothing was changed: {error}");
        }
        Err(NotTaken::Refused(refusal)) => {
            tracing::error!("the settings cannot be read anew: {}", refusal.message);
            return false;
        }
    }
    true
}

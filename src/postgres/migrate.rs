//! Migrations: `migrations/V*.sql`, embedded in the binary, each applied once and in its own transaction.
//!
//! Nodes that start together take turns by an advisory lock, held on the very session that migrates: it goes with the
//! session, however that ends.

use std::time::Duration;

use uuid::Uuid;

use super::connect::Connector;
use super::error::{DatabaseError, describe, is_connection_lost};

mod embedded {
    // The macro's code is not ours to lint.
    #![allow(unused_qualifications, clippy::all)]
    refinery::embed_migrations!("migrations");
}

/// Any number will do, as long as all nodes use the same and nothing else in the database does.
const ADVISORY_LOCK: i64 = 0x6772_6565_6e72_6d00;
/// For the node that migrates first; the others wait as long.
const TIMEOUT: Duration = Duration::from_secs(600);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a run found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations that this run applied, in order; empty if the database was up to date.
    pub applied: Vec<String>,
    /// Epoch of the database: changes only when a backup is restored.
    pub epoch: Uuid,
}

pub(super) async fn migrate(connector: &Connector) -> Result<Migrated, DatabaseError> {
    let timeout_ms = TIMEOUT.as_millis();
    let setup = format!("SET statement_timeout = 0; SET lock_timeout = {timeout_ms}");
    let connector = connector.with_setup("migrations", &setup);
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connector.connect()).await;
    let (mut client, driver) =
        connected.map_err(|_| DatabaseError::Unreachable("no answer in time".into()))??;
    client.execute("SELECT pg_advisory_lock($1)", &[&ADVISORY_LOCK]).await?;
    let applied = embedded::migrations::runner().run_async(&mut client).await.map_err(|error| {
        let cause = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        match cause {
            Some(cause) if is_connection_lost(cause) => DatabaseError::Unreachable(describe(cause)),
            Some(cause) => DatabaseError::Migration(format!("{error}: {}", describe(cause))),
            None => DatabaseError::Migration(error.to_string()),
        }
    })?;
    let epoch = client.query_one("SELECT epoch FROM installation", &[]).await?.get(0);
    drop(client);
    // The lock goes with the session: the next node may start only then.
    let _ = driver.await;
    let applied = applied.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migrated { applied, epoch })
}

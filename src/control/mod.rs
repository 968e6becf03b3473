//! Control: what an admin sees of the running server, and what can be switched while it runs.
//!
//! All of it is behind an admin's token, and every act is in the audit log, or loudly in the server's while the
//! database is away: that must keep no admin from draining a node.

mod reload;
mod routes;
mod sockets;
mod store;
mod switches;
mod view;

use std::time::Instant;

use deadpool_postgres::Pool;
use greenroom_actors::domain::NodeId;
use greenroom_actors::engine::Engine;
use jiff::Timestamp;

pub use reload::{Apply, Reloader};
pub use routes::routes;
pub use switches::{SetLogLevel, Switches};

use crate::audit::Audit;
use crate::realtime::Hub;

/// What the admin's routes look at and act on. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    node: NodeId,
    engine: Engine,
    hub: Hub,
    database: Pool,
    audit: Audit,
    switches: Switches,
    started_at: Timestamp,
    running: Instant,
}

impl Control {
    /// Made when the server starts: its uptime counts from here.
    #[must_use]
    pub fn new(node: NodeId, engine: Engine, database: Pool, switches: Switches, hub: Hub) -> Self {
        let audit = Audit::new(database.clone());
        let (started_at, running) = (Timestamp::now(), Instant::now());
        Self { node, engine, hub, database, audit, switches, started_at, running }
    }

    /// What an act on the whole node was done to.
    fn this_node(&self) -> (&'static str, String) {
        ("node", self.node.to_string())
    }
}

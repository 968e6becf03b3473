//! Control: what an admin sees of the running server, and what can be switched while it runs.
//!
//! All of it is behind an admin's token, and every act is logged with who did it.

mod routes;
mod sockets;
mod store;
mod switches;
mod view;

use std::time::Instant;

use deadpool_postgres::Pool;
use greenroom_actors::engine::Engine;
use jiff::Timestamp;

pub use routes::routes;
pub use switches::{SetLogLevel, Switches};

use crate::realtime::Hub;

/// What the admin's routes look at and act on. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    engine: Engine,
    hub: Hub,
    database: Pool,
    switches: Switches,
    started_at: Timestamp,
    running: Instant,
}

impl Control {
    /// Made when the server starts: its uptime counts from here.
    #[must_use]
    pub fn new(engine: Engine, database: Pool, switches: Switches, hub: Hub) -> Self {
        Self { engine, hub, database, switches, started_at: Timestamp::now(), running: Instant::now() }
    }
}

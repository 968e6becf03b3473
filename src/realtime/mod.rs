//! Realtime: sockets and what goes over them.
//!
//! `ws` upgrades and hosts a session on its socket; `socketio` does that for clients of another protocol and transport;
//! `session` is what both share, around one socket's state machine; `shard` has a worker thread's sockets; `hub` is the way
//! from the engine to the shards; `wire` is the protocol's format; `backend` is what sockets ask of the server;
//! `taps` listens to a room without a socket.
//!
//! actix-web-actors has one flaw that shapes all of this: a session is polled only while less than 32 KiB wait to be
//! written, so that a peer which stops reading stops its session's timers and its close as well. Hence: only bounded
//! queues into a session, no timer of a session's own, no future of a session's own but those that read these, and a
//! shard that ends the connection of a socket that takes nothing.

mod settings;
mod backend;
mod live;
mod last_seen;
mod store;
pub mod wire;
mod ws;
mod socket;
mod session;
mod socketio;
mod delivery;
mod shard;
mod hub;
mod taps;
mod metrics;

pub use backend::{Answer, Backend, Profile, Verification, Verified};
pub use hub::{Hub, HubCounts, SessionInfo};
pub use last_seen::LastSeen;
pub use live::{ForeignTokens, LiveBackend, Profiles};
pub use settings::Settings;
pub use socket::{SocketOptions, on_connect};
pub use taps::{Tap, Taps};

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts `/ws` and `/socket.io/`. Needs `web::Data<Hub>` in the app, and [`on_connect`] on its server.
pub fn routes(config: &mut ServiceConfig<'_>) {
    ws::routes(config);
    socketio::routes(config);
}

//! Socket.IO v4 at `/socket.io/` (Engine.IO revision 4, Socket.IO protocol 5): the sessions of `/ws` for clients that
//! speak that protocol, by long polling, by WebSocket, or first by the one and then by the other.
//!
//! A session is an actor on the worker thread where its handshake arrived; the requests and the WebSocket that carry it
//! may arrive on any. They meet in its `outbox`, one queue of packets in order, whoever takes them, and reach it by a
//! bounded queue of its own. `packet` reads packets, `actor` has the session, `sends` sees to it that whoever sends to a
//! room also follows it, `polling` and `socket` are the transports, `sids` finds a session by the id that its client
//! shows.
//!
//! Limits: while a client has more than [`GATE_BYTES`] to take, its session takes neither deliveries nor packets, so that
//! the bounds of its shard's queue hold for it as they do for a socket of `/ws` whose peer reads slowly. A packet has at
//! most `max_frame_bytes`, and so has the body of a request; sessions are bounded by user as sockets are, those not yet
//! signed in by address and all together by node. A session that nobody carries on is reaped by its heartbeat.

mod packet;
mod outbox;
mod sids;
mod actor;
mod outgoing;
mod sends;
mod handshake;
mod polling;
mod socket;

use std::time::Duration;

use actix_web::http::StatusCode;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;

pub(super) use outbox::Outbox;
pub(super) use sids::Sids;

/// Bytes that wait for a client beyond which its session takes nothing more.
const GATE_BYTES: usize = 65_536;
/// Packets and requests of a client that wait for its session; then its transports wait.
const INBOX_MAX: usize = 16;
/// Packets of one polling answer. The Python client refuses more than 16.
const POLL_MAX_PACKETS: usize = 16;
/// From a WebSocket's opening for an upgrade to its end.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a poll hangs while an upgrade is under way: the client ends its polling before it goes on.
const UPGRADE_POLL: Duration = Duration::from_millis(100);

/// Mounts `/socket.io/`. Needs what [`super::ws::routes`] needs.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(handshake::get).service(polling::post);
}

/// A request that is none of this protocol.
fn bad_request(message: &'static str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message)
}

fn unknown_session() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "unknown_session", "there is no such session: connect anew")
}

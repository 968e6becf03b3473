//! `GET /socket.io/`: by its query the beginning of a session, a poll, or a WebSocket.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use serde_json::json;

use super::actor::SocketIoActor;
use super::outbox::BySocket;
use super::sids::{Begun, Carried};
use super::{bad_request, polling, socket, unknown_session};
use crate::error::ApiError;
use crate::http::ClientAddress;
use crate::realtime::hub::Hub;
use crate::realtime::session::SessionActor;
use crate::realtime::socket::Connection;
use crate::realtime::ws::{draining, token};

/// The query of each request.
#[derive(Debug, Deserialize)]
pub(super) struct Query {
    #[serde(rename = "EIO")]
    revision: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Polling,
    WebSocket,
}

impl Query {
    pub(super) fn transport(&self) -> Result<Transport, ApiError> {
        if self.revision.as_deref() != Some("4") {
            return Err(bad_request(
                "this is Engine.IO revision 4 (Socket.IO 3 and later): EIO=4 is missing",
            ));
        }
        match self.transport.as_deref() {
            Some("polling") => Ok(Transport::Polling),
            Some("websocket") => Ok(Transport::WebSocket),
            _ => Err(bad_request("transport takes polling or websocket")),
        }
    }

    /// The session that is named; `None`: none is.
    pub(super) fn session(&self, hub: &Hub) -> Result<Option<Carried>, ApiError> {
        let Some(sid) = &self.sid else { return Ok(None) };
        hub.sids().get(sid).map(Some).ok_or_else(unknown_session)
    }
}

/// Open, poll or upgrade a Socket.IO session
///
/// Engine.IO revision 4, Socket.IO protocol 5 (`docs/PROTOCOL.md` §7): any Socket.IO client of version 3 or 4 speaks it.
#[utoipa::path(
    path = "/socket.io/",
    tag = "realtime",
    params(
        ("EIO" = String, Query, description = "`4`"),
        ("transport" = String, Query, description = "`polling` or `websocket`"),
        ("sid" = Option<String>, Query, description = "The session; left out, a new one begins"),
    ),
    responses(
        (status = 200, description = "Packets, by polling.", body = String, content_type = "text/plain"),
        (status = 101, description = "The WebSocket is open."),
        (status = 400, description = "Not the protocol, or no such session.", body = crate::error::ErrorBody),
        (status = 429, description = "Too many sessions of this address.", body = crate::error::ErrorBody),
        (status = 503, description = "The server is draining or not ready.", body = crate::error::ErrorBody),
    )
)]
#[get("/socket.io{slash:/?}")]
pub(super) async fn get(
    request: HttpRequest,
    payload: web::Payload,
    query: web::Query<Query>,
    hub: web::Data<Hub>,
) -> Result<HttpResponse, ApiError> {
    let transport = query.transport()?;
    match (transport, query.session(&hub)?) {
        (Transport::Polling, Some(carried)) => polling::poll(&carried, &hub).await,
        (Transport::Polling, None) => {
            let opened = begin(&request, &hub, BySocket::Perhaps)?;
            Ok(polling::answer(opened.packet))
        }
        (Transport::WebSocket, Some(carried)) => socket::upgrade(&request, payload, carried, &hub),
        (Transport::WebSocket, None) => {
            // Before the session is made, which only its WebSocket could end.
            let response = socket::handshake(&request)?;
            let opened = begin(&request, &hub, BySocket::FromTheStart)?;
            Ok(socket::open(response, &request, payload, opened.carried, opened.packet, &hub))
        }
    }
}

/// A session that has begun, and the packet that tells its client so.
struct Opened {
    carried: Carried,
    packet: String,
}

fn begin(request: &HttpRequest, hub: &web::Data<Hub>, by_socket: BySocket) -> Result<Opened, ApiError> {
    let backend = hub.open_backend().ok_or_else(draining)?;
    let settings = hub.settings();
    let address = request.extensions().get::<ClientAddress>().map(|address| address.0);
    let address = address.or_else(|| request.peer_addr().map(|peer| peer.ip()));
    let counted = address.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    let (sessions_max, unsigned_max) =
        (settings.socketio_sessions_max, settings.socketio_unsigned_per_address_max);
    let begun: Begun = hub.sids().begin(counted, by_socket, sessions_max, unsigned_max).map_err(|_| {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many sessions: wait a little")
            .with_retry_after(Duration::from_secs(5))
    })?;
    let upgrades: &[&str] = if by_socket == BySocket::Perhaps { &["websocket"] } else { &[] };
    let beat_ms = settings.session.heartbeat_interval.as_millis() as u64;
    let open = json!({
        "sid": begun.sid,
        "upgrades": upgrades,
        "pingInterval": beat_ms,
        "pingTimeout": beat_ms,
        "maxPayload": settings.max_frame_bytes,
    });
    let carried = begun.carried.clone();
    let connection = Connection::of_session(Arc::clone(&carried.outbox));
    let session = SessionActor::new(hub.get_ref().clone(), backend, Rc::new(connection), address);
    SocketIoActor::begin(session, hub.get_ref().clone(), begun, token(request));
    Ok(Opened { carried, packet: format!("0{open}") })
}

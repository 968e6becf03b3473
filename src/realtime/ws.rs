//! `GET /ws`: the upgrade. Who may open a socket is asked here; everything after that is the session's, which an actor
//! hosts on the connection.

mod actor;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, get, web};
use actix_web_actors::ws::WsResponseBuilder;
use actor::SocketActor;
use utoipa_actix_web::service_config::ServiceConfig;

use super::hub::Hub;
use super::session::SessionActor;
use super::socket::Connection;
use crate::error::ApiError;

/// The subprotocol that the server picks.
const PROTOCOL: &str = "greenroom.v1";
/// The subprotocol that carries an access token, for clients that cannot set a header.
const BEARER: &str = "greenroom.bearer.";

/// Mounts `/ws`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(open);
}

/// The token that came with the upgrade: by header, else by subprotocol.
pub(super) fn token(request: &HttpRequest) -> Option<Box<str>> {
    let header =
        |name| request.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let by_header = header(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let by_protocol = || {
        header(header::SEC_WEBSOCKET_PROTOCOL)?
            .split(',')
            .find_map(|protocol| protocol.trim().strip_prefix(BEARER))
    };
    by_header.or_else(by_protocol).map(Into::into)
}

/// No new sockets are taken.
pub(super) fn draining() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "draining",
        "this server takes no new sockets: try again, elsewhere if you can",
    )
    .with_retry_after(std::time::Duration::from_secs(1))
}

/// Opens a socket of the native protocol (`docs/PROTOCOL.md`).
#[utoipa::path(
    tag = "realtime",
    responses(
        (status = 101, description = "The socket is open; its first frame is `hello`."),
        (status = 426, description = "No WebSocket upgrade.", body = crate::error::ErrorBody),
        (status = 503, description = "The server is draining or not ready.", body = crate::error::ErrorBody),
    )
)]
#[get("/ws")]
async fn open(
    request: HttpRequest,
    payload: web::Payload,
    hub: web::Data<Hub>,
) -> Result<HttpResponse, ApiError> {
    let backend = hub.open_backend().ok_or_else(draining)?;
    let session = SessionActor::new(
        hub.get_ref().clone(),
        backend,
        Connection::of(&request),
        request.peer_addr().map(|address| address.ip()),
    );
    let actor = SocketActor::new(session, token(&request));
    WsResponseBuilder::new(actor, &request, payload)
        .protocols(&[PROTOCOL])
        .frame_size(hub.settings().max_frame_bytes)
        .start()
        .map_err(|error| {
            tracing::debug!(%error, "no WebSocket upgrade");
            ApiError::new(
                StatusCode::UPGRADE_REQUIRED,
                "bad_request",
                format!("this is a WebSocket: {error}"),
            )
            .with_header(header::UPGRADE, header::HeaderValue::from_static("websocket"))
        })
}

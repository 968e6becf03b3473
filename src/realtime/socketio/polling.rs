//! Long polling: packets to the client in the answer to a GET that hangs until there are some, packets from it in the
//! body of a POST.

use std::future::poll_fn;
use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, post, web};
use bytestring::ByteString;
use greenroom_actors::session::CloseCode;
use tokio::sync::oneshot;

use super::handshake::{Query, Transport};
use super::outbox::{NotNow, Outbox};
use super::packet::NOOP;
use super::sids::{Carried, Incoming};
use super::{UPGRADE_POLL, bad_request, unknown_session};
use crate::error::ApiError;
use crate::realtime::hub::Hub;

/// Packets for the client.
pub(super) fn answer(payload: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=UTF-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(payload)
}

/// Ends with the request, also with one that its client gave up.
struct Poll(Arc<Outbox>);

impl Drop for Poll {
    fn drop(&mut self) {
        self.0.end_poll();
    }
}

struct Post(Arc<Outbox>);

impl Drop for Post {
    fn drop(&mut self) {
        self.0.end_post();
    }
}

fn refused(error: NotNow, outbox: &Outbox) -> ApiError {
    match error {
        NotNow::Twice => {
            outbox.kill();
            bad_request("two requests of one kind at once: the session is over")
        }
        NotNow::Elsewhere => bad_request("this session has its WebSocket"),
    }
}

/// Hangs until there are packets.
pub(super) async fn poll(carried: &Carried, hub: &Hub) -> Result<HttpResponse, ApiError> {
    let outbox = &carried.outbox;
    outbox.begin_poll().map_err(|error| refused(error, outbox))?;
    let _poll = Poll(Arc::clone(outbox));
    let max_bytes = hub.settings().max_frame_bytes;
    let payload = poll_fn(|task| outbox.poll_payload(task, max_bytes));
    let payload = if outbox.is_probed() {
        tokio::time::timeout(UPGRADE_POLL, payload).await.unwrap_or_else(|_| Some(NOOP.to_owned()))
    } else {
        payload.await
    };
    payload.map(answer).ok_or_else(unknown_session)
}

/// Send packets of a Socket.IO session by polling
#[utoipa::path(
    path = "/socket.io/",
    tag = "realtime",
    params(
        ("EIO" = String, Query, description = "`4`"),
        ("transport" = String, Query, description = "`polling`"),
        ("sid" = String, Query, description = "The session"),
    ),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 200, description = "`ok`", body = String, content_type = "text/plain"),
        (status = 400, description = "Not the protocol, or no such session.", body = crate::error::ErrorBody),
        (status = 413, description = "The body is too large.", body = crate::error::ErrorBody),
    )
)]
#[post("/socket.io{slash:/?}")]
pub(super) async fn post(
    request: HttpRequest,
    payload: web::Payload,
    query: web::Query<Query>,
    hub: web::Data<Hub>,
) -> Result<HttpResponse, ApiError> {
    if query.transport()? != Transport::Polling {
        return Err(bad_request("packets are posted by polling alone"));
    }
    let Some(Carried { inbox, outbox }) = query.session(&hub)? else {
        return Err(bad_request("a session begins with GET"));
    };
    outbox.begin_post().map_err(|error| refused(error, &outbox))?;
    let _post = Post(Arc::clone(&outbox));
    let (incoming, done) = match body(&request, payload, hub.settings().max_frame_bytes).await {
        Ok(body) => {
            let (done, carried_out) = oneshot::channel();
            (Incoming::Payload(body, done), Ok(carried_out))
        }
        Err(Unfit::TooLarge) => (
            Incoming::TooLarge,
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", CloseCode::TooLarge.reason())),
        ),
        Err(Unfit::Binary) => (Incoming::Binary, Err(bad_request("binary is not taken: send text"))),
        Err(Unfit::Broken) => (Incoming::Garbage, Err(bad_request("the body is not UTF-8 text"))),
    };
    inbox.send(incoming).await.map_err(|_| unknown_session())?;
    // Dropped undone: the session ended with something in it, which the next poll tells.
    let _ = done?.await;
    Ok(answer("ok".to_owned()))
}

enum Unfit {
    TooLarge,
    Binary,
    /// Not UTF-8, or cut off.
    Broken,
}

async fn body(request: &HttpRequest, payload: web::Payload, max_bytes: usize) -> Result<ByteString, Unfit> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/octet-stream")) {
        return Err(Unfit::Binary);
    }
    let body = payload.to_bytes_limited(max_bytes).await.map_err(|_| Unfit::TooLarge)?;
    ByteString::try_from(body.map_err(|_| Unfit::Broken)?).map_err(|_| Unfit::Broken)
}

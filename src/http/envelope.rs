//! What surrounds every request: its id, its log line, its metrics, its headers, and the one form of its errors.
//!
//! A panic in a handler becomes a 500 that tells nothing; the log has it with the request's id.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use super::address::client_address;
use super::{ClientAddress, Site, headers, metrics};
use crate::error::{ApiError, ErrorForm, with_error_form, with_request_id};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_MAX_CHARS: usize = 64;

/// The id that the client or a proxy gave, if it is fit for a log line; else a fresh one.
fn choose_id(headers: &HeaderMap) -> Arc<str> {
    let fit = |text: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (8..=REQUEST_ID_MAX_CHARS).contains(&text.len()) && text.chars().all(plain)
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fit);
    given.map_or_else(|| Arc::from(Uuid::now_v7().to_string()), Arc::from)
}

struct CameAsHead;

/// Whether a request came as HEAD: routes see it as GET.
pub fn asks_for_head(request: &HttpRequest) -> bool {
    request.extensions().get::<CameAsHead>().is_some()
}

/// The outermost middleware.
pub(super) async fn envelope<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(site) = request.app_data::<web::Data<Site>>().map(|site| Site::clone(site)) else {
        return Err(ApiError::internal().into());
    };
    let start = Instant::now();
    let id = choose_id(request.headers());
    let peer = request.peer_addr().map(|peer| peer.ip());
    let address = client_address(peer, request.headers(), site.trusted());
    request.extensions_mut().insert(ClientAddress(address));
    let method = request.method().clone();
    let path = without_token(request.path()).to_owned();
    if method == Method::HEAD {
        // Routes know GET; the connection itself leaves the body out of an answer to HEAD.
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(CameAsHead);
    }
    let span = tracing::info_span!("request", id = %id);
    let form = ErrorForm::of(&path);
    let answered = with_request_id(
        id.clone(),
        with_error_form(form, AssertUnwindSafe(next.call(request)).catch_unwind().instrument(span.clone())),
    );
    let result = match answered.await {
        Ok(result) => result,
        Err(panic) => {
            span.in_scope(
                || tracing::error!(cause = panic_text(panic.as_ref()), %method, path, "a handler panicked"),
            );
            Err(ApiError::internal().into())
        }
    };
    let settled = with_error_form(form, async { settle(result) });
    let (result, status, route) = with_request_id(id.clone(), async {
        let mut result = settled.await;
        let (headers, status, route) = match &mut result {
            Ok(response) => {
                let route = response.request().match_pattern();
                let status = response.status();
                (response.headers_mut(), status, route)
            }
            Err(failed) => {
                let status = failed.status();
                (failed.headers_mut(), status, None)
            }
        };
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, value);
        }
        headers::secure(headers, &path, site.is_https(), site.policy());
        (result, status, route)
    })
    .await;
    let took = start.elapsed();
    metrics::count(&method, route.as_deref().unwrap_or("none"), status.as_u16(), took);
    span.in_scope(|| {
        let (status, took_ms) = (status.as_u16(), (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0);
        // Without its query too: there may be a token in it.
        if status >= 500 {
            tracing::warn!(target: "greenroom::access", %method, path, status, took_ms, %address, "answered");
        } else if is_quiet(&path) {
            tracing::debug!(target: "greenroom::access", %method, path, status, took_ms, %address, "answered");
        } else {
            tracing::info!(target: "greenroom::access", %method, path, status, took_ms, %address, "answered");
        }
    });
    result.map_err(|response| InternalError::from_response("refused", *response).into())
}

/// Brings every error into the one form: those of the framework have bodies of their own.
fn settle<B: MessageBody + 'static>(
    result: Result<ServiceResponse<B>, Error>,
) -> Result<ServiceResponse<EitherBody<B>>, Box<HttpResponse>> {
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            let response = error.error_response();
            return Err(Box::new(if is_formed(response.headers()) {
                response
            } else {
                in_form(response.status(), response.headers())
            }));
        }
    };
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_formed(response.headers()) {
        return Ok(response.map_into_left_body());
    }
    let formed = in_form(status, response.headers());
    let (request, _) = response.into_parts();
    Ok(ServiceResponse::new(request, formed.map_into_right_body()))
}

/// JSON of our own, or a page for people, which only a handler makes: the framework's errors are plain text.
fn is_formed(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json") || kind.starts_with("text/html"))
}

/// The standard error for a bare status, with the headers that belong to it.
fn in_form(status: StatusCode, headers: &HeaderMap) -> HttpResponse {
    let (code, message) = match status {
        StatusCode::BAD_REQUEST => ("bad_request", "the request is malformed"),
        StatusCode::UNAUTHORIZED => ("unauthenticated", "sign in first"),
        StatusCode::FORBIDDEN => ("forbidden", "this is not yours"),
        StatusCode::NOT_FOUND => ("not_found", "there is no such thing"),
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this method does not go here"),
        StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long to arrive"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "this type is not taken here"),
        StatusCode::TOO_MANY_REQUESTS => ("rate_limited", "too many requests: wait a little"),
        StatusCode::SERVICE_UNAVAILABLE => ("dependency_down", "the server cannot do this now"),
        status if status.is_client_error() => ("bad_request", "the request cannot be served"),
        _ => ("internal", "something went wrong on our side"),
    };
    let mut formed = ApiError::new(status, code, message).error_response();
    let kept = [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::CONNECTION];
    for name in kept {
        if let Some(value) = headers.get(&name) {
            formed.headers_mut().insert(name, value.clone());
        }
    }
    formed.map_into_boxed_body()
}

/// Asked every few seconds by machines.
/// The path for the log: without the token that a link in a mail ends in.
fn without_token(path: &str) -> &str {
    const BEFORE: &str = "/auth/verify-email/";
    path.find(BEFORE).map_or(path, |at| &path[..at + BEFORE.len()])
}

fn is_quiet(path: &str) -> bool {
    path.starts_with("/health") || path == "/metrics" || path.starts_with("/socket.io")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Marks streams that must not be held back by compression.
pub(super) fn keep_streams_open(response: &mut ServiceResponse<impl MessageBody>) {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// What a middleware answers in place of the handler.
pub(super) fn refuse<B>(
    request: ServiceRequest,
    error: &ApiError,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    request.into_response(error.error_response()).map_into_right_body()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_a_mail_is_logged_without_its_token() {
        assert_eq!(without_token("/api/v1/auth/verify-email/0f3a"), "/api/v1/auth/verify-email/");
        assert_eq!(without_token("/api/auth/verify-email"), "/api/auth/verify-email");
    }
}

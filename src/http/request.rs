//! Around every request: its id, its line in the log, its numbers, and an answer even when a handler panics.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError};
use futures_util::FutureExt;
use uuid::Uuid;

use crate::error::{ApiError, with_request_id};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of a caller's own request id that is taken over.
const ID_MAX: usize = 64;

/// Names the request, answers, writes the log line.
pub async fn around<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let started = Instant::now();
    let id = own_id(&request).unwrap_or_else(|| Uuid::now_v7().to_string().into());
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let bare = request.request().clone();
    let answered = with_request_id(id.clone(), async {
        // A handler that panics must not take its connection along: the others on it wait for their answers.
        let answer = std::panic::AssertUnwindSafe(next.call(request)).catch_unwind().await;
        match answer {
            Ok(Ok(response)) => Ok(response.map_into_left_body()),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                tracing::error!(%method, path, "a handler panicked");
                Ok(ServiceResponse::new(bare, ApiError::internal().error_response()).map_into_right_body())
            }
        }
    })
    .await;
    let mut response = answered?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    metrics::counter!("greenroom_http_requests_total", "method" => method.to_string(), "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("greenroom_http_request_seconds", "route" => route).record(elapsed.as_secs_f64());
    // Queries may hold what people search for, so they stay out; so do the calls of machines that look every second.
    if path.starts_with("/health") || path == "/metrics" {
        tracing::trace!(%method, path, status, elapsed_ms = elapsed.as_millis() as u64, request_id = %id, "request");
    } else {
        tracing::info!(%method, path, status, elapsed_ms = elapsed.as_millis() as u64, request_id = %id, "request");
    }
    Ok(response)
}

/// The caller's own id, if it is short and plain enough for a log.
fn own_id(request: &ServiceRequest) -> Option<Arc<str>> {
    let id = request.headers().get(&REQUEST_ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!id.is_empty() && id.len() <= ID_MAX && id.chars().all(plain)).then(|| id.into())
}

//! The raw body of a webhook: what was signed, byte by byte. Bounded in bytes, in time, and in what all of them take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::BytesMut;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;

use super::{BODIES_MAX, BODY_MAX};
use crate::error::{ApiError, ApiResult};

/// For the whole of it.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Bytes that bodies under way hold.
#[derive(Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// A body, and its part of the budget until it is dropped.
pub(super) struct Body {
    pub bytes: BytesMut,
    budget: Budget,
    taken: usize,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.taken, Relaxed);
    }
}

impl Budget {
    pub async fn read(&self, request: &HttpRequest, payload: web::Payload) -> ApiResult<Body> {
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > BODY_MAX) {
            return Err(too_large());
        }
        tokio::time::timeout(READ_WITHIN, self.gather(payload)).await.map_err(|_| {
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "bad_request", "the body did not come in time")
        })?
    }

    async fn gather(&self, mut payload: web::Payload) -> ApiResult<Body> {
        let mut body = Body { bytes: BytesMut::new(), budget: self.clone(), taken: 0 };
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| ApiError::malformed("the body broke off"))?;
            if body.bytes.len() + chunk.len() > BODY_MAX {
                return Err(too_large());
            }
            body.taken += chunk.len();
            if self.0.fetch_add(chunk.len(), Relaxed) + chunk.len() > BODIES_MAX {
                let full = "too many events come at once: send it again";
                return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", full)
                    .with_retry_after(Duration::from_secs(1)));
            }
            body.bytes.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("the body is larger than {BODY_MAX} bytes"),
    )
}

//! A request's body that is read no further than it may be: in bytes, in time as a whole, and in time without anything.
//!
//! A request that is refused in the middle is answered, and what still comes is read for a moment: a browser that is not
//! let finish shows a broken connection in place of the answer.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::MediaSettings;
use crate::error::{ApiError, ApiResult};

/// What is read of a body after its request was refused.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Cheap to clone; all clones read the same.
#[derive(Clone)]
pub(super) struct Body(Rc<RefCell<Inner>>);

struct Inner {
    payload: Payload,
    left: u64,
    ended: bool,
}

impl Body {
    /// Refuses what says of itself that it is larger than `max` bytes, or no form.
    pub(super) fn new(request: &HttpRequest, payload: Payload, max: u64) -> (Self, ApiResult<()>) {
        let body = Self(Rc::new(RefCell::new(Inner { payload, left: max, ended: false })));
        let checked = if request.content_type().eq_ignore_ascii_case("multipart/form-data") {
            let declared = request.headers().get(header::CONTENT_LENGTH);
            let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            if declared.is_some_and(|length| length > max) { Err(too_large()) } else { Ok(()) }
        } else {
            Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the file as a part of multipart/form-data",
            ))
        };
        (body, checked)
    }

    /// Reads on for a moment and throws away what comes.
    pub(super) async fn linger(self) {
        if self.0.borrow().ended {
            return;
        }
        self.0.borrow_mut().left = LINGER_MAX_BYTES;
        let rest = self.for_each(async |_| {});
        // Whoever is slower, or sends more, finds the connection closed.
        let _ = timeout(LINGER, rest).await;
    }
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut inner = self.0.borrow_mut();
        if inner.ended {
            return Poll::Ready(None);
        }
        let polled = inner.payload.poll_next_unpin(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => {
                let length = bytes.len() as u64;
                if length > inner.left {
                    inner.left = 0;
                    return Poll::Ready(Some(Err(PayloadError::Overflow)));
                }
                inner.left -= length;
            }
            Poll::Ready(None | Some(Err(_))) => inner.ended = true,
            Poll::Pending => {}
        }
        polled
    }
}

/// The time of one upload.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    until: Instant,
    idle: Duration,
}

impl Clock {
    pub(super) fn start(settings: &MediaSettings) -> Self {
        Self { until: Instant::now() + settings.upload_timeout(), idle: settings.upload_idle() }
    }

    /// Waits for the next piece of something, as long as that is allowed.
    pub(super) async fn next<S: Stream + Unpin>(&self, stream: &mut S) -> ApiResult<Option<S::Item>> {
        let until = self.until.min(Instant::now() + self.idle);
        timeout_at(until, stream.next()).await.map_err(|_| {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "the upload took too long, or nothing more came",
            )
        })
    }
}

pub(super) fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        "the upload is larger than all that it may hold",
    )
}

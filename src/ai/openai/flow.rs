//! The connection under the client: one request, no second try, and no more read than the reader takes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::Response;
use tower::Service;

use super::error::Refusal;

/// Bytes of an error's body that are looked at.
const ERROR_MAX_BYTES: usize = 16 * 1024;

/// Where the answer to a request is laid down for who reads it. The client would read it in a task of its own, which
/// holds without a bound what nobody has taken yet, and is one more to wake for each token.
#[derive(Clone, Default)]
pub(super) struct Tray(Arc<Mutex<Option<Response>>>);

impl Tray {
    fn put(&self, response: Response) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(response);
    }

    /// The answer, once.
    pub fn take(&self) -> Option<Response> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An answer of more bytes than are taken.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer is too long")]
struct TooLong;

/// Whether the answer was longer than is taken.
pub(in crate::ai) fn is_too_long(error: &OpenAIError) -> bool {
    let OpenAIError::Reqwest(error) = error else { return false };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        // An error of reading hides what it was made of.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<TooLong>()) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// What a client sends requests with whose answer is taken whole.
pub(super) fn plain(
    http: reqwest::Client,
    timeout: Duration,
    max_bytes: usize,
) -> impl Service<HttpRequestFactory, Response = Response, Error = OpenAIError, Future: Send> + Clone + Send + Sync
{
    tower::service_fn(move |request: HttpRequestFactory| {
        let http = http.clone();
        async move {
            let mut request = request.build().await?;
            *request.timeout_mut() = Some(timeout);
            let response = http.execute(request).await.map_err(OpenAIError::Reqwest)?;
            if !response.status().is_success() {
                return Err(OpenAIError::Boxed(Box::new(refusal(response).await)));
            }
            let (status, headers) = (response.status(), response.headers().clone());
            let whole = response.bytes_stream().scan(0_usize, move |taken, chunk| {
                let chunk = chunk.map_err(|error| io::Error::other(error.without_url()));
                *taken += chunk.as_ref().map_or(0, Bytes::len);
                let fits = *taken <= max_bytes;
                let chunk =
                    chunk.and_then(|chunk| if fits { Ok(chunk) } else { Err(io::Error::other(TooLong)) });
                std::future::ready(Some(chunk))
            });
            let mut response = http::Response::new(reqwest::Body::wrap_stream(whole));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(Response::from(response))
        }
    })
}

/// What the client sends its requests with. The answer comes to the tray; the client gets one without a body.
pub(super) fn service(
    http: reqwest::Client,
    tray: Tray,
) -> impl Service<HttpRequestFactory, Response = Response, Error = OpenAIError, Future: Send> + Clone + Send + Sync
{
    tower::service_fn(move |request: HttpRequestFactory| {
        let (http, tray) = (http.clone(), tray.clone());
        async move {
            let response = http.execute(request.build().await?).await.map_err(OpenAIError::Reqwest)?;
            if !response.status().is_success() {
                return Err(OpenAIError::Boxed(Box::new(refusal(response).await)));
            }
            let mut begun = http::Response::new(reqwest::Body::default());
            *begun.status_mut() = response.status();
            tray.put(response);
            Ok(Response::from(begun))
        }
    })
}

async fn refusal(response: Response) -> Refusal {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        body.extend_from_slice(&chunk[..chunk.len().min(ERROR_MAX_BYTES - body.len())]);
        if body.len() == ERROR_MAX_BYTES {
            break;
        }
    }
    Refusal::new(status, &headers, &body)
}

//! The connection under the client: one request, no second try, and no more read than the reader takes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use tokio::sync::Notify;
use tower::Service;

use super::error::Refusal;

/// Bytes of one line: an event holds a few words and some numbers.
const LINE_MAX_BYTES: usize = 256 * 1024;
/// Bytes read ahead of the reader, about.
const WINDOW_BYTES: usize = 64 * 1024;
/// Bytes of an error's body that are looked at.
const ERROR_MAX_BYTES: usize = 16 * 1024;

/// Lets the connection know whether the reader has taken all that came.
#[derive(Default)]
pub(super) struct Flow {
    waiting: AtomicBool,
    changed: Notify,
}

impl Flow {
    /// The reader has nothing left to read, until it is [`fed`](Self::fed).
    pub fn hungry(&self) {
        self.waiting.store(true, SeqCst);
        self.changed.notify_one();
    }

    pub fn fed(&self) {
        self.waiting.store(false, SeqCst);
    }

    async fn until_hungry(&self) {
        while !self.waiting.load(SeqCst) {
            self.changed.notified().await;
        }
    }
}

/// What the client sends its requests with.
pub(super) fn service(
    http: reqwest::Client,
    flow: Arc<Flow>,
) -> impl Service<HttpRequestFactory, Response = Response, Error = OpenAIError, Future: Send> + Clone + Send + Sync
{
    tower::service_fn(move |request: HttpRequestFactory| {
        let (http, flow) = (http.clone(), flow.clone());
        async move {
            let response = http.execute(request.build().await?).await.map_err(OpenAIError::Reqwest)?;
            if !response.status().is_success() {
                return Err(OpenAIError::Boxed(Box::new(refusal(response).await)));
            }
            let status = response.status();
            let body = reqwest::Body::wrap_stream(bounded(response.bytes_stream(), flow));
            let mut response = http::Response::new(body);
            *response.status_mut() = status;
            Ok(Response::from(response))
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

struct Source {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    flow: Arc<Flow>,
    line_bytes: usize,
    /// Bytes passed on since the reader was hungry last.
    ahead_bytes: usize,
}

/// The body, held back while the reader is behind, and broken off at a line without an end.
fn bounded(
    chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    flow: Arc<Flow>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let source = Source { chunks: Box::pin(chunks), flow, line_bytes: 0, ahead_bytes: 0 };
    stream::unfold(Some(source), |source| async {
        let mut source = source?;
        if source.ahead_bytes > WINDOW_BYTES {
            source.flow.until_hungry().await;
            source.ahead_bytes = 0;
        }
        match source.chunks.next().await? {
            Ok(chunk) if source.fits(&chunk) => Some((Ok(chunk), Some(source))),
            Ok(_) => Some((Err(io::Error::other("a line is too long")), None)),
            Err(error) => Some((Err(io::Error::other(error.without_url())), None)),
        }
    })
}

impl Source {
    fn fits(&mut self, chunk: &[u8]) -> bool {
        self.ahead_bytes += chunk.len();
        match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.line_bytes = chunk.len() - end - 1,
            None => self.line_bytes += chunk.len(),
        }
        self.line_bytes <= LINE_MAX_BYTES
    }
}

//! The connection under the client: one request, no second try, and no more read than the reader takes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use reqwest::Response;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tower::Service;

use super::error::Refusal;

/// Bytes of one line: an event holds a few words and some numbers.
const LINE_MAX_BYTES: usize = 256 * 1024;
/// Bytes read ahead of the reader, about.
const WINDOW_BYTES: usize = 64 * 1024;
/// Chunks that are taken together once a reply is under way.
const GATHERED_MAX: usize = 256;
/// Bytes of an error's body that are looked at.
const ERROR_MAX_BYTES: usize = 16 * 1024;

/// Lets the connection know whether the reader has taken all that came, and whether the reply is under way.
pub(super) struct Flow {
    waiting: AtomicBool,
    changed: Notify,
    speaking: AtomicBool,
    /// Between two readings of a reply under way.
    read_every: Duration,
}

impl Flow {
    pub fn new(read_every: Duration) -> Self {
        Self {
            waiting: AtomicBool::new(false),
            changed: Notify::new(),
            speaking: AtomicBool::new(false),
            read_every,
        }
    }

    /// The first text is out: the rest is read now and then, as much as there is.
    pub fn speaks(&self) {
        self.speaking.store(true, SeqCst);
    }

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

/// Bytes of an answer that is no stream: minutes of speech.
const WHOLE_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What a client sends requests with whose answer is taken whole.
pub(super) fn plain(
    http: reqwest::Client,
    timeout: Duration,
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
            let whole = response.bytes_stream().scan(0_usize, |taken, chunk| {
                let chunk = chunk.map_err(|error| io::Error::other(error.without_url()));
                *taken += chunk.as_ref().map_or(0, Bytes::len);
                let fits = *taken <= WHOLE_MAX_BYTES;
                let chunk = chunk.and_then(|chunk| {
                    if fits { Ok(chunk) } else { Err(io::Error::other("the answer is too long")) }
                });
                std::future::ready(Some(chunk))
            });
            let mut response = http::Response::new(reqwest::Body::wrap_stream(whole));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(Response::from(response))
        }
    })
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
    /// Came while others were gathered, and ended that.
    failed: Option<reqwest::Error>,
    /// When there is to be read again; a moment that passed if at once.
    read_at: Instant,
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
    let source = Source {
        chunks: chunks.fuse().boxed(),
        failed: None,
        read_at: Instant::now(),
        flow,
        line_bytes: 0,
        ahead_bytes: 0,
    };
    stream::unfold(Some(source), |source| async {
        let mut source = source?;
        if source.ahead_bytes > WINDOW_BYTES {
            source.flow.until_hungry().await;
            source.ahead_bytes = 0;
        }
        match source.next().await? {
            Ok(chunk) if source.fits(&chunk) => Some((Ok(chunk), Some(source))),
            Ok(_) => Some((Err(io::Error::other("a line is too long")), None)),
            Err(error) => Some((Err(io::Error::other(error.without_url())), None)),
        }
    })
}

impl Source {
    /// The next chunk. In a reply under way it is all that came since the last one: each chunk wakes a row of tasks,
    /// and providers send one for each token.
    async fn next(&mut self) -> Option<reqwest::Result<Bytes>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        if !self.flow.speaking.load(SeqCst) || self.flow.read_every.is_zero() {
            return self.chunks.next().await;
        }
        sleep_until(self.read_at).await;
        let first = match self.chunks.next().await? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        };
        self.read_at = Instant::now() + self.flow.read_every;
        let mut gathered = BytesMut::from(first);
        for _ in 0..GATHERED_MAX {
            // The connection's task hands over one chunk at a time.
            tokio::task::yield_now().await;
            match self.chunks.next().now_or_never() {
                Some(Some(Ok(chunk))) => gathered.extend_from_slice(&chunk),
                Some(Some(Err(error))) => {
                    self.failed = Some(error);
                    return Some(Ok(gathered.freeze()));
                }
                Some(None) | None => return Some(Ok(gathered.freeze())),
            }
            if gathered.len() > WINDOW_BYTES {
                break;
            }
        }
        // There is more.
        self.read_at = Instant::now();
        Some(Ok(gathered.freeze()))
    }

    fn fits(&mut self, chunk: &[u8]) -> bool {
        self.ahead_bytes += chunk.len();
        match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.line_bytes = chunk.len() - end - 1,
            None => self.line_bytes += chunk.len(),
        }
        self.line_bytes <= LINE_MAX_BYTES
    }
}

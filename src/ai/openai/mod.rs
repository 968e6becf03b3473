//! Any server with an OpenAI-compatible API, through `async-openai`.
//!
//! Of that crate's own ways two are replaced: it tries again by itself (the engine's pool does that, and knows when a
//! word is out already), and it reads streams in a task of its own, without a bound (here whoever wants the text reads it,
//! and one that is behind holds the connection back). Dropping the stream closes the connection, which ends the work upstream.

mod error;
mod events;
mod flow;
mod messages;
mod reader;
mod request;
mod stops;

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use greenroom_actors::pace::Pace;
use greenroom_actors::ports::{GenerateErrorKind, GenerateRequest, Piece, Start};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

pub(super) use self::error::{About, Fault, Redact, is_not_there, is_of_content, mapped};
pub(super) use self::flow::is_too_long;
use self::flow::{Tray, plain, service};
use self::messages::Continuing;
use self::reader::{Chunk, Reader, Reading};
pub(super) use self::request::pseudonym;
use self::request::{Habits, body};
use self::stops::Stops;
use super::eyes::{Eyes, Seen};
use crate::config::{Continues, ProviderSettings};

/// Idle connections are kept for this long.
const IDLE: Duration = Duration::from_secs(60);
/// For one answer that is no stream: a judgement, speech, a transcript.
pub(super) const WHOLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of such an answer: minutes of speech.
const WHOLE_MAX_BYTES: usize = 32 * 1024 * 1024;

/// One provider. Cheap to clone.
#[derive(Clone)]
pub(super) struct OpenAi {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    endpoint: Endpoint,
    habits: Habits,
    continues: Continues,
}

/// One request for a reply.
pub(super) struct Ask {
    pub request: Arc<GenerateRequest>,
    pub model: Arc<str>,
    /// What was said before it broke off.
    pub so_far: Option<Arc<str>>,
    /// Once it is under way it is read so often.
    pub pace: Pace,
    /// Of a model that sees.
    pub eyes: Option<Eyes>,
}

/// A reply under way.
pub(super) struct Answer {
    pub start: Start,
    pub pieces: BoxStream<'static, Result<Piece, Fault>>,
}

impl OpenAi {
    /// Fails on an address or a key that no request could be made with; says why.
    pub fn new(settings: &ProviderSettings) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .pool_idle_timeout(IDLE)
            // The key goes to the configured address and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        let endpoint = Endpoint::new(settings)?;
        let habits = Habits::of(&settings.base_url);
        let continues = settings.continues;
        Ok(Self { inner: Arc::new(Inner { http, endpoint, habits, continues }) })
    }

    /// Asks for a reply.
    pub fn generate(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let Ask { request, model, so_far, pace, eyes } = ask;
            let so_far = so_far.filter(|text| !text.trim().is_empty());
            let redact = Redact::new(&inner.endpoint.key);
            let shows = request.messages.iter().any(|message| !message.images.is_empty());
            let eyes = eyes.filter(|_| shows);
            let mut looked: Option<Seen> = None;
            loop {
                let habit = inner.habits.of_model(&model);
                let seen = match (&eyes, habit.looks()) {
                    (Some(eyes), Some(reads)) => match &looked {
                        Some(seen) => seen.clone(),
                        None => looked.insert(eyes.look(&request.messages, reads).await).clone(),
                    },
                    (None, _) | (_, None) => Seen::default(),
                };
                let how = habit.continues(inner.continues);
                let continuing = so_far
                    .as_deref()
                    .filter(|_| how != Continues::Never)
                    .map(|so_far| Continuing { so_far, how });
                let tray = Tray::default();
                let client = Client::build(inner.http.clone(), inner.endpoint.clone())
                    .with_http_service(service(inner.http.clone(), tray.clone()));
                let body = body(&request, &model, habit, &seen, continuing);
                match client.chat().create_stream_byot::<_, Chunk>(body).await {
                    Ok(_) => {
                        let none = || Fault::new(GenerateErrorKind::Broken, "no answer came with its head");
                        let response = tray.take().ok_or_else(none)?;
                        let start = if continuing.is_some() { Start::Continues } else { Start::Anew };
                        let stops = if habit.cuts_here() { request.stop.as_slice() } else { &[] };
                        let stops = Stops::at(stops);
                        let image_tokens = seen.tokens(&request.messages);
                        let reading = Reading { request: request.clone(), redact, stops, pace, image_tokens };
                        let pieces = Reader::new(response, reading).pieces().boxed();
                        return Ok(Answer { start, pieces });
                    }
                    // One that sees nothing after all is told in words.
                    Err(error) if !seen.is_empty() && inner.habits.learn_blind(&model, habit, &error) => {}
                    // A model that knows a field by another name says so; the next request speaks its way.
                    Err(error) if inner.habits.learn(&model, habit, &error) => {}
                    Err(error) => return Err(mapped(&error, &model, &redact)),
                }
            }
        })
    }

    /// A client for what is no chat. It asks once, and takes a bounded answer within a bounded time.
    pub fn client(&self) -> Client<Endpoint> {
        self.client_within(WHOLE_TIMEOUT, WHOLE_MAX_BYTES)
    }

    /// The same with other bounds: pictures take minutes, and videos are large.
    pub fn client_within(&self, timeout: Duration, max_bytes: usize) -> Client<Endpoint> {
        let Inner { http, endpoint, .. } = &*self.inner;
        let service = plain(http.clone(), timeout, max_bytes);
        Client::build(http.clone(), endpoint.clone()).with_http_service(service)
    }

    /// Takes the key out of texts.
    pub fn redact(&self) -> Redact {
        Redact::new(&self.inner.endpoint.key)
    }
}

/// Where requests go and what they carry to prove who asks. The environment is not asked: a key in it belongs to the
/// provider that the settings name it for.
#[derive(Clone)]
pub struct Endpoint {
    base_url: Arc<str>,
    key: SecretString,
    headers: HeaderMap,
}

impl Endpoint {
    fn new(settings: &ProviderSettings) -> Result<Self, String> {
        let base_url = settings.base_url.trim_end_matches('/');
        let parsed = reqwest::Url::parse(base_url).map_err(|error| format!("base_url: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err("base_url: http or https, please".to_owned());
        }
        let mut headers = HeaderMap::new();
        if let Some(key) = settings.key() {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| "api_key: it holds a character that no key has".to_owned())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if !settings.organization.is_empty() {
            let value = HeaderValue::from_str(&settings.organization)
                .map_err(|_| "organization: it holds a character that none has".to_owned())?;
            headers.insert(HeaderName::from_static("openai-organization"), value);
        }
        Ok(Self { base_url: base_url.into(), key: settings.key().unwrap_or_default().into(), headers })
    }
}

impl std::fmt::Debug for Endpoint {
    /// Neither the key nor the address, which may hold one.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base_url
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

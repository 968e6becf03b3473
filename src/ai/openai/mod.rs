//! Any server with an OpenAI-compatible API, through `async-openai`.
//!
//! Of that crate's own ways two are replaced: it tries again by itself (the engine's pool does that, and knows when a
//! word is out already), and it holds what comes without a bound (here a reader that is behind holds the connection
//! back). Dropping the stream closes the connection, which ends the work upstream.

mod audio;
mod error;
mod flow;
mod reader;
mod request;

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenroom_actors::ports::{GenerateError, GenerateRequest, PieceStream};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

pub use self::audio::AudioFile;
use self::error::Redact;
use self::flow::{Flow, service};
use self::reader::{Chunk, Reader};
use self::request::{Habits, body};
use crate::config::ProviderSettings;

/// Idle connections are kept for this long.
const IDLE: Duration = Duration::from_secs(60);

/// One provider. Cheap to clone.
#[derive(Clone)]
pub(super) struct OpenAi {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    endpoint: Endpoint,
    model: String,
    habits: Habits,
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
        Ok(Self { inner: Arc::new(Inner { http, endpoint, model: settings.model.clone(), habits }) })
    }

    pub fn model(&self) -> &str {
        &self.inner.model
    }

    /// Asks for a reply, by `model` or the provider's own. Once it is under way it is read every `read_every`.
    pub fn generate(
        &self,
        request: &Arc<GenerateRequest>,
        model: Option<&str>,
        read_every: Duration,
    ) -> BoxFuture<'static, Result<PieceStream, GenerateError>> {
        let inner = self.inner.clone();
        let model = model.unwrap_or(&inner.model).to_owned();
        let request = request.clone();
        Box::pin(async move {
            let redact = Redact::new(&inner.endpoint.key);
            loop {
                let habit = inner.habits.of_model(&model);
                let flow = Arc::new(Flow::new(read_every));
                let client = Client::build(inner.http.clone(), inner.endpoint.clone())
                    .with_http_service(service(inner.http.clone(), flow.clone()));
                let body = body(&request, &model, habit);
                let opened = client.chat().create_stream_byot::<_, Chunk>(body).await;
                match opened {
                    Ok(events) => return Ok(Reader::new(events, flow, &request, redact).pieces().boxed()),
                    // A model that knows a field by another name says so; the next request speaks its way.
                    Err(error) if inner.habits.learn(&model, habit, &error) => {}
                    Err(error) => return Err(error::mapped(&error, &redact)),
                }
            }
        })
    }
}

/// Where requests go and what they carry to prove who asks. The environment is not asked: a key in it belongs to the
/// provider that the settings name it for.
#[derive(Clone)]
struct Endpoint {
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

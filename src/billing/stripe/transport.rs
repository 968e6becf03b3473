//! How requests reach Stripe: a client for `async-stripe`'s requests over `reqwest`.
//!
//! The crate's own client keeps no connections and does not tell of `Retry-After`; its strategies of trying again go by a
//! key of their own or by none. Here each request that changes something has one key, and keeps it over all its tries: what
//! was done by a try whose answer got lost is answered, not done again. Owned here: the key, the connections, the bounds.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stripe_client_core::{
    CustomizedStripeRequest, IdempotencyKey, RequestBuilder, RequestStrategy, StripeClient, StripeClientErr,
    StripeMethod, StripeRequest,
};
use tokio::sync::Semaphore;

use super::StripeError;
use crate::config::StripeSettings;

/// The first pause before another try; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(400);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// Who is told to come again later than this does not wait for it here.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);
/// The longest answer: a page of a hundred events with their objects is a tenth of it.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// Stripe takes keys of up to 255 characters.
const KEY_MAX: usize = 200;
const USER_AGENT: &str = concat!("Greenroom/", env!("CARGO_PKG_VERSION"));

pub(super) struct Transport {
    http: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    key: SecretString,
    timeout: Duration,
    tries: u32,
    slots: Arc<Semaphore>,
}

impl Transport {
    /// Fails on a key that no request could be made with; says why.
    pub fn new(settings: &StripeSettings) -> Result<Self, String> {
        let key = settings.secret_key.expose_secret().trim();
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("takes a key as Stripe shows it, in one line".to_owned());
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT.min(settings.timeout()))
            .timeout(settings.timeout())
            .pool_idle_timeout(IDLE)
            .user_agent(USER_AGENT)
            // The key goes to the configured address and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            http,
            base: settings.api_base.trim_end_matches('/').to_owned(),
            key: SecretString::from(key.to_owned()),
            timeout: settings.timeout(),
            tries: settings.tries.max(1),
            slots: Arc::new(Semaphore::new(settings.concurrency)),
        })
    }

    /// What is only read.
    pub async fn read<R>(&self, request: &R) -> Result<R::Output, StripeError>
    where
        R: StripeRequest,
        R::Output: miniserde::Deserialize,
    {
        // What is asked and answered is large: not on the stack of who asks.
        Box::pin(request.customize().send(self)).await
    }

    /// What changes something. The same `deed` with the same `key` is done once; Stripe remembers it for a day.
    pub async fn change<R>(&self, request: &R, deed: &str, key: &str) -> Result<R::Output, StripeError>
    where
        R: StripeRequest,
        R::Output: miniserde::Deserialize,
    {
        let key = IdempotencyKey::new(idempotency_key(deed, key))
            .map_err(|error| StripeError::Strange(error.to_string()))?;
        Box::pin(request.customize().request_strategy(RequestStrategy::Idempotent(key)).send(self)).await
    }

    /// The answer as it came: for what is kept whole.
    pub async fn raw<R: StripeRequest>(&self, request: &R) -> Result<Bytes, StripeError> {
        self.run(request.build(), None).await
    }

    async fn run(&self, request: RequestBuilder, key: Option<&str>) -> Result<Bytes, StripeError> {
        let waited = tokio::time::timeout(self.timeout, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = waited else {
            return Err(StripeError::away("too many requests are on their way to it"));
        };
        let mut tried = 0;
        loop {
            tried += 1;
            let (error, wait) = match self.once(&request, key).await {
                Ok(bytes) => return Ok(bytes),
                Err(Failed { error, again: Again::No }) => return Err(error),
                Err(Failed { error, again: Again::After(wait) }) => (error, wait),
            };
            if tried >= self.tries || wait.is_some_and(|wait| wait > RETRY_AFTER_MAX) {
                tracing::warn!(%error, tried, path = request.path, "Stripe gave no answer");
                return Err(error);
            }
            let pause = PAUSE.saturating_mul(1 << (tried - 1).min(8)).min(PAUSE_MAX);
            let pause = pause.mul_f64(0.5 + fastrand::f64()).max(wait.unwrap_or_default());
            tracing::debug!(%error, tried, path = request.path, "asking Stripe again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn once(&self, request: &RequestBuilder, key: Option<&str>) -> Result<Bytes, Failed> {
        let mut url = format!("{}/v1{}", self.base, request.path);
        if let Some(query) = &request.query {
            url.push('?');
            url.push_str(query);
        }
        let mut building = match request.method {
            StripeMethod::Get => self.http.get(url),
            StripeMethod::Post => self.http.post(url),
            StripeMethod::Delete => self.http.delete(url),
        };
        building = building
            .bearer_auth(self.key.expose_secret())
            .header("Stripe-Version", stripe_client_core::VERSION.as_str());
        if let Some(key) = key {
            building = building.header("Idempotency-Key", key);
        }
        if let StripeMethod::Post = request.method {
            building = building
                .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(request.body.clone().unwrap_or_default());
        }
        let mut answer = building.send().await.map_err(|error| Failed::network(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut bytes = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| Failed::network(&error))? {
            if bytes.len() + piece.len() > ANSWER_MAX {
                let error = StripeError::Strange("it is too long".to_owned());
                return Err(Failed { error, again: Again::No });
            }
            bytes.extend_from_slice(&piece);
        }
        if status.is_success() { Ok(bytes.freeze()) } else { Err(self.refused(status, &headers, &bytes)) }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failed {
        #[derive(Deserialize, Default)]
        struct Body {
            error: Detail,
        }
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Detail {
            code: Option<String>,
            message: Option<String>,
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Detail { code, message } =
            serde_json::from_slice::<Body>(body).map(|body| body.error).unwrap_or_default();
        let message = message.unwrap_or_else(|| format!("it answered {status}"));
        // Stripe masks a key in what it says; who stands between may not.
        let message = message.replace(self.key.expose_secret(), "…");
        let retry_after = header("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let passing = matches!(status.as_u16(), 409 | 424 | 429) || status.is_server_error();
        let error = match status.as_u16() {
            _ if passing => StripeError::Away { detail: message, retry_after },
            401 | 403 => StripeError::Key(message),
            404 => StripeError::NotFound,
            status => StripeError::Refused { status, code, message },
        };
        let again = match header("stripe-should-retry") {
            Some("true") => true,
            Some("false") => false,
            _ => passing,
        };
        Failed { error, again: if again { Again::After(retry_after) } else { Again::No } }
    }
}

impl StripeClient for Transport {
    type Err = StripeError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, StripeError> {
        let (request, settings) = request.into_pieces();
        let key = settings.request_strategy.and_then(|strategy| strategy.get_key());
        self.run(request, key.as_ref().map(IdempotencyKey::as_str)).await
    }
}

impl StripeClientErr for StripeError {
    fn deserialize_err(message: impl Display) -> Self {
        Self::Strange(message.to_string())
    }
}

impl StripeError {
    pub(super) fn away(detail: impl Into<String>) -> Self {
        Self::Away { detail: detail.into(), retry_after: None }
    }
}

struct Failed {
    error: StripeError,
    again: Again,
}

enum Again {
    No,
    /// Not before this time.
    After(Option<Duration>),
}

impl Failed {
    fn network(error: &reqwest::Error) -> Self {
        let what = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "it cannot be reached"
        } else {
            "the connection broke"
        };
        Self { error: StripeError::away(what), again: Again::After(None) }
    }
}

/// The deed is part of it: one who uses a key for two of them means two.
fn idempotency_key(deed: &str, key: &str) -> String {
    let whole = format!("greenroom:{deed}:{key}");
    if whole.len() <= KEY_MAX && whole.bytes().all(|byte| byte.is_ascii_graphic()) {
        return whole;
    }
    format!("greenroom:{deed}:{}", digest(key))
}

/// For keys: what is the same has the same one.
pub(super) fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_plain_and_of_their_deed() {
        assert_eq!(idempotency_key("subscribe", "a1"), "greenroom:subscribe:a1");
        assert_ne!(idempotency_key("subscribe", "a1"), idempotency_key("checkout", "a1"));
        let long = idempotency_key("subscribe", &"x".repeat(300));
        assert_eq!(long.len(), "greenroom:subscribe:".len() + 64);
        assert!(idempotency_key("subscribe", "línea\n").is_ascii());
    }
}

//! SMS through an HTTP webhook: a form with `To`, `From` and `Body`, as Twilio takes it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::config::{ConfigError, SmsSettings};
use crate::jobs::{Job, JobError};

/// The webhook's own wish to be left alone counts up to here: codes do not live much longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);
/// Of an answer's body, which is read for its error number alone.
const ANSWER_MAX_BYTES: usize = 16_384;

enum SignIn {
    Basic(String, SecretString),
    Bearer(SecretString),
    None,
}

/// The way to the webhook.
pub(super) struct Webhook {
    http: Client,
    url: Url,
    sign_in: SignIn,
    from: String,
    slots: Semaphore,
}

impl Webhook {
    pub fn new(settings: &SmsSettings) -> Result<Self, ConfigError> {
        let wrong = |what: &str| ConfigError::invalid("sms.webhook_url", what);
        let http = Client::builder()
            .timeout(settings.timeout())
            .connect_timeout(settings.timeout())
            // The token goes to the configured address and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| wrong("no HTTP client can be made"))?;
        let token = settings.auth_token.clone();
        let sign_in = match (settings.account_sid.as_str(), settings.has_token()) {
            (_, false) => SignIn::None,
            ("", true) => SignIn::Bearer(token),
            (user, true) => SignIn::Basic(user.to_owned(), token),
        };
        Ok(Self {
            http,
            url: Url::parse(&settings.url()).map_err(|_| wrong("takes an address"))?,
            sign_in,
            from: settings.from.clone(),
            slots: Semaphore::new(settings.connections_max),
        })
    }

    /// Sends a message. The same job has the same `Idempotency-Key` each time.
    pub async fn send(&self, job: &Job, to: &str, body: &str) -> Result<(), JobError> {
        let Ok(_slot) = self.slots.acquire().await else {
            return Err(JobError::Again("the server ends".to_owned()));
        };
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("Idempotency-Key", job.id.to_string())
            .body(form(&[("To", to), ("From", &self.from), ("Body", body)]));
        // The address may hold a secret of its own.
        let answer = self.signed(request).send().await.map_err(|error| JobError::Again(explain(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let wait = retry_after(answer.headers());
        let number = error_number(answer).await.map(|code| format!(", error {code}")).unwrap_or_default();
        let why = format!("the SMS webhook answered {}{number}", status.as_u16());
        Err(match wait {
            _ if is_final(status) => JobError::Never(why),
            Some(wait) => JobError::NotBefore(wait.min(RETRY_AFTER_MAX), why),
            None => JobError::Again(why),
        })
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.sign_in {
            SignIn::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
            SignIn::Bearer(token) => request.bearer_auth(token.expose_secret()),
            SignIn::None => request,
        }
    }
}

/// Whether asking again the same is no use.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS
}

/// In seconds; a date is not understood and counts as nothing said.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The `code` in Twilio's answers, such as 21211: the number is none. The words beside it may quote the message.
async fn error_number(mut answer: Response) -> Option<u64> {
    #[derive(Deserialize)]
    struct Told {
        code: u64,
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        body.extend_from_slice(&piece);
        if body.len() > ANSWER_MAX_BYTES {
            return None;
        }
    }
    serde_json::from_slice::<Told>(&body).ok().map(|told| told.code)
}

fn explain(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "the SMS webhook took too long".to_owned();
    }
    let error = error.without_url();
    // The innermost cause says most: `Connection refused`, or what is wrong with a certificate.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("the SMS webhook cannot be reached: {cause}")
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    // Any address would do: its query has the same form.
    let mut url = Url::parse("form:x").expect("a plain address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_carries_any_text() {
        assert_eq!(
            form(&[("To", "+491701234567"), ("Body", "ü & = %\r\nx")]),
            "To=%2B491701234567&Body=%C3%BC+%26+%3D+%25%0D%0Ax"
        );
    }

    #[test]
    fn what_the_webhook_will_never_take_is_told_from_what_it_may() {
        for (status, expected) in
            [(400, true), (401, true), (404, true), (408, false), (429, false), (500, false), (302, false)]
        {
            assert_eq!(is_final(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}

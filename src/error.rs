//! The one form in which a request is refused: `{"error", "message", "details", "requestId"}`.
//!
//! Inner errors never reach a body: whoever meets one logs it and answers [`ApiError::internal`]. The request id comes
//! from the request's own task (see [`with_request_id`]), so that an error made anywhere in a handler carries it.

mod openai;

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::Serialize;
use utoipa::ToSchema;

pub use openai::OpenAiErrorBody;
pub(crate) use openai::{NO_RETRY, OpenAiError};

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
    static FORM: ErrorForm;
}

/// How errors look to the one who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorForm {
    /// [`ErrorBody`].
    #[default]
    Own,
    /// As clients of OpenAI expect them, with its statuses.
    OpenAi,
}

impl ErrorForm {
    /// The form of all errors under this path, whoever makes them.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let below = path.strip_prefix("/v1");
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            Self::OpenAi
        } else {
            Self::Own
        }
    }
}

/// Runs a request's future so that errors made in it have this form.
pub async fn with_error_form<F: Future>(form: ErrorForm, future: F) -> F::Output {
    FORM.scope(form, future).await
}

/// Runs a request's future so that errors made in it know the request's id.
pub async fn with_request_id<F: Future>(id: Arc<str>, future: F) -> F::Output {
    REQUEST_ID.scope(id, future).await
}

/// The id of the request that is being answered; empty outside of one.
#[must_use]
pub fn request_id() -> Arc<str> {
    REQUEST_ID.try_with(Arc::clone).unwrap_or_else(|_| Arc::from(""))
}

pub type ApiResult<T> = Result<T, ApiError>;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name as it stands in the request.
    pub field: Cow<'static, str>,
    /// For a person to read.
    pub message: Cow<'static, str>,
}

impl FieldError {
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The body of every refused request.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// A stable code for programs: `bad_request`, `unauthenticated`, `not_found` …
    #[schema(value_type = String)]
    pub error: Cow<'static, str>,
    /// For a person to read.
    pub message: String,
    /// The fields that were wrong, for `bad_request`.
    pub details: Vec<FieldError>,
    /// Also in the response's `X-Request-Id` and in the server's log.
    #[schema(value_type = String)]
    pub request_id: Cow<'static, str>,
}

/// A refused request.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub message: String,
    pub details: Vec<FieldError>,
    /// Told as `Retry-After`, in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
    /// Further response headers, such as `X-RateLimit-*` or `Allow`. Boxed, since nearly no error has any.
    pub headers: Option<Box<header::HeaderMap>>,
}

impl ApiError {
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            headers: None,
        }
    }

    /// 400: these fields are missing or wrong.
    #[must_use]
    pub fn bad_request(details: Vec<FieldError>) -> Self {
        let message = match details.as_slice() {
            [] => "the request is malformed".to_owned(),
            [one] => format!("{}: {}", one.field, one.message),
            _ => "some fields are missing or wrong".to_owned(),
        };
        Self { details, ..Self::new(StatusCode::BAD_REQUEST, "bad_request", message) }
    }

    /// 400 without a field to blame.
    #[must_use]
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 401: no token, or one that does not hold.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
            .with_header(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"))
    }

    /// 403: signed in, but this is not yours.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404: `what` does not exist, or not for the one who asks.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 409: it stands against what is there.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 429.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many requests: wait a little")
            .with_retry_after(retry_after)
    }

    /// 503: a feature that is not configured; `setting` is what would switch it on.
    #[must_use]
    pub fn feature_unavailable(setting: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "feature_unavailable",
            format!("this server does not offer it: {setting} is not set"),
        )
    }

    /// 500. The cause belongs in the log, not here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side")
    }

    /// Names the field that is to blame, where the message does not stand with one.
    #[must_use]
    pub fn at(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.details = vec![FieldError::new(field, self.message.clone())];
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: header::HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// The JSON of this error, with the id of the present request.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error: self.code.clone(),
            message: self.message.clone(),
            details: self.details.clone(),
            request_id: Cow::Owned(request_id().as_ref().to_owned()),
        }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::bad_request(vec![error])
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::new(RefusalCode::BadRequest, format!("{}: {}", error.field, error.message))
    }
}

/// The HTTP status of a refusal.
#[must_use]
pub fn status_of(code: RefusalCode) -> StatusCode {
    match code {
        RefusalCode::BadRequest
        | RefusalCode::UnknownCommand
        | RefusalCode::ContentEmpty
        | RefusalCode::ContentTooLong
        | RefusalCode::ContentInvalid
        | RefusalCode::ContentRefused => StatusCode::BAD_REQUEST,
        RefusalCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalCode::QuotaExceeded | RefusalCode::OutOfCredits | RefusalCode::PremiumRequired => {
            StatusCode::PAYMENT_REQUIRED
        }
        RefusalCode::Forbidden => StatusCode::FORBIDDEN,
        RefusalCode::NotFound => StatusCode::NOT_FOUND,
        RefusalCode::Conflict => StatusCode::CONFLICT,
        RefusalCode::RateLimited | RefusalCode::RoomBusy => StatusCode::TOO_MANY_REQUESTS,
        RefusalCode::Overloaded
        | RefusalCode::DependencyDown
        | RefusalCode::OutcomeUnknown
        | RefusalCode::Draining
        | RefusalCode::ReplyTypeUnavailable
        | RefusalCode::FeatureUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        RefusalCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let details = match refusal.code {
            RefusalCode::ContentEmpty
            | RefusalCode::ContentTooLong
            | RefusalCode::ContentInvalid
            | RefusalCode::ContentRefused => vec![FieldError::new("content", refusal.message.clone())],
            RefusalCode::Unauthenticated => return Self::unauthenticated(refusal.message),
            RefusalCode::Internal => return Self::internal(),
            _ => Vec::new(),
        };
        Self {
            details,
            retry_after: refusal.retry_after,
            ..Self::new(status_of(refusal.code), refusal.code.as_str(), refusal.message)
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let openai = (FORM.try_with(|form| *form) == Ok(ErrorForm::OpenAi)).then(|| OpenAiError::of(self));
        let status = openai.as_ref().map_or(self.status, |error| error.status);
        let mut response = HttpResponseBuilder::new(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        for (name, value) in self.headers.iter().flat_map(|headers| headers.iter()) {
            response.insert_header((name.clone(), value.clone()));
        }
        match openai {
            Some(error) => {
                if error.retry == openai::Retry::Never {
                    response.insert_header(NO_RETRY);
                }
                response.json(error.body())
            }
            None => response.json(self.body()),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn json(error: &ApiError) -> serde_json::Value {
        let body = to_bytes(error.error_response().into_body()).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[actix_web::test]
    async fn an_error_has_the_one_form_and_the_requests_id() {
        let error = ApiError::bad_request(vec![FieldError::new("email", "is missing")]);
        let body = with_request_id(Arc::from("r-1"), async { json(&error).await }).await;
        assert_eq!(
            body,
            serde_json::json!({
                "error": "bad_request",
                "message": "email: is missing",
                "details": [{"field": "email", "message": "is missing"}],
                "requestId": "r-1",
            })
        );
    }

    #[actix_web::test]
    async fn an_internal_refusal_tells_nothing_of_its_cause() {
        let refusal = Refusal::new(RefusalCode::Internal, "relation \"users\" does not exist");
        let body = json(&refusal.into()).await;
        assert_eq!(body["error"], "internal");
        assert!(!body.to_string().contains("users"));
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_rounded_up() {
        let refusal = Refusal::temporary(
            RefusalCode::DependencyDown,
            "the database is away",
            Duration::from_millis(1_200),
        );
        let response = ApiError::from(refusal).error_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "2");
    }

    #[test]
    fn going_over_the_plan_is_402_and_bad_content_is_400() {
        assert_eq!(status_of(RefusalCode::QuotaExceeded), StatusCode::PAYMENT_REQUIRED);
        let error = ApiError::from(Refusal::new(RefusalCode::ContentEmpty, "the message is empty"));
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert_eq!(error.details[0].field, "content");
    }
}

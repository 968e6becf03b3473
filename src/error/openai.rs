//! Errors as clients of OpenAI's API expect them: `{"error":{"message","type","param","code"}}`.
//!
//! Which status and which code OpenAI would give is this one table. Its client libraries make their error classes of the
//! status, wait and try again by it, and never where the answer says so ([`NO_RETRY`]).

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiError;

/// What OpenAI's client libraries look at before they try again.
pub(crate) const NO_RETRY: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));

/// Whether the same request may do better later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    ByStatus,
    /// The status alone would say so, wrongly.
    Never,
}

/// An error in that form.
#[derive(Debug)]
pub(crate) struct OpenAiError<'a> {
    pub status: StatusCode,
    pub retry: Retry,
    kind: &'static str,
    code: Option<&'a str>,
    param: Option<&'a Cow<'static, str>>,
    message: &'a str,
}

/// The body of every error under `/v1`.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenAiErrorBody {
    error: OpenAiErrorView,
}

#[derive(Debug, Serialize, ToSchema)]
struct OpenAiErrorView {
    /// For a person to read.
    message: String,
    /// `invalid_request_error`, `requests`, `insufficient_quota` or `server_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field that is to blame.
    param: Option<String>,
    /// For programs: `invalid_api_key`, `model_not_found`, `rate_limit_exceeded`, `insufficient_quota` …
    code: Option<String>,
}

const INVALID: &str = "invalid_request_error";

impl<'a> OpenAiError<'a> {
    pub fn of(error: &'a ApiError) -> Self {
        let status = error.status;
        let (status, kind, code) = match &*error.code {
            "bad_request" => (status, INVALID, None),
            "unauthenticated" => (status, INVALID, Some("invalid_api_key")),
            "forbidden" => (status, INVALID, Some("insufficient_permissions")),
            "route_not_found" => (status, INVALID, Some("unknown_url")),
            "content_refused" => (status, INVALID, Some("content_policy_violation")),
            "rate_limited" | "room_busy" => (status, "requests", Some("rate_limit_exceeded")),
            "quota_exceeded" => {
                (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", Some("insufficient_quota"))
            }
            "internal" => (status, "server_error", None),
            code if status.is_server_error() => (status, "server_error", Some(code)),
            code => (status, INVALID, Some(code)),
        };
        let never = matches!(&*error.code, "quota_exceeded" | "provider_refused" | "feature_unavailable");
        Self {
            status,
            retry: if never { Retry::Never } else { Retry::ByStatus },
            kind,
            code,
            param: error.details.first().map(|detail| &detail.field),
            message: &error.message,
        }
    }

    pub fn body(&self) -> OpenAiErrorBody {
        OpenAiErrorBody {
            error: OpenAiErrorView {
                message: self.message.to_owned(),
                kind: self.kind,
                param: self.param.map(ToString::to_string),
                code: self.code.map(str::to_owned),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actors::protocol::{Refusal, RefusalCode};
    use serde_json::{Value, json};

    use super::super::FieldError;
    use super::*;

    fn of(error: impl Into<ApiError>) -> (u16, Value, Retry) {
        let error = error.into();
        let told = OpenAiError::of(&error);
        let body = serde_json::to_value(told.body()).unwrap();
        (told.status.as_u16(), body["error"].clone(), told.retry)
    }

    #[test]
    fn every_refusal_has_the_status_and_code_that_its_clients_know() {
        let field = FieldError::new("temperature", "takes 0 to 2");
        let (status, body, _) = of(field);
        assert_eq!((status, &body["type"], &body["param"]), (400, &json!(INVALID), &json!("temperature")));
        assert_eq!((&body["code"], &body["message"]), (&Value::Null, &json!("temperature: takes 0 to 2")));
        let refused = |code| of(Refusal::new(code, "no"));
        let (status, body, retry) = refused(RefusalCode::QuotaExceeded);
        assert_eq!((status, &body["code"], retry), (429, &json!("insufficient_quota"), Retry::Never));
        let (status, body, retry) = refused(RefusalCode::RateLimited);
        assert_eq!((status, &body["code"], retry), (429, &json!("rate_limit_exceeded"), Retry::ByStatus));
        let (status, body, _) = refused(RefusalCode::Unauthenticated);
        assert_eq!((status, &body["code"]), (401, &json!("invalid_api_key")));
        let (status, body, _) = refused(RefusalCode::DependencyDown);
        assert_eq!(
            (status, &body["type"], &body["code"]),
            (503, &json!("server_error"), &json!("dependency_down"))
        );
        let (status, body, _) = refused(RefusalCode::Internal);
        assert_eq!((status, &body["type"], &body["code"]), (500, &json!("server_error"), &Value::Null));
        let (status, body, _) = refused(RefusalCode::ContentRefused);
        assert_eq!((status, &body["code"]), (400, &json!("content_policy_violation")));
        let unknown = ApiError::new(StatusCode::NOT_FOUND, "model_not_found", "none").at("model");
        assert_eq!(of(unknown).1["param"], "model");
    }
}

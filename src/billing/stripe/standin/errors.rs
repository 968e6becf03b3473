//! Refusals, in Stripe's form.

use serde_json::{Map, Value, json};

/// What a call comes to.
pub(super) type Answer = Result<Value, ApiError>;

#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    /// Of a card error: what was decided, and about what.
    more: Map<String, Value>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, kind, code, message: message.into(), param: None, more: Map::new() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", None, message)
    }

    pub fn coded(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", Some(code), message)
    }

    pub fn missing_param(name: &str) -> Self {
        let message = format!("Missing required param: {name}.");
        Self::new(400, "invalid_request_error", Some("parameter_missing"), message).at(name)
    }

    pub fn unknown_param(name: &str) -> Self {
        let message = format!("Received unknown parameter: {name}");
        Self::new(400, "invalid_request_error", Some("parameter_unknown"), message).at(name)
    }

    pub fn wrong_param(name: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", None, message).at(name)
    }

    /// `param`: where the id came from; of the path it is `id`, and the status is 404.
    pub fn no_such(what: &str, id: &str, param: &str) -> Self {
        let status = if param == "id" { 404 } else { 400 };
        let message = format!("No such {}: '{id}'", what.replace(['.', '_'], " "));
        Self::new(status, "invalid_request_error", Some("resource_missing"), message).at(param)
    }

    pub fn no_route(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(404, "invalid_request_error", None, message)
    }

    pub fn no_key() -> Self {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization header, \
            using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
        Self::new(401, "invalid_request_error", None, message)
    }

    pub fn wrong_key(key: &str) -> Self {
        let ends = |key: &str| key.get(key.len().saturating_sub(4)..).unwrap_or_default().to_owned();
        let message =
            format!("Invalid API Key provided: {}****{}", key.get(..8).unwrap_or_default(), ends(key));
        Self::new(401, "invalid_request_error", None, message)
    }

    pub fn not_with_this_key() -> Self {
        let message = "This API call cannot be made with a publishable API key. Please use a secret API key.";
        Self::new(401, "invalid_request_error", Some("secret_key_required"), message)
    }

    /// The bank says no.
    pub fn card(code: &'static str, decline: &str, message: &str) -> Self {
        let mut error = Self::new(402, "card_error", Some(code), message);
        error.more.insert("decline_code".to_owned(), json!(decline));
        error
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    pub fn other_params(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key \
            other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", None, message)
    }

    pub fn too_many() -> Self {
        let message = "Request rate limit exceeded. You can learn more about rate limits here \
            https://stripe.com/docs/rate-limits.";
        Self::new(429, "invalid_request_error", Some("rate_limit"), message)
    }

    pub fn locked() -> Self {
        let message = "This object cannot be accessed right now because another API request or Stripe process is currently \
            accessing it.";
        Self::new(409, "invalid_request_error", Some("lock_timeout"), message)
    }

    pub fn broken() -> Self {
        Self::new(500, "api_error", None, "An unknown error occurred")
    }

    fn at(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub fn body(&self) -> Value {
        let mut error = self.more.clone();
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("message".to_owned(), json!(self.message));
        if let Some(code) = self.code {
            error.insert("code".to_owned(), json!(code));
            error.insert(
                "doc_url".to_owned(),
                json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))),
            );
        }
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), json!(param));
        }
        json!({ "error": error })
    }
}

//! Where a request came from, as far as it is known: for the list of devices and the history.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::error::ApiError;
use crate::http::ClientAddress;

const USER_AGENT_MAX_CHARS: usize = 300;

/// An extractor; it never refuses.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// As the client calls itself, cut to 300 characters, without control characters.
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

impl FromRequest for Origin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX_CHARS).collect();
        let address = request.extensions().get::<ClientAddress>().map(|address| address.0.to_string());
        ready(Ok(Self { user_agent: agent.map(cut), address }))
    }
}

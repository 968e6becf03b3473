//! Older faces of a path: they work as ever, and say that another one is to be used.

use actix_web::http::header::{self, HeaderName, HeaderValue};

/// Since the first version of this server, in the form of RFC 9745.
const SINCE: HeaderValue = HeaderValue::from_static("@1767225600");

/// The headers of an older face; `successor` is a `Link` to the one to be used.
#[must_use]
pub fn older_face(successor: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [(HeaderName::from_static("deprecation"), SINCE), (header::LINK, HeaderValue::from_static(successor))]
}

//! Headers that every response carries to keep browsers out of trouble.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The policy of pages, where files lie at these origins too.
///
/// With trusted types and no policy that could make any, the browser refuses to read markup from text at all: what
/// people and models say can only become nodes that the console makes itself. Blobs are pictures and sounds that somebody
/// looks at or listens to before they are sent.
pub(super) fn console_policy(files: &[String]) -> HeaderValue {
    let files: String = files.iter().map(|origin| format!(" {origin}")).collect();
    let policy = format!(
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:{files}; media-src 'self' blob:{files}; style-src 'self'; \
         script-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    // Origins are parsed addresses: nothing in them is no header.
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'"))
}

/// Swagger UI sets styles on its elements.
const DOCS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     script-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);
const ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(self), payment=()"),
    ),
];
/// Told over HTTPS only: browsers ignore it elsewhere.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Puts the headers on a response to `path`. What a handler set itself stays.
pub(super) fn secure(headers: &mut HeaderMap, path: &str, https: bool, console: &HeaderValue) {
    let policy = if path.starts_with("/api-docs") { DOCS_POLICY } else { console.clone() };
    let mut add = |name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    add(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in ALWAYS {
        add(name, value);
    }
    if https {
        add(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    // Answers belong to who asked; what may be kept says so itself.
    add(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

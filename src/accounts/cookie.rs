//! The console's refresh cookie, and the rule that keeps other pages from using it.
//!
//! The cookie is HttpOnly and SameSite=Strict: no script reads it and no other site's request carries it. It counts
//! only together with a header that a foreign page cannot send without asking first (CORS), and only when the browser
//! says that the page is ours.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{self, HeaderMap, HeaderName};

use super::RefreshToken;
use crate::config::Config;

pub(super) const NAME: &str = "greenroom_refresh";
const PATH: &str = "/api";
const CLIENT: HeaderName = HeaderName::from_static("x-greenroom-client");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CONSOLE: &str = "console";

/// Whether the console asks: it gets its refresh token as a cookie and not in the body.
pub(super) fn is_console(request: &HttpRequest) -> bool {
    text(request.headers(), &CLIENT) == Some(CONSOLE) && is_our_page(request)
}

/// The refresh token that the console's cookie holds.
pub(super) fn token(request: &HttpRequest) -> Option<RefreshToken> {
    if !is_console(request) {
        return None;
    }
    RefreshToken::parse(request.cookie(NAME)?.value())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Browsers say where a request comes from; both words must fit where they are given.
fn is_our_page(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let site_fits = text(headers, &FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text(headers, &header::HOST);
    let origin_fits = match text(headers, &header::ORIGIN) {
        None => !headers.contains_key(header::ORIGIN),
        Some(origin) => origin.split_once("://").is_some_and(|(_, origin_host)| Some(origin_host) == host),
    };
    site_fits && origin_fits
}

/// The cookie that keeps `token` for as long as it holds.
pub(super) fn keep(token: &RefreshToken, config: &Config) -> Cookie<'static> {
    let seconds = i64::try_from(config.auth.refresh_ttl_s).unwrap_or(i64::MAX);
    build(token.expose().to_owned(), CookieDuration::seconds(seconds), config)
}

/// The cookie that takes it away.
pub(super) fn forget(config: &Config) -> Cookie<'static> {
    build(String::new(), CookieDuration::ZERO, config)
}

fn build(value: String, max_age: CookieDuration, config: &Config) -> Cookie<'static> {
    Cookie::build(NAME, value)
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(config.is_production() && config.auth.cookie_secure)
        .max_age(max_age)
        .finish()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn honoured(headers: &[(&'static str, &'static str)]) -> bool {
        let token = RefreshToken::make();
        let mut request = TestRequest::post().insert_header(("host", "chat.example:7070"));
        for header in headers {
            request = request.insert_header(*header);
        }
        let request = request.cookie(Cookie::new(NAME, token.expose().to_owned())).to_http_request();
        super::token(&request) == Some(token)
    }

    #[test]
    fn the_cookie_counts_for_our_own_page_only() {
        let console = ("x-greenroom-client", "console");
        let own = ("origin", "https://chat.example:7070");
        assert!(honoured(&[console]));
        assert!(honoured(&[console, own, ("sec-fetch-site", "same-origin")]));
        assert!(!honoured(&[]), "a form of another site cannot send the header");
        assert!(!honoured(&[("x-greenroom-client", "other")]));
        assert!(!honoured(&[console, ("origin", "https://evil.example")]));
        assert!(!honoured(&[console, ("origin", "null")]));
        assert!(!honoured(&[console, own, ("sec-fetch-site", "same-site")]));
        assert!(!honoured(&[console, ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let mut config = Config::default();
        let kept = keep(&RefreshToken::make(), &config).to_string();
        assert!(
            kept.contains("HttpOnly") && kept.contains("SameSite=Strict") && kept.contains("Path=/api"),
            "{kept}"
        );
        assert!(!kept.contains("Secure") && kept.contains("Max-Age=2592000"), "{kept}");
        config.environment = crate::config::Environment::Production;
        assert!(keep(&RefreshToken::make(), &config).to_string().contains("Secure"));
        assert!(forget(&config).to_string().contains("Max-Age=0"));
    }
}

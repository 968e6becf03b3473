//! Which paths have a limit of their own beside the API's, and which have none: the one table.
//!
//! Paths stand as under `/api` and `/api/v1`. Some are of features that are not built yet; a request to them is answered
//! 404 and counted all the same.

use actix_web::http::Method;
use actix_web::web;

use super::Class;

/// How a path is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Counts {
    /// Not at all: machines ask here, and must get an answer.
    Exempt,
    /// By the API's limit.
    Api,
    /// By the API's limit and by this one.
    Also(Class),
    /// By the API's limit, and by the engine's own on messages.
    Messages,
}

use Counts::{Also, Exempt, Messages};

/// `{}` is any one segment, `*` at the end any further ones. With `?name` the query must have that name with a value.
const TABLE: &[(Method, &str, Counts)] = &[
    // Health, as the paths under /health.
    (Method::GET, "/ai/status", Exempt),
    (Method::GET, "/webhook/health", Exempt),
    // Webhooks are signed, and their senders try again by rules of their own.
    (Method::POST, "/webhook/stripe", Exempt),
    (Method::POST, "/webhooks/stripe", Exempt),
    (Method::POST, "/subscriptions/webhook", Exempt),
    // These tell who has an account.
    (Method::GET, "/auth/check-username/{}", Also(Class::Lookup)),
    (Method::POST, "/auth/check-mobile", Also(Class::Lookup)),
    (Method::POST, "/auth/otp-status", Also(Class::Lookup)),
    (Method::GET, "/characters?q", Also(Class::Search)),
    (Method::GET, "/chatroom/{}/search", Also(Class::Search)),
    (Method::GET, "/conversations/search", Also(Class::Search)),
    (Method::GET, "/conversations/{}/search", Also(Class::Search)),
    (Method::GET, "/messages/search", Also(Class::Search)),
    // Who begins many purchases tries out cards. What was bought can be asked for as often as anything.
    (Method::POST, "/payments/create-checkout-session", Also(Class::Payments)),
    (Method::POST, "/payments/create-portal-session", Also(Class::Payments)),
    (Method::POST, "/subscription/pro", Also(Class::Payments)),
    (Method::POST, "/subscriptions", Also(Class::Payments)),
    (Method::PUT, "/subscriptions/{}", Also(Class::Payments)),
    (Method::POST, "/subscriptions/payment-intent", Also(Class::Payments)),
    (Method::POST, "/characters/import", Also(Class::Uploads)),
    (Method::POST, "/avatars", Also(Class::Generation)),
    // What is written into one is judged, by a provider where one is set up.
    (Method::PUT, "/avatars/{}", Also(Class::Generation)),
    (Method::POST, "/avatars/{}/regenerate-thumbnail", Also(Class::Thumbnails)),
    // The handler counts the portrait of a card without a picture: which one it is only the file tells.
    (Method::POST, "/avatars/import", Also(Class::Uploads)),
    (Method::POST, "/content/generate/*", Also(Class::Generation)),
    (Method::POST, "/content/optimize", Also(Class::Generation)),
    (Method::POST, "/content/{}/retry", Also(Class::Generation)),
    (Method::POST, "/media/upload/*", Also(Class::Uploads)),
    (Method::POST, "/chat/completions", Messages),
    (Method::POST, "/chatroom/{}/message", Messages),
    (Method::POST, "/conversations/{}/messages", Messages),
    // Each costs a reply. So does an edit that sends again, which only its body tells.
    (Method::PUT, "/conversations/{}/messages/{}", Messages),
    (Method::POST, "/conversations/{}/messages/{}/regenerate", Messages),
    (Method::POST, "/conversations/{}/messages/{}/continue", Messages),
    (Method::POST, "/conversations/{}/reply", Messages),
];

/// How a request is counted. `path` is decoded, as routes are found by it; `None`: not the API's.
pub(in crate::http) fn counts(method: &Method, path: &str, query: &str) -> Option<Counts> {
    let rest = ["/api/v1", "/api", "/v1"].iter().find_map(|prefix| {
        path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    })?;
    let row = TABLE.iter().find(|(of, pattern, _)| of == method && fits(pattern, rest, query));
    Some(row.map_or(Counts::Api, |(.., counts)| *counts))
}

fn fits(pattern: &str, path: &str, query: &str) -> bool {
    let (pattern, name) = pattern.split_once('?').unwrap_or((pattern, ""));
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        if wanted == "*" {
            return segments.next().is_some();
        }
        if !segments.next().is_some_and(|segment| wanted == "{}" || wanted == segment) {
            return false;
        }
    }
    segments.next().is_none() && (name.is_empty() || has_value(query, name))
}

/// Names in a query may be encoded too; this is the reading of the handlers.
fn has_value(query: &str, name: &str) -> bool {
    web::Query::<Vec<(String, String)>>::from_query(query)
        .is_ok_and(|pairs| pairs.iter().any(|(key, value)| key == name && !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, path: &str, query: &str) -> Option<Counts> {
        counts(method, path, query)
    }

    #[test]
    fn a_path_is_counted_alike_under_both_prefixes() {
        for prefix in ["/api", "/api/v1"] {
            let get = |path: &str, query: &str| of(&Method::GET, &format!("{prefix}{path}"), query);
            assert_eq!(get("", ""), Some(Counts::Api));
            assert_eq!(get("/characters", "limit=5"), Some(Counts::Api));
            assert_eq!(get("/characters", "limit=5&%71=fox"), Some(Also(Class::Search)));
            assert_eq!(get("/characters", "q="), Some(Counts::Api));
            assert_eq!(get("/conversations/some-room/search", "q=x"), Some(Also(Class::Search)));
            assert_eq!(get("/auth/check-username/mira", ""), Some(Also(Class::Lookup)));
            assert_eq!(get("/auth/check-username", ""), Some(Counts::Api));
            assert_eq!(get("/ai/status", ""), Some(Exempt));
            let post = |path: &str| of(&Method::POST, &format!("{prefix}{path}"), "");
            assert_eq!(post("/media/upload/gallery/7"), Some(Also(Class::Uploads)));
            assert_eq!(post("/media/upload"), Some(Counts::Api));
            assert_eq!(post("/content/generate/image"), Some(Also(Class::Generation)));
            let put = |path: &str| of(&Method::PUT, &format!("{prefix}{path}"), "");
            assert_eq!(put("/avatars/nadia-k7m3x"), Some(Also(Class::Generation)), "it is judged");
            assert_eq!(get("/avatars/nadia-k7m3x", ""), Some(Counts::Api));
            assert_eq!(post("/webhooks/stripe"), Some(Exempt));
            assert_eq!(post("/webhook/test"), Some(Counts::Api), "an admin's");
            assert_eq!(post("/subscriptions"), Some(Also(Class::Payments)));
            assert_eq!(post("/payments/verify-success"), Some(Counts::Api), "asked until it is paid");
            assert_eq!(post("/conversations/7/messages"), Some(Messages));
            for end in ["messages/8/regenerate", "messages/8/continue", "reply"] {
                assert_eq!(post(&format!("/conversations/7/{end}")), Some(Messages), "{end}");
            }
            assert_eq!(post("/conversations/7/messages/8/reactions"), Some(Counts::Api));
            assert_eq!(post("/conversations/7/stop"), Some(Counts::Api));
        }
    }

    #[test]
    fn what_is_not_the_api_is_not_counted() {
        for path in ["/", "/apis", "/health", "/metrics", "/assets/app.js", "/ws", "/openapi.json", "/v10"] {
            assert_eq!(of(&Method::GET, path, ""), None, "{path}");
        }
        assert_eq!(of(&Method::POST, "/v1/chat/completions", ""), Some(Messages));
        assert_eq!(of(&Method::GET, "/v1/models", ""), Some(Counts::Api));
    }
}

//! The whole application with small features of the tests' own, without a network or a database.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use futures_util::FutureExt;
use greenroom_actors::domain::{Catalogue, SessionId, UserId};
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use super::*;
use crate::accounts::{AccessTokens, Role};
use crate::config::{Config, RateSettings};
use crate::error::ApiResult;

#[utoipa::path(responses((status = 200, body = String)))]
#[get("/things/{id}")]
async fn thing(id: web::Path<u32>) -> String {
    format!("thing {id} {}", "and more ".repeat(200))
}

#[utoipa::path(responses((status = 200, body = String)))]
#[post("/things")]
async fn make_thing(body: Json<Vec<u32>>) -> ApiResult<String> {
    Ok(format!("{:?}", body.into_inner()))
}

#[utoipa::path(responses((status = 200, body = String)))]
#[get("/broken")]
async fn broken() -> String {
    panic!("the password is swordfish")
}

#[utoipa::path(responses((status = 200, body = String)))]
#[get("/stream")]
async fn event_stream() -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").body("data: ".repeat(500))
}

#[utoipa::path(responses((status = 200, body = String)))]
#[get("/whoami")]
async fn whoami(caller: Caller, address: ClientAddress, request: HttpRequest) -> String {
    format!("{} {} {}", caller.role, address.0, request.path())
}

fn features(config: &mut ServiceConfig<'_>) {
    config.service(thing).service(make_thing).service(broken).service(event_stream).service(whoami);
}

fn tokens() -> AccessTokens {
    AccessTokens::new(b"a secret of at least thirty-two characters", Duration::from_secs(900))
}

fn bearer_of(role: Role, plan: &str) -> (header::HeaderName, String) {
    let tokens = tokens();
    let token = tokens.sign(&tokens.claims(UserId::new(), role, SessionId::new(), plan));
    (header::AUTHORIZATION, format!("Bearer {token}"))
}

fn site(change: impl FnOnce(&mut Config), health: Health) -> Site {
    let mut config = Config::default();
    change(&mut config);
    let plans = Catalogue::new(config.engine_plans());
    Site::new(Arc::new(config), plans, tokens(), health, &[features], &[])
}

macro_rules! service {
    ($change:expr) => {
        init_service(app(&site($change, Health::new(Vec::new())))).await
    };
}

fn text<'a>(response: &'a ServiceResponse<impl MessageBody>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[actix_web::test]
async fn both_prefixes_serve_the_same_routes() {
    let service = service!(|_| ());
    for path in ["/api/things/7", "/api/v1/things/7", "/api", "/api/v1"] {
        let response = call_service(&service, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[actix_web::test]
async fn an_unknown_path_is_told_from_a_wrong_method() {
    let service = service!(|_| ());
    let nowhere = call_service(&service, TestRequest::with_uri("/api/nothing").to_request()).await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    let body: Value = read_body_json(nowhere).await;
    assert_eq!(body["error"], "route_not_found");
    assert!(!body["requestId"].as_str().unwrap().is_empty());
    for (method, path, allowed) in [
        (Method::DELETE, "/api/things/7", "GET, HEAD"),
        (Method::GET, "/api/v1/things", "POST"),
        (Method::POST, "/health", "GET, HEAD"),
    ] {
        let response = call_service(&service, TestRequest::with_uri(path).method(method).to_request()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(text(&response, "allow"), allowed);
        let body: Value = read_body_json(response).await;
        assert_eq!(body["error"], "method_not_allowed");
    }
}

#[actix_web::test]
async fn head_is_answered_where_get_is() {
    let service = service!(|_| ());
    let request = TestRequest::with_uri("/health").method(Method::HEAD).to_request();
    assert_eq!(call_service(&service, request).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_sane_request_id_is_kept_and_another_replaced() {
    let service = service!(|_| ());
    let given =
        |id: &'static str| TestRequest::with_uri("/health").insert_header(("x-request-id", id)).to_request();
    let kept = call_service(&service, given("trace-12345678")).await;
    assert_eq!(text(&kept, "x-request-id"), "trace-12345678");
    for bad in ["short", "with spaces in it", "<script>alert(1)</script>"] {
        let replaced = call_service(&service, given(bad)).await;
        assert_eq!(text(&replaced, "x-request-id").len(), 36, "{bad}");
    }
}

#[actix_web::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    let service = service!(|_| ());
    let error = service.call(TestRequest::with_uri("/api/broken").to_request()).await.err().unwrap();
    let response = error.as_response_error().error_response();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    let body: Value =
        serde_json::from_slice(&actix_web::body::to_bytes(response.into_body()).await.unwrap()).unwrap();
    assert_eq!((body["error"].as_str(), body["requestId"].as_str()), (Some("internal"), Some(id.as_str())));
    assert!(!body.to_string().contains("swordfish"));
}

#[actix_web::test]
async fn every_refusal_of_the_framework_has_the_one_form() {
    let service = service!(|config| config.server.body_max_bytes = 50);
    let post = |body: &'static str| {
        TestRequest::post().uri("/api/things").insert_header(header::ContentType::json()).set_payload(body)
    };
    let cases = [
        (TestRequest::with_uri("/api/things/seven").to_request(), 400, "bad_request"),
        (post("[1,").to_request(), 400, "bad_request"),
        (post(r#"["a"]"#).to_request(), 400, "bad_request"),
        (post("[1111111111,1111111111,1111111111,1111111111,1111111111]").to_request(), 413, "too_large"),
        (TestRequest::post().uri("/api/things").set_payload("1").to_request(), 415, "unsupported_media_type"),
        (TestRequest::with_uri("/api/whoami").to_request(), 401, "unauthenticated"),
    ];
    for (request, status, code) in cases {
        let uri = request.uri().to_string();
        let response = call_service(&service, request).await;
        assert_eq!(response.status().as_u16(), status, "{uri}");
        assert!(text(&response, "content-type").starts_with("application/json"));
        let body: Value = read_body_json(response).await;
        assert_eq!(body["error"], code, "{uri}");
        assert!(body["message"].is_string() && body["details"].is_array());
    }
}

#[actix_web::test]
async fn responses_carry_the_security_headers() {
    let service = service!(|_| ());
    let response = call_service(&service, TestRequest::with_uri("/api").to_request()).await;
    let policy = text(&response, "content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(text(&response, "x-content-type-options"), "nosniff");
    assert_eq!(text(&response, "cache-control"), "no-store");
    assert_eq!(text(&response, "strict-transport-security"), "", "development has no HTTPS");
    let docs = call_service(&service, TestRequest::with_uri("/api-docs/").to_request()).await;
    assert_eq!(docs.status(), StatusCode::OK);
    assert!(text(&docs, "content-security-policy").contains("script-src 'self';"));
}

#[actix_web::test]
async fn large_answers_are_compressed_but_streams_are_not() {
    let service = service!(|_| ());
    let ask = |path: &'static str| {
        TestRequest::with_uri(path).insert_header((header::ACCEPT_ENCODING, "gzip")).to_request()
    };
    let plain = call_service(&service, ask("/api/things/7")).await;
    assert_eq!(text(&plain, "content-encoding"), "gzip");
    let stream = call_service(&service, ask("/api/stream")).await;
    assert_ne!(text(&stream, "content-encoding"), "gzip");
}

#[actix_web::test]
async fn only_configured_origins_may_read() {
    let service = service!(|config| config.server.cors_origins = vec!["https://chat.example".to_owned()]);
    let preflight = |origin: &'static str| {
        TestRequest::with_uri("/api/things")
            .method(Method::OPTIONS)
            .insert_header((header::ORIGIN, origin))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"))
            .insert_header((header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization, content-type"))
            .to_request()
    };
    let ours = call_service(&service, preflight("https://chat.example")).await;
    assert_eq!(text(&ours, "access-control-allow-origin"), "https://chat.example");
    assert_eq!(text(&ours, "access-control-allow-credentials"), "", "the console's cookie is not for others");
    let theirs = call_service(&service, preflight("https://evil.example")).await;
    assert_eq!(text(&theirs, "access-control-allow-origin"), "");
}

#[actix_web::test]
async fn the_api_is_limited_by_address_and_who_signed_in_by_user() {
    let service = service!(|config| {
        config.limits.api = RateSettings { enabled: true, max: 2, window_s: 600 };
        config.limits.api_premium = RateSettings { enabled: true, max: 3, window_s: 600 };
    });
    let from =
        |address: &str| TestRequest::with_uri("/api").peer_addr(format!("{address}:9").parse().unwrap());
    for remaining in ["1", "0"] {
        let response = call_service(&service, from("9.9.9.9").to_request()).await;
        assert_eq!((response.status().as_u16(), text(&response, "x-ratelimit-remaining")), (200, remaining));
    }
    let refused = call_service(&service, from("9.9.9.9").to_request()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(text(&refused, "retry-after"), "300");
    assert!(
        text(&refused, "content-security-policy").contains("default-src"),
        "refusals have the headers too"
    );
    assert_eq!(call_service(&service, from("8.8.8.8").to_request()).await.status(), StatusCode::OK);
    let premium = bearer_of(Role::User, "premium");
    for left in [2, 1, 0] {
        let request = from("9.9.9.9").insert_header(premium.clone()).to_request();
        let response = call_service(&service, request).await;
        assert_eq!(text(&response, "x-ratelimit-remaining"), left.to_string());
    }
    let free = bearer_of(Role::User, "free");
    for status in [200, 200, 429] {
        let request = from("9.9.9.9").insert_header(free.clone()).to_request();
        assert_eq!(call_service(&service, request).await.status().as_u16(), status);
    }
    let bad = from("9.9.9.9").insert_header((header::AUTHORIZATION, "Bearer nonsense")).to_request();
    assert_eq!(call_service(&service, bad).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let served = TestRequest::with_uri("/%61pi/things/7").peer_addr("7.7.7.7:9".parse().unwrap());
    assert_eq!(call_service(&service, served.to_request()).await.status(), StatusCode::OK);
    let encoded = TestRequest::with_uri("/%61pi/things/7").peer_addr("9.9.9.9:9".parse().unwrap());
    let encoded = call_service(&service, encoded.to_request()).await;
    assert_eq!(encoded.status(), StatusCode::TOO_MANY_REQUESTS, "the same path in other letters");
    let exempt = TestRequest::with_uri("/health").peer_addr("9.9.9.9:9".parse().unwrap()).to_request();
    assert_eq!(call_service(&service, exempt).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_trusted_proxy_says_who_asks() {
    let service = service!(|config| config.server.trusted_proxies = vec!["10.0.0.0/8".to_owned()]);
    let request = TestRequest::with_uri("/api/whoami")
        .peer_addr("10.0.0.1:9".parse().unwrap())
        .insert_header(("x-forwarded-for", "6.6.6.6, 1.2.3.4"))
        .insert_header(bearer_of(Role::Admin, "free"))
        .to_request();
    let body = actix_web::test::call_and_read_body(&service, request).await;
    assert_eq!(body, "admin 1.2.3.4 /api/whoami");
}

#[actix_web::test]
async fn health_tells_each_dependency_and_numbers_to_admins_only() {
    let probes = vec![
        Probe::required("database", || async { Finding::down("connection refused") }.boxed()),
        Probe::optional("ai", || async { Finding::up() }.boxed()),
    ];
    let site = site(|_| (), Health::new(probes));
    let service = init_service(app(&site)).await;
    let get = |path: &str| TestRequest::with_uri(path);
    assert_eq!(call_service(&service, get("/health").to_request()).await.status(), StatusCode::OK);
    assert_eq!(call_service(&service, get("/health/live").to_request()).await.status(), StatusCode::OK);
    let ready = call_service(&service, get("/health/ready").to_request()).await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);

    let public = call_service(&service, get("/health/detailed").to_request()).await;
    let body: Value = read_body_json(public).await;
    assert_eq!(body["status"], "UNAVAILABLE");
    assert_eq!(body["dependencies"][0], serde_json::json!({"name": "database", "state": "down"}));
    assert_eq!(body["dependencies"][1]["state"], "up");

    let admin = get("/health/detailed").insert_header(bearer_of(Role::Admin, "free")).to_request();
    let body: Value = read_body_json(call_service(&service, admin).await).await;
    assert_eq!(body["dependencies"][0]["detail"], "connection refused");
    assert!(body["dependencies"][0]["latencyMs"].is_number() && body["uptimeS"].is_number());
}

#[actix_web::test]
async fn a_draining_node_is_not_ready_but_lives() {
    let site =
        site(|_| (), Health::new(vec![Probe::required("database", || async { Finding::up() }.boxed())]));
    let service = init_service(app(&site)).await;
    let ready = || TestRequest::with_uri("/health/ready").to_request();
    assert_eq!(call_service(&service, ready()).await.status(), StatusCode::OK);
    site.health().set_draining();
    let response = call_service(&service, ready()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = read_body_json(response).await;
    assert_eq!(body["status"], "DRAINING");
    let live = TestRequest::with_uri("/health/live").to_request();
    assert_eq!(call_service(&service, live).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn the_documentation_holds_every_route_once() {
    let service = service!(|_| ());
    let response = call_service(&service, TestRequest::with_uri("/openapi.json").to_request()).await;
    let document: Value = read_body_json(response).await;
    let paths = document["paths"].as_object().unwrap();
    for path in ["/api", "/api/things/{id}", "/health", "/health/detailed", "/metrics"] {
        assert!(paths.contains_key(path), "{path}");
    }
    let ids: Vec<&str> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    assert!(ids.contains(&"thing"));
    assert!(document["components"]["securitySchemes"]["bearer"].is_object());
    let redirect = call_service(&service, TestRequest::with_uri("/api-docs").to_request()).await;
    assert_eq!(text(&redirect, "location"), "/api-docs/");
}

#[actix_web::test]
async fn metrics_are_open_to_prometheus() {
    let service = service!(|_| ());
    call_service(&service, TestRequest::with_uri("/api/things/7").to_request()).await;
    let body =
        actix_web::test::call_and_read_body(&service, TestRequest::with_uri("/metrics").to_request()).await;
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains(r#"route="/api/things/{id}""#), "{text}");
    assert!(!text.contains("/api/things/7"));
}

#[actix_web::test]
async fn the_console_is_not_a_way_into_the_folder() {
    let service = service!(|_| ());
    for path in [
        "/assets/../Cargo.toml",
        "/assets/..%2fCargo.toml",
        "/assets/.git/config",
        "/assets/tests/x",
        "/assets/",
    ] {
        let response = call_service(&service, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn the_console_is_served_with_its_types_and_tags() {
    let service = service!(|_| ());
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/styles/base.css", "text/css; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let response = call_service(&service, TestRequest::with_uri(path).to_request()).await;
        assert_eq!((response.status(), text(&response, "content-type")), (StatusCode::OK, kind), "{path}");
        let tag = text(&response, "etag").to_owned();
        let again = TestRequest::with_uri(path).insert_header((header::IF_NONE_MATCH, tag)).to_request();
        assert_eq!(call_service(&service, again).await.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
}

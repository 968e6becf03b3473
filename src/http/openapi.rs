//! The API's documentation, gathered from the routes themselves, and the answers for paths that are none of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::dev::ResourceDef;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{App, HttpRequest, HttpResponse, web};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Info, InfoBuilder, LicenseBuilder, OpenApi};
use utoipa_actix_web::{AppExt, scope};
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use super::{Routes, health, info};
use crate::error::{ApiError, ApiResult};

const DOCUMENT_PATH: &str = "/openapi.json";
const DESCRIPTION: &str = "Every path under `/api` also answers under `/api/v1`. Errors are \
    `{error, message, details, requestId}`; lists are `{items, page, limit, total, nextCursor}`. \
    The socket at `/ws` is described in `docs/PROTOCOL.md`.";

/// Builds the documentation of the features' routes, `root` at `/` and `api` at `/api`, and of the frame's own.
#[must_use]
pub fn document(root: &[Routes], api: &[Routes]) -> OpenApi {
    let (root, api) = with_own(root, api);
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .service(scope("/api").configure(|config| api.iter().for_each(|routes| routes(config))))
        .configure(|config| root.iter().for_each(|routes| routes(config)))
        .split_for_parts();
    document.info = info();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("API key").build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("apiKey", SecurityScheme::Http(key));
    name_operations(&mut document);
    document
}

/// The features' routes and those that the frame adds: health and information.
pub(super) fn with_own(root: &[Routes], api: &[Routes]) -> (Vec<Routes>, Vec<Routes>) {
    ([&[health::routes as Routes], root].concat(), [&[info::routes as Routes], api].concat())
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Greenroom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()))
        .build()
}

/// Features name their handlers freely (`list`, `get`); in a document every name stands once.
fn name_operations(document: &mut OpenApi) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            *seen.entry(operation.operation_id.clone().unwrap_or_default()).or_default() += 1;
        }
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let unique = operation.operation_id.as_ref().is_some_and(|id| seen.get(id) == Some(&1));
            if !unique {
                operation.operation_id = Some(operation_id(&method, path));
            }
        }
    }
}

fn operation_id(method: &Method, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method.as_str().to_lowercase())
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("_")
}

fn operations(item: &mut PathItem) -> Vec<(Method, &mut utoipa::openapi::path::Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
    .collect()
}

/// The paths that exist and what each allows: tells 405 from 404.
#[derive(Clone)]
pub(super) struct KnownPaths(Arc<Vec<(ResourceDef, String)>>);

impl KnownPaths {
    pub(super) fn new(document: &OpenApi) -> Self {
        let mut known: Vec<(ResourceDef, String)> = Vec::new();
        for (path, item) in document.paths.paths.clone() {
            let mut item = item;
            let allowed = allow(operations(&mut item).into_iter().map(|(method, _)| method));
            let versioned = path.strip_prefix("/api").filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(rest) = versioned {
                known.push((ResourceDef::new(format!("/api/v1{rest}")), allowed.clone()));
            }
            known.push((ResourceDef::new(path), allowed));
        }
        for path in ["/", "/assets/{path:.*}", "/api-docs", "/api-docs/{path:.*}", DOCUMENT_PATH] {
            known.push((ResourceDef::new(path), allow([Method::GET])));
        }
        Self(Arc::new(known))
    }

    fn allowed(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.is_match(path)).map(|(_, allowed)| allowed.as_str())
    }
}

fn allow(methods: impl IntoIterator<Item = Method>) -> String {
    let mut names: Vec<String> = methods.into_iter().map(|method| method.as_str().to_owned()).collect();
    if names.iter().any(|name| name == "GET") {
        names.push("HEAD".to_owned());
    }
    names.join(", ")
}

/// Answers what no route took: 405 for a known path with another method, else 404.
pub(super) async fn fallback(request: HttpRequest, known: web::Data<KnownPaths>) -> ApiResult<HttpResponse> {
    let Some(allowed) = known.allowed(request.path()) else {
        let message = format!("there is nothing at {} {}", request.method(), cut(request.path()));
        return Err(ApiError::new(StatusCode::NOT_FOUND, "route_not_found", message));
    };
    let allowed_value = HeaderValue::from_str(allowed).map_err(|_| ApiError::internal())?;
    let message = format!("{} does not go here: this path takes {allowed}", request.method());
    Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        .with_header(header::ALLOW, allowed_value))
}

/// A path as it may stand in a message.
fn cut(path: &str) -> Cow<'_, str> {
    const MOST: usize = 200;
    if path.chars().count() <= MOST {
        path.into()
    } else {
        path.chars().take(MOST).chain(['…']).collect::<String>().into()
    }
}

/// `/openapi.json` and the pages of `/api-docs`.
pub(super) fn routes(config: &mut web::ServiceConfig, json: web::Bytes) {
    let document = move || {
        let json = json.clone();
        async move { HttpResponse::Ok().content_type("application/json").body(json) }
    };
    config
        .route(DOCUMENT_PATH, web::get().to(document))
        .route(
            "/api-docs",
            web::get().to(async || {
                HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/api-docs/")).finish()
            }),
        )
        .service(SwaggerUi::new("/api-docs/{_:.*}").config(SwaggerConfig::new([DOCUMENT_PATH])));
}

//! `GET /api`: what this server is.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Site;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InfoView {
    #[schema(value_type = String)]
    name: &'static str,
    #[schema(value_type = String)]
    version: &'static str,
    /// `development` or `production`.
    #[schema(value_type = String)]
    environment: &'static str,
    /// Whether the demo accounts exist.
    demo: bool,
    /// Whether anybody may make an account.
    registration: bool,
    /// Where the rest is.
    links: LinksView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LinksView {
    #[schema(value_type = String)]
    socket: &'static str,
    #[schema(value_type = String)]
    documentation: &'static str,
    #[schema(value_type = String)]
    openapi: &'static str,
    #[schema(value_type = String)]
    health: &'static str,
}

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(info);
}

/// Say what this server is
#[utoipa::path(operation_id = "getInfo", tag = "info", responses((status = 200, description = "Name, version and links", body = InfoView)))]
#[get("")]
async fn info(site: web::Data<Site>) -> HttpResponse {
    let config = site.config();
    HttpResponse::Ok().json(InfoView {
        name: "greenroom",
        version: env!("CARGO_PKG_VERSION"),
        environment: config.environment.as_str(),
        demo: config.has_demo_accounts(),
        registration: config.auth.registration,
        links: LinksView {
            socket: "/ws",
            documentation: "/api-docs",
            openapi: "/openapi.json",
            health: "/health",
        },
    })
}

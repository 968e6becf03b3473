//! `GET /api`: what this server is.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Site;
use crate::config::IdentityProviderSettings;

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
    /// Whether mails go out (or into the outbox): a forgotten password can be reset by one.
    mail: bool,
    /// Whether one can sign in by a mobile number and a code.
    mobile: bool,
    /// Whose ID tokens sign people in.
    providers: Vec<ProviderView>,
    /// Where the rest is.
    links: LinksView,
}

/// An identity provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProviderView {
    /// Its name in the settings.
    name: String,
    /// `firebase`, `supabase` or `oidc`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// Its sign-in page, for OpenID Connect's implicit flow; null where only its tokens are known.
    authorize_url: Option<String>,
    /// Ours there.
    client_id: Option<String>,
}

impl ProviderView {
    fn new(name: &str, settings: &IdentityProviderSettings) -> Self {
        let full = settings.effective();
        let known = !full.authorize_url.is_empty();
        Self {
            name: name.to_owned(),
            kind: full.kind.as_str(),
            client_id: full.audience.into_iter().next().filter(|_| known),
            authorize_url: Some(full.authorize_url).filter(|_| known),
        }
    }
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
        mail: config.mail.is_set() || !config.is_production(),
        mobile: config.sms.is_set() || !config.is_production(),
        providers: config
            .auth
            .providers
            .iter()
            .filter(|(_, settings)| settings.is_active())
            .map(|(name, settings)| ProviderView::new(name, settings))
            .collect(),
        links: LinksView {
            socket: "/ws",
            documentation: "/api-docs",
            openapi: "/openapi.json",
            health: "/health",
        },
    })
}

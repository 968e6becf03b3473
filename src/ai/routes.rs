//! `GET /api/ai/status`, open to all, and `/api/ai/models`, for users; no key, address or error of a provider is told.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{ProviderStatus, Providers, estimate, trial, usage};
use crate::error::ErrorBody;
use crate::http::Caller;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(status).service(models);
    config.configure(usage::routes).configure(estimate::routes).configure(trial::routes);
}

#[derive(Serialize, ToSchema)]
struct AiStatus {
    providers: Vec<ProviderStatus>,
    /// The provider of characters that name none.
    default: String,
}

#[derive(Serialize, ToSchema)]
struct Models {
    items: Vec<Model>,
}

/// A model that characters speak with where they name none.
#[derive(Serialize, ToSchema)]
struct Model {
    provider: String,
    model: String,
    /// Whether it is that of the default provider.
    default: bool,
}

/// Providers of AI
///
/// Their state is that of the latest requests. With `offline` as the default, replies come from built-in rules.
#[utoipa::path(
    operation_id = "aiStatus",
    tag = "ai",
    responses((status = 200, description = "All providers that are switched on", body = AiStatus)),
)]
#[get("/ai/status")]
async fn status(providers: web::Data<Providers>) -> web::Json<AiStatus> {
    web::Json(AiStatus { providers: providers.status(), default: providers.default_name().to_owned() })
}

/// Models in use
#[utoipa::path(
    operation_id = "aiModels",
    tag = "ai",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The default model of each provider that has one", body = Models),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
    ),
)]
#[get("/ai/models")]
async fn models(_: Caller, providers: web::Data<Providers>) -> web::Json<Models> {
    let default = providers.default_name();
    let of = |it: ProviderStatus| {
        let default = it.name == default;
        it.model.map(|model| Model { provider: it.name, model, default })
    };
    web::Json(Models { items: providers.status().into_iter().filter_map(of).collect() })
}

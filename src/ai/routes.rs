//! `GET /api/ai/status` and `/gemini/health`, open to all; `/api/ai/models`, for users; `/api/admin/providers`, for admins.
//! No key or address of a provider is told, and its errors to admins alone.

use actix_web::{HttpResponse, get, put, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::desk::SwitchBody;
use super::{ModelView, ProviderDesk, ProviderStatus, ProviderView, Providers, estimate, trial, usage};
use crate::accounts::Origin;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{AdminCaller, Caller, DependencyState, Json};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(status).service(models).service(list).service(switch);
    config.configure(usage::routes).configure(estimate::routes).configure(trial::routes);
}

/// What is mounted at `/`.
pub fn pages(config: &mut ServiceConfig<'_>) {
    config.service(health);
}

#[derive(Serialize, ToSchema)]
struct AiStatus {
    providers: Vec<ProviderStatus>,
    /// The provider of characters that name none.
    default: String,
}

impl AiStatus {
    fn of(providers: &Providers) -> Self {
        Self { providers: providers.status(), default: providers.default_name().to_owned() }
    }
}

#[derive(Serialize, ToSchema)]
struct AiHealth {
    /// `OK`, `DEGRADED` or `UNAVAILABLE`.
    #[schema(value_type = String)]
    status: &'static str,
    #[serde(flatten)]
    ai: AiStatus,
}

#[derive(Serialize, ToSchema)]
struct Models {
    items: Vec<Model>,
}

/// A model that can be asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Model {
    provider: String,
    model: String,
    /// Whether it speaks for characters that name none.
    default: bool,
    #[serde(flatten)]
    known: Known,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Known {
    /// Tokens of prompt and reply together; null where it is not known.
    context_tokens: Option<u32>,
    /// Null where it is not known: its calls are accounted at nothing.
    price: Option<super::PriceView>,
    capabilities: Vec<super::Capability>,
}

#[derive(Serialize, ToSchema)]
struct ProviderList {
    /// All of the settings, by name.
    items: Vec<ProviderView>,
    /// Who is asked for characters that name none, in order: `provider`, or `provider/model`.
    chain: Vec<String>,
}

/// Providers of AI
///
/// Their state is that of the latest requests. With `offline` as the default, replies come from built-in rules.
#[utoipa::path(
    operation_id = "aiStatus",
    tag = "ai",
    responses((status = 200, description = "All providers that the settings have on", body = AiStatus)),
)]
#[get("/ai/status")]
async fn status(providers: web::Data<Providers>) -> web::Json<AiStatus> {
    web::Json(AiStatus::of(&providers))
}

/// Whether characters can speak
///
/// Of any provider, whatever its name: `UNAVAILABLE` when the default one fails and none stands in for it.
#[utoipa::path(
    operation_id = "aiHealth",
    tag = "health",
    responses(
        (status = 200, description = "They can", body = AiHealth),
        (status = 503, description = "They cannot", body = AiHealth),
    ),
)]
#[get("/gemini/health")]
async fn health(providers: web::Data<Providers>) -> HttpResponse {
    let ai = AiStatus::of(&providers);
    match providers.finding().state {
        DependencyState::Up => HttpResponse::Ok().json(AiHealth { status: "OK", ai }),
        DependencyState::Degraded => HttpResponse::Ok().json(AiHealth { status: "DEGRADED", ai }),
        DependencyState::Down => {
            HttpResponse::ServiceUnavailable().json(AiHealth { status: "UNAVAILABLE", ai })
        }
    }
}

/// Models in use
///
/// What they read, cost and can do. Others that a provider has work too; their calls are accounted at nothing.
#[utoipa::path(
    operation_id = "aiModels",
    tag = "ai",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The models of all providers that the settings have on", body = Models),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
    ),
)]
#[get("/ai/models")]
async fn models(_: Caller, providers: web::Data<Providers>) -> web::Json<Models> {
    let default = providers.default_name();
    let own = providers.default_model(default);
    let item = |(provider, model): (String, ModelView)| {
        let ModelView { name, context_tokens, price, capabilities, .. } = model;
        let default = provider == default && own == Some(&*name);
        Model { provider, model: name, default, known: Known { context_tokens, price, capabilities } }
    };
    web::Json(Models { items: providers.models().into_iter().map(item).collect() })
}

/// See the AI providers
///
/// Their numbers are those of the node that answers, since it started.
#[utoipa::path(
    operation_id = "listProviders",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "All providers of the settings", body = ProviderList),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[get("/admin/providers")]
async fn list(_: AdminCaller, providers: web::Data<Providers>) -> web::Json<ProviderList> {
    web::Json(ProviderList { items: providers.views(), chain: providers.chain() })
}

/// Switch an AI provider
///
/// On all nodes, and for as long as it is not switched again. Replies under way end; new ones go to the next of the chain.
#[utoipa::path(
    operation_id = "switchProvider",
    tag = "admin",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "Its name in the settings")),
    request_body = SwitchBody,
    responses(
        (status = 200, description = "The provider as it now is", body = ProviderView),
        (status = 400, description = "There is nothing to switch", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "The settings know none of this name", body = ErrorBody),
        (status = 409, description = "The settings have it off, or it has no key", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/admin/providers/{name}")]
async fn switch(
    caller: AdminCaller,
    origin: Origin,
    name: web::Path<String>,
    body: Json<SwitchBody>,
    desk: web::Data<ProviderDesk>,
) -> ApiResult<web::Json<ProviderView>> {
    Ok(web::Json(desk.switch(&caller.0, &name, body.into_inner(), &origin).await?))
}

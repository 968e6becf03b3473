//! `/api/subscription…`, `/api/subscriptions/plans` and `/api/auth/usage`: which plans there are, and what is used of one's
//! own.

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::usage::{CanSendView, PlanUsageView, Quotas, Wanted};
use super::{Offers, PlanList};
use crate::conversations::view::MessageType;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, older_face};

/// Characters of an id or a slug.
const CHARACTER_MAX_CHARS: usize = 200;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(plans).service(older_plans).service(can_send).service(usage).service(auth_usage);
}

/// What is to be sent.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct CanSendParams {
    /// Id or slug of the character that is to answer.
    #[param(required)]
    character_id: Option<String>,
    /// `text` (as without it), `audio` or `media`.
    r#type: Option<String>,
    /// What kind of message the reply is to be; without it what the character usually gives.
    response_type: Option<String>,
}

/// See the plans
///
/// All of them, from the least to the greatest.
#[utoipa::path(
    operation_id = "listPlans",
    tag = "subscriptions",
    responses((status = 200, description = "The plans", body = PlanList)),
)]
#[get("/subscriptions/plans")]
async fn plans(offers: web::Data<Offers>) -> web::Json<PlanList> {
    web::Json(PlanList { items: offers.all() })
}

/// See the plans, by an older path
#[utoipa::path(
    operation_id = "listPlansOlder",
    tag = "subscriptions",
    responses((status = 200, description = "The plans", body = PlanList)),
)]
#[get("/subscription/plans")]
async fn older_plans(offers: web::Data<Offers>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in older_face("</api/subscriptions/plans>; rel=\"successor-version\"") {
        response.insert_header(header);
    }
    response.json(PlanList { items: offers.all() })
}

/// See whether a message may be sent
///
/// As it would be decided if it were sent now, by the plan's limits and by the pace; nothing is counted or reserved.
#[utoipa::path(
    operation_id = "canSend",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(CanSendParams),
    responses(
        (status = 200, description = "Whether, and if not, why", body = CanSendView),
        (status = 400, description = "A parameter is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/subscription/can-send")]
async fn can_send(
    caller: Caller,
    request: HttpRequest,
    quotas: web::Data<Quotas>,
) -> ApiResult<web::Json<CanSendView>> {
    let Ok(web::Query(params)) = web::Query::<CanSendParams>::from_query(request.query_string()) else {
        return Err(ApiError::malformed("takes characterId, type and responseType, each once"));
    };
    let character = params.character_id.as_deref().map(str::trim).filter(|id| is_name(id));
    let character =
        character.ok_or_else(|| FieldError::new("characterId", "takes the id or the slug of a character"))?;
    let kind = kind_of("type", params.r#type.as_deref())?.unwrap_or_default();
    let reply = kind_of("responseType", params.response_type.as_deref())?;
    let wanted = Wanted { character, kind, reply };
    Ok(web::Json(quotas.can_send(caller.user, wanted).await?))
}

/// See how much of one's plan is used
#[utoipa::path(
    operation_id = "planUsage",
    tag = "subscriptions",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The plan's limits and what is used of them", body = PlanUsageView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/subscription/usage")]
async fn usage(caller: Caller, quotas: web::Data<Quotas>) -> ApiResult<web::Json<PlanUsageView>> {
    Ok(web::Json(quotas.usage(caller.user).await?))
}

/// See how much of one's plan is used
#[utoipa::path(
    operation_id = "usage",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The plan's limits and what is used of them", body = PlanUsageView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/usage")]
async fn auth_usage(caller: Caller, quotas: web::Data<Quotas>) -> ApiResult<web::Json<PlanUsageView>> {
    Ok(web::Json(quotas.usage(caller.user).await?))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= CHARACTER_MAX_CHARS && !text.chars().any(char::is_control)
}

fn kind_of(field: &'static str, text: Option<&str>) -> Result<Option<MessageType>, FieldError> {
    match text {
        None => Ok(None),
        Some("text") => Ok(Some(MessageType::Text)),
        Some("audio") => Ok(Some(MessageType::Audio)),
        Some("media") => Ok(Some(MessageType::Media)),
        Some(_) => Err(FieldError::new(field, "takes text, audio or media")),
    }
}

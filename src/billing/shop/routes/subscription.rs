//! `/api/subscription`: the older face, of one subscription that one has or has not.

use actix_web::{HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::billing::shop::view::SessionView;
use crate::billing::shop::{Order, Shop};
use crate::billing::terms::StandingView;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, MaybeJson, older_face};

const STATUS: &str = "</api/payments/subscription/status>; rel=\"successor-version\"";
const CHECKOUT: &str = "</api/payments/create-checkout-session>; rel=\"successor-version\"";
const CANCEL: &str = "</api/payments/subscription/cancel>; rel=\"successor-version\"";
const REACTIVATE: &str = "</api/subscriptions>; rel=\"successor-version\"";
/// What is bought here.
const PLAN: &str = "pro";

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(status).service(pro).service(cancel).service(reactivate);
}

fn older(successor: &'static str, view: impl Serialize) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for header in older_face(successor) {
        answer.insert_header(header);
    }
    answer.json(view)
}

/// What you have: older face of `/api/payments/subscription/status`
#[utoipa::path(
    operation_id = "subscriptionStatusOlder",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What you have", body = StandingView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/subscription/status")]
async fn status(caller: Caller, shop: web::Data<Shop>) -> ApiResult<HttpResponse> {
    Ok(older(STATUS, shop.standing(caller.user).await?))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProBody {
    /// Where one comes back to having paid; the console without it.
    #[schema(example = "https://chat.example.com/#/plans/paid/{CHECKOUT_SESSION_ID}")]
    success_url: Option<String>,
    /// Where one comes back to without having paid; the console without it.
    #[schema(example = "https://chat.example.com/#/plans/left")]
    cancel_url: Option<String>,
}

/// Open a checkout for the plan `pro`: older face of `/api/payments/create-checkout-session`
#[utoipa::path(
    operation_id = "subscribeToPro",
    tag = "payments",
    security(("bearer" = [])),
    request_body = ProBody,
    responses(
        (status = 200, description = "It is open", body = SessionView),
        (status = 400, description = "An address leads elsewhere", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Stripe refuses the payment", body = ErrorBody),
        (status = 404, description = "This server has no such plan", body = ErrorBody),
        (status = 409, description = "It would add nothing to what you have, or there is a subscription already: change it", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away: the same again goes on", body = ErrorBody),
    ),
)]
#[post("/subscription/pro")]
async fn pro(caller: Caller, body: MaybeJson<ProBody>, shop: web::Data<Shop>) -> ApiResult<HttpResponse> {
    let ProBody { success_url, cancel_url } = body.into_inner();
    let order = Order { plan: Some(PLAN.to_owned()), credits: None };
    let session =
        shop.open_checkout(caller.user, order, success_url.as_deref(), cancel_url.as_deref()).await?;
    Ok(older(CHECKOUT, session))
}

/// Cancel your subscription: older face of `/api/payments/subscription/cancel`
#[utoipa::path(
    operation_id = "cancelSubscriptionOlder",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What you have", body = StandingView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have no subscription", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away", body = ErrorBody),
    ),
)]
#[post("/subscription/cancel")]
async fn cancel(caller: Caller, shop: web::Data<Shop>) -> ApiResult<HttpResponse> {
    let id = shop.live(caller.user).await?;
    shop.cancel(caller.user, &id).await?;
    Ok(older(CANCEL, shop.standing(caller.user).await?))
}

/// Keep your subscription on: older face of `/api/subscriptions/{id}/reactivate`
#[utoipa::path(
    operation_id = "reactivateSubscriptionOlder",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What you have", body = StandingView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have no subscription", body = ErrorBody),
        (status = 409, description = "It has ended", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away", body = ErrorBody),
    ),
)]
#[post("/subscription/reactivate")]
async fn reactivate(caller: Caller, shop: web::Data<Shop>) -> ApiResult<HttpResponse> {
    let id = shop.live(caller.user).await?;
    shop.reactivate(caller.user, &id).await?;
    Ok(older(REACTIVATE, shop.standing(caller.user).await?))
}

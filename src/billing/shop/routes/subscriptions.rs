//! `/api/subscriptions`: subscriptions by id, paid in the client's own page; and credits paid there.

use actix_web::{HttpResponse, get, post, put, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::billing::shop::Shop;
use crate::billing::shop::view::{IntentView, PaymentView, SubscribedView, SubscriptionList};
use crate::billing::terms::SubscriptionView;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, Json, Page, PageParams, PageQuery, older_face};

const HISTORY: &str = "</api/payments/history>; rel=\"successor-version\"";

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(subscribe).service(history).service(open_intent);
    config.service(change).service(cancel).service(reactivate);
}

/// Your subscriptions
///
/// Ended ones too, the latest first.
#[utoipa::path(
    operation_id = "subscriptions",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "All of them", body = SubscriptionList),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/subscriptions")]
async fn list(caller: Caller, shop: web::Data<Shop>) -> ApiResult<web::Json<SubscriptionList>> {
    Ok(web::Json(SubscriptionList { items: shop.subscriptions(caller.user).await? }))
}

#[derive(Deserialize, ToSchema)]
struct PlanBody {
    /// A plan that renews, by name.
    #[schema(example = "pro")]
    plan: String,
}

/// Subscribe
///
/// It begins `incomplete`: give `clientSecret` to Stripe's payment form, and the plan holds when that is paid. Asked again before,
/// the same one is answered; for another plan, that takes its place.
#[utoipa::path(
    operation_id = "subscribe",
    tag = "payments",
    security(("bearer" = [])),
    request_body(content = PlanBody, example = json!({"plan": "pro"})),
    responses(
        (status = 201, description = "It waits for its first payment", body = SubscribedView),
        (status = 400, description = "The plan costs nothing, or is no subscription", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Stripe refuses the payment", body = ErrorBody),
        (status = 404, description = "There is no such plan", body = ErrorBody),
        (status = 409, description = "It would add nothing to what you have, or there is a subscription already: change it", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away: the same again goes on", body = ErrorBody),
    ),
)]
#[post("/subscriptions")]
async fn subscribe(caller: Caller, body: Json<PlanBody>, shop: web::Data<Shop>) -> ApiResult<HttpResponse> {
    let subscribed = shop.subscribe(caller.user, &body.into_inner().plan).await?;
    Ok(HttpResponse::Created().json(subscribed))
}

/// Change to another plan
///
/// What the present plan leaves over is credited. A greater plan is paid at once; where the card does not pay, `paymentRequired` is
/// true and the change waits for the payment that `clientSecret` is of. A lesser one holds at once.
#[utoipa::path(
    operation_id = "changeSubscription",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The subscription's id", example = "sub_1Qabc")),
    request_body(content = PlanBody, example = json!({"plan": "enterprise"})),
    responses(
        (status = 200, description = "It is changed, or waits for its payment", body = SubscribedView),
        (status = 400, description = "The plan costs nothing, or is no subscription", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Stripe refuses the payment", body = ErrorBody),
        (status = 404, description = "There is no such plan, or you have no such subscription", body = ErrorBody),
        (status = 409, description = "It has ended, or a payment of it is open", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away: the same again goes on", body = ErrorBody),
    ),
)]
#[put("/subscriptions/{id}")]
async fn change(
    caller: Caller,
    id: web::Path<String>,
    body: Json<PlanBody>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<SubscribedView>> {
    Ok(web::Json(shop.change(caller.user, &id, &body.into_inner().plan).await?))
}

/// Cancel a subscription
///
/// It ends with the period that is paid. One whose first payment was never made ends at once.
#[utoipa::path(
    operation_id = "cancelOneSubscription",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The subscription's id", example = "sub_1Qabc")),
    responses(
        (status = 200, description = "How it stands", body = SubscriptionView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have no such subscription", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away", body = ErrorBody),
    ),
)]
#[post("/subscriptions/{id}/cancel")]
async fn cancel(
    caller: Caller,
    id: web::Path<String>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<SubscriptionView>> {
    Ok(web::Json(shop.cancel(caller.user, &id).await?))
}

/// Keep a subscription on
///
/// One that was to end with its period renews again. Nothing is paid now.
#[utoipa::path(
    operation_id = "reactivateSubscription",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The subscription's id", example = "sub_1Qabc")),
    responses(
        (status = 200, description = "How it stands", body = SubscriptionView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have no such subscription", body = ErrorBody),
        (status = 409, description = "It has ended: begin another one", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away", body = ErrorBody),
    ),
)]
#[post("/subscriptions/{id}/reactivate")]
async fn reactivate(
    caller: Caller,
    id: web::Path<String>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<SubscriptionView>> {
    Ok(web::Json(shop.reactivate(caller.user, &id).await?))
}

/// What you paid: older face of `/api/payments/history`
#[utoipa::path(
    operation_id = "subscriptionHistory",
    tag = "payments",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "A page of payments", body = Page<PaymentView>),
        (status = 400, description = "There is no such page", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/subscriptions/history")]
async fn history(caller: Caller, page: PageQuery, shop: web::Data<Shop>) -> ApiResult<HttpResponse> {
    let page = shop.payments(caller.user, &page).await?;
    let mut answer = HttpResponse::Ok();
    for header in older_face(HISTORY) {
        answer.insert_header(header);
    }
    Ok(answer.json(page))
}

#[derive(Deserialize, ToSchema)]
struct CreditsBody {
    #[schema(example = 100)]
    credits: i64,
}

/// Buy credits in your own page
///
/// Give `clientSecret` to Stripe's payment form: the credits are there when it is paid. The same asked again within ten minutes is
/// the same payment as long as it is open. What it costs, the server says.
#[utoipa::path(
    operation_id = "createPaymentIntent",
    tag = "payments",
    security(("bearer" = [])),
    request_body(content = CreditsBody, example = json!({"credits": 100})),
    responses(
        (status = 200, description = "A payment to be made", body = IntentView),
        (status = 400, description = "So many credits are not sold", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Stripe refuses the payment", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away: the same again goes on", body = ErrorBody),
    ),
)]
#[post("/subscriptions/payment-intent")]
async fn open_intent(
    caller: Caller,
    body: Json<CreditsBody>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<IntentView>> {
    Ok(web::Json(shop.open_intent(caller.user, body.into_inner().credits).await?))
}

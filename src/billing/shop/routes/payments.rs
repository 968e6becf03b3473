//! `/api/payments`: what is sold, Stripe's pages, what somebody has and paid.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::billing::shop::view::{KeyView, PaymentView, PortalView, SessionView, ShopView, VerifiedView};
use crate::billing::shop::{Order, Shop};
use crate::billing::terms::StandingView;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, Json, MaybeJson, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(overview).service(stripe_key).service(open_checkout).service(open_portal);
    config.service(status).service(cancel).service(history).service(verify);
}

/// What is sold here
///
/// Answers also where nothing can be bought: then `enabled` is false.
#[utoipa::path(
    operation_id = "paymentsConfig",
    tag = "payments",
    responses((status = 200, description = "Plans, the price of credits, and Stripe's key for browsers", body = ShopView)),
)]
#[get("/payments/config")]
async fn overview(shop: web::Data<Shop>) -> web::Json<ShopView> {
    web::Json(shop.overview())
}

/// Stripe's key for browsers
#[utoipa::path(
    operation_id = "stripeKey",
    tag = "payments",
    responses(
        (status = 200, description = "The key", body = KeyView),
        (status = 503, description = "Payments are not set up here", body = ErrorBody),
    ),
)]
#[get("/payments/stripe-key")]
async fn stripe_key(shop: web::Data<Shop>) -> ApiResult<web::Json<KeyView>> {
    Ok(web::Json(shop.publishable_key()?))
}

/// What is to be paid on Stripe's page.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckoutBody {
    /// Where one comes back to having paid; `{CHECKOUT_SESSION_ID}` in it becomes the session's id. Of an origin that the
    /// operator named.
    #[schema(example = "https://chat.example.com/#/plans/paid/{CHECKOUT_SESSION_ID}")]
    success_url: String,
    /// Where one comes back to without having paid.
    #[schema(example = "https://chat.example.com/#/plans/left")]
    cancel_url: String,
    /// A plan by name; `premium` where nothing is named.
    #[schema(example = "premium")]
    plan: Option<String>,
    /// So many credits instead of a plan.
    credits: Option<i64>,
}

/// Open a checkout
///
/// For a plan, paid once or as a subscription, or for credits. What it costs, the server says. The same asked again within ten
/// minutes is the same checkout as long as it is open. Send the person to `url`.
#[utoipa::path(
    operation_id = "createCheckoutSession",
    tag = "payments",
    security(("bearer" = [])),
    request_body(content = CheckoutBody, examples(
        ("plan" = (value = json!({"successUrl": "https://chat.example.com/#/plans/paid/{CHECKOUT_SESSION_ID}", "cancelUrl": "https://chat.example.com/#/plans/left", "plan": "premium"}))),
        ("credits" = (value = json!({"successUrl": "https://chat.example.com/#/plans/paid/{CHECKOUT_SESSION_ID}", "cancelUrl": "https://chat.example.com/#/plans/left", "credits": 100}))),
    )),
    responses(
        (status = 200, description = "It is open", body = SessionView),
        (status = 400, description = "The plan costs nothing, so many credits are not sold, or an address leads elsewhere", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Stripe refuses the payment", body = ErrorBody),
        (status = 404, description = "There is no such plan", body = ErrorBody),
        (status = 409, description = "It would add nothing to what you have, or there is a subscription already: change it", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away: the same again goes on", body = ErrorBody),
    ),
)]
#[post("/payments/create-checkout-session")]
async fn open_checkout(
    caller: Caller,
    body: Json<CheckoutBody>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<SessionView>> {
    let CheckoutBody { success_url, cancel_url, plan, credits } = body.into_inner();
    let order = Order { plan, credits };
    Ok(web::Json(shop.open_checkout(caller.user, order, Some(&success_url), Some(&cancel_url)).await?))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PortalBody {
    /// Where one comes back to; the console's plans without it. Of an origin that the operator named.
    #[schema(example = "https://chat.example.com/#/plans")]
    return_url: Option<String>,
}

/// Open the portal
///
/// Stripe's page for cards, invoices, and the end of a subscription. Send the person to `url`.
#[utoipa::path(
    operation_id = "createPortalSession",
    tag = "payments",
    security(("bearer" = [])),
    request_body = PortalBody,
    responses(
        (status = 200, description = "It is open", body = PortalView),
        (status = 400, description = "The address leads elsewhere", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 429, description = "Too many tries, or another purchase of yours is under way", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away", body = ErrorBody),
    ),
)]
#[post("/payments/create-portal-session")]
async fn open_portal(
    caller: Caller,
    body: MaybeJson<PortalBody>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<PortalView>> {
    let back = body.into_inner().return_url;
    Ok(web::Json(shop.open_portal(caller.user, back.as_deref()).await?))
}

/// What you have
///
/// Your plan, until when and by what, your subscription, your credits.
#[utoipa::path(
    operation_id = "subscriptionStatus",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What you have", body = StandingView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/payments/subscription/status")]
async fn status(caller: Caller, shop: web::Data<Shop>) -> ApiResult<web::Json<StandingView>> {
    Ok(web::Json(shop.standing(caller.user).await?))
}

/// Cancel your subscription
///
/// It ends with the period that is paid. One whose first payment was never made ends at once.
#[utoipa::path(
    operation_id = "cancelSubscription",
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
#[post("/payments/subscription/cancel")]
async fn cancel(caller: Caller, shop: web::Data<Shop>) -> ApiResult<web::Json<StandingView>> {
    let id = shop.live(caller.user).await?;
    shop.cancel(caller.user, &id).await?;
    Ok(web::Json(shop.standing(caller.user).await?))
}

/// What you paid
///
/// The latest first.
#[utoipa::path(
    operation_id = "paymentHistory",
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
#[get("/payments/history")]
async fn history(
    caller: Caller,
    page: PageQuery,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<Page<PaymentView>>> {
    Ok(web::Json(shop.payments(caller.user, &page).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VerifyBody {
    #[schema(example = "cs_test_a1B2c3")]
    session_id: String,
}

/// Ask what became of a checkout
///
/// For who comes back from it: what was paid is yours when this answers `paid`, whether Stripe's event came or not. While the
/// answer is `pending`, ask again, or wait for the notice.
#[utoipa::path(
    operation_id = "verifyCheckout",
    tag = "payments",
    security(("bearer" = [])),
    request_body = VerifyBody,
    responses(
        (status = 200, description = "How it stands, and what you have", body = VerifiedView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You opened no such checkout", body = ErrorBody),
        (status = 503, description = "Payments are not set up here, or Stripe or the database is away", body = ErrorBody),
    ),
)]
#[post("/payments/verify-success")]
async fn verify(
    caller: Caller,
    body: Json<VerifyBody>,
    shop: web::Data<Shop>,
) -> ApiResult<web::Json<VerifiedView>> {
    Ok(web::Json(shop.verify(caller.user, &body.into_inner().session_id).await?))
}

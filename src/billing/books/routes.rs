//! `/api/admin/payments`, `/revenue`, `/users/{id}/billing` and `/reconciliation`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::reconcile::{Comparison, Reconciler, Report};
use super::{Booked, Books, Earned, Filter, Granted, GroupBy, RevenueParams};
use crate::accounts::Origin;
use crate::audit::Act;
use crate::billing::plans::Offers;
use crate::billing::records::{PaymentStatus, Subscription};
use crate::billing::shop::PaymentView;
use crate::billing::terms::{StandingView, SubscriptionView};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(payments).service(revenue).service(account).service(comparison).service(compare);
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct PaymentParams {
    /// Only this user's.
    user_id: Option<Uuid>,
    /// `pending`, `succeeded`, `failed` or `canceled`.
    #[param(inline)]
    status: Option<PaymentStatus>,
}

/// A payment as admins see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BookedView {
    #[serde(flatten)]
    payment: PaymentView,
    user_id: Uuid,
    /// Null where the account is erased.
    username: Option<String>,
    /// At Stripe.
    intent_id: Option<String>,
    invoice_id: Option<String>,
}

impl From<Booked> for BookedView {
    fn from(Booked { payment, username }: Booked) -> Self {
        Self {
            user_id: payment.user.uuid(),
            username,
            intent_id: payment.intent_id.clone(),
            invoice_id: payment.invoice_id.clone(),
            payment: PaymentView::from(payment),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RevenueView {
    /// Days and months in their order, those without a payment left out.
    items: Vec<Earned>,
    totals: Earned,
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// Included.
    #[schema(value_type = String, format = Date)]
    to: Date,
    group_by: GroupBy,
    /// ISO 4217, small letters. Amounts are in its smallest unit.
    currency: String,
    /// Subscriptions that are paid or about to be, now.
    active_subscriptions: i64,
    /// What these bring each month at the prices of today.
    mrr_cents: i64,
    /// Payments of these days in other currencies: they are not added up.
    other_currencies: i64,
}

/// A plan that an admin gave for a time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GrantView {
    id: Uuid,
    plan: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    /// Taken before its end.
    taken_at: Option<Timestamp>,
    /// The admin who gave it.
    actor_id: Option<Uuid>,
}

impl From<Granted> for GrantView {
    fn from(Granted { id, plan, starts_at, ends_at, taken_at, actor }: Granted) -> Self {
        Self { id, plan, starts_at, ends_at, taken_at, actor_id: actor }
    }
}

/// What somebody bought, was given and has by it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AccountView {
    standing: StandingView,
    /// The latest ones; `/api/admin/payments` has all.
    payments: Vec<PaymentView>,
    subscriptions: Vec<SubscriptionView>,
    grants: Vec<GrantView>,
}

/// Comparisons of what Stripe says with what is kept here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ComparisonView {
    /// One is under way, or waits for its turn.
    running: bool,
    /// When the last one ended; null where there was none yet.
    finished_at: Option<Timestamp>,
    /// What it mended and found.
    report: Option<Report>,
}

impl From<Comparison> for ComparisonView {
    fn from(Comparison { running, last }: Comparison) -> Self {
        let (finished_at, report) = last.unzip();
        Self { running, finished_at, report }
    }
}

/// List everybody's payments
///
/// The latest first.
#[utoipa::path(
    operation_id = "listPayments",
    tag = "admin",
    security(("bearer" = [])),
    params(PageParams, PaymentParams),
    responses(
        (status = 200, description = "A page of payments", body = Page<BookedView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "For admins", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/payments")]
async fn payments(
    _: AdminCaller,
    request: HttpRequest,
    page: PageQuery,
    books: web::Data<Books>,
) -> ApiResult<web::Json<Page<BookedView>>> {
    let PaymentParams { user_id, status } = web::Query::<PaymentParams>::from_query(request.query_string())
        .map_err(|_| {
            ApiError::malformed("userId takes an id; status takes pending, succeeded, failed or canceled")
        })?
        .into_inner();
    let filter = Filter { user: user_id.map(UserId::from_uuid), status };
    Ok(web::Json(books.payments(&filter, &page).await?.map(BookedView::from)))
}

/// See what came in
///
/// By the day on which it was paid. What went back later is taken from the day of its payment.
#[utoipa::path(
    operation_id = "getRevenue",
    tag = "admin",
    security(("bearer" = [])),
    params(RevenueParams),
    responses(
        (status = 200, description = "Sums, and what subscriptions bring each month", body = RevenueView),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "For admins", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/revenue")]
async fn revenue(
    _: AdminCaller,
    request: HttpRequest,
    books: web::Data<Books>,
) -> ApiResult<web::Json<RevenueView>> {
    let asked = web::Query::<RevenueParams>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed("groupBy takes day, month, plan or kind"))?;
    let found = books.revenue(&asked).await?;
    Ok(web::Json(RevenueView {
        items: found.items,
        totals: found.totals,
        from: found.days.from,
        to: found.days.to,
        group_by: found.by,
        currency: found.currency,
        active_subscriptions: found.active_subscriptions,
        mrr_cents: found.mrr_cents,
        other_currencies: found.other_currencies,
    }))
}

/// See what somebody bought and was given
#[utoipa::path(
    operation_id = "getUserBilling",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses(
        (status = 200, description = "Their plan and how they have it", body = AccountView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "For admins", body = ErrorBody),
        (status = 404, description = "There is no such user", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/users/{id}/billing")]
async fn account(
    _: AdminCaller,
    id: web::Path<String>,
    books: web::Data<Books>,
    offers: web::Data<Offers>,
) -> ApiResult<web::Json<AccountView>> {
    let user: UserId = id.parse().map_err(|_| ApiError::not_found("account"))?;
    let account = books.account(user, &offers).await?;
    let subscription = |one: &Subscription| SubscriptionView::new(one, books.terms());
    Ok(web::Json(AccountView {
        standing: account.standing,
        payments: account.payments.into_iter().map(PaymentView::from).collect(),
        subscriptions: account.subscriptions.iter().map(subscription).collect(),
        grants: account.grants.into_iter().map(GrantView::from).collect(),
    }))
}

/// See the last comparison with Stripe
#[utoipa::path(
    operation_id = "getReconciliation",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What it mended and found", body = ComparisonView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "For admins", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/reconciliation")]
async fn comparison(
    _: AdminCaller,
    reconciler: web::Data<Reconciler>,
) -> ApiResult<web::Json<ComparisonView>> {
    Ok(web::Json(reconciler.look().await?.into()))
}

/// Compare what Stripe says with what is kept here
///
/// As a job, beside the comparisons that go on by themselves: look at its report when it has run. What is safe is mended, the
/// rest is told.
#[utoipa::path(
    operation_id = "reconcile",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "It will run", body = ComparisonView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "For admins", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/reconciliation")]
async fn compare(
    caller: AdminCaller,
    origin: Origin,
    reconciler: web::Data<Reconciler>,
) -> ApiResult<HttpResponse> {
    let target = ("reconciliation", String::new());
    let looked = reconciler.order(&Act::new(&caller.0, "billing.reconcile", target, &origin)).await?;
    Ok(HttpResponse::Accepted().json(ComparisonView::from(looked)))
}

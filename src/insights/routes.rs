//! `/api/dashboard…` for oneself, and `/api/admin/dashboard` for admins.

use actix_web::{HttpRequest, get, web};
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Insights;
use super::activity::ActivityView;
use super::admin::AdminDashboardView;
use super::figures::{AnalyticsView, QuickStatsView, ShareView, SpanView, Timeframe, TimeframeParams};
use super::limits::{LimitView, LimitsView};
use super::store::Overview;
use crate::accounts::Profile;
use crate::billing::ledger::BalanceView;
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Caller, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(dashboard)
        .service(quick_stats)
        .service(analytics)
        .service(activity)
        .service(see_limits)
        .service(admin_dashboard);
}

/// Whose dashboard it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoseView {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    /// IANA name: where the days of the figures begin and end.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    pub created_at: Timestamp,
}

/// One's figures at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardView {
    pub user: WhoseView,
    #[schema(example = "free")]
    pub plan: String,
    /// When the plan ends by itself.
    pub plan_until: Option<Timestamp>,
    pub today: SpanView,
    /// The seven days up to today.
    pub week: SpanView,
    pub credits: BalanceView,
    /// Those that said most in thirty days, at most five.
    pub top_characters: Vec<ShareView>,
    /// Those that are reached or nearly so first.
    pub limits: Vec<LimitView>,
    /// The latest of the activity, at most five.
    pub recent: Vec<ActivityView>,
}

impl DashboardView {
    pub(super) fn new(
        user: UserId,
        profile: Profile,
        overview: &Overview,
        credits: BalanceView,
        top_characters: Vec<ShareView>,
        limits: LimitsView,
        recent: Vec<ActivityView>,
    ) -> Self {
        Self {
            user: WhoseView {
                id: user.uuid(),
                username: profile.username,
                display_name: profile.display_name,
                time_zone: profile.time_zone,
                created_at: wire_time(profile.created_at),
            },
            plan: limits.plan,
            plan_until: profile.plan_until.map(wire_time),
            today: (&overview.today).into(),
            week: (&overview.week).into(),
            credits,
            top_characters,
            limits: limits.items,
            recent,
        }
    }
}

fn timeframe(request: &HttpRequest) -> ApiResult<Timeframe> {
    let params = web::Query::<TimeframeParams>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed("timeframe takes 7d, 30d or 90d, once"))?;
    Ok(params.checked()?)
}

/// See one's figures at a glance
#[utoipa::path(
    operation_id = "dashboard",
    tag = "dashboard",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Today, this week, limits and what happened lately", body = DashboardView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/dashboard")]
async fn dashboard(caller: Caller, insights: web::Data<Insights>) -> ApiResult<web::Json<DashboardView>> {
    Ok(web::Json(insights.dashboard(caller.user).await?))
}

/// See a few numbers of one's own
#[utoipa::path(
    operation_id = "quickStats",
    tag = "dashboard",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The numbers", body = QuickStatsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/dashboard/quick-stats")]
async fn quick_stats(caller: Caller, insights: web::Data<Insights>) -> ApiResult<web::Json<QuickStatsView>> {
    Ok(web::Json(insights.quick_stats(caller.user).await?))
}

/// See one's figures day by day
///
/// Days are those in one's time zone, today included; each is told, also where nothing was. What was said counts, also if it
/// was deleted since. Exact up to this moment.
#[utoipa::path(
    operation_id = "analytics",
    tag = "dashboard",
    security(("bearer" = [])),
    params(TimeframeParams),
    responses(
        (status = 200, description = "The days, what they come to, and who said most", body = AnalyticsView),
        (status = 400, description = "The timeframe is none", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/dashboard/analytics")]
async fn analytics(
    caller: Caller,
    request: HttpRequest,
    insights: web::Data<Insights>,
) -> ApiResult<web::Json<AnalyticsView>> {
    Ok(web::Json(insights.analytics(caller.user, timeframe(&request)?).await?))
}

/// See what happened lately
///
/// The latest first: conversations that were begun, credits, payments, limits that were reached, sign-ins on devices that were new
/// (for 60 days), avatars that were made or shared, and pictures and videos that were made; those that failed too. A payment
/// stands at its own time, whatever became of it since. `total` is null.
#[utoipa::path(
    operation_id = "activity",
    tag = "dashboard",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page of the feed", body = Page<ActivityView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/dashboard/activity")]
async fn activity(
    caller: Caller,
    page: PageQuery,
    insights: web::Data<Insights>,
) -> ApiResult<web::Json<Page<ActivityView>>> {
    Ok(web::Json(insights.activity(caller.user, &page).await?))
}

/// See how much of one's limits is used
///
/// Messages, credits, files, avatars, and pictures and videos under way: each as it is judged when the next one is asked for.
#[utoipa::path(
    operation_id = "limits",
    tag = "dashboard",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The limits; those that are reached or nearly so first", body = LimitsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/dashboard/limits")]
async fn see_limits(caller: Caller, insights: web::Data<Insights>) -> ApiResult<web::Json<LimitsView>> {
    Ok(web::Json(insights.limits(caller.user).await?))
}

/// See the figures of all users together
///
/// Days are those of UTC, today included.
#[utoipa::path(
    operation_id = "adminDashboard",
    tag = "admin",
    security(("bearer" = [])),
    params(TimeframeParams),
    responses(
        (status = 200, description = "The days, what they come to, money, and what runs now", body = AdminDashboardView),
        (status = 400, description = "The timeframe is none", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/dashboard")]
async fn admin_dashboard(
    _: AdminCaller,
    request: HttpRequest,
    insights: web::Data<Insights>,
) -> ApiResult<web::Json<AdminDashboardView>> {
    Ok(web::Json(insights.admin_dashboard(timeframe(&request)?).await?))
}

//! `GET /api/ai/usage`, for admins.

use actix_web::{HttpRequest, get, web};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::group::{GroupBy, UsageParams};
use super::{AiUsage, Group, Sums};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(usage);
}

/// What calls that have something in common took together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GroupView {
    /// A day as `2026-01-31`, an id, or a name; null of calls for nobody in particular, or for no character.
    key: Option<String>,
    /// What a person calls it: a username, a character's name, else the key.
    label: Option<String>,
    #[serde(flatten)]
    sums: Sums,
}

impl From<Group> for GroupView {
    fn from(Group { key, label, sums }: Group) -> Self {
        Self { key, label, sums }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageView {
    #[serde(flatten)]
    page: Page<GroupView>,
    /// Of all items, on whichever page.
    totals: Sums,
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// Included.
    #[schema(value_type = String, format = Date)]
    to: Date,
    group_by: GroupBy,
}

/// See what calls to models took
///
/// Days come in their order, those without a call left out; everything else the dearest first. It is exact up to the last
/// call that has ended. Calls that failed or were stopped have their tokens too.
#[utoipa::path(
    operation_id = "getAiUsage",
    tag = "ai",
    security(("bearer" = [])),
    params(PageParams, UsageParams),
    responses(
        (status = 200, description = "One page of the groups, and the sums of all", body = UsageView),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/ai/usage")]
async fn usage(
    _: AdminCaller,
    request: HttpRequest,
    page: PageQuery,
    usage: web::Data<AiUsage>,
) -> ApiResult<web::Json<UsageView>> {
    let filter = web::Query::<UsageParams>::from_query(request.query_string())
        .map_err(|_| {
            ApiError::malformed(
                "groupBy takes day, user, character, model, provider or purpose; user and character take ids, each once",
            )
        })?
        .into_inner()
        .checked(Timestamp::now())?;
    let found = usage.list(&filter, &page).await?;
    Ok(web::Json(UsageView {
        page: found.page.map(GroupView::from),
        totals: found.totals,
        from: filter.from,
        to: filter.to,
        group_by: filter.by,
    }))
}

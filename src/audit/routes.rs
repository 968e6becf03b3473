//! `GET /api/admin/audit`.

use actix_web::{HttpRequest, get, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{Audit, Entry, Filter};
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// Something that an admin did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    id: Uuid,
    /// The nil id: the server itself, by one of its rules.
    actor_id: Uuid,
    /// The actor's username at that moment.
    actor_name: String,
    #[schema(example = "user.block")]
    action: String,
    #[schema(example = "user")]
    target_kind: String,
    target_id: String,
    reason: Option<String>,
    /// What changed; `before` and `after` where something was replaced.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    /// Where the request came from.
    address: Option<String>,
    created_at: Timestamp,
}

impl From<Entry> for AuditView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            actor_id: entry.actor,
            actor_name: entry.actor_name,
            action: entry.action,
            target_kind: entry.target_kind,
            target_id: entry.target_id,
            reason: entry.reason,
            detail: entry.detail,
            address: entry.address,
            created_at: wire_time(entry.created_at),
        }
    }
}

/// See what admins did
///
/// The newest first. Every filter that is given must fit.
#[utoipa::path(
    operation_id = "listAudit",
    tag = "admin",
    security(("bearer" = [])),
    params(PageParams, Filter),
    responses(
        (status = 200, description = "One page of the audit log", body = Page<AuditView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/audit")]
async fn list(
    _: AdminCaller,
    request: HttpRequest,
    page: PageQuery,
    audit: web::Data<Audit>,
) -> ApiResult<web::Json<Page<AuditView>>> {
    let filter = web::Query::<Filter>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed("actor, action and target take text, each once"))?
        .into_inner()
        .checked()?;
    let found = audit.list(&filter, &page).await?;
    Ok(web::Json(found.map(AuditView::from)))
}

//! `GET /api/admin/dead-replies` and `POST /api/admin/dead-replies/{id}/retry`.

use actix_web::{HttpResponse, get, post, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{DeadReplies, DeadReply};
use crate::accounts::Origin;
use crate::conversations::view::{ReplyView, wire_time};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(retry);
}

/// A reply that failed. Nothing of what was said is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadReplyView {
    id: Uuid,
    conversation_id: Uuid,
    character_id: Uuid,
    /// Null where the character is gone.
    character_name: Option<String>,
    /// Who had asked.
    user_id: Uuid,
    username: Option<String>,
    asked_message_id: Uuid,
    /// As users are told.
    code: Option<String>,
    /// What the last try failed of, as the provider's adapter tells it.
    reason: Option<String>,
    tries: u32,
    /// Who failed last; null where nobody was asked.
    provider: Option<String>,
    model: Option<String>,
    failed_at: Timestamp,
}

impl From<DeadReply> for DeadReplyView {
    fn from(dead: DeadReply) -> Self {
        let (provider, model) = dead.back_end.unzip();
        Self {
            id: dead.id.uuid(),
            conversation_id: dead.room.uuid(),
            character_id: dead.character.uuid(),
            character_name: dead.character_name,
            user_id: dead.user.uuid(),
            username: dead.username,
            asked_message_id: dead.asked.uuid(),
            code: dead.code,
            reason: dead.reason,
            tries: dead.tries,
            provider,
            model,
            failed_at: wire_time(dead.failed_at),
        }
    }
}

/// List replies that failed
///
/// The latest first; one is gone from the list when another reply of its character to the same message was asked for.
#[utoipa::path(
    operation_id = "listDeadReplies",
    tag = "admin",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page of failed replies", body = Page<DeadReplyView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/dead-replies")]
async fn list(
    _: AdminCaller,
    page: PageQuery,
    dead: web::Data<DeadReplies>,
) -> ApiResult<web::Json<Page<DeadReplyView>>> {
    Ok(web::Json(dead.list(&page).await?.map(DeadReplyView::from)))
}

/// The replies that are under way now.
#[derive(Debug, Serialize, ToSchema)]
struct RetriedBody {
    replies: Vec<ReplyView>,
}

/// Try a failed reply again
///
/// On behalf of who had asked: it counts for them as any reply that they ask for, and comes to the conversation as usual.
#[utoipa::path(
    operation_id = "retryDeadReply",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The failed reply")),
    responses(
        (status = 202, description = "It is asked for", body = RetriedBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The asker's plan is used up", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such failed reply, or its conversation is gone, or the asker has left it", body = ErrorBody),
        (status = 409, description = "It was answered meanwhile, a reply is under way, or what it answers was deleted", body = ErrorBody),
        (status = 429, description = "Too many replies wait there", body = ErrorBody),
        (status = 503, description = "The database is away, or the server is full or draining", body = ErrorBody),
    ),
)]
#[post("/admin/dead-replies/{id}/retry")]
async fn retry(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    dead: web::Data<DeadReplies>,
) -> ApiResult<HttpResponse> {
    let id = Uuid::try_parse(&id).map_err(|_| ApiError::not_found("failed reply"))?;
    let asked = dead.retry(id, &caller.0, &origin).await?;
    let replies = asked.replies.iter().map(ReplyView::from).collect();
    Ok(HttpResponse::Accepted().json(RetriedBody { replies }))
}

//! `/api/characters/{id}/memory`: what a character remembers of the caller, and of nobody else.

use actix_web::{HttpResponse, delete, get, put, web};
use greenroom_actors::domain::{Fact, MemoryId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{Memories, MemoryView};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(change).service(erase).service(erase_all);
}

/// A fact in one's own words.
#[derive(Deserialize, ToSchema)]
struct FactBody {
    /// 1 to 200 characters; line breaks become spaces.
    #[schema(min_length = 1, max_length = 200, example = "I have a dog called Rex")]
    fact: String,
}

#[derive(Serialize, ToSchema)]
struct ErasedBody {
    /// How many facts were forgotten.
    erased: u64,
}

/// See what a character remembers of you
///
/// What was told last stands first.
#[utoipa::path(
    operation_id = "listMemories",
    tag = "characters",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The character's id or slug"), PageParams),
    responses(
        (status = 200, description = "A page of facts", body = Page<MemoryView>),
        (status = 400, description = "There is no such page", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters/{id}/memory")]
async fn list(
    caller: Caller,
    id: web::Path<String>,
    page: PageQuery,
    memories: web::Data<Memories>,
) -> ApiResult<web::Json<Page<MemoryView>>> {
    Ok(web::Json(memories.list(caller.user, &id, &page).await?))
}

/// Correct what a character remembers of you
///
/// It counts from the next reply on.
#[utoipa::path(
    operation_id = "changeMemory",
    tag = "characters",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The character's id or slug"),
        ("memoryId" = Uuid, Path, description = "The fact's id"),
    ),
    request_body = FactBody,
    responses(
        (status = 200, description = "The fact as it is now", body = MemoryView),
        (status = 400, description = "The fact is empty or too long", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character, or no such fact of yours", body = ErrorBody),
        (status = 409, description = "The character remembers this already", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/characters/{id}/memory/{memoryId}")]
async fn change(
    caller: Caller,
    path: web::Path<(String, String)>,
    body: Json<FactBody>,
    memories: web::Data<Memories>,
) -> ApiResult<web::Json<MemoryView>> {
    let (character, memory) = path.into_inner();
    let fact = Fact::parse(&body.into_inner().fact)
        .map_err(|_| FieldError::new("fact", "takes 1 to 200 characters"))?;
    Ok(web::Json(memories.change(caller.user, &character, memory_id(&memory)?, &fact).await?))
}

/// Have a character forget one thing
#[utoipa::path(
    operation_id = "eraseMemory",
    tag = "characters",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The character's id or slug"),
        ("memoryId" = Uuid, Path, description = "The fact's id"),
    ),
    responses(
        (status = 204, description = "Forgotten"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character, or no such fact of yours", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/characters/{id}/memory/{memoryId}")]
async fn erase(
    caller: Caller,
    path: web::Path<(String, String)>,
    memories: web::Data<Memories>,
) -> ApiResult<HttpResponse> {
    let (character, memory) = path.into_inner();
    memories.erase(caller.user, &character, memory_id(&memory)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Have a character forget you
///
/// All that it remembers of you, told in whatever conversation. What was said stays in those.
#[utoipa::path(
    operation_id = "eraseMemories",
    tag = "characters",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The character's id or slug")),
    responses(
        (status = 200, description = "Forgotten", body = ErasedBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/characters/{id}/memory")]
async fn erase_all(
    caller: Caller,
    id: web::Path<String>,
    memories: web::Data<Memories>,
) -> ApiResult<web::Json<ErasedBody>> {
    Ok(web::Json(ErasedBody { erased: memories.erase_all(caller.user, &id).await? }))
}

fn memory_id(text: &str) -> ApiResult<MemoryId> {
    Uuid::try_parse(text).map(MemoryId::from_uuid).map_err(|_| ApiError::not_found("memory"))
}

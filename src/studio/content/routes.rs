//! `/api/content…`: pictures and videos that are made for the caller.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use greenroom_actors::protocol::RefusalCode;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::body::{ImageBody, ListParams, OptimizeBody, OptimizedView, VideoBody};
use super::costs::CostsView;
use super::{AnswerView, ContentView, Contents, StatsView};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Caller, Json, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(costs).service(stats).service(optimize).service(generate_image).service(generate_video);
    config.service(list).service(retry).service(cancel).service(show).service(remove);
}

fn content_of(text: &str) -> ApiResult<Uuid> {
    Uuid::try_parse(text).map_err(|_| ApiError::not_found("content"))
}

/// What may not be said is said in the prompt.
fn refused(error: impl Into<ApiError>) -> ApiError {
    let error = error.into();
    if error.code == RefusalCode::ContentRefused.as_str() { error.at("prompt") } else { error }
}

/// See what pictures and videos cost
///
/// Prices in credits by quality, what may be asked for, and what you have: before anything is asked for.
#[utoipa::path(
    operation_id = "contentCosts",
    tag = "content",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The prices", body = CostsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/content/costs")]
async fn costs(caller: Caller, contents: web::Data<Contents>) -> ApiResult<web::Json<CostsView>> {
    Ok(web::Json(contents.costs(caller.user).await?))
}

/// See what you have had made, in numbers
#[utoipa::path(
    operation_id = "contentStats",
    tag = "content",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The numbers", body = StatsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/content/stats")]
async fn stats(caller: Caller, contents: web::Data<Contents>) -> ApiResult<web::Json<StatsView>> {
    Ok(web::Json(contents.stats(caller.user).await?))
}

/// Have a prompt worded better
///
/// To be looked at, changed and sent as `optimizedPrompt`. It costs no credits. Where no model writes here, the prompt comes
/// back as it was, with the avatar's looks.
#[utoipa::path(
    operation_id = "optimizePrompt",
    tag = "content",
    security(("bearer" = [])),
    request_body = OptimizeBody,
    responses(
        (status = 200, description = "The better prompt", body = OptimizedView),
        (status = 400, description = "A field is not valid, or the prompt is not welcome here", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have no such avatar", body = ErrorBody),
        (status = 429, description = "Too many in too short a time", body = ErrorBody),
        (status = 503, description = "Something that is needed is away", body = ErrorBody),
    ),
)]
#[post("/content/optimize")]
async fn optimize(
    caller: Caller,
    body: Json<OptimizeBody>,
    contents: web::Data<Contents>,
) -> ApiResult<web::Json<OptimizedView>> {
    let body = body.into_inner();
    let (kind, prompt) = contents.wish(&body)?;
    let better = contents.optimize(caller.user, kind, &prompt, body.avatar_id).await.map_err(refused)?;
    Ok(web::Json(OptimizedView { optimized_prompt: better }))
}

/// Have a picture made
///
/// Its price is held now, paid when it is done, and given back when it fails or is cancelled. How far it is comes on the
/// socket, as `content:update`.
#[utoipa::path(
    operation_id = "generateImage",
    tag = "content",
    security(("bearer" = [])),
    request_body = ImageBody,
    responses(
        (status = 202, description = "It is taken on", body = AnswerView),
        (status = 400, description = "A field is not valid, or the prompt is not welcome here", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Not enough credits, or no room for the file", body = ErrorBody),
        (status = 404, description = "You have no such avatar", body = ErrorBody),
        (status = 409, description = "The clientId stands for another content", body = ErrorBody),
        (status = 429, description = "Too many are under way, or in too short a time", body = ErrorBody),
        (status = 503, description = "Nobody makes pictures here, or something that is needed is away", body = ErrorBody),
    ),
)]
#[post("/content/generate/image")]
async fn generate_image(
    caller: Caller,
    body: Json<ImageBody>,
    contents: web::Data<Contents>,
) -> ApiResult<HttpResponse> {
    let wanted = contents.wanted_image(&body.into_inner())?;
    let answer = contents.ask(caller.user, wanted).await.map_err(refused)?;
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(answer))
}

/// Have a video made
///
/// From words, or from a picture too. Otherwise as pictures are.
#[utoipa::path(
    operation_id = "generateVideo",
    tag = "content",
    security(("bearer" = [])),
    request_body = VideoBody,
    responses(
        (status = 202, description = "It is taken on", body = AnswerView),
        (status = 400, description = "A field is not valid, or the prompt is not welcome here", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Not enough credits, or no room for the file", body = ErrorBody),
        (status = 404, description = "You have no such avatar, or no such picture", body = ErrorBody),
        (status = 409, description = "The picture is not ready, or the clientId stands for another content", body = ErrorBody),
        (status = 429, description = "Too many are under way, or in too short a time", body = ErrorBody),
        (status = 503, description = "Nobody makes videos here, or something that is needed is away", body = ErrorBody),
    ),
)]
#[post("/content/generate/video")]
async fn generate_video(
    caller: Caller,
    body: Json<VideoBody>,
    contents: web::Data<Contents>,
) -> ApiResult<HttpResponse> {
    let wanted = contents.wanted_video(&body.into_inner())?;
    let answer = contents.ask(caller.user, wanted).await.map_err(refused)?;
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(answer))
}

/// List what you have had made
///
/// The newest first, also what is under way and what failed.
#[utoipa::path(
    operation_id = "listContent",
    tag = "content",
    security(("bearer" = [])),
    params(ListParams, PageParams),
    responses(
        (status = 200, description = "One page of it", body = Page<ContentView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/content")]
async fn list(
    caller: Caller,
    request: HttpRequest,
    page: PageQuery,
    contents: web::Data<Contents>,
) -> ApiResult<web::Json<Page<ContentView>>> {
    let params = web::Query::<ListParams>::from_query(request.query_string());
    let params = params.map_err(|_| ApiError::malformed("avatarId takes an id"))?;
    Ok(web::Json(contents.list(caller.user, &params.filter()?, &page).await?))
}

/// Get one of what you have had made
#[utoipa::path(
    operation_id = "getContent",
    tag = "content",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Its id")),
    responses(
        (status = 200, description = "As it stands", body = ContentView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have none of this id", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/content/{id}")]
async fn show(
    caller: Caller,
    id: web::Path<String>,
    contents: web::Data<Contents>,
) -> ApiResult<web::Json<ContentView>> {
    Ok(web::Json(contents.get(caller.user, content_of(&id)?).await?))
}

/// Delete one of what you have had made
///
/// With its file; messages that carry it say that it was deleted. One that is under way is cancelled, and what is held for it
/// given back.
#[utoipa::path(
    operation_id = "deleteContent",
    tag = "content",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have none of this id", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/content/{id}")]
async fn remove(
    caller: Caller,
    id: web::Path<String>,
    contents: web::Data<Contents>,
) -> ApiResult<HttpResponse> {
    contents.delete(caller.user, content_of(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ask once more for what failed
///
/// Or was cancelled. What was held before was given back; the price of today is held.
#[utoipa::path(
    operation_id = "retryContent",
    tag = "content",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Its id")),
    responses(
        (status = 202, description = "It is taken on again", body = AnswerView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "Not enough credits, or no room for the file", body = ErrorBody),
        (status = 404, description = "You have none of this id", body = ErrorBody),
        (status = 409, description = "It is under way, or done", body = ErrorBody),
        (status = 429, description = "Too many are under way, or in too short a time", body = ErrorBody),
        (status = 503, description = "Nobody makes such things here, or something that is needed is away", body = ErrorBody),
    ),
)]
#[post("/content/{id}/retry")]
async fn retry(
    caller: Caller,
    id: web::Path<String>,
    contents: web::Data<Contents>,
) -> ApiResult<HttpResponse> {
    let answer = contents.retry(caller.user, content_of(&id)?).await?;
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(answer))
}

/// Cancel what is under way
///
/// It ends upstream too, where the provider can, and what is held for it is given back. Where the result came first, it stands.
#[utoipa::path(
    operation_id = "cancelContent",
    tag = "content",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Its id")),
    responses(
        (status = 200, description = "It is cancelled", body = AnswerView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "You have none of this id", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/content/{id}/cancel")]
async fn cancel(
    caller: Caller,
    id: web::Path<String>,
    contents: web::Data<Contents>,
) -> ApiResult<web::Json<AnswerView>> {
    Ok(web::Json(contents.cancel(caller.user, content_of(&id)?).await?))
}

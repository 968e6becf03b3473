//! One conversation, read: itself, search in it, its numbers, its export; and search over all of them.

use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ConversationBody;
use crate::conversations::Conversations;
use crate::conversations::export::ExportFormat;
use crate::conversations::reader::SeenConversation;
use crate::conversations::readers::Reader;
use crate::conversations::search::{MessageHit, SearchScope, SearchSort, SearchText};
use crate::conversations::statistics::RoomStatisticsView;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Caller, ClientAddress, OptionalCaller, Page, PageParams, PageQuery, older_face};

#[derive(Debug, Serialize, ToSchema)]
struct SeenConversationBody {
    conversation: SeenConversation,
}

/// Get a conversation
///
/// Its members see all of it. Others see what everybody may, if it is public or unlisted.
#[utoipa::path(
    operation_id = "getConversation",
    tag = "conversations",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug, also one that it had")),
    responses(
        (status = 200, description = "The conversation", body = SeenConversationBody),
        (status = 401, description = "A token that does not hold", body = ErrorBody),
        (status = 404, description = "There is none that the caller may read", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations/{id}")]
pub(super) async fn show(
    caller: OptionalCaller,
    id: web::Path<String>,
    address: ClientAddress,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<SeenConversationBody>> {
    let user = caller.0.map(|caller| caller.user);
    let readable = conversations.readable(user, &id).await?;
    let conversation = conversations.seen(&readable).await?;
    conversations.viewed(&readable, user.map_or_else(|| Reader::guest(address.0), Reader::User));
    Ok(web::Json(SeenConversationBody { conversation }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// Words, as one writes them in a web search: `"a phrase"`, `or`, `-without`. At most 200 characters.
    q: Option<String>,
    #[serde(default)]
    #[param(inline)]
    sort: SearchSort,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchAllQuery {
    /// Words, as one writes them in a web search: `"a phrase"`, `or`, `-without`. At most 200 characters.
    q: Option<String>,
    #[serde(default)]
    #[param(inline)]
    sort: SearchSort,
    #[serde(default)]
    #[param(inline)]
    scope: SearchScope,
}

const QUERY: &str = "sort takes relevance or recent; scope takes all, own or public";

async fn search_in(
    caller: Caller,
    request: &HttpRequest,
    id: &str,
    page: &PageQuery,
    conversations: &Conversations,
) -> ApiResult<Page<MessageHit>> {
    let query = web::Query::<SearchQuery>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed(QUERY))?;
    // To who may not read it, it is not there, whatever is asked for.
    let readable = conversations.readable(Some(caller.user), id).await?;
    let q = SearchText::parse(query.q.as_deref())?;
    Ok(conversations.search_room(&readable, &q, query.sort, page).await?)
}

/// Search in a conversation
///
/// What was said in it and fits, with the place that fits in pieces. For members, and for all if it is public or
/// unlisted. What was deleted is not found, and of a reply only the chosen variant is.
#[utoipa::path(
    operation_id = "searchConversation",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug"), PageParams, SearchQuery),
    responses(
        (status = 200, description = "One page of hits; `total` is not known", body = Page<MessageHit>),
        (status = 400, description = "A parameter is not valid, or q has no words", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none that the caller may read", body = ErrorBody),
        (status = 429, description = "Too many searches", body = ErrorBody),
        (status = 503, description = "The database is away, or the words are too common", body = ErrorBody),
    ),
)]
#[get("/conversations/{id}/search")]
pub(super) async fn search(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<Page<MessageHit>>> {
    Ok(web::Json(search_in(caller, &request, &id, &page, &conversations).await?))
}

/// Search in a chatroom
///
/// The same as `GET /api/conversations/{id}/search`, which is to be used.
#[utoipa::path(
    operation_id = "searchChatroom",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug"), PageParams, SearchQuery),
    responses(
        (status = 200, description = "One page of hits", body = Page<MessageHit>),
        (status = 400, description = "A parameter is not valid, or q has no words", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none that the caller may read", body = ErrorBody),
        (status = 429, description = "Too many searches", body = ErrorBody),
        (status = 503, description = "The database is away, or the words are too common", body = ErrorBody),
    ),
)]
#[get("/chatroom/{id}/search")]
pub(super) async fn search_chatroom(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let hits = search_in(caller, &request, &id, &page, &conversations).await?;
    let mut response = HttpResponse::Ok();
    for header in older_face("</api/conversations>; rel=\"successor-version\"") {
        response.insert_header(header);
    }
    Ok(response.json(hits))
}

/// Search in all conversations
///
/// In one's own and the public ones, 500 of each at most, those last spoken in.
#[utoipa::path(
    operation_id = "searchMessages",
    tag = "conversations",
    security(("bearer" = [])),
    params(PageParams, SearchAllQuery),
    responses(
        (status = 200, description = "One page of hits; `total` is not known", body = Page<MessageHit>),
        (status = 400, description = "A parameter is not valid, or q has no words", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 429, description = "Too many searches", body = ErrorBody),
        (status = 503, description = "The database is away, or the words are too common", body = ErrorBody),
    ),
)]
#[get("/messages/search")]
pub(super) async fn search_all(
    caller: Caller,
    request: HttpRequest,
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<Page<MessageHit>>> {
    let query = web::Query::<SearchAllQuery>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed(QUERY))?;
    let q = SearchText::parse(query.q.as_deref())?;
    Ok(web::Json(conversations.search_all(caller.user, &q, query.scope, query.sort, &page).await?))
}

/// Get the numbers of a conversation
///
/// For members, and for all if it is public or unlisted.
#[utoipa::path(
    operation_id = "getOneConversationStatistics",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    responses(
        (status = 200, description = "The numbers", body = RoomStatisticsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none that the caller may read", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations/{id}/stats")]
pub(super) async fn statistics(
    caller: Caller,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<RoomStatisticsView>> {
    let readable = conversations.readable(Some(caller.user), &id).await?;
    Ok(web::Json(conversations.room_statistics(&readable).await?))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
}

/// Export a conversation
///
/// All of it, for its members: as JSON with every variant and reaction, or as Markdown for people. JSON is whole when its
/// last field is `complete`.
#[utoipa::path(
    operation_id = "exportConversation",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug"), ExportQuery),
    responses(
        (status = 200, description = "The file", content_type = "application/json"),
        (status = 400, description = "format is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none that the caller is in", body = ErrorBody),
        (status = 503, description = "The database is away, or too many exports are under way", body = ErrorBody),
    ),
)]
#[get("/conversations/{id}/export")]
pub(super) async fn export(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let query = web::Query::<ExportQuery>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed("format takes json or markdown"))?;
    let room = conversations.resolve(caller.user, &id).await?;
    let export = conversations.export(caller.user, room, query.format).await?;
    let (ending, kind) = match query.format {
        ExportFormat::Json => ("json", "application/json"),
        ExportFormat::Markdown => ("md", "text/markdown; charset=utf-8"),
    };
    // A slug has letters, digits and hyphens alone.
    let name = format!("{}.{ending}", export.name);
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header(disposition)
        .streaming(export.stream()))
}

/// Bring a deleted conversation back
///
/// For its owner, within the days that the server's settings name. The members' sockets hear of it.
#[utoipa::path(
    operation_id = "restoreConversation",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "It is there again", body = ConversationBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is no deleted one that the caller was in, or its days are over",
            body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/restore")]
pub(super) async fn restore(
    caller: Caller,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<ConversationBody>> {
    let conversation = conversations.restore(caller.user, &id).await?;
    Ok(web::Json(ConversationBody { conversation }))
}

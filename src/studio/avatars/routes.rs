//! `/api/avatars…`: each user's own, and nobody else's.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::change::AvatarChange;
use super::create::NewAvatar;
use super::view::{AvatarLimitView, AvatarStatsView, AvatarView};
use super::{Avatars, cards, gallery};
use crate::billing::ledger::BalanceView;
use crate::characters::BODY_MAX;
use crate::characters::Characters;
use crate::characters::cards::routes::{CardForm, CardParams, exported};
use crate::characters::cards::upload;
use crate::error::{ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json, Page, PageParams, PageQuery, RateLimits};

pub fn routes(config: &mut ServiceConfig<'_>) {
    // What has a name of its own comes before `{id}`.
    config
        .service(limit)
        .service(stats)
        .service(import)
        .service(list)
        .service(create)
        .service(show)
        .service(change)
        .service(remove)
        .service(redraw)
        .service(card);
    gallery::routes::routes(config);
}

/// An avatar that was asked for, and what is left of the credits.
#[derive(Serialize, ToSchema)]
struct AskedAvatarView {
    avatar: AvatarView,
    credits: BalanceView,
}

/// An avatar alone.
#[derive(Serialize, ToSchema)]
struct OneAvatarView {
    avatar: AvatarView,
}

/// An avatar that was made of a card.
#[derive(Serialize, ToSchema)]
struct ImportedAvatarView {
    avatar: AvatarView,
    /// What of the card was not taken, was shortened, or has no effect here.
    warnings: Vec<FieldError>,
}

/// Have an avatar written
///
/// Its profile and its appearance sheet are written of the description, by a model or, where there is none, by rules (`writtenBy`
/// says so). It answers at once with the state `writing`; the credits are held, and paid when it is `ready` or given back when it
/// `failed`, which the owner's sockets are told (`system:notification` of the kind `avatar.ready` or `avatar.failed`). The same
/// `clientId` again is the same avatar.
#[utoipa::path(
    operation_id = "createAvatar",
    tag = "avatars",
    security(("bearer" = [])),
    request_body = NewAvatar,
    responses(
        (status = 201, description = "It is being written", body = AskedAvatarView),
        (status = 400, description = "Fields are missing or not valid, or what they say may not be here (`content_refused`)", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan has room for no more (`quota_exceeded`), or there are not enough credits (`out_of_credits`)",
            body = ErrorBody),
        (status = 409, description = "The clientId stands for another avatar", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database is away, or nobody can judge the text", body = ErrorBody),
    ),
)]
#[post("/avatars")]
async fn create(
    caller: Caller,
    body: Json<NewAvatar>,
    avatars: web::Data<Avatars>,
) -> ApiResult<HttpResponse> {
    let avatar = avatars.create(caller.user, body.into_inner()).await?;
    let credits = avatars.balance(caller.user).await?;
    let location = format!("/api/avatars/{}", avatar.id);
    let view = AskedAvatarView { avatar, credits };
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(view))
}

/// List one's avatars
#[utoipa::path(
    operation_id = "listAvatars",
    tag = "avatars",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page, the newest first", body = Page<AvatarView>),
        (status = 400, description = "There is no such page", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/avatars")]
async fn list(
    caller: Caller,
    page: PageQuery,
    avatars: web::Data<Avatars>,
) -> ApiResult<web::Json<Page<AvatarView>>> {
    Ok(web::Json(avatars.list(caller.user, &page).await?))
}

/// See how many avatars one may have
#[utoipa::path(
    operation_id = "avatarLimit",
    tag = "avatars",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "How many there are, and may be", body = AvatarLimitView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/avatars/limit")]
async fn limit(caller: Caller, avatars: web::Data<Avatars>) -> ApiResult<web::Json<AvatarLimitView>> {
    Ok(web::Json(avatars.limit(caller.user).await?))
}

/// See what became of one's avatars
#[utoipa::path(
    operation_id = "avatarStats",
    tag = "avatars",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "All together, and one by one", body = AvatarStatsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/avatars/stats")]
async fn stats(caller: Caller, avatars: web::Data<Avatars>) -> ApiResult<web::Json<AvatarStatsView>> {
    Ok(web::Json(avatars.stats(caller.user).await?))
}

/// Get one of one's avatars
#[utoipa::path(
    operation_id = "getAvatar",
    tag = "avatars",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The avatar", body = AvatarView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none of yours", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/avatars/{id}")]
async fn show(
    caller: Caller,
    id: web::Path<String>,
    avatars: web::Data<Avatars>,
) -> ApiResult<web::Json<AvatarView>> {
    Ok(web::Json(avatars.get(caller.user, &id).await?))
}

/// Change one of one's avatars
///
/// What is left out stays as it is; null empties what may be empty; lists are replaced. Sharing is `visibility`. One that becomes
/// private answers in the conversations of others no more; what was said stays.
#[utoipa::path(
    operation_id = "changeAvatar",
    tag = "avatars",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = AvatarChange,
    responses(
        (status = 200, description = "The avatar as it now is", body = AvatarView),
        (status = 400, description = "A field is not valid, or what it says may not be here (`content_refused`)", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none of yours", body = ErrorBody),
        (status = 409, description = "It is being written, or it has another version by now", body = ErrorBody),
        (status = 413, description = "The body is larger than 2 MB", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database is away, or nobody can judge the text", body = ErrorBody),
    ),
)]
#[put("/avatars/{id}")]
async fn change(
    caller: Caller,
    id: web::Path<String>,
    body: Json<AvatarChange, BODY_MAX>,
    avatars: web::Data<Avatars>,
) -> ApiResult<web::Json<AvatarView>> {
    Ok(web::Json(avatars.change(caller.user, &id, body.into_inner()).await?))
}

/// Delete one of one's avatars
///
/// It answers nobody any more; conversations keep what was said. One that is being written is given up, and paid back.
#[utoipa::path(
    operation_id = "deleteAvatar",
    tag = "avatars",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none of yours", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/avatars/{id}")]
async fn remove(
    caller: Caller,
    id: web::Path<String>,
    avatars: web::Data<Avatars>,
) -> ApiResult<HttpResponse> {
    avatars.delete(caller.user, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Have a new thumbnail made
///
/// The present one is shown until the new one is ready, which `media:update` tells.
#[utoipa::path(
    operation_id = "regenerateThumbnail",
    tag = "avatars",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 202, description = "It is being made", body = OneAvatarView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none of yours", body = ErrorBody),
        (status = 409, description = "It is not written yet", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/avatars/{id}/regenerate-thumbnail")]
async fn redraw(
    caller: Caller,
    id: web::Path<String>,
    avatars: web::Data<Avatars>,
) -> ApiResult<HttpResponse> {
    let avatar = avatars.redraw(caller.user, &id).await?;
    Ok(HttpResponse::Accepted().json(OneAvatarView { avatar }))
}

/// Make an avatar of a character card
///
/// A card of version 1, 2 or 3, as JSON, in a PNG picture or as CHARX, as the part `card` of a form or as the body. It costs no
/// credits, takes a place of the plan's, and is private. One without a picture has a portrait painted, as often as portraits are
/// made anew; beyond that it is drawn.
#[utoipa::path(
    operation_id = "importAvatar",
    tag = "avatars",
    security(("bearer" = [])),
    request_body(content(
        (CardForm = "multipart/form-data"),
        (serde_json::Value = "application/json"),
        (Vec<u8> = "image/png"),
        (Vec<u8> = "application/zip"),
    )),
    responses(
        (status = 201, description = "The avatar is made", body = ImportedAvatarView),
        (status = 400, description = "It is no card, or a broken one (`card_invalid` says where), or what it says may not be here",
            body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan has room for no more", body = ErrorBody),
        (status = 413, description = "The file, or what is packed in it, is too large", body = ErrorBody),
        (status = 415, description = "It is another kind of file", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The database is away, or nobody can judge the text", body = ErrorBody),
    ),
)]
#[post("/avatars/import")]
async fn import(
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
    characters: web::Data<Characters>,
    avatars: web::Data<Avatars>,
    limits: web::Data<RateLimits>,
) -> ApiResult<HttpResponse> {
    let file = upload::file(&request, payload, characters.card_max_bytes()).await?;
    let cards::Imported { avatar, warnings } = avatars.import(caller.user, file, &limits).await?;
    let location = format!("/api/avatars/{}", avatar.id);
    let view = ImportedAvatarView { avatar, warnings };
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(view))
}

/// Export one of one's avatars as a card
///
/// As JSON of version 2 or 3, as a PNG picture with both in it, or as a CHARX archive.
#[utoipa::path(
    operation_id = "exportAvatar",
    tag = "avatars",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug"), CardParams),
    responses(
        (status = 200, description = "The card, as a file to keep", content(
            (serde_json::Value = "application/json"),
            (Vec<u8> = "image/png"),
            (Vec<u8> = "application/zip"),
        )),
        (status = 400, description = "There is no such format", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none of yours", body = ErrorBody),
        (status = 409, description = "It is not written yet", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/avatars/{id}/card")]
async fn card(
    caller: Caller,
    id: web::Path<String>,
    request: HttpRequest,
    characters: web::Data<Characters>,
    avatars: web::Data<Avatars>,
) -> ApiResult<HttpResponse> {
    let character = avatars.to_export(caller.user, &id).await?;
    exported(&characters, character, request.query_string()).await
}

//! `/api/avatars/{id}/gallery…`: what owners show of their avatars.

use actix_web::{HttpResponse, delete, post, web};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::characters::gallery::{GalleryItemView, OwnItem};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Caller, Json};
use crate::studio::avatars::Avatars;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(add).service(remove);
}

/// Show a file in the gallery of one's avatar
///
/// One of the caller's own, ready or still being processed. Whoever may see the avatar sees it, and the avatar's replies may show it.
#[utoipa::path(
    operation_id = "addToAvatarGallery",
    tag = "avatars",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = OwnItem,
    responses(
        (status = 201, description = "It is added", body = GalleryItemView),
        (status = 400, description = "A field is missing or not valid, or the words may not stand there", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such avatar, or no such file, of yours", body = ErrorBody),
        (status = 409, description = "The gallery is full, the avatar is not written yet, or the file was deleted or could not be read",
            body = ErrorBody),
        (status = 503, description = "The database is away, or nobody can judge the words", body = ErrorBody),
    ),
)]
#[post("/avatars/{id}/gallery")]
async fn add(
    caller: Caller,
    id: web::Path<String>,
    body: Json<OwnItem>,
    avatars: web::Data<Avatars>,
) -> ApiResult<HttpResponse> {
    let item = avatars.add_to_gallery(caller.user, &id, body.into_inner()).await?;
    Ok(HttpResponse::Created().json(item))
}

/// Take something out of the gallery of one's avatar
///
/// The file stays the caller's own.
#[utoipa::path(
    operation_id = "removeFromAvatarGallery",
    tag = "avatars",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "Its id or its slug"),
        ("itemId" = String, Path, description = "The entry's id"),
    ),
    responses(
        (status = 204, description = "It is taken out"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such avatar of yours, or no such entry", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/avatars/{id}/gallery/{itemId}")]
async fn remove(
    caller: Caller,
    path: web::Path<(String, String)>,
    avatars: web::Data<Avatars>,
) -> ApiResult<HttpResponse> {
    let (id, item) = path.into_inner();
    let item = Uuid::try_parse(&item).map_err(|_| ApiError::not_found("entry"))?;
    avatars.remove_from_gallery(caller.user, &id, item).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/api/characters/{id}/gallery…`: open to all, premium entries locked; admins add and delete.

use actix_web::{HttpResponse, delete, get, http::StatusCode, post, web};
use greenroom_actors::domain::Feature;
use greenroom_actors::protocol::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{Access, GalleryItemView, NewItem, no_item};
use crate::accounts::{Gates, Origin, Role};
use crate::characters::Characters;
use crate::characters::Viewer;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Caller, Json, OptionalCaller, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(add).service(remove).service(view);
}

async fn access(caller: Option<Caller>, gates: &Gates) -> Result<Access, Refusal> {
    match caller {
        None => Ok(Access::Ordinary),
        Some(caller) if caller.role == Role::Admin => Ok(Access::All),
        Some(caller) => Ok(if gates.opens(caller.user, Feature::PremiumGallery).await? {
            Access::All
        } else {
            Access::Ordinary
        }),
    }
}

fn item_of(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text).map_err(|_| no_item())
}

/// List a gallery
///
/// The newest first. Entries for premium plans are locked for all others: they have no address.
#[utoipa::path(
    operation_id = "listGallery",
    tag = "characters",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "The character's id or its slug"), PageParams),
    responses(
        (status = 200, description = "One page of the gallery", body = Page<GalleryItemView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "The token is bad", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters/{id}/gallery")]
async fn list(
    caller: OptionalCaller,
    id: web::Path<String>,
    page: PageQuery,
    characters: web::Data<Characters>,
    gates: web::Data<Gates>,
) -> ApiResult<web::Json<Page<GalleryItemView>>> {
    page.after_id()?;
    let access = access(caller.0, &gates).await?;
    let viewer = match caller.0 {
        Some(caller) if caller.role == Role::Admin => Viewer::Admin,
        caller => Viewer::from(caller.map(|caller| caller.user)),
    };
    Ok(web::Json(characters.gallery(viewer, &id, access, &page).await?))
}

/// Add to a gallery
///
/// Something at another host's address, or a file of one's own that was uploaded here (`mediaId`), ready or still being processed.
/// Owners of avatars have `POST /api/avatars/{id}/gallery`.
#[utoipa::path(
    operation_id = "addToGallery",
    tag = "characters",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The character's id or its slug")),
    request_body = NewItem,
    responses(
        (status = 201, description = "It is added", body = GalleryItemView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such character, or no such file of yours", body = ErrorBody),
        (status = 409, description = "The gallery is full, or the file was deleted or could not be read", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/characters/{id}/gallery")]
async fn add(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    body: Json<NewItem>,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let item = characters.add_to_gallery(&caller.0, &id, body.into_inner(), &origin).await?;
    Ok(HttpResponse::Created().json(item))
}

/// Delete from a gallery
#[utoipa::path(
    operation_id = "removeFromGallery",
    tag = "characters",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The character's id or its slug"),
        ("itemId" = String, Path, description = "The entry's id"),
    ),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such character or entry", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/characters/{id}/gallery/{itemId}")]
async fn remove(
    caller: AdminCaller,
    origin: Origin,
    path: web::Path<(String, String)>,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let (id, item) = path.into_inner();
    characters.remove_from_gallery(&caller.0, &id, item_of(&item)?, &origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How often an entry was looked at.
#[derive(Serialize, ToSchema)]
struct ViewsView {
    /// By how many users.
    views: u64,
}

/// Count a look at an entry
///
/// Once for each user, however often.
#[utoipa::path(
    operation_id = "viewGalleryItem",
    tag = "characters",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The character's id or its slug"),
        ("itemId" = String, Path, description = "The entry's id"),
    ),
    responses(
        (status = 200, description = "It is counted", body = ViewsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "It is for premium plans", body = ErrorBody),
        (status = 404, description = "There is no such character or entry", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/characters/{id}/gallery/{itemId}/view")]
async fn view(
    caller: Caller,
    path: web::Path<(String, String)>,
    characters: web::Data<Characters>,
    gates: web::Data<Gates>,
) -> ApiResult<web::Json<ViewsView>> {
    let (id, item) = path.into_inner();
    let access = access(Some(caller), &gates).await?;
    match characters.look_at(caller.user, access, &id, item_of(&item)?).await? {
        Some(views) => Ok(web::Json(ViewsView { views })),
        None => {
            Err(ApiError::new(StatusCode::PAYMENT_REQUIRED, "premium_required", "this is for premium plans"))
        }
    }
}

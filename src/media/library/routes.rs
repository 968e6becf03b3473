//! `/api/media/list`, `delete`, `signed-url`, `limits` and `status`.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, delete, get, post, web};
use greenroom_actors::domain::AttachmentKind;
use jiff::Timestamp;
use utoipa_actix_web::service_config::ServiceConfig;

use super::view::{
    DeleteBody, DeletedView, FeaturesView, ImageLimitsView, KindLimitsView, KindName, LimitsView, ListParams,
    ProcessingView, RateView, SignBody, SignedView, StatusView, StoreState, TotalView,
};
use crate::accounts::{Origin, Role};
use crate::config::URL_LIFETIME_MAX_S;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Class, Json, Page, PageParams, PageQuery, RateKey, Site, is_admin};
use crate::media::files::{FileId, FileView, State, Wanted};
use crate::media::uploads::types;
use crate::media::{LIFETIME_MIN, Links, Media, ObjectKey};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(remove).service(sign).service(limits).service(status);
}

/// List one's files
///
/// The newest first, also those that are not ready yet.
#[utoipa::path(
    operation_id = "listMedia",
    tag = "media",
    security(("bearer" = [])),
    params(ListParams, PageParams),
    responses(
        (status = 200, description = "One page of the caller's files", body = Page<FileView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/media/list")]
async fn list(
    caller: Caller,
    request: HttpRequest,
    page: PageQuery,
    media: web::Data<Media>,
) -> ApiResult<web::Json<Page<FileView>>> {
    let params = web::Query::<ListParams>::from_query(request.query_string());
    let params = params.map_err(|_| {
        ApiError::malformed("kind takes image, video or audio; purpose upload, gallery, avatar or content")
    })?;
    let kind = params.kind.map(|kind| match kind {
        KindName::Image => AttachmentKind::Image,
        KindName::Video => AttachmentKind::Video,
        KindName::Audio => AttachmentKind::Audio,
    });
    let wanted = Wanted { kind, purpose: params.purpose };
    Ok(web::Json(media.list(caller.user, wanted, &page).await?))
}

/// Delete a file
///
/// By its id or its key. It is gone at once; a message that carries it says that it was deleted. Admins may delete anybody's.
#[utoipa::path(
    operation_id = "deleteMedia",
    tag = "media",
    security(("bearer" = [])),
    request_body = DeleteBody,
    responses(
        (status = 200, description = "It is deleted", body = DeletedView),
        (status = 400, description = "Neither or both of id and key", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The caller has no such file", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/media/delete")]
async fn remove(
    caller: Caller,
    origin: Origin,
    body: Json<DeleteBody>,
    media: web::Data<Media>,
) -> ApiResult<web::Json<DeletedView>> {
    let file = match body.into_inner() {
        DeleteBody { id: Some(id), key: None } => media.file(FileId::from_uuid(id)).await?,
        DeleteBody { id: None, key: Some(key) } => match ObjectKey::parse(&key) {
            Ok(key) => media.file_at(&key).await?,
            Err(_) => None,
        },
        DeleteBody { id: None, key: None } => return Err(FieldError::new("key", "is missing").into()),
        DeleteBody { id: Some(_), key: Some(_) } => {
            return Err(FieldError::new("key", "does not go together with id").into());
        }
    };
    let file = file.ok_or_else(|| ApiError::not_found("file"))?;
    if file.owner != caller.user && caller.role == Role::Admin {
        media.delete_as_admin(&caller, file.id, &origin).await?;
    } else {
        media.delete(caller.user, file.id).await?;
    }
    Ok(web::Json(DeletedView { deleted: true }))
}

/// Get an address of a file
///
/// That opens it, or a smaller picture of it, for so long and to whoever has it: at the cloud that it lies at, where readers are
/// sent there (`media.redirect`) and no CDN stands before it, else at this server. Of what the caller may see: their own, what
/// messages in their rooms carry, and what galleries show them.
#[utoipa::path(
    operation_id = "signMediaUrl",
    tag = "media",
    security(("bearer" = [])),
    request_body = SignBody,
    responses(
        (status = 200, description = "The address", body = SignedView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such file for the caller", body = ErrorBody),
        (status = 409, description = "The file is not ready", body = ErrorBody),
        (status = 503, description = "The database or the store is away", body = ErrorBody),
    ),
)]
#[post("/media/signed-url")]
async fn sign(
    caller: Caller,
    body: Json<SignBody>,
    media: web::Data<Media>,
) -> ApiResult<web::Json<SignedView>> {
    let SignBody { key, expires_in } = body.into_inner();
    let key = key.ok_or_else(|| FieldError::new("key", "is missing"))?;
    let seconds = expires_in.unwrap_or(media.settings().url_lifetime_s);
    if !(LIFETIME_MIN.as_secs()..=URL_LIFETIME_MAX_S).contains(&seconds) {
        return Err(FieldError::new("expiresIn", "takes 60 to 604800 seconds").into());
    }
    let none = || ApiError::not_found("file");
    let key = ObjectKey::parse(&key).map_err(|_| none())?;
    let file = media.reach(caller.user, &key).await?.ok_or_else(none)?;
    match file.map(|file| file.state) {
        None | Some(State::Ready) => {}
        Some(State::Processing) => return Err(ApiError::conflict("the file is not ready yet")),
        Some(State::Failed(_) | State::Deleted) => return Err(none()),
    }
    let expires_at = Timestamp::now().as_second() + i64::try_from(seconds).unwrap_or(i64::MAX);
    let expires_at = Timestamp::from_second(expires_at).map_err(|_| ApiError::internal())?;
    let url = match media.elsewhere(&key, Duration::from_secs(seconds)).await? {
        Some(url) => url.to_string(),
        None => {
            let links = Links::installed().ok_or_else(ApiError::internal)?;
            links.until(key.as_str(), expires_at.as_second())
        }
    };
    Ok(web::Json(SignedView { url, expires_at }))
}

/// Say what may be uploaded
///
/// And how much of it the caller has used.
#[utoipa::path(
    operation_id = "getMediaLimits",
    tag = "media",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The limits", body = LimitsView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/media/limits")]
async fn limits(
    caller: Caller,
    media: web::Data<Media>,
    site: web::Data<Site>,
) -> ApiResult<web::Json<LimitsView>> {
    let room = media.room(caller.user).await?;
    let settings = media.settings();
    let premium = caller.role == Role::Admin || site.is_premium(&room.plan);
    let class = if premium { Class::UploadsPremium } else { Class::Uploads };
    let standing = site.limits().look(class, &RateKey::User(caller.user)).await;
    let rate = site.config().limits.effective();
    let rate = if premium { rate.uploads_premium } else { rate.uploads };
    let per_hour = u64::from(rate.max) * 3_600 / u64::from(rate.window_s.max(1));
    let of = |max_bytes, kind| KindLimitsView { max_bytes, types: names(kind) };
    Ok(web::Json(LimitsView {
        image: ImageLimitsView {
            kind: of(settings.image_max_bytes, AttachmentKind::Image),
            max_pixels: settings.image_max_pixels,
            max_side: settings.image_max_side,
        },
        audio: of(settings.audio_max_bytes, AttachmentKind::Audio),
        video: of(settings.video_max_bytes, AttachmentKind::Video),
        total: TotalView { used_bytes: room.used, max_bytes: room.most },
        uploads: RateView {
            per_hour: standing.map(|_| per_hour),
            remaining: standing.map(|standing| standing.remaining),
        },
        images_per_request: settings.upload_max_files,
    }))
}

fn names(kind: AttachmentKind) -> Vec<&'static str> {
    types(kind).iter().map(|file| file.mime()).collect()
}

/// Say how the files do
///
/// Whether the store takes and gives objects; with an admin's token also what it is, and what waits.
#[utoipa::path(
    operation_id = "getMediaStatus",
    tag = "media",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "It works", body = StatusView),
        (status = 503, description = "The store is away", body = StatusView),
    ),
)]
#[get("/media/status")]
async fn status(
    request: HttpRequest,
    media: web::Data<Media>,
) -> ApiResult<(web::Json<StatusView>, StatusCode)> {
    let admin = is_admin(&request).await;
    let (state, code) = match media.answers().await {
        true => (StoreState::Up, StatusCode::OK),
        false => (StoreState::Down, StatusCode::SERVICE_UNAVAILABLE),
    };
    let mut view = StatusView { state, store: None, features: None, processing: None };
    if admin {
        let work = media.in_work().await?;
        view.store = Some(media.objects().kind());
        view.features = Some(FeaturesView {
            image: names(AttachmentKind::Image),
            audio: names(AttachmentKind::Audio),
            video: names(AttachmentKind::Video),
        });
        view.processing =
            Some(ProcessingView { waiting: work.waiting, running: work.running, files: work.files });
    }
    Ok((web::Json(view), code))
}

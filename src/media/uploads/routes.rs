//! `POST /api/media/upload/…`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use greenroom_actors::domain::AttachmentKind;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::form::{Came, Files, Wanted};
use super::view::{RejectedView, UploadedGalleryView, UploadedListView, UploadedView};
use super::{Uploads, gallery};
use crate::accounts::Origin;
use crate::characters::Characters;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Caller};
use crate::media::files::FileView;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(image).service(images).service(audio).service(video).service(to_gallery);
}

const IMAGE: &[AttachmentKind] = &[AttachmentKind::Image];
const AUDIO: &[AttachmentKind] = &[AttachmentKind::Audio];
const VIDEO: &[AttachmentKind] = &[AttachmentKind::Video];
const ANY: &[AttachmentKind] = &[AttachmentKind::Image, AttachmentKind::Video, AttachmentKind::Audio];

/// One picture: PNG, JPEG, WebP or GIF.
#[derive(ToSchema)]
#[allow(dead_code)] // Read piece by piece, not by this.
struct ImageForm {
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Several pictures.
#[derive(ToSchema)]
#[allow(dead_code)]
struct ImagesForm {
    #[schema(value_type = Vec<String>, format = Binary)]
    images: Vec<Vec<u8>>,
}

/// One sound: MP3, WAV, OGG, M4A or WebM.
#[derive(ToSchema)]
#[allow(dead_code)]
struct AudioForm {
    #[schema(value_type = String, format = Binary)]
    audio: Vec<u8>,
}

/// One video: MP4 or WebM.
#[derive(ToSchema)]
#[allow(dead_code)]
struct VideoForm {
    #[schema(value_type = String, format = Binary)]
    video: Vec<u8>,
}

/// Files of a gallery, and what is said of them. Each text is given once, for all files, or once for each file in its order.
#[derive(ToSchema)]
#[allow(dead_code)]
struct GalleryForm {
    #[schema(value_type = Vec<String>, format = Binary)]
    gallery: Vec<Vec<u8>>,
    caption: Option<Vec<String>>,
    /// Separated by commas.
    tags: Option<Vec<String>>,
    /// `true` or `false`.
    premium: Option<Vec<String>>,
}

/// One file of the caller's own.
async fn one(
    uploads: &Uploads,
    caller: Caller,
    request: &HttpRequest,
    payload: web::Payload,
    field: &'static str,
    kinds: &'static [AttachmentKind],
) -> ApiResult<HttpResponse> {
    let _slot = uploads.slots.acquire(caller.user).await?;
    uploads.media.has_room(caller.user, 1).await?;
    let wanted = Wanted { field, kinds, files: Files::One, texts: &[] };
    let form = uploads.read(request, payload, wanted).await?;
    let mut taken = Err(ApiError::internal());
    for came in form.files {
        taken = Ok(uploads.take(caller.user, came.file?).await?);
    }
    let file = FileView::from(&taken?);
    Ok(HttpResponse::Accepted().json(UploadedView { file }))
}

/// Upload a picture
///
/// It is there at once as `processing`; `media:update` on the socket tells when its smaller pictures are made.
#[utoipa::path(
    operation_id = "uploadImage",
    tag = "media",
    security(("bearer" = [])),
    request_body(content((ImageForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "It is taken", body = UploadedView),
        (status = 400, description = "The form is not as it should be, or the picture is broken (`file_invalid`)", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan has no room for it", body = ErrorBody),
        (status = 408, description = "It took too long", body = ErrorBody),
        (status = 413, description = "It has too many bytes or pixels", body = ErrorBody),
        (status = 415, description = "It is another kind of file", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The store or the database is away", body = ErrorBody),
    ),
)]
#[post("/media/upload/image")]
async fn image(
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
    uploads: web::Data<Uploads>,
) -> ApiResult<HttpResponse> {
    one(&uploads, caller, &request, payload, "image", IMAGE).await
}

/// Upload a sound
///
/// What a recording says is written down when it is sent as a message without a text.
#[utoipa::path(
    operation_id = "uploadAudio",
    tag = "media",
    security(("bearer" = [])),
    request_body(content((AudioForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "It is taken", body = UploadedView),
        (status = 400, description = "The form is not as it should be", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan has no room for it", body = ErrorBody),
        (status = 408, description = "It took too long", body = ErrorBody),
        (status = 413, description = "It has too many bytes", body = ErrorBody),
        (status = 415, description = "It is another kind of file", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The store or the database is away", body = ErrorBody),
    ),
)]
#[post("/media/upload/audio")]
async fn audio(
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
    uploads: web::Data<Uploads>,
) -> ApiResult<HttpResponse> {
    one(&uploads, caller, &request, payload, "audio", AUDIO).await
}

/// Upload a video
#[utoipa::path(
    operation_id = "uploadVideo",
    tag = "media",
    security(("bearer" = [])),
    request_body(content((VideoForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "It is taken", body = UploadedView),
        (status = 400, description = "The form is not as it should be", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan has no room for it", body = ErrorBody),
        (status = 408, description = "It took too long", body = ErrorBody),
        (status = 413, description = "It has too many bytes", body = ErrorBody),
        (status = 415, description = "It is another kind of file", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The store or the database is away", body = ErrorBody),
    ),
)]
#[post("/media/upload/video")]
async fn video(
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
    uploads: web::Data<Uploads>,
) -> ApiResult<HttpResponse> {
    one(&uploads, caller, &request, payload, "video", VIDEO).await
}

/// Upload pictures
///
/// Those that fit are taken, and it is told which are not. Where none is, the answer is the error of the first.
#[utoipa::path(
    operation_id = "uploadImages",
    tag = "media",
    security(("bearer" = [])),
    request_body(content((ImagesForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "At least one is taken", body = UploadedListView),
        (status = 400, description = "The form is not as it should be", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan has no room", body = ErrorBody),
        (status = 408, description = "It took too long", body = ErrorBody),
        (status = 413, description = "Too many bytes or pixels", body = ErrorBody),
        (status = 415, description = "Other kinds of files", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The store or the database is away", body = ErrorBody),
    ),
)]
#[post("/media/upload/images")]
async fn images(
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
    uploads: web::Data<Uploads>,
) -> ApiResult<HttpResponse> {
    let _slot = uploads.slots.acquire(caller.user).await?;
    uploads.media.has_room(caller.user, 1).await?;
    let wanted = Wanted { field: "images", kinds: IMAGE, files: Files::Several, texts: &[] };
    let form = uploads.read(&request, payload, wanted).await?;
    let (mut taken, mut first) = (UploadedListView::default(), None);
    for Came { name, file } in form.files {
        let done = match file {
            Ok(arrived) => uploads.take(caller.user, arrived).await.map_err(ApiError::from),
            Err(error) => Err(error),
        };
        match done {
            Ok(file) => taken.files.push(FileView::from(&file)),
            Err(error) => {
                first.get_or_insert_with(|| error.clone());
                taken.rejected.push(RejectedView::new(name, error));
            }
        }
    }
    match first.filter(|_| taken.files.is_empty()) {
        Some(error) => Err(error),
        None => Ok(HttpResponse::Accepted().json(taken)),
    }
}

/// Upload into a gallery
///
/// Pictures, videos and sounds, each with an entry in the character's gallery. What is said of them may come before or behind
/// the files.
#[utoipa::path(
    operation_id = "uploadGallery",
    tag = "media",
    security(("bearer" = [])),
    params(("characterId" = String, Path, description = "The character's id or its slug")),
    request_body(content((GalleryForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "At least one is taken", body = UploadedGalleryView),
        (status = 400, description = "The form is not as it should be", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 408, description = "It took too long", body = ErrorBody),
        (status = 409, description = "The gallery is full", body = ErrorBody),
        (status = 413, description = "Too many bytes or pixels", body = ErrorBody),
        (status = 415, description = "Other kinds of files", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The store or the database is away", body = ErrorBody),
    ),
)]
#[post("/media/upload/gallery/{characterId}")]
async fn to_gallery(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    characters: web::Data<Characters>,
    uploads: web::Data<Uploads>,
) -> ApiResult<HttpResponse> {
    let character = characters.gallery_of(&id).await?;
    let _slot = uploads.slots.acquire(caller.0.user).await?;
    let wanted = Wanted { field: "gallery", kinds: ANY, files: Files::Several, texts: &gallery::TEXTS };
    let form = uploads.read(&request, payload, wanted).await?;
    let entries = gallery::entries(&form).map_err(ApiError::bad_request)?;
    let (mut taken, mut first) = (UploadedGalleryView::default(), None);
    for (Came { name, file }, entry) in form.files.into_iter().zip(entries) {
        let done = match file {
            Ok(arrived) => {
                let one = (arrived, entry);
                uploads.take_for_gallery(&caller.0, character, &characters, one, &origin).await
            }
            Err(error) => Err(error),
        };
        match done {
            Ok((file, item)) => {
                taken.files.push(FileView::from(&file));
                taken.items.push(item);
            }
            Err(error) => {
                first.get_or_insert_with(|| error.clone());
                taken.rejected.push(RejectedView::new(name, error));
            }
        }
    }
    match first.filter(|_| taken.files.is_empty()) {
        Some(error) => Err(error),
        None => Ok(HttpResponse::Accepted().json(taken)),
    }
}

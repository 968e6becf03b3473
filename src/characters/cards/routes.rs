//! `POST /api/characters/import`, `GET /api/characters/{id}/card` and `…/picture`.

use actix_web::http::header::{
    self, ContentDisposition, DispositionParam, DispositionType, EntityTag, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use greenroom_actors::domain::CharacterId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::desk::Format;
use super::{Version, upload};
use crate::accounts::Origin;
use crate::characters::{Access, AdminCharacterView, CharacterStatistics, Characters, FullCharacter};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::AdminCaller;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(import).service(card).service(picture);
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ImportParams {
    /// Only tells what would be made, and makes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What became of a card.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ImportView {
    #[serde(flatten)]
    character: AdminCharacterView,
    /// What of the card was not taken, was shortened, or has no effect here.
    warnings: Vec<FieldError>,
    /// Nothing was made; the id is none.
    dry_run: bool,
}

/// The file, as `multipart/form-data`.
#[derive(ToSchema)]
#[allow(dead_code)] // Read piece by piece, not by this.
pub(crate) struct CardForm {
    #[schema(value_type = String, format = Binary)]
    card: Vec<u8>,
}

/// Import a character card
///
/// A card of version 1, 2 or 3, as JSON, in a PNG picture or as CHARX; told apart by what is in the file. As the part `card` of
/// a form, or as the body. All of the card is kept and comes back at export; a picture that comes with it becomes the
/// character's.
#[utoipa::path(
    operation_id = "importCharacter",
    tag = "characters",
    security(("bearer" = [])),
    params(ImportParams),
    request_body(content(
        (CardForm = "multipart/form-data"),
        (serde_json::Value = "application/json"),
        (Vec<u8> = "image/png"),
        (Vec<u8> = "application/zip"),
    )),
    responses(
        (status = 200, description = "What would be made, with `dryRun`", body = ImportView),
        (status = 201, description = "The character is made", body = ImportView),
        (status = 400, description = "It is no card, or a broken one: `card_invalid` says where", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 413, description = "The file, or what is packed in it, is too large", body = ErrorBody),
        (status = 415, description = "It is another kind of file", body = ErrorBody),
        (status = 429, description = "Too many uploads", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/characters/import")]
async fn import(
    caller: AdminCaller,
    origin: Origin,
    request: HttpRequest,
    payload: web::Payload,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let params = web::Query::<ImportParams>::from_query(request.query_string())
        .map_err(|_| FieldError::new("dryRun", "takes true or false"))?;
    let file = upload::file(&request, payload, characters.card_max_bytes()).await?;
    let imported = characters.read_card(file).await?;
    let warnings = imported.warnings.clone().into_list();
    if params.dry_run {
        let (id, now) = (CharacterId::from_uuid(uuid::Uuid::nil()), Timestamp::now());
        let draft = Characters::draft_of(&imported, id)?;
        let (access, appearance) = (Access::OPEN, String::new());
        let none =
            FullCharacter { id, version: 0, created_at: now, updated_at: now, access, appearance, draft };
        let character = AdminCharacterView::new(none, CharacterStatistics::default());
        return Ok(HttpResponse::Ok().json(ImportView { character, warnings, dry_run: true }));
    }
    let made = characters.import_card(&caller.0, imported, &origin).await?;
    let location = format!("/api/characters/{}", made.id);
    let character = characters.whole(&made.id.to_string()).await?;
    let view = ImportView { character, warnings, dry_run: false };
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(view))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatName {
    V2,
    #[default]
    V3,
    Png,
    Charx,
}

impl FormatName {
    /// With its media type, and how its file's name ends.
    fn file(self) -> (Format, &'static str, &'static str) {
        match self {
            Self::V2 => (Format::Json(Version::V2), "application/json", "v2.json"),
            Self::V3 => (Format::Json(Version::V3), "application/json", "v3.json"),
            Self::Png => (Format::Png, "image/png", "png"),
            Self::Charx => (Format::Charx, "application/zip", "charx"),
        }
    }
}

/// A character as a card's file to keep, in the form that the query asks for.
pub(crate) async fn exported(
    characters: &Characters,
    character: FullCharacter,
    query: &str,
) -> ApiResult<HttpResponse> {
    let params = web::Query::<CardParams>::from_query(query)
        .map_err(|_| ApiError::from(FieldError::new("format", "takes v2, v3, png or charx")))?;
    let (format, kind, ending) = params.format.file();
    let name = format!("{}.{ending}", character.draft.slug.as_deref().unwrap_or("character"));
    let bytes = characters.export_card(character, format).await?;
    let attachment = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header(attachment)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(bytes))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CardParams {
    /// `v3` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    format: FormatName,
}

/// Export a character as a card
///
/// As JSON of version 2 or 3, as a PNG picture with both in it, or as a CHARX archive. Of a character that came from a card, all that is unknown
/// here comes back as it was.
#[utoipa::path(
    operation_id = "exportCharacter",
    tag = "characters",
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
        (status = 403, description = "It is not yours", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters/{id}/card")]
async fn card(
    _: AdminCaller,
    id: web::Path<String>,
    request: HttpRequest,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let character = characters.full(&id).await?;
    exported(&characters, character, request.query_string()).await
}

/// Get a character's picture
///
/// The one that came with its card, made small.
#[utoipa::path(
    operation_id = "getCharacterPicture",
    tag = "characters",
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The picture", content_type = "image/png", body = Vec<u8>),
        (status = 304, description = "The one that the client has is the present one"),
        (status = 404, description = "The character has none, or there is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters/{id}/picture")]
async fn picture(
    id: web::Path<String>,
    known: web::Header<IfNoneMatch>,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let picture = characters.picture_of(&id).await?;
    let tag = EntityTag::new_strong(picture.hash);
    let same = match &known.0 {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(&tag)),
    };
    let mut answer = if same { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400, stale-while-revalidate=604800"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    Ok(if same { answer.finish() } else { answer.content_type("image/png").body(picture.bytes) })
}

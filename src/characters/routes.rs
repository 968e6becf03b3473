//! `/api/characters…`: reading is open to all, writing is for admins.

use actix_web::{HttpRequest, HttpResponse, delete, get, http::header, post, put, web};
use greenroom_actors::domain::CharacterId;
use greenroom_actors::prompt;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::body::{AiSettingsBody, CharacterBody};
use super::draft::CharacterDraft;
use super::list::{CharacterFilter, SortParams};
use super::ratings::{RatingBody, RatingView};
use super::view::{AdminCharacterView, AskedCharacter, CharacterView};
use super::{Characters, Viewer, cards, cursor, gallery, rules};
use crate::accounts::{Origin, Role};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Caller, Json, OptionalCaller, Page, PageParams, PageQuery};

/// Bytes of a request with a whole character in it: its texts, and as much again for JSON's own signs.
pub(crate) const BODY_MAX: usize = 2 * rules::CHARACTER_MAX_BYTES;

pub fn routes(config: &mut ServiceConfig<'_>) {
    // What has a name of its own comes before `{id}`.
    config
        .service(list)
        .service(traits)
        .configure(cards::routes::routes)
        .service(show)
        .service(create)
        .service(change)
        .service(remove)
        .service(settings)
        .service(rate);
    gallery::routes::routes(config);
}

/// List characters
///
/// Every filter that is given must fit. Going on by `nextCursor` neither repeats nor hides one, whatever is made meanwhile.
#[utoipa::path(
    operation_id = "listCharacters",
    tag = "characters",
    params(PageParams, CharacterFilter, SortParams),
    responses(
        (status = 200, description = "One page of the characters", body = Page<CharacterView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters")]
async fn list(
    request: HttpRequest,
    page: PageQuery,
    characters: web::Data<Characters>,
) -> ApiResult<web::Json<Page<CharacterView>>> {
    let query = request.query_string();
    let filter = web::Query::<CharacterFilter>::from_query(query)
        .map_err(|_| {
            ApiError::malformed("category, tag, trait and q take text, premium true or false, each once")
        })?
        .into_inner()
        .checked()?;
    let sort = web::Query::<SortParams>::from_query(query)
        .map_err(|_| ApiError::malformed("sort takes name, newest, popular or rating"))?
        .sort;
    cursor::position(sort, &page)?;
    Ok(web::Json(characters.list(&filter, sort, &page).await?))
}

#[derive(Serialize, ToSchema)]
struct TraitList {
    items: Vec<TraitView>,
}

/// One trait that a character can have.
#[derive(Serialize, ToSchema)]
struct TraitView {
    /// As characters name it.
    #[schema(value_type = String, example = "dry")]
    name: &'static str,
    #[schema(value_type = String, example = "Dry")]
    label: &'static str,
    /// How it shapes speech.
    #[schema(value_type = String)]
    description: &'static str,
}

/// List traits
///
/// All that a character can have, with what each does to its speech.
#[utoipa::path(
    operation_id = "listTraits",
    tag = "characters",
    responses((status = 200, description = "All traits, by name", body = TraitList)),
)]
#[get("/characters/traits")]
async fn traits() -> web::Json<TraitList> {
    let view = |one: &prompt::Trait| TraitView { name: one.name, label: one.label, description: one.line };
    web::Json(TraitList { items: prompt::traits().iter().map(view).collect() })
}

/// Get a character
///
/// Admins get its `settings` too. A look of a signed-in user counts as a view.
#[utoipa::path(
    operation_id = "getCharacter",
    tag = "characters",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The character", body = AskedCharacter),
        (status = 401, description = "The token is bad", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters/{id}")]
async fn show(
    caller: OptionalCaller,
    id: web::Path<String>,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let asked = match caller.0 {
        Some(caller) if caller.role == Role::Admin => {
            AskedCharacter::Whole(Box::new(characters.whole(&id).await?))
        }
        caller => {
            let viewer = Viewer::from(caller.map(|caller| caller.user));
            let view = characters.get(viewer, &id).await?;
            if caller.is_some() {
                characters.seen(CharacterId::from_uuid(view.id));
            }
            AskedCharacter::Public(view)
        }
    };
    // One address, two answers: no cache on the way may give an admin's to others.
    Ok(HttpResponse::Ok().insert_header((header::VARY, "Authorization")).json(asked))
}

/// Make a character
///
/// Only a name is needed. Without a slug it gets one made of its name.
#[utoipa::path(
    operation_id = "createCharacter",
    tag = "characters",
    security(("bearer" = [])),
    request_body = CharacterBody,
    responses(
        (status = 201, description = "It is made", body = AdminCharacterView),
        (status = 400, description = "Fields are missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 409, description = "The slug is in use", body = ErrorBody),
        (status = 413, description = "The body is larger than 2 MB", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/characters")]
async fn create(
    caller: AdminCaller,
    origin: Origin,
    body: Json<CharacterBody, BODY_MAX>,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    let mut draft = CharacterDraft::default();
    body.into_inner().apply(&mut draft);
    let made = characters.create(&caller.0, draft, &origin).await?;
    let location = format!("/api/characters/{}", made.id);
    let view = characters.whole(&made.id.to_string()).await?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(view))
}

/// Change a character
///
/// What is left out stays as it is; null empties what may be empty; lists are replaced. Live conversations speak with the
/// new one from their next reply on, replies under way keep the old one, and sockets that subscribed are told.
#[utoipa::path(
    operation_id = "changeCharacter",
    tag = "characters",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = CharacterBody,
    responses(
        (status = 200, description = "The character as it now is", body = AdminCharacterView),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 409, description = "The slug is in use, or it has another version by now", body = ErrorBody),
        (status = 413, description = "The body is larger than 2 MB", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/characters/{id}")]
async fn change(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    body: Json<CharacterBody, BODY_MAX>,
    characters: web::Data<Characters>,
) -> ApiResult<web::Json<AdminCharacterView>> {
    write(&characters, &caller.0, &id, body.into_inner(), &origin).await
}

async fn write(
    characters: &Characters,
    admin: &Caller,
    id: &str,
    body: CharacterBody,
    origin: &Origin,
) -> ApiResult<web::Json<AdminCharacterView>> {
    let changed = characters.change(admin, id, body.version, |draft| body.apply(draft), origin).await?;
    Ok(web::Json(characters.whole(&changed.id.to_string()).await?))
}

/// Delete a character
///
/// It is gone from all lists and answers nobody. Conversations keep what was said in them.
#[utoipa::path(
    operation_id = "deleteCharacter",
    tag = "characters",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/characters/{id}")]
async fn remove(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    characters: web::Data<Characters>,
) -> ApiResult<HttpResponse> {
    characters.delete(&caller.0, &id, &origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change a character's AI settings
///
/// The same as changing these of a character; what is left out stays as it is. With a `version` the change is refused where
/// the character has another one by now.
#[utoipa::path(
    operation_id = "changeAiSettings",
    tag = "ai",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The character's id or its slug")),
    request_body = AiSettingsBody,
    responses(
        (status = 200, description = "The character as it now is", body = AdminCharacterView),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 409, description = "It has another version by now", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/ai/characters/{id}/settings")]
async fn settings(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    body: Json<AiSettingsBody>,
    characters: web::Data<Characters>,
) -> ApiResult<web::Json<AdminCharacterView>> {
    write(&characters, &caller.0, &id, body.into_inner().into(), &origin).await
}

/// Rate a character
///
/// Once for each user; rating again changes it.
#[utoipa::path(
    operation_id = "rateCharacter",
    tag = "characters",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = RatingBody,
    responses(
        (status = 200, description = "The rating, and what all of them come to", body = RatingView),
        (status = 400, description = "It is not 1 to 5", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/characters/{id}/rating")]
async fn rate(
    caller: Caller,
    id: web::Path<String>,
    body: Json<RatingBody>,
    characters: web::Data<Characters>,
) -> ApiResult<web::Json<RatingView>> {
    let rating = body.into_inner().rating;
    if !(1..=5).contains(&rating) {
        return Err(crate::error::FieldError::new("rating", "takes 1 to 5").into());
    }
    Ok(web::Json(characters.rate(caller.user, &id, rating).await?))
}

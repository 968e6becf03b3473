//! `GET /api/characters…`: open to all.

use actix_web::{HttpRequest, get, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{CharacterFilter, CharacterView, Characters, cursor};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show);
}

/// List characters
///
/// By name. Every filter that is given must fit.
#[utoipa::path(
    operation_id = "listCharacters",
    tag = "characters",
    params(PageParams, CharacterFilter),
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
    let filter = web::Query::<CharacterFilter>::from_query(request.query_string())
        .map_err(|_| ApiError::malformed("category, tag and q take text, each once"))?
        .into_inner()
        .checked()?;
    cursor::position(&page)?;
    Ok(web::Json(characters.list(&filter, &page).await?))
}

/// Get a character
#[utoipa::path(
    operation_id = "getCharacter",
    tag = "characters",
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The character", body = CharacterView),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/characters/{id}")]
async fn show(
    id: web::Path<String>,
    characters: web::Data<Characters>,
) -> ApiResult<web::Json<CharacterView>> {
    Ok(web::Json(characters.get(&id).await?))
}

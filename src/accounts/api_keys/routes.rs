//! `/api/auth/api-keys`: a signed-in user's keys. A key cannot make or see keys.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, post, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{KeyInfo, NewKey, Scope};
use crate::accounts::{Accounts, Origin};
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Caller, Json, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_keys).service(make_key).service(revoke_key);
}

/// A key that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewKeyBody {
    /// For its owner to tell keys apart.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// `chat` without it.
    #[schema(value_type = Option<Vec<Scope>>, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// Without it the key holds until it is revoked.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// An API key: all of it but the key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct KeyView {
    id: Uuid,
    name: String,
    /// The key's first characters.
    prefix: String,
    scopes: Vec<Scope>,
    created_at: Timestamp,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl From<KeyInfo> for KeyView {
    fn from(info: KeyInfo) -> Self {
        Self {
            id: info.id,
            name: info.name,
            prefix: info.prefix,
            scopes: info.scopes,
            created_at: wire_time(info.created_at),
            last_used_at: info.last_used_at.map(wire_time),
            expires_at: info.expires_at.map(wire_time),
        }
    }
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
struct MadeKeyView {
    /// The key itself: shown this once.
    key: String,
    #[serde(flatten)]
    info: KeyView,
}

/// List one's API keys
///
/// Those that were not revoked, the newest first.
#[utoipa::path(
    operation_id = "listApiKeys",
    tag = "auth",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "A page of keys", body = Page<KeyView>),
        (status = 400, description = "The page cannot be", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/api-keys")]
async fn list_keys(
    caller: Caller,
    page: PageQuery,
    accounts: web::Data<Accounts>,
) -> ApiResult<web::Json<Page<KeyView>>> {
    if page.cursor.is_some() {
        return Err(ApiError::malformed("this list is short: it goes by page"));
    }
    let (keys, total) = accounts.keys(caller.user, &page).await?;
    let items = keys.into_iter().map(KeyView::from).collect();
    Ok(web::Json(Page::new(&page, items, Some(total), None)))
}

/// Make an API key
///
/// For one's own programs. The key is in this answer and nowhere else; a user has at most 20.
#[utoipa::path(
    operation_id = "makeApiKey",
    tag = "auth",
    security(("bearer" = [])),
    request_body = NewKeyBody,
    responses(
        (status = 201, description = "The key", body = MadeKeyView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The account is blocked", body = ErrorBody),
        (status = 409, description = "There are 20 keys already", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/api-keys")]
async fn make_key(
    caller: Caller,
    origin: Origin,
    body: Json<NewKeyBody>,
    accounts: web::Data<Accounts>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let new = NewKey::check(&body.name, body.scopes.as_deref(), body.expires_in_days)
        .map_err(ApiError::bad_request)?;
    let (key, info) = accounts.make_key(caller.user, &new, &origin).await?;
    let view = MadeKeyView { key: key.expose().to_owned(), info: info.into() };
    Ok(HttpResponse::build(StatusCode::CREATED).json(view))
}

/// Revoke an API key
///
/// It is refused from now on.
#[utoipa::path(
    operation_id = "revokeApiKey",
    tag = "auth",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The key's id")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such key of the caller", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/auth/api-keys/{id}")]
async fn revoke_key(
    caller: Caller,
    origin: Origin,
    id: web::Path<String>,
    accounts: web::Data<Accounts>,
) -> ApiResult<HttpResponse> {
    let id = id.parse().map_err(|_| ApiError::not_found("key"))?;
    accounts.revoke_key(caller.user, id, &origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

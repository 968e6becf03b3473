//! ID tokens over HTTP: the Bearer side of `/api/auth/login` and `/api/auth/register`, and `/api/auth/identities`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, post, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::IdentityInfo;
use crate::accounts::routes::view::answer;
use crate::accounts::{Accounts, Origin, rules};
use crate::config::Config;
use crate::conversations::view::wire_time;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, ClientAddress, Json, RateLimits};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(link).service(unlink);
}

/// An account at an identity provider that signs in to this one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityView {
    id: Uuid,
    /// Its name in the server's settings.
    provider: String,
    /// As the provider told it when it was linked.
    email: Option<String>,
    created_at: Timestamp,
}

impl From<IdentityInfo> for IdentityView {
    fn from(info: IdentityInfo) -> Self {
        Self {
            id: info.id,
            provider: info.provider,
            email: info.email,
            created_at: wire_time(info.created_at),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LinkBody {
    id_token: String,
}

/// Signs in with an ID token; 201 where that made the account.
pub async fn sign_in(
    request: &HttpRequest,
    address: ClientAddress,
    token: &str,
    origin: &Origin,
) -> ApiResult<HttpResponse> {
    enter(request, address, token, None, origin).await
}

/// Makes an account with an ID token and a chosen username; without one it is generated.
pub async fn register(
    request: &HttpRequest,
    address: ClientAddress,
    token: &str,
    username: &str,
    origin: &Origin,
) -> ApiResult<HttpResponse> {
    let username = if username.is_empty() { rules::generated_username() } else { rules::username(username)? };
    enter(request, address, token, Some(username), origin).await
}

async fn enter(
    request: &HttpRequest,
    address: ClientAddress,
    token: &str,
    username: Option<rules::Username>,
    origin: &Origin,
) -> ApiResult<HttpResponse> {
    let data = |name| {
        move || {
            tracing::error!("the app was built without {name}");
            crate::error::ApiError::internal()
        }
    };
    let accounts = request.app_data::<web::Data<Accounts>>().ok_or_else(data("Accounts"))?;
    let limits = request.app_data::<web::Data<RateLimits>>().ok_or_else(data("RateLimits"))?;
    let config = request.app_data::<web::Data<Config>>().ok_or_else(data("Config"))?;
    let person = accounts.0.identities.verify(token).await?;
    // Nothing is guessed here: it is the database's work that is limited.
    let tried = limits.check_auth(address, &format!("{} {}", person.issuer, person.subject)).await?;
    let entered = accounts.enter(&person, username.as_ref(), origin).await?;
    tried.was_right().await;
    let status = if entered.made { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(request, config, status, entered.opened))
}

/// Link an identity
///
/// Shows an ID token of an identity provider; from then on it signs in to this account. The same one again changes nothing.
#[utoipa::path(
    operation_id = "linkIdentity",
    tag = "auth",
    security(("bearer" = [])),
    request_body = LinkBody,
    responses(
        (status = 201, description = "Linked", body = IdentityView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No access token, or one of both tokens does not hold", body = ErrorBody),
        (status = 409, description = "Another account has it, or this one has too many", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "No provider is configured, its keys cannot be had, or the database is away", body = ErrorBody),
    ),
)]
#[post("/auth/identities")]
async fn link(
    caller: Caller,
    address: ClientAddress,
    origin: Origin,
    body: Json<LinkBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
) -> ApiResult<HttpResponse> {
    let tried = limits.check_auth(address, &format!("link {}", caller.user)).await?;
    let linked = accounts.link_identity(caller.user, &body.0.id_token, &origin).await?;
    tried.was_right().await;
    Ok(HttpResponse::Created().json(IdentityView::from(linked)))
}

/// Unlink an identity
///
/// Its tokens sign in no more, and its sockets are closed.
#[utoipa::path(
    operation_id = "unlinkIdentity",
    tag = "auth",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "From the account's `identities`")),
    responses(
        (status = 204, description = "Unlinked"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "No such identity of this account", body = ErrorBody),
        (status = 409, description = "It is the account's last way in", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/auth/identities/{id}")]
async fn unlink(
    caller: Caller,
    origin: Origin,
    id: web::Path<Uuid>,
    accounts: web::Data<Accounts>,
) -> ApiResult<HttpResponse> {
    accounts.unlink_identity(caller.user, id.into_inner(), &origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

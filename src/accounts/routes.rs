//! `/api/auth…`: signing up and in, and staying signed in.

mod email;
mod older;
mod password;
mod profile;
mod sessions;
pub(super) mod view;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use self::view::{SignInView, answer};
use super::{Accounts, Mobile, NewUser, Origin, RefreshToken, cookie, identity, rules};

pub use self::view::UserView;
use crate::config::Config;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{ClientAddress, Json, RateLimits, bearer};

pub fn routes(config: &mut ServiceConfig<'_>) {
    super::api_keys::routes(config);
    identity::routes(config);
    super::otp::routes(config);
    super::people::routes(config);
    super::privacy::routes(config);
    email::routes(config);
    older::routes(config);
    password::routes(config);
    profile::routes(config);
    sessions::routes(config);
    config.service(register).service(login).service(refresh_token);
}

/// Somebody new: e-mail address, password and username, or with an ID token the username alone, which may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisterBody {
    #[serde(default)]
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[serde(default)]
    #[schema(min_length = 8, max_length = 128, format = "password")]
    password: String,
    /// Letters, digits, `_`, `.` and `-`.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 30)]
    username: String,
    /// How characters and others address the person; the username without it.
    #[schema(max_length = 60)]
    display_name: Option<String>,
}

/// An e-mail address, a username or a mobile number, and the password; nothing with an ID token.
#[derive(Deserialize, ToSchema)]
struct LoginBody {
    email: Option<String>,
    username: Option<String>,
    /// With its country code; without it a number of the server's own region.
    mobile: Option<String>,
    #[serde(default)]
    #[schema(format = "password")]
    password: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefreshBody {
    /// The console leaves it out: its cookie holds it.
    refresh_token: Option<String>,
}

/// Make an account
///
/// And sign in. A link that proves the e-mail address is sent to it. The console (header `X-Greenroom-Client: console`)
/// gets the refresh token as a cookie.
///
/// Without a password, `Authorization: Bearer <ID token>` of a configured identity provider makes the account. An account
/// that has proved the same e-mail address is linked instead (200).
#[utoipa::path(
    operation_id = "register",
    tag = "auth",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "The account is made and signed in", body = SignInView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 200, description = "An account of the ID token's verified address was linked and is signed in", body = SignInView),
        (status = 401, description = "The ID token does not hold", body = ErrorBody),
        (status = 403, description = "This server takes no new accounts", body = ErrorBody),
        (status = 409, description = "The e-mail address or the username is taken", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away, or too many sign up at once", body = ErrorBody),
    ),
)]
#[post("/auth/register")]
async fn register(
    request: HttpRequest,
    address: ClientAddress,
    origin: Origin,
    body: Json<RegisterBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    if body.password.is_empty()
        && let Some(token) = bearer(&request)
    {
        return identity::register(&request, address, token, &body.username, &origin).await;
    }
    let new = match (
        NewUser::check(&body.email, &body.username, body.display_name.as_deref()),
        rules::password(&body.password),
    ) {
        (Ok(new), Ok(())) => new,
        (new, fits) => {
            let wrong = new.err().into_iter().flatten().chain(fits.err());
            return Err(ApiError::bad_request(wrong.collect()));
        }
    };
    limits.check_auth(address, new.identity()).await?;
    let password = accounts.new_password("password", &body.password, &new.known()).await??;
    let opened = accounts.register(&new, &password, &origin).await?;
    Ok(answer(&request, &config, StatusCode::CREATED, opened))
}

/// Sign in
///
/// Unknown names and wrong passwords are refused alike, and so is a blocked or deactivated account without its password.
///
/// Without a password in the body, `Authorization: Bearer <ID token>` of a configured identity provider signs in; at the
/// first time that makes the account (201), or links one that has proved the same e-mail address.
#[utoipa::path(
    operation_id = "login",
    tag = "auth",
    request_body = LoginBody,
    responses(
        (status = 200, description = "Signed in", body = SignInView),
        (status = 201, description = "An account was made by the ID token, and is signed in", body = SignInView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "The name or the password is wrong, or the ID token does not hold", body = ErrorBody),
        (status = 403, description = "The account is blocked or deactivated, or this server takes no new ones", body = ErrorBody),
        (status = 409, description = "An account has the ID token's address without having proved it", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away, or too many sign in at once", body = ErrorBody),
    ),
)]
#[post("/auth/login")]
async fn login(
    request: HttpRequest,
    address: ClientAddress,
    origin: Origin,
    body: Result<Json<LoginBody>, ApiError>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    if let Some(token) = bearer(&request)
        && body.as_ref().map_or(true, |body| body.0.password.is_empty())
    {
        return identity::sign_in(&request, address, token, &origin).await;
    }
    let body = body?.into_inner();
    let name = match (body.email, body.username, body.mobile) {
        (Some(name), None, None) | (None, Some(name), None) if !name.trim().is_empty() => name,
        (None, None, Some(text)) => Mobile::parse(&text, &config.auth.default_region)?.as_str().to_owned(),
        _ => return Err(FieldError::new("email", "give one of email, username and mobile").into()),
    };
    if body.password.is_empty() || rules::password(&body.password).is_err() && body.password.len() > 1_024 {
        return Err(FieldError::new("password", "is missing or too long").into());
    }
    let tried = limits.check_auth(address, &rules::key(&name)).await?;
    let opened = accounts.login(&name, &body.password, &origin).await?;
    tried.was_right().await;
    Ok(answer(&request, &config, StatusCode::OK, opened))
}

/// Stay signed in
///
/// Exchanges a refresh token for a new pair; it is good once.
#[utoipa::path(
    operation_id = "refreshToken",
    tag = "auth",
    request_body = RefreshBody,
    responses(
        (status = 200, description = "A new pair", body = SignInView),
        (status = 401, description = "The token is not valid: sign in again", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/refresh-token")]
async fn refresh_token(
    request: HttpRequest,
    origin: Origin,
    body: Json<RefreshBody>,
    accounts: web::Data<Accounts>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let given = body.into_inner().refresh_token;
    let token = match &given {
        Some(text) => RefreshToken::parse(text),
        None => cookie::token(&request),
    };
    let refreshed = match token {
        Some(token) => accounts.refresh(&token, &origin).await.map_err(ApiError::from),
        None => Err(ApiError::unauthenticated("the refresh token is missing or not valid: sign in again")),
    };
    match refreshed {
        Ok(opened) => Ok(answer(&request, &config, StatusCode::OK, opened)),
        Err(error) => Err(error),
    }
}

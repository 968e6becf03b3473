//! `/api/auth…`: signing up, in and out.

pub(super) mod view;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use greenroom_actors::engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use self::view::{SignInView, answer};
use super::{Accounts, NewUser, Origin, RefreshToken, cookie, rules};

pub use self::view::UserView;
use crate::config::Config;
use crate::conversations::view::UsageView;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, ClientAddress, Json, RateLimits};

pub fn routes(config: &mut ServiceConfig<'_>) {
    super::api_keys::routes(config);
    super::otp::routes(config);
    super::people::routes(config);
    super::privacy::routes(config);
    config.service(register).service(login).service(refresh_token).service(logout).service(me);
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisterBody {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(min_length = 8, max_length = 128, format = "password")]
    password: String,
    /// Letters, digits, `_`, `.` and `-`.
    #[schema(min_length = 3, max_length = 30)]
    username: String,
    /// How characters and others address the person; the username without it.
    #[schema(max_length = 60)]
    display_name: Option<String>,
}

/// Either an e-mail address or a username, and the password.
#[derive(Deserialize, ToSchema)]
struct LoginBody {
    email: Option<String>,
    username: Option<String>,
    #[schema(format = "password")]
    password: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefreshBody {
    /// The console leaves it out: its cookie holds it.
    refresh_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct MeView {
    user: UserView,
    usage: UsageView,
}

/// Make an account
///
/// And sign in. The console (header `X-Greenroom-Client: console`) gets the refresh token as a cookie.
#[utoipa::path(
    operation_id = "register",
    tag = "auth",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "The account is made and signed in", body = SignInView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
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
    let new = NewUser::check(&body.email, &body.username, body.display_name.as_deref())
        .map_err(ApiError::bad_request)?;
    limits.check_auth(address, new.identity()).await?;
    let password = accounts.new_password("password", &body.password, &new.known()).await??;
    let opened = accounts.register(&new, &password, &origin).await?;
    Ok(answer(&request, &config, StatusCode::CREATED, opened))
}

/// Sign in
#[utoipa::path(
    operation_id = "login",
    tag = "auth",
    request_body = LoginBody,
    responses(
        (status = 200, description = "Signed in", body = SignInView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "The name or the password is wrong", body = ErrorBody),
        (status = 403, description = "The account is blocked", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away, or too many sign in at once", body = ErrorBody),
    ),
)]
#[post("/auth/login")]
async fn login(
    request: HttpRequest,
    address: ClientAddress,
    origin: Origin,
    body: Json<LoginBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let name = match (body.email, body.username) {
        (Some(name), None) | (None, Some(name)) if !name.trim().is_empty() => name,
        _ => return Err(FieldError::new("email", "give either email or username").into()),
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

/// Sign out
///
/// On this device. The console's cookie is taken away.
#[utoipa::path(
    operation_id = "logout",
    tag = "auth",
    security(("bearer" = [])),
    request_body = Option<RefreshBody>,
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/logout")]
async fn logout(
    request: HttpRequest,
    caller: Caller,
    origin: Origin,
    body: Option<Json<RefreshBody>>,
    accounts: web::Data<Accounts>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let given = body.and_then(|body| body.into_inner().refresh_token);
    let token = given.as_deref().and_then(RefreshToken::parse).or_else(|| cookie::token(&request));
    accounts.logout(caller.user, caller.session, token.as_ref(), &origin).await?;
    let mut response = HttpResponse::NoContent();
    if request.cookie(cookie::NAME).is_some() {
        response.cookie(cookie::forget(&config));
    }
    Ok(response.finish())
}

/// See one's account
///
/// And how much of its plan is used.
#[utoipa::path(
    operation_id = "me",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and its usage", body = MeView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/me")]
async fn me(
    caller: Caller,
    accounts: web::Data<Accounts>,
    engine: web::Data<Engine>,
) -> ApiResult<web::Json<MeView>> {
    let user = accounts.profile(caller.user).await?.into();
    let usage = engine.usage(caller.user).await?;
    Ok(web::Json(MeView { user, usage: UsageView::from(&*usage) }))
}

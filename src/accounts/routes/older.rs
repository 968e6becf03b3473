//! Older faces of `/auth/me`: one service behind them all.

// The attribute is for the documentation of the API.
#![allow(deprecated)]

use actix_web::{HttpResponse, get, put, web};
use greenroom_actors::engine::Engine;
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::email::AccountView;
use super::profile::{MeView, ProfileBody, change, look};
use crate::accounts::{Accounts, Origin};
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, ClientAddress, Json, RateLimits, older_face};

const SUCCESSOR: &str = "</api/auth/me>; rel=\"successor-version\"";

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(profile).service(change_profile).service(user_me).service(change_user_profile);
}

fn older<T: Serialize>(view: &T) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in older_face(SUCCESSOR) {
        response.insert_header(header);
    }
    response.json(view)
}

/// See one's account (older face of `/auth/me`)
#[utoipa::path(
    operation_id = "profile",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and its usage", body = MeView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/profile")]
#[deprecated]
async fn profile(
    caller: Caller,
    accounts: web::Data<Accounts>,
    engine: web::Data<Engine>,
) -> ApiResult<HttpResponse> {
    Ok(older(&look(caller.user, &accounts, &engine).await?))
}

/// Change one's account (older face of `/auth/me`)
#[utoipa::path(
    operation_id = "changeProfile",
    tag = "auth",
    security(("bearer" = [])),
    request_body = ProfileBody,
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 409, description = "The e-mail address or the username is taken", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/auth/profile")]
#[deprecated]
async fn change_profile(
    caller: Caller,
    address: ClientAddress,
    origin: Origin,
    body: Json<ProfileBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
) -> ApiResult<HttpResponse> {
    Ok(older(&change(caller.user, address, &origin, &body.0, &accounts, &limits).await?))
}

/// See one's account (older face of `/auth/me`)
#[utoipa::path(
    operation_id = "userMe",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and its usage", body = MeView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/user/me")]
#[deprecated]
async fn user_me(
    caller: Caller,
    accounts: web::Data<Accounts>,
    engine: web::Data<Engine>,
) -> ApiResult<HttpResponse> {
    Ok(older(&look(caller.user, &accounts, &engine).await?))
}

/// Change one's account (older face of `/auth/me`)
#[utoipa::path(
    operation_id = "changeUserProfile",
    tag = "auth",
    security(("bearer" = [])),
    request_body = ProfileBody,
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 409, description = "The e-mail address or the username is taken", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/user/profile")]
#[deprecated]
async fn change_user_profile(
    caller: Caller,
    address: ClientAddress,
    origin: Origin,
    body: Json<ProfileBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
) -> ApiResult<HttpResponse> {
    Ok(older(&change(caller.user, address, &origin, &body.0, &accounts, &limits).await?))
}

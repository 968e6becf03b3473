//! One's sign-ins on all devices, signing out of them, and what happened at the door.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use greenroom_actors::domain::SessionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::RefreshBody;
use crate::accounts::{Accounts, HistoryLine, Origin, RefreshToken, SignInInfo, cookie};
use crate::config::Config;
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Caller, Json, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(logout).service(logout_all).service(sessions).service(end_session).service(history);
}

/// A sign-in: one device, or one program.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionView {
    id: Uuid,
    /// Whether it is the one that asks.
    current: bool,
    /// As the client called itself.
    user_agent: Option<String>,
    /// Where it signed in from.
    address: Option<String>,
    created_at: Timestamp,
    /// When it last exchanged its refresh token.
    last_used_at: Timestamp,
}

impl SessionView {
    fn new(sign_in: SignInInfo, own: SessionId) -> Self {
        Self {
            id: sign_in.id.uuid(),
            current: sign_in.id == own,
            user_agent: sign_in.user_agent,
            address: sign_in.address,
            created_at: wire_time(sign_in.created_at),
            last_used_at: wire_time(sign_in.last_used_at),
        }
    }
}

/// Something that happened at the door of the account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryView {
    id: Uuid,
    /// `registered`, `signed_in`, `signed_out`, `password_changed` …
    event: String,
    /// `wrong_password`, `blocked` …; null where it went through.
    refused_why: Option<String>,
    /// The sign-in that it was about.
    session_id: Option<Uuid>,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
}

impl From<HistoryLine> for HistoryView {
    fn from(line: HistoryLine) -> Self {
        Self {
            id: line.id,
            event: line.event,
            refused_why: line.refused_why,
            session_id: line.sign_in,
            address: line.address,
            user_agent: line.user_agent,
            created_at: wire_time(line.created_at),
        }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LogoutAllBody {
    /// Whether the sign-in that asks goes on.
    keep_this: Option<bool>,
}

#[derive(Serialize, ToSchema)]
struct EndedView {
    /// Sign-ins that ended.
    ended: u64,
}

/// Sign out
///
/// On this device: its sockets are closed, and the console's cookie is taken away.
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

/// Sign out everywhere
///
/// Or everywhere else, with `keepThis`. The sockets of what ended are closed.
#[utoipa::path(
    operation_id = "logoutAll",
    tag = "auth",
    security(("bearer" = [])),
    request_body = Option<LogoutAllBody>,
    responses(
        (status = 200, description = "Signed out", body = EndedView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/logout-all")]
async fn logout_all(
    request: HttpRequest,
    caller: Caller,
    origin: Origin,
    body: Option<Json<LogoutAllBody>>,
    accounts: web::Data<Accounts>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let keep_this = body.and_then(|body| body.into_inner().keep_this).unwrap_or_default();
    let kept = keep_this.then_some(caller.session);
    let ended = accounts.logout_all(caller.user, kept, caller.session, &origin).await?;
    let mut response = HttpResponse::Ok();
    if !keep_this && request.cookie(cookie::NAME).is_some() {
        response.cookie(cookie::forget(&config));
    }
    Ok(response.json(EndedView { ended }))
}

/// List one's sign-ins
///
/// Those that are open, the newest first.
#[utoipa::path(
    operation_id = "sessions",
    tag = "auth",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "A page of them", body = Page<SessionView>),
        (status = 400, description = "There is no such page", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/sessions")]
async fn sessions(
    caller: Caller,
    page: PageQuery,
    accounts: web::Data<Accounts>,
) -> ApiResult<web::Json<Page<SessionView>>> {
    let found = accounts.sign_ins(caller.user, &page).await?;
    Ok(web::Json(found.map(|sign_in| SessionView::new(sign_in, caller.session))))
}

/// End a sign-in
///
/// On another device, or here. Its sockets are closed.
#[utoipa::path(
    operation_id = "endSession",
    tag = "auth",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Of the list of sign-ins")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such sign-in of yours", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/auth/sessions/{id}")]
async fn end_session(
    caller: Caller,
    origin: Origin,
    id: web::Path<String>,
    accounts: web::Data<Accounts>,
) -> ApiResult<HttpResponse> {
    let sign_in = id.parse().map_err(|_| ApiError::not_found("session"))?;
    accounts.end_session(caller.user, sign_in, caller.session, &origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// See what happened at the door
///
/// Sign-ins, refusals and changes of the last 90 days, the newest first.
#[utoipa::path(
    operation_id = "authHistory",
    tag = "auth",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "A page of it", body = Page<HistoryView>),
        (status = 400, description = "There is no such page", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/history")]
async fn history(
    caller: Caller,
    page: PageQuery,
    accounts: web::Data<Accounts>,
) -> ApiResult<web::Json<Page<HistoryView>>> {
    Ok(web::Json(accounts.history(caller.user, &page).await?.map(HistoryView::from)))
}

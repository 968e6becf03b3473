//! A new password: forgotten, reset, changed.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::email::MessageView;
use crate::accounts::links::bad_link;
use crate::accounts::otp::routes::{SentView, identity, read, refused};
use crate::accounts::strength::known;
use crate::accounts::{Accounts, LinkPurpose, LinkToken, Mobile, Origin, rules};
use crate::config::Config;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, ClientAddress, Json, RateLimits};

/// Longer ones are nobody's password.
const PASSWORD_MAX_BYTES: usize = 1_024;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(forgot_password).service(reset_password).service(change_password);
}

/// Either an e-mail address or a mobile number.
#[derive(Deserialize, ToSchema)]
struct ForgotBody {
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    #[schema(max_length = 40)]
    mobile: Option<String>,
}

/// The token of a link, or a mobile number with its code; and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResetBody {
    #[schema(min_length = 64, max_length = 64)]
    token: Option<String>,
    #[schema(max_length = 40)]
    mobile: Option<String>,
    /// The 6 digits of the message.
    #[schema(min_length = 6, max_length = 6)]
    otp: Option<String>,
    #[schema(min_length = 8, max_length = 128, format = "password")]
    new_password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeBody {
    /// Left out by who has no password yet.
    #[schema(format = "password")]
    current_password: Option<String>,
    #[schema(min_length = 8, max_length = 128, format = "password")]
    new_password: String,
}

#[derive(Serialize, ToSchema)]
struct ChangedView {
    /// For a person to read.
    message: &'static str,
    /// Other sign-ins that ended.
    ended: u64,
}

/// What is on its way: a link by mail, or a code by text message.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ForgotView {
    Link(MessageView),
    Code(SentView),
}

/// Forget one's password
///
/// Sends a link by mail, or a code by text message, if somebody has this address or number; the answer is the same if
/// not.
#[utoipa::path(
    operation_id = "forgotPassword",
    tag = "auth",
    request_body = ForgotBody,
    responses(
        (status = 202, description = "A link or a code is on its way", body = ForgotView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 429, description = "Asked too often", body = ErrorBody),
        (status = 503, description = "The server sends none, or the database is away", body = ErrorBody),
    ),
)]
#[post("/auth/forgot-password")]
async fn forgot_password(
    address: ClientAddress,
    origin: Origin,
    body: Json<ForgotBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let view = match (body.email, body.mobile) {
        (Some(email), None) => {
            let email = rules::email(&email)?;
            limits.check_auth(address, &format!("mail {}", email.key)).await?;
            accounts.forgot_by_email(&email).await?;
            ForgotView::Link(MessageView {
                message: "if an account has this e-mail address, a link is on its way",
            })
        }
        (None, Some(mobile)) => {
            let mobile = Mobile::parse(&mobile, &config.auth.default_region)?;
            limits.check_auth(address, &identity("send", &mobile)).await?;
            let sent = accounts.forgot_by_mobile(&mobile, &origin).await;
            ForgotView::Code(sent.map_err(|error| refused(error, &config))?.into())
        }
        _ => return Err(FieldError::new("email", "give either email or mobile").into()),
    };
    Ok(HttpResponse::Accepted().json(view))
}

/// Set a new password
///
/// By the token of a mail's link or by the code of a text message, each good once. All sign-ins of the account end.
#[utoipa::path(
    operation_id = "resetPassword",
    tag = "auth",
    request_body = ResetBody,
    responses(
        (status = 204, description = "The password is set: sign in with it"),
        (status = 400, description = "The token does not hold, or the password is not good enough", body = ErrorBody),
        (status = 401, description = "The code is wrong or over", body = ErrorBody),
        (status = 403, description = "The account is blocked or deactivated", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/reset-password")]
async fn reset_password(
    address: ClientAddress,
    origin: Origin,
    body: Json<ResetBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    const FIELD: &str = "newPassword";
    let body = body.into_inner();
    match (&body.token, &body.mobile, &body.otp) {
        (Some(token), None, None) => {
            let token = LinkToken::parse(token)?;
            let holder = accounts.holder_of_link(&token, LinkPurpose::ResetPassword).await?;
            let holder = holder.ok_or_else(bad_link)?;
            let password = accounts.new_password(FIELD, &body.new_password, &known(&holder)).await??;
            accounts.reset_password(&token, &password, &origin).await??;
        }
        (None, Some(mobile), Some(otp)) => {
            let (mobile, code) = read(mobile, otp, &config).map_err(ApiError::bad_request)?;
            limits.check_auth(address, &identity("guess", &mobile)).await?;
            let password = accounts.new_password(FIELD, &body.new_password, &[mobile.as_str()]).await??;
            accounts.reset_by_mobile(&mobile, &code, &password, &origin).await?;
        }
        _ => return Err(FieldError::new("token", "give either token, or mobile and otp").into()),
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Change one's password
///
/// All other sign-ins end, and their sockets are closed.
#[utoipa::path(
    operation_id = "changePassword",
    tag = "auth",
    security(("bearer" = [])),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The password is changed", body = ChangedView),
        (status = 400, description = "The present password is wrong, or the new one not good enough", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The account is blocked", body = ErrorBody),
        (status = 409, description = "It was changed at the same moment", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away, or too many sign in at once", body = ErrorBody),
    ),
)]
#[post("/auth/change-password")]
async fn change_password(
    caller: Caller,
    address: ClientAddress,
    origin: Origin,
    body: Json<ChangeBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
) -> ApiResult<web::Json<ChangedView>> {
    let body = body.into_inner();
    let current = body.current_password.as_deref();
    if current.is_some_and(|current| current.len() > PASSWORD_MAX_BYTES) {
        return Err(FieldError::new("currentPassword", "is too long").into());
    }
    let tried = limits.check_auth(address, &format!("password {}", caller.user)).await?;
    let profile = accounts.profile(caller.user).await?;
    let password = accounts.new_password("newPassword", &body.new_password, &known(&profile)).await??;
    let ended = accounts.change_password(caller.user, caller.session, current, &password, &origin).await??;
    tried.was_right().await;
    Ok(web::Json(ChangedView { message: "the password is changed", ended }))
}

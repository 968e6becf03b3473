//! `/api/auth…`: signing in and up by mobile number.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, post, web};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Code, Mobile, MobileSignUp, OtpStatus, Proved, Sent};
use crate::accounts::routes::UserView;
use crate::accounts::routes::view::{SignInView, answer};
use crate::accounts::{Accounts, Origin};
use crate::config::Config;
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{ClientAddress, Exceeded, Json, OptionalCaller, RateLimits};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(send_otp).service(verify_otp).service(signup).service(check_mobile).service(otp_status);
}

/// A mobile number.
#[derive(Deserialize, ToSchema)]
struct MobileBody {
    /// With its country code, such as `+44 7911 123456`; without it a number of the server's own region.
    #[schema(max_length = 40)]
    mobile: String,
}

#[derive(Deserialize, ToSchema)]
struct VerifyOtpBody {
    #[schema(max_length = 40)]
    mobile: String,
    /// The 6 digits of the message.
    #[schema(min_length = 6, max_length = 6)]
    otp: String,
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
struct SignUpBody {
    #[schema(max_length = 40)]
    mobile: String,
    /// To sign in without a code later.
    #[schema(min_length = 8, max_length = 128, format = "password")]
    password: Option<String>,
    /// How characters and others address the person.
    #[schema(max_length = 60)]
    name: Option<String>,
}

/// A code is on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::accounts) struct SentView {
    /// For a person to read.
    message: &'static str,
    /// When the code is over.
    expires_at: Timestamp,
    /// The code itself: only from a development server that sends no messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    otp: Option<String>,
}

impl From<Sent> for SentView {
    fn from(sent: Sent) -> Self {
        Self {
            message: "a code is on its way to this number",
            expires_at: wire_time(sent.expires_at),
            otp: sent.code.map(|code| code.expose().to_owned()),
        }
    }
}

/// A sign-in; or, for who asked with an access token, the account with its new number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)] // Named for the documentation: answers are written by their own views.
enum VerifiedView {
    SignIn(SignInView),
    Linked(LinkedView),
}

#[derive(Serialize, ToSchema)]
struct LinkedView {
    user: UserView,
}

#[derive(Serialize, ToSchema)]
struct KnownView {
    /// Whether an account has this number; always false where lookups are switched off.
    exists: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OtpStatusView {
    /// Whether a code waits to be typed in.
    pending: bool,
    expires_at: Option<Timestamp>,
    tries_left: Option<u32>,
    /// When the next code may be sent; null for at once.
    next_send_at: Option<Timestamp>,
}

impl From<OtpStatus> for OtpStatusView {
    fn from(status: OtpStatus) -> Self {
        Self {
            pending: status.pending,
            expires_at: status.expires_at.map(wire_time),
            tries_left: status.tries_left,
            next_send_at: status.next_send_at.map(wire_time),
        }
    }
}

/// The limits of a number tell of themselves as all others do.
pub(in crate::accounts) fn refused(refusal: Refusal, config: &Config) -> ApiError {
    match (refusal.code, refusal.retry_after) {
        (RefusalCode::RateLimited, Some(retry_after)) => {
            let limit = config.auth.otp.sends_per_hour;
            let limited = ApiError::from(Exceeded { limit, retry_after, reset_after: retry_after });
            ApiError { message: refusal.message, ..limited }
        }
        _ => refusal.into(),
    }
}

/// Limits count sends and guesses of a number each for themselves: asking for codes leaves room to type them.
pub(in crate::accounts) fn identity(what: &str, mobile: &Mobile) -> String {
    format!("{what} {}", mobile.as_str())
}

/// Get a code by text message
///
/// To sign in with; an unknown number makes an account by it. Known and unknown numbers are answered alike.
#[utoipa::path(
    operation_id = "sendOtp",
    tag = "auth",
    request_body = MobileBody,
    responses(
        (status = 202, description = "A code is on its way", body = SentView),
        (status = 400, description = "It is no mobile number", body = ErrorBody),
        (status = 429, description = "This number or address asked too often", body = ErrorBody),
        (status = 503, description = "The server sends no messages, or the database is away", body = ErrorBody),
    ),
)]
#[post("/auth/send-otp")]
async fn send_otp(
    address: ClientAddress,
    origin: Origin,
    body: Json<MobileBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let mobile = Mobile::parse(&body.0.mobile, &config.auth.default_region)?;
    limits.check_auth(address, &identity("send", &mobile)).await?;
    let sent = accounts.send_code(&mobile, &origin).await.map_err(|error| refused(error, &config))?;
    Ok(HttpResponse::Accepted().json(SentView::from(sent)))
}

/// Sign in by code
///
/// An unknown number gets an account. With an access token the number is added to the caller's account instead, in the
/// place of the one it had. A wrong, old, used or too often guessed code is refused alike.
#[utoipa::path(
    operation_id = "verifyOtp",
    tag = "auth",
    security((), ("bearer" = [])),
    request_body = VerifyOtpBody,
    responses(
        (status = 200, description = "Signed in, or the number is the caller's", body = VerifiedView),
        (status = 201, description = "An account was made and signed in", body = SignInView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "The code is wrong or over, or the token is bad", body = ErrorBody),
        (status = 403, description = "The account is blocked or deactivated", body = ErrorBody),
        (status = 409, description = "Another account has this number", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/verify-otp")]
#[allow(clippy::too_many_arguments)] // Extractors.
async fn verify_otp(
    request: HttpRequest,
    caller: OptionalCaller,
    address: ClientAddress,
    origin: Origin,
    body: Json<VerifyOtpBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let (mobile, code) = read(&body.mobile, &body.otp, &config).map_err(ApiError::bad_request)?;
    let tried = limits.check_auth(address, &identity("guess", &mobile)).await?;
    let user = caller.0.map(|caller| caller.user);
    let proved = accounts.verify_code(&mobile, &code, user, &origin).await?;
    tried.was_right().await;
    Ok(match proved {
        Proved::SignedIn(opened) => answer(&request, &config, StatusCode::OK, *opened),
        Proved::Registered(opened) => answer(&request, &config, StatusCode::CREATED, *opened),
        Proved::Linked(profile) => HttpResponse::Ok().json(LinkedView { user: (*profile).into() }),
    })
}

/// Number and code, or all that is wrong with them.
pub(in crate::accounts) fn read(
    mobile: &str,
    otp: &str,
    config: &Config,
) -> Result<(Mobile, Code), Vec<crate::error::FieldError>> {
    match (Mobile::parse(mobile, &config.auth.default_region), Code::parse(otp)) {
        (Ok(mobile), Ok(code)) => Ok((mobile, code)),
        (mobile, code) => Err([mobile.err(), code.err()].into_iter().flatten().collect()),
    }
}

/// Sign up by mobile number
///
/// Sends a code; `verify-otp` with it makes the account with this name and password. A number that has an account is
/// answered alike, and its account stays as it is.
#[utoipa::path(
    operation_id = "signup",
    tag = "auth",
    request_body = SignUpBody,
    responses(
        (status = 202, description = "A code is on its way", body = SentView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 403, description = "This server takes no new accounts", body = ErrorBody),
        (status = 429, description = "This number or address asked too often", body = ErrorBody),
        (status = 503, description = "The server sends no messages, or the database is away", body = ErrorBody),
    ),
)]
#[post("/auth/signup")]
async fn signup(
    address: ClientAddress,
    origin: Origin,
    body: Json<SignUpBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let SignUpBody { mobile, password, name } = body.into_inner();
    let region = &config.auth.default_region;
    let new = MobileSignUp::check(&mobile, region, name.as_deref(), password.as_deref())
        .map_err(ApiError::bad_request)?;
    limits.check_auth(address, &identity("send", &new.mobile)).await?;
    let password = match &password {
        Some(text) => Some(accounts.new_password("password", text, &new.known()).await??),
        None => None,
    };
    let sent = accounts
        .sign_up_by_mobile(&new, password.as_ref(), &origin)
        .await
        .map_err(|error| refused(error, &config))?;
    Ok(HttpResponse::Accepted().json(SentView::from(sent)))
}

/// See whether a number has an account
///
/// Operators can switch this off (`auth.lookups`): then it is false for all.
#[utoipa::path(
    operation_id = "checkMobile",
    tag = "auth",
    request_body = MobileBody,
    responses(
        (status = 200, description = "Whether it has one", body = KnownView),
        (status = 400, description = "It is no mobile number", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/check-mobile")]
async fn check_mobile(
    body: Json<MobileBody>,
    accounts: web::Data<Accounts>,
    config: web::Data<Config>,
) -> ApiResult<web::Json<KnownView>> {
    let mobile = Mobile::parse(&body.0.mobile, &config.auth.default_region)?;
    Ok(web::Json(KnownView { exists: accounts.is_mobile_known(&mobile).await? }))
}

/// See how a number stands with its code
///
/// Operators can switch this off (`auth.lookups`): then nothing is pending for all.
#[utoipa::path(
    operation_id = "otpStatus",
    tag = "auth",
    request_body = MobileBody,
    responses(
        (status = 200, description = "Whether a sign-in code is pending", body = OtpStatusView),
        (status = 400, description = "It is no mobile number", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/otp-status")]
async fn otp_status(
    body: Json<MobileBody>,
    accounts: web::Data<Accounts>,
    config: web::Data<Config>,
) -> ApiResult<web::Json<OtpStatusView>> {
    let mobile = Mobile::parse(&body.0.mobile, &config.auth.default_region)?;
    Ok(web::Json(accounts.otp_status(&mobile).await?.into()))
}

//! Proving an e-mail address by the link that was sent to it.

use actix_web::http::header;
use actix_web::{HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::UserView;
use crate::accounts::{Accounts, LinkToken, Origin};
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, ClientAddress, Json, RateLimits};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(verify_email).service(verify_email_by_link).service(resend_verification);
}

#[derive(Deserialize, ToSchema)]
struct VerifyBody {
    /// The last part of the link.
    #[schema(min_length = 64, max_length = 64)]
    token: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AccountView {
    pub(super) user: UserView,
}

/// Something is on its way, or not: the answer does not tell.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageView {
    /// For a person to read.
    pub(super) message: &'static str,
}

/// Verify an e-mail address
///
/// By the token of the link that was sent to it; it is good once.
#[utoipa::path(
    operation_id = "verifyEmail",
    tag = "auth",
    request_body = VerifyBody,
    responses(
        (status = 200, description = "The address is verified", body = AccountView),
        (status = 400, description = "The token is not valid, used, or over", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/auth/verify-email")]
async fn verify_email(
    origin: Origin,
    body: Json<VerifyBody>,
    accounts: web::Data<Accounts>,
) -> ApiResult<web::Json<AccountView>> {
    let token = LinkToken::parse(&body.0.token)?;
    let profile = accounts.verify_email(&token, &origin).await??;
    Ok(web::Json(AccountView { user: profile.into() }))
}

/// Verify an e-mail address by opening the link
///
/// Leads on to the console. A link that was opened before and did its work leads there too.
#[utoipa::path(
    operation_id = "verifyEmailByLink",
    tag = "auth",
    params(("token" = String, Path, description = "What the mail's link ends in")),
    responses(
        (status = 303, description = "To `/#/verified`, or to `/#/verify-failed`"),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/verify-email/{token}")]
async fn verify_email_by_link(
    origin: Origin,
    token: web::Path<String>,
    accounts: web::Data<Accounts>,
) -> ApiResult<HttpResponse> {
    let verified = match LinkToken::parse(&token) {
        Ok(token) => {
            accounts.verify_email(&token, &origin).await?.is_ok() || accounts.was_verified_by(&token).await?
        }
        Err(_) => false,
    };
    let place = if verified { "/#/verified" } else { "/#/verify-failed" };
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, place)).finish())
}

/// Get the link once more
///
/// Older links are void then.
#[utoipa::path(
    operation_id = "resendVerification",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "A link is on its way", body = MessageView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 409, description = "The account has no e-mail address, or it is verified", body = ErrorBody),
        (status = 429, description = "Asked too often", body = ErrorBody),
        (status = 503, description = "The server sends no mail, or the database is away", body = ErrorBody),
    ),
)]
#[post("/auth/resend-verification")]
async fn resend_verification(
    caller: Caller,
    address: ClientAddress,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
) -> ApiResult<HttpResponse> {
    limits.check_auth(address, &format!("mail {}", caller.user)).await?;
    accounts.resend_verification(caller.user).await?;
    Ok(HttpResponse::Accepted().json(MessageView { message: "a link is on its way to your e-mail address" }))
}

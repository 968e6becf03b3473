//! One's own account: reading and changing it, and how much of its plan is used.

use actix_web::{get, put, web};
use greenroom_actors::domain::UserId;
use greenroom_actors::engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::UserView;
use super::email::AccountView;
use crate::accounts::identity::IdentityView;
use crate::accounts::{Accounts, KeyCaller, Origin, ProfileChange, ProfileFields, Scope};
use crate::conversations::view::UsageView;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{Caller, ClientAddress, Json, RateLimits};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(me).service(change_me).service(check_username);
}

#[derive(Serialize, ToSchema)]
pub(super) struct MeView {
    user: UserView,
    /// Accounts at identity providers that sign in to this one.
    identities: Vec<IdentityView>,
    usage: UsageView,
}

/// What is to be another; the rest stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileBody {
    #[schema(max_length = 60)]
    display_name: Option<String>,
    #[schema(max_length = 500)]
    bio: Option<String>,
    /// A language tag (BCP 47): mails come in this language where there is one.
    #[schema(max_length = 35)]
    locale: Option<String>,
    /// Letters, digits, `_`, `.` and `-`.
    #[schema(min_length = 3, max_length = 30)]
    username: Option<String>,
    /// Unverified until the link that is sent there was used.
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    /// IANA name. It counts from the next midnight in the present one; giving the present one again takes a wish back.
    #[schema(max_length = 64)]
    time_zone: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct UsernameView {
    username: String,
    available: bool,
    /// Why not, for a person to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) async fn look(user: UserId, accounts: &Accounts, engine: &Engine) -> ApiResult<MeView> {
    let view = accounts.profile(user).await?.into();
    let used = engine.usage(user).await?;
    let identities = accounts.identities(user).await?.into_iter().map(IdentityView::from).collect();
    Ok(MeView { user: view, identities, usage: UsageView::from(&*used) })
}

pub(super) async fn change(
    user: UserId,
    address: ClientAddress,
    origin: &Origin,
    body: &ProfileBody,
    accounts: &Accounts,
    limits: &RateLimits,
) -> ApiResult<AccountView> {
    let change = ProfileChange::check(&ProfileFields {
        display_name: body.display_name.as_deref(),
        bio: body.bio.as_deref(),
        locale: body.locale.as_deref(),
        username: body.username.as_deref(),
        email: body.email.as_deref(),
        time_zone: body.time_zone.as_deref(),
    })
    .map_err(ApiError::bad_request)?;
    if change.email().is_some() {
        // A mail goes there, whoever's address it is.
        limits.check_auth(address, &format!("mail {user}")).await?;
    }
    Ok(AccountView { user: accounts.change_profile(user, &change, origin).await?.into() })
}

/// See one's account
///
/// And how much of its plan is used. An API key with the scope `profile` may read it too.
#[utoipa::path(
    operation_id = "me",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and its usage", body = MeView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The account is blocked, or the API key was not made for this", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/me")]
async fn me(
    caller: KeyCaller,
    accounts: web::Data<Accounts>,
    engine: web::Data<Engine>,
) -> ApiResult<web::Json<MeView>> {
    caller.require(Scope::Profile)?;
    Ok(web::Json(look(caller.user, &accounts, &engine).await?))
}

/// Change one's account
///
/// Takes any of its fields. A new e-mail address is unverified until the link that is sent there was used; a new time
/// zone counts from the next midnight in the present one.
#[utoipa::path(
    operation_id = "changeMe",
    tag = "auth",
    security(("bearer" = [])),
    request_body = ProfileBody,
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 409, description = "The e-mail address or the username is taken", body = ErrorBody),
        (status = 429, description = "The e-mail address was changed too often", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/auth/me")]
async fn change_me(
    caller: Caller,
    address: ClientAddress,
    origin: Origin,
    body: Json<ProfileBody>,
    accounts: web::Data<Accounts>,
    limits: web::Data<RateLimits>,
) -> ApiResult<web::Json<AccountView>> {
    Ok(web::Json(change(caller.user, address, &origin, &body.0, &accounts, &limits).await?))
}

/// See whether a username is free
///
/// Operators can switch this off (`auth.lookups`): then every name that may be one is free.
#[utoipa::path(
    operation_id = "checkUsername",
    tag = "auth",
    params(("username" = String, Path, description = "The name")),
    responses(
        (status = 200, description = "Whether it is free", body = UsernameView),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/auth/check-username/{username}")]
async fn check_username(
    username: web::Path<String>,
    accounts: web::Data<Accounts>,
) -> ApiResult<web::Json<UsernameView>> {
    let username = username.into_inner();
    let reason = accounts.check_username(&username).await?.err().map(|error| error.message.into_owned());
    Ok(web::Json(UsernameView { username, available: reason.is_none(), reason }))
}

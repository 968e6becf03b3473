//! `/api/users…` and `/api/admin/users…`: people, for admins; and the public profile, for everybody.

use actix_web::{HttpRequest, get, put, web};
use greenroom_actors::domain::UserId;
use greenroom_actors::engine::Engine;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::view::{AdminUserView, PersonView, PublicProfileView, StandingView};
use super::{Change, People, Person, Premium, Search};
use crate::accounts::{Origin, Role};
use crate::conversations::view::UsageView;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, Json, Page, PageParams, PageQuery};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(public).service(show).service(premium).service(list).service(change);
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PremiumBody {
    is_premium: bool,
    /// When premium ends by itself; at most ten years away.
    expires_at: Option<Timestamp>,
    /// Or so many days from now. Without either it lasts until it is taken.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
}

/// At least one of `role`, `plan`, `blocked` and `deactivated`; all that is given is done, or nothing.
#[derive(Deserialize, ToSchema)]
struct ChangeBody {
    role: Option<Role>,
    /// One of the settings' plans; without an end.
    plan: Option<String>,
    blocked: Option<bool>,
    /// Kept in the audit log. Of a block it is also told to the user, after the right password.
    #[schema(max_length = 300)]
    reason: Option<String>,
    /// Only `false`: brings a deactivated account back.
    deactivated: Option<bool>,
}

fn id_of(text: &str) -> Result<UserId, ApiError> {
    Uuid::try_parse(text).map(UserId::from_uuid).map_err(|_| ApiError::not_found("account"))
}

fn standing(people: &People, person: Person) -> StandingView {
    let erases_at = people.erases_at(&person);
    StandingView::new(person, erases_at)
}

/// See somebody's public profile
#[utoipa::path(
    operation_id = "getPublicProfile",
    tag = "users",
    params(("username" = String, Path, description = "In any case of letters")),
    responses(
        (status = 200, description = "What everybody may see of the account", body = PublicProfileView),
        (status = 404, description = "There is no such account, or it is not active", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/users/username/{username}")]
async fn public(
    username: web::Path<String>,
    people: web::Data<People>,
) -> ApiResult<web::Json<PublicProfileView>> {
    Ok(web::Json(people.public(&username).await?.into()))
}

/// See an account
///
/// However it stands, with what belongs to it and how much of its plan is used.
#[utoipa::path(
    operation_id = "getUser",
    tag = "users",
    security(("bearer" = [])),
    params(("uid" = String, Path, description = "The account's id")),
    responses(
        (status = 200, description = "The account", body = AdminUserView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/users/{uid}")]
async fn show(
    _: AdminCaller,
    uid: web::Path<String>,
    people: web::Data<People>,
    engine: web::Data<Engine>,
) -> ApiResult<web::Json<AdminUserView>> {
    let (person, belongings) = people.get(id_of(&uid)?).await?;
    let usage = if person.blocked_at.is_none() && person.deactivated_at.is_none() {
        Some(UsageView::from(&*engine.usage(person.profile.id).await?))
    } else {
        None
    };
    Ok(web::Json(AdminUserView::new(standing(&people, person), belongings, usage)))
}

/// Give or take premium
///
/// Quotas follow at once; the plan in the user's access token, which rate limits go by, with its next refresh. After
/// the end comes the plan that there was before. Given again, it takes the place of what was given before; what the user buys
/// meanwhile goes on from its end. Taken, it ends at once with the credits that came with it, also what was bought of it.
#[utoipa::path(
    operation_id = "setPremium",
    tag = "users",
    security(("bearer" = [])),
    params(("uid" = String, Path, description = "The account's id")),
    request_body = PremiumBody,
    responses(
        (status = 200, description = "How the account stands now", body = StandingView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such account", body = ErrorBody),
        (status = 409, description = "It is erased, has another plan until a date, or has a subscription to premium that is to be taken", body = ErrorBody),
        (status = 503, description = "No plan is named `premium`, or the database is away", body = ErrorBody),
    ),
)]
#[put("/users/{uid}/premium")]
async fn premium(
    caller: AdminCaller,
    origin: Origin,
    uid: web::Path<String>,
    body: Json<PremiumBody>,
    people: web::Data<People>,
) -> ApiResult<web::Json<StandingView>> {
    let PremiumBody { is_premium, expires_at, days } = body.into_inner();
    let premium = Premium::check(is_premium, expires_at, days)?;
    let person = people.set_premium(&caller.0, id_of(&uid)?, premium, &origin).await?;
    Ok(web::Json(standing(&people, person)))
}

/// List accounts
///
/// The newest first. Every filter that is given must fit; erased accounts are listed only by their own status.
#[utoipa::path(
    operation_id = "listUsers",
    tag = "admin",
    security(("bearer" = [])),
    params(PageParams, Search),
    responses(
        (status = 200, description = "One page of the accounts", body = Page<PersonView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/users")]
async fn list(
    _: AdminCaller,
    request: HttpRequest,
    page: PageQuery,
    people: web::Data<People>,
) -> ApiResult<web::Json<Page<PersonView>>> {
    let search = web::Query::<Search>::from_query(request.query_string())
        .map_err(|_| {
            ApiError::malformed(
                "q and plan take text, role takes user or admin, status takes active, blocked, deactivated or erased",
            )
        })?
        .into_inner();
    Ok(web::Json(people.list(search, &page).await?.map(PersonView::from)))
}

/// Change an account
///
/// Role, plan, block, reactivation; each is an entry in the audit log. A block or another role ends all sign-ins of
/// the account and closes its sockets; replies under way are left to end. The last active admin stays one. A plan that is
/// set ends what admins gave for a time; what the user has paid for holds to its end where it is the greater one, and the
/// plan comes after it (`planAfter`).
#[utoipa::path(
    operation_id = "changeUser",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The account's id")),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "How the account stands now", body = StandingView),
        (status = 400, description = "A field is not valid, or nothing is asked for", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such account", body = ErrorBody),
        (status = 409, description = "The last admin, oneself, or an account that cannot be brought back", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/admin/users/{id}")]
async fn change(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    body: Json<ChangeBody>,
    people: web::Data<People>,
) -> ApiResult<web::Json<StandingView>> {
    let ChangeBody { role, plan, blocked, reason, deactivated } = body.into_inner();
    if deactivated == Some(true) {
        return Err(FieldError::new("deactivated", "takes only false; block an account instead").into());
    }
    let change = Change { role, plan, blocked, reason, reactivate: deactivated == Some(false) };
    let person = people.change(&caller.0, id_of(&id)?, &change, &origin).await?;
    Ok(web::Json(standing(&people, person)))
}

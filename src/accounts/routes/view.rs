//! How accounts and sign-ins look on the wire.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{Opened, Profile, Role, cookie};
use crate::config::Config;
use crate::conversations::view::wire_time;

/// An account as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    id: Uuid,
    username: String,
    display_name: String,
    email: Option<String>,
    email_verified: bool,
    /// In E.164; always proved by a code.
    mobile: Option<String>,
    bio: String,
    /// BCP 47.
    locale: String,
    role: Role,
    plan: String,
    /// When the plan ends by itself.
    plan_until: Option<Timestamp>,
    /// IANA name: where the user's days begin.
    time_zone: String,
    /// Counts after the next daily reset.
    next_time_zone: Option<String>,
    has_password: bool,
    created_at: Timestamp,
}

impl From<Profile> for UserView {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id.uuid(),
            username: profile.username,
            display_name: profile.display_name,
            email: profile.email,
            email_verified: profile.email_verified,
            mobile: profile.mobile,
            bio: profile.bio,
            locale: profile.locale,
            role: profile.role,
            plan: profile.plan,
            plan_until: profile.plan_until.map(wire_time),
            time_zone: profile.time_zone,
            next_time_zone: profile.next_time_zone,
            has_password: profile.has_password,
            created_at: wire_time(profile.created_at),
        }
    }
}

/// A sign-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::accounts) struct SignInView {
    user: UserView,
    access_token: String,
    /// Null for the console, whose cookie holds it.
    refresh_token: Option<String>,
    /// Seconds that the access token holds.
    expires_in: u64,
}

/// Answers a sign-in: the console gets its refresh token as a cookie, others in the body.
pub(in crate::accounts) fn answer(
    request: &HttpRequest,
    config: &Config,
    status: StatusCode,
    opened: Opened,
) -> HttpResponse {
    let console = cookie::is_console(request);
    let mut response = HttpResponse::build(status);
    if console {
        response.cookie(cookie::keep(&opened.refresh_token, config));
    }
    response.json(SignInView {
        user: opened.profile.into(),
        access_token: opened.access_token,
        refresh_token: (!console).then(|| opened.refresh_token.expose().to_owned()),
        expires_in: opened.expires_in_s,
    })
}

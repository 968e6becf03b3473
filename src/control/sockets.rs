//! `/api/admin/sessions…` and `/api/admin/broadcast`: who is connected to this node, and a word to all of them.

use actix_web::{HttpResponse, delete, get, post, web};
use greenroom_actors::domain::SessionId;
use greenroom_actors::protocol::{Notification, NotificationLevel, Presence};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Control;
use crate::accounts::Origin;
use crate::audit::Act;
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, Json, Page, PageParams, PageQuery};
use crate::realtime::{HubCounts, SessionInfo};

const TITLE_MAX_CHARS: usize = 120;
const BODY_MAX_CHARS: usize = 2_000;

/// The sockets of this node, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SocketsView {
    /// Open, signed in or not.
    open: u64,
    signed_in: u64,
    users: u64,
    /// Conversations that some socket joined.
    rooms: u64,
    /// Worker threads with sockets.
    workers: u64,
    /// Frames handed to sockets since the start.
    delivered: u64,
    /// Passing events that a slow socket was spared.
    dropped: u64,
    /// Closed because they were too slow or out of step.
    out_of_step: u64,
    /// Ended by force.
    shut: u64,
}

impl From<HubCounts> for SocketsView {
    fn from(counts: HubCounts) -> Self {
        Self {
            open: counts.sockets,
            signed_in: counts.signed_in,
            users: counts.users,
            rooms: counts.rooms,
            workers: counts.shards,
            delivered: counts.delivered,
            dropped: counts.dropped,
            out_of_step: counts.out_of_step,
            shut: counts.shut,
        }
    }
}

/// One signed-in socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionView {
    id: Uuid,
    user_id: Uuid,
    /// Null for a moment after the sign-in.
    username: Option<String>,
    /// `user` or `admin`.
    #[schema(value_type = String)]
    role: &'static str,
    /// The sign-in that its token belongs to: one for all sockets of a device.
    sign_in_id: Uuid,
    address: Option<String>,
    connected_at: Timestamp,
    /// `online`, `away` or `offline`.
    #[schema(value_type = String)]
    status: &'static str,
    /// Conversations that it joined.
    rooms: usize,
}

impl From<SessionInfo> for SessionView {
    fn from(session: SessionInfo) -> Self {
        Self {
            id: session.id.uuid(),
            user_id: session.user.uuid(),
            username: session.username.as_deref().map(str::to_owned),
            role: session.role.as_str(),
            sign_in_id: session.sign_in.uuid(),
            address: session.address.map(|address| address.to_string()),
            connected_at: wire_time(session.connected_at),
            status: match session.presence {
                Presence::Online => "online",
                Presence::Away => "away",
                Presence::Offline => "offline",
            },
            rooms: session.rooms,
        }
    }
}

/// List the signed-in sockets
///
/// Of this node, in the order in which they signed in.
#[utoipa::path(
    tag = "admin",
    operation_id = "listSessions",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page of the sockets", body = Page<SessionView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[get("/admin/sessions")]
pub(super) async fn sessions(
    _: AdminCaller,
    page: PageQuery,
    control: web::Data<Control>,
) -> ApiResult<web::Json<Page<SessionView>>> {
    let after = page.cursor.as_deref().map(str::parse::<SessionId>).transpose();
    let after = after.map_err(|_| FieldError::new("cursor", "is none of this list"))?;
    let skip = usize::try_from(page.skip()).unwrap_or(usize::MAX);
    let limit = page.limit as usize;
    // One more than asked for tells whether there is a next page.
    let mut found = control.hub.sessions(skip.saturating_add(limit + 1), after);
    found.drain(..skip.min(found.len()));
    let total = control.hub.counts().signed_in;
    Ok(web::Json(Page::cut(&page, found, Some(total), |last| last.id.to_string()).map(SessionView::from)))
}

/// End a socket
///
/// It is closed with code 4004. Its user may sign in again.
#[utoipa::path(
    tag = "admin",
    operation_id = "endSession",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 204, description = "It is being closed"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such session on this node", body = ErrorBody),
    ),
)]
#[delete("/admin/sessions/{id}")]
pub(super) async fn kick(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    control: web::Data<Control>,
) -> ApiResult<HttpResponse> {
    let session: SessionId = id.parse().map_err(|_| ApiError::not_found("session"))?;
    if !control.hub.kick(session) {
        return Err(ApiError::not_found("session"));
    }
    tracing::warn!(admin = %caller.0.user, %session, "an admin ended a session");
    control.audit.note(&Act::new(&caller.0, "socket.kick", ("socket", session.to_string()), &origin)).await;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    #[default]
    Info,
    Warning,
    Critical,
}

impl From<Level> for NotificationLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Critical => Self::Critical,
        }
    }
}

/// A word to all who are signed in on this node.
#[derive(Debug, Deserialize, ToSchema)]
struct Broadcast {
    #[schema(min_length = 1, max_length = 120)]
    title: String,
    #[schema(min_length = 1, max_length = 2000)]
    body: String,
    #[serde(default)]
    level: Level,
}

#[derive(Debug, Serialize, ToSchema)]
struct BroadcastBody {
    /// Sockets that were signed in when it went out.
    sockets: u64,
}

/// Tell everybody
///
/// A `system:notification` of kind `broadcast` goes to all signed-in sockets of this node.
#[utoipa::path(
    tag = "admin",
    operation_id = "broadcast",
    security(("bearer" = [])),
    request_body = Broadcast,
    responses(
        (status = 202, description = "It is on its way", body = BroadcastBody),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[post("/admin/broadcast")]
pub(super) async fn broadcast(
    caller: AdminCaller,
    origin: Origin,
    body: Json<Broadcast>,
    control: web::Data<Control>,
) -> ApiResult<HttpResponse> {
    let Broadcast { title, body, level } = body.into_inner();
    let title = trimmed("title", &title, TITLE_MAX_CHARS)?;
    let body = trimmed("body", &body, BODY_MAX_CHARS)?;
    let sockets = control.hub.counts().signed_in;
    tracing::warn!(admin = %caller.0.user, sockets, ?level, title, "an admin tells everybody");
    let act = Act::new(&caller.0, "node.broadcast", control.this_node(), &origin);
    let detail = json!({"title": title, "body": body, "level": level, "sockets": sockets});
    control.audit.note(&Act { detail, ..act }).await;
    control.hub.broadcast(&Notification { kind: "broadcast".to_owned(), title, body, level: level.into() });
    Ok(HttpResponse::Accepted().json(BroadcastBody { sockets }))
}

fn trimmed(field: &'static str, text: &str, most: usize) -> Result<String, FieldError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        return Err(FieldError::new(field, format!("takes 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

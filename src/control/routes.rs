//! `/api/admin…`: the running server, for admins.

use actix_web::{HttpResponse, get, post, put, web};
use greenroom_actors::engine::Leaf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::sockets::{self, SocketsView};
use super::view::{
    ActorView, ConnectionsView, JournalView, KindView, LiveRoomView, PoolView, TreeView, milliseconds,
};
use super::{Control, reload, store};
use crate::accounts::Origin;
use crate::audit::Act;
use crate::conversations::view::wire_time;
use crate::error::{ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, Json, Page, PageParams, PageQuery};
use crate::postgres::refusal;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(overview)
        .service(sockets::sessions)
        .service(sockets::kick)
        .service(sockets::broadcast)
        .service(rooms)
        .service(actors)
        .service(pool)
        .service(drain)
        .service(log_level)
        .service(reload::route);
}

/// The server at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OverviewView {
    #[schema(value_type = String)]
    version: &'static str,
    started_at: Timestamp,
    uptime_ms: u64,
    /// New messages are refused; the server ends when its replies have.
    draining: bool,
    sockets: SocketsView,
    actors: Vec<KindView>,
    /// Replies running or waiting.
    turns: usize,
    pool: PoolView,
    journal: JournalView,
    database: ConnectionsView,
}

/// See the server at a glance
#[utoipa::path(
    operation_id = "getOverview",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Counts of all parts", body = OverviewView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[get("/admin/overview")]
async fn overview(_: AdminCaller, control: web::Data<Control>) -> ApiResult<web::Json<OverviewView>> {
    let engine = control.engine.snapshot();
    let connections = control.database.status();
    Ok(web::Json(OverviewView {
        version: env!("CARGO_PKG_VERSION"),
        started_at: wire_time(control.started_at),
        uptime_ms: milliseconds(control.running.elapsed()),
        draining: control.engine.is_draining() || control.switches.drain_asked(),
        sockets: control.hub.counts().into(),
        actors: engine.branches.iter().map(KindView::from).collect(),
        turns: engine.turns,
        pool: PoolView::from(&engine.pool),
        journal: JournalView::from(&engine.journal),
        database: ConnectionsView {
            most: connections.max_size,
            open: connections.size,
            idle: connections.available,
            waiting: connections.waiting,
        },
    }))
}

/// List the conversations in memory
///
/// The busiest first, at most 100 of them; `total` counts all.
#[utoipa::path(
    operation_id = "listLiveRooms",
    tag = "admin",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page of the conversations in memory", body = Page<LiveRoomView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/rooms")]
async fn rooms(
    _: AdminCaller,
    page: PageQuery,
    control: web::Data<Control>,
) -> ApiResult<web::Json<Page<LiveRoomView>>> {
    if page.cursor.is_some() {
        // The order changes from moment to moment: there is no place to go on from.
        return Err(FieldError::new("cursor", "is none of this list; use page").into());
    }
    let engine = control.engine.snapshot();
    let Some(branch) = engine.branches.iter().find(|branch| branch.kind == "rooms") else {
        return Ok(web::Json(Page::new(&page, Vec::new(), Some(0), None)));
    };
    let skip = usize::try_from(page.skip()).unwrap_or(usize::MAX);
    let leaves: Vec<&Leaf> = branch.actors.iter().skip(skip).take(page.limit as usize).collect();
    let ids: Vec<_> = leaves.iter().map(|leaf| leaf.id).collect();
    let client = control.database.get().await.map_err(|error| refusal(&error))?;
    let mut facts = store::room_facts(&client, &ids).await.map_err(|error| refusal(&error))?;
    let view = |leaf: &&Leaf| LiveRoomView::new(ActorView::from(*leaf), facts.remove(&leaf.id));
    let items = leaves.iter().map(view).collect();
    Ok(web::Json(Page::new(&page, items, Some(branch.live as u64), None)))
}

/// See the actor tree
///
/// Rooms, users and personas in memory, with their mailboxes and restarts; the busiest 100 of each kind.
#[utoipa::path(
    operation_id = "getActors",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The tree", body = TreeView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[get("/admin/actors")]
async fn actors(_: AdminCaller, control: web::Data<Control>) -> ApiResult<web::Json<TreeView>> {
    Ok(web::Json(TreeView::from(&control.engine.snapshot())))
}

/// See the pool of AI workers
///
/// What waits by priority, what runs, and how long the longest has waited.
#[utoipa::path(
    operation_id = "getPool",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The pool", body = PoolView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[get("/admin/pool")]
async fn pool(_: AdminCaller, control: web::Data<Control>) -> ApiResult<web::Json<PoolView>> {
    Ok(web::Json(PoolView::from(&control.engine.snapshot().pool)))
}

#[derive(Debug, Serialize, ToSchema)]
struct DrainBody {
    draining: bool,
}

/// Drain this node
///
/// New messages are refused, replies finish within a deadline, sockets are told to reconnect elsewhere, then the
/// server ends. Asking again changes nothing.
#[utoipa::path(
    operation_id = "drainNode",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "It drains", body = DrainBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[post("/admin/drain")]
async fn drain(caller: AdminCaller, origin: Origin, control: web::Data<Control>) -> HttpResponse {
    if !control.switches.drain_asked() {
        // Before the act: afterwards the database may be going.
        control.audit.note(&Act::new(&caller.0, "node.drain", control.this_node(), &origin)).await;
    }
    let first = control.switches.drain();
    tracing::warn!(admin = %caller.0.user, first, "an admin drains this node");
    HttpResponse::Accepted().json(DrainBody { draining: true })
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct LogLevel {
    /// `error`, `warn`, `info`, `debug`, `trace` or `off`; or directives, such as `info,greenroom=debug`.
    #[schema(example = "info,greenroom=debug", max_length = 500)]
    level: String,
}

/// Set the log level
///
/// For this node, until it ends.
#[utoipa::path(
    operation_id = "setLogLevel",
    tag = "admin",
    security(("bearer" = [])),
    request_body = LogLevel,
    responses(
        (status = 200, description = "The level that holds now", body = LogLevel),
        (status = 400, description = "It is no level", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[put("/admin/log-level")]
async fn log_level(
    caller: AdminCaller,
    origin: Origin,
    body: Json<LogLevel>,
    control: web::Data<Control>,
) -> ApiResult<web::Json<LogLevel>> {
    let LogLevel { level } = body.into_inner();
    control.switches.set_log_level(&level).map_err(|wrong| FieldError::new("level", wrong))?;
    tracing::warn!(admin = %caller.0.user, level, "an admin set the log level");
    let act = Act::new(&caller.0, "node.log-level", control.this_node(), &origin);
    control.audit.note(&Act { detail: json!({"after": level}), ..act }).await;
    Ok(web::Json(LogLevel { level }))
}

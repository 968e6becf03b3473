//! The webhooks' three paths, their health and trial, and kept events for admins.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::health::{Asker, WebhookHealth, WebhookStatus};
use super::probe::Trial;
use super::{EventState, Filter, KeptEvent, Taken, Untaken, Webhooks};
use crate::accounts::{Origin, Role};
use crate::audit::{Act, Audit};
use crate::conversations::view::wire_time;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, OptionalCaller, Page, PageParams, PageQuery, older_face};

/// Where Stripe puts its signature.
const SIGNATURE: &str = "Stripe-Signature";
const SUCCESSOR: &str = "</api/webhooks/stripe>; rel=\"successor-version\"";
const TYPE_MAX_CHARS: usize = 100;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(webhooks_stripe).service(webhook_stripe).service(subscriptions_webhook);
    config.service(health).service(test).service(list).service(find).service(replay);
}

#[derive(Debug, Serialize, ToSchema)]
struct Received {
    received: bool,
    /// It had come before: nothing was done.
    duplicate: bool,
}

async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    webhooks: &Webhooks,
) -> ApiResult<web::Json<Received>> {
    let bad = |why: &dyn std::fmt::Display| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_signature", why.to_string()).at(SIGNATURE)
    };
    let signature = request.headers().get(SIGNATURE).and_then(|value| value.to_str().ok());
    let signature = signature.ok_or_else(|| bad(&super::BadWebhook::Unreadable))?;
    let body = webhooks.0.bodies.read(request, payload).await?;
    match webhooks.take(&body.bytes, signature).await {
        Ok(taken) => Ok(web::Json(Received { received: true, duplicate: taken == Taken::Before })),
        Err(Untaken::Off(setting)) => Err(ApiError::feature_unavailable(setting)),
        Err(Untaken::Bad(super::BadWebhook::NoEvent)) => {
            Err(ApiError::malformed(super::BadWebhook::NoEvent.to_string()))
        }
        Err(Untaken::Bad(why)) => Err(bad(&why)),
        Err(Untaken::Refused(refusal)) => Err(refusal.into()),
    }
}

/// Take an event of Stripe's
///
/// The body is what Stripe sends, untouched, and `Stripe-Signature` its signature. The answer 200 says that the event is kept
/// and done, or kept and tried again by ourselves; on any other answer Stripe sends it again.
#[utoipa::path(
    operation_id = "stripeWebhook",
    tag = "payments",
    request_body(content = serde_json::Value, content_type = "application/json", description = "An event; at most 1 MB"),
    params(("Stripe-Signature" = String, Header, description = "`t=<seconds>,v1=<HMAC-SHA256 in hex>`")),
    responses(
        (status = 200, description = "It is kept", body = Received),
        (status = 400, description = "The signature is missing, of no known secret, or too old; or the body is no event", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "Payments are not set up, too many come at once, or the database is away", body = ErrorBody),
    ),
)]
#[post("/webhooks/stripe")]
async fn webhooks_stripe(
    request: HttpRequest,
    payload: web::Payload,
    webhooks: web::Data<Webhooks>,
) -> ApiResult<web::Json<Received>> {
    receive(&request, payload, &webhooks).await
}

/// Take an event of Stripe's: older face of `/api/webhooks/stripe`
#[utoipa::path(
    operation_id = "stripeWebhookOlder",
    tag = "payments",
    request_body(content = serde_json::Value, content_type = "application/json", description = "An event; at most 1 MB"),
    responses(
        (status = 200, description = "It is kept", body = Received),
        (status = 400, description = "As there", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "As there", body = ErrorBody),
    ),
)]
#[post("/webhook/stripe")]
async fn webhook_stripe(
    request: HttpRequest,
    payload: web::Payload,
    webhooks: web::Data<Webhooks>,
) -> ApiResult<HttpResponse> {
    let received = receive(&request, payload, &webhooks).await?;
    Ok(older(&received))
}

/// Take an event of Stripe's: older face of `/api/webhooks/stripe`
#[utoipa::path(
    operation_id = "stripeWebhookOfSubscriptions",
    tag = "payments",
    request_body(content = serde_json::Value, content_type = "application/json", description = "An event; at most 1 MB"),
    responses(
        (status = 200, description = "It is kept", body = Received),
        (status = 400, description = "As there", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "As there", body = ErrorBody),
    ),
)]
#[post("/subscriptions/webhook")]
async fn subscriptions_webhook(
    request: HttpRequest,
    payload: web::Payload,
    webhooks: web::Data<Webhooks>,
) -> ApiResult<HttpResponse> {
    let received = receive(&request, payload, &webhooks).await?;
    Ok(older(&received))
}

fn older(received: &Received) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for header in older_face(SUCCESSOR) {
        answer.insert_header(header);
    }
    answer.json(received)
}

/// Whether webhooks are taken and done
///
/// Admins also see how many events wait or have failed.
#[utoipa::path(
    operation_id = "webhookHealth",
    tag = "payments",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "They are, or payments are not set up here", body = WebhookHealth),
        (status = 503, description = "They are not: the database is away, or events wait for too long", body = WebhookHealth),
    ),
)]
#[get("/webhook/health")]
async fn health(caller: OptionalCaller, webhooks: web::Data<Webhooks>) -> HttpResponse {
    let admin = caller.0.is_some_and(|caller| caller.role == Role::Admin);
    let health = webhooks.health(if admin { Asker::Admin } else { Asker::Anybody }).await;
    let status = match health.status {
        WebhookStatus::Up | WebhookStatus::Off => StatusCode::OK,
        WebhookStatus::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    HttpResponse::build(status).json(health)
}

/// Try the webhooks
///
/// Signs an event of our own with the first secret and takes it as one of Stripe's: it is kept as one that has no effect.
#[utoipa::path(
    operation_id = "testWebhook",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What was tried and what came of it", body = Trial),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
    ),
)]
#[post("/webhook/test")]
async fn test(
    caller: AdminCaller,
    origin: Origin,
    webhooks: web::Data<Webhooks>,
    audit: web::Data<Audit>,
) -> web::Json<Trial> {
    let trial = webhooks.trial().await;
    audit.note(&Act::new(&caller.0, "webhook.test", ("webhook", "stripe".to_owned()), &origin)).await;
    web::Json(trial)
}

/// A kept event of Stripe's.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventView {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    object_id: Option<String>,
    state: EventState,
    tries: u32,
    /// Why it waits, has failed or has no effect.
    error: Option<String>,
    /// By Stripe's clock.
    created_at: Timestamp,
    received_at: Timestamp,
    handled_at: Option<Timestamp>,
}

/// The same with what Stripe sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WholeEventView {
    #[serde(flatten)]
    event: EventView,
    payload: serde_json::Value,
}

impl From<KeptEvent> for EventView {
    fn from(event: KeptEvent) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            object_id: event.object_id,
            state: event.state,
            tries: event.tries,
            error: event.error,
            created_at: wire_time(event.created_at),
            received_at: wire_time(event.received_at),
            handled_at: event.handled_at.map(wire_time),
        }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct FilterParams {
    /// `done`, `ignored`, `waiting` or `failed`.
    state: Option<String>,
    /// Such as `invoice.paid`.
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl FilterParams {
    fn checked(self) -> Result<Filter, FieldError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let state = given(self.state).map(|word| {
            let known = EventState::parse(&word);
            known.ok_or_else(|| FieldError::new("state", "takes done, ignored, waiting or failed"))
        });
        let kind = given(self.kind);
        let plain =
            |kind: &String| kind.len() <= TYPE_MAX_CHARS && kind.bytes().all(|byte| byte.is_ascii_graphic());
        if !kind.as_ref().is_none_or(plain) {
            return Err(FieldError::new("type", "takes a type of events, such as invoice.paid"));
        }
        Ok(Filter { state: state.transpose()?, kind })
    }
}

/// Where the page after this event begins.
pub(super) fn cursor(event: &KeptEvent) -> String {
    format!("{}.{}", event.received_at.as_microsecond(), event.id)
}

pub(super) fn after(page: &PageQuery) -> Result<Option<(Timestamp, String)>, Refusal> {
    let read = |text: &str| {
        let (time, id) = text.split_once('.')?;
        let time = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
        (!id.contains('\0')).then(|| (time, id.to_owned()))
    };
    let none_of_ours = || FieldError::new("cursor", "is none of this list").into();
    page.cursor.as_deref().map(|text| read(text).ok_or_else(none_of_ours)).transpose()
}

/// List Stripe's events
///
/// The latest first.
#[utoipa::path(
    operation_id = "listStripeEvents",
    tag = "admin",
    security(("bearer" = [])),
    params(FilterParams, PageParams),
    responses(
        (status = 200, description = "One page of events", body = Page<EventView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/stripe-events")]
async fn list(
    _: AdminCaller,
    filter: web::Query<FilterParams>,
    page: PageQuery,
    webhooks: web::Data<Webhooks>,
) -> ApiResult<web::Json<Page<EventView>>> {
    let filter = filter.into_inner().checked()?;
    Ok(web::Json(webhooks.list(&filter, &page).await?.map(EventView::from)))
}

/// An event of Stripe's with what it says
///
/// What it says of an account that was erased is gone, but for ids.
#[utoipa::path(
    operation_id = "getStripeEvent",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The event's id at Stripe")),
    responses(
        (status = 200, description = "The event", body = WholeEventView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such event", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/stripe-events/{id}")]
async fn find(
    _: AdminCaller,
    id: web::Path<String>,
    webhooks: web::Data<Webhooks>,
) -> ApiResult<web::Json<WholeEventView>> {
    let (kept, payload) = webhooks.find(&known(&id)?).await?;
    Ok(web::Json(WholeEventView { event: kept.into(), payload }))
}

/// Do an event of Stripe's once more
///
/// Whatever became of it: what it is about is asked of Stripe anew, written, and what its person has by it is worked out
/// again. The act is written to the audit log.
#[utoipa::path(
    operation_id = "replayStripeEvent",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The event's id at Stripe")),
    responses(
        (status = 200, description = "What became of it now", body = EventView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such event", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/stripe-events/{id}/replay")]
async fn replay(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    webhooks: web::Data<Webhooks>,
) -> ApiResult<web::Json<EventView>> {
    let id = known(&id)?;
    let (before, _) = webhooks.find(&id).await?;
    let act = Act {
        detail: json!({ "type": before.kind, "objectId": before.object_id, "state": before.state }),
        ..Act::new(&caller.0, "stripe-event.replay", ("stripe-event", id.clone()), &origin)
    };
    Ok(web::Json(webhooks.replay(&id, &act).await?.into()))
}

/// PostgreSQL takes no NUL, and no event has one.
fn known(id: &str) -> Result<String, ApiError> {
    if id.contains('\0') { Err(ApiError::not_found("event")) } else { Ok(id.to_owned()) }
}

//! Is it alive, is it ready, and which part is not: `/health…`, `/metrics`, `GET /api`.
//!
//! Anybody hears up or down; an admin's token hears states and latencies.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use greenroom_actors::engine::Engine;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{OptionalCaller, metrics};
use crate::accounts::Role;
use crate::postgres::{Database, HealthState};

/// A dependency that does not answer by then is down.
const DEADLINE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Up,
    Degraded,
    Down,
}

/// One thing that the server needs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    pub name: String,
    pub state: State,
    /// Milliseconds that it took to answer, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// In words, for an admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// States of the AI providers, from real traffic.
pub type ProviderStates = Arc<dyn Fn() -> Vec<Dependency> + Send + Sync>;
/// Sets the gauges of sockets just before they are read.
pub type RecordSockets = Arc<dyn Fn() + Send + Sync>;

/// What is asked how it is.
#[derive(Clone)]
pub struct Health {
    pub database: Database,
    pub engine: Engine,
    pub providers: ProviderStates,
    pub sockets: RecordSockets,
    pub metrics: PrometheusHandle,
    /// `development` or `production`.
    pub environment: &'static str,
    /// Demo accounts are there to be tried.
    pub demo: bool,
}

impl Health {
    async fn dependencies(&self) -> Vec<Dependency> {
        let database = self.database.health(DEADLINE).await;
        let journal = self.engine.snapshot().journal;
        let mut all = vec![
            Dependency {
                name: "database".to_owned(),
                state: if database.state == HealthState::Up { State::Up } else { State::Down },
                latency_ms: Some(database.latency.as_secs_f64() * 1_000.0),
                detail: None,
            },
            Dependency {
                name: "journal".to_owned(),
                state: if journal.down { State::Down } else { State::Up },
                latency_ms: None,
                detail: Some(format!("{} entries wait", journal.queued)),
            },
        ];
        all.extend((self.providers)());
        all
    }

    /// Ready means: a message that comes now can be stored.
    async fn is_ready(&self) -> bool {
        !self.engine.is_draining() && self.database.health(DEADLINE).await.state == HealthState::Up
    }
}

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(health).service(live).service(ready).service(detailed).service(numbers).service(health_numbers);
}

/// `GET /api`, inside that scope.
pub fn info_routes(config: &mut ServiceConfig<'_>) {
    config.service(info);
}

#[derive(Serialize, ToSchema)]
struct HealthBody {
    /// `OK` for as long as the process answers.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct ReadyBody {
    ready: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DetailedBody {
    status: State,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    version: &'static str,
    draining: bool,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InfoBody {
    name: &'static str,
    version: &'static str,
    environment: &'static str,
    /// Whether demo accounts can be tried.
    demo: bool,
    /// Version of the native protocol at `/ws`.
    protocol: u32,
    documentation: &'static str,
}

/// The process answers.
#[utoipa::path(tag = "operations", responses((status = 200, body = HealthBody)))]
#[get("/health")]
async fn health() -> HttpResponse {
    fresh(&HealthBody { status: "OK", timestamp: Timestamp::now() }, true)
}

/// The process is alive; restart it when this fails.
#[utoipa::path(tag = "operations", responses((status = 200, body = HealthBody)))]
#[get("/health/live")]
async fn live() -> HttpResponse {
    fresh(&HealthBody { status: "OK", timestamp: Timestamp::now() }, true)
}

/// Whether messages can be taken now; 503 while the database is away or the node drains.
#[utoipa::path(tag = "operations", responses((status = 200, body = ReadyBody), (status = 503, body = ReadyBody)))]
#[get("/health/ready")]
async fn ready(health: web::Data<Health>) -> HttpResponse {
    let ready = health.is_ready().await;
    fresh(&ReadyBody { ready }, ready)
}

/// Each dependency: up or down for anybody, with latency and detail for an admin.
#[utoipa::path(tag = "operations", responses((status = 200, body = DetailedBody), (status = 503, body = DetailedBody)))]
#[get("/health/detailed")]
async fn detailed(health: web::Data<Health>, caller: OptionalCaller) -> HttpResponse {
    let mut dependencies = health.dependencies().await;
    let down = dependencies.iter().any(|dependency| dependency.name == "database" && dependency.state == State::Down);
    let status = match dependencies.iter().all(|dependency| dependency.state == State::Up) {
        true => State::Up,
        false if down => State::Down,
        false => State::Degraded,
    };
    if caller.0.is_none_or(|caller| caller.role != Role::Admin) {
        for dependency in &mut dependencies {
            dependency.latency_ms = None;
            dependency.detail = None;
        }
    }
    let draining = health.engine.is_draining();
    let version = env!("CARGO_PKG_VERSION");
    let body = DetailedBody { status, timestamp: Timestamp::now(), version, draining, dependencies };
    fresh(&body, status != State::Down)
}

/// Numbers in the Prometheus text format.
#[utoipa::path(tag = "operations", responses((status = 200, content_type = "text/plain", body = String)))]
#[get("/metrics")]
async fn numbers(health: web::Data<Health>) -> HttpResponse {
    prometheus(&health)
}

/// As `/metrics`.
#[utoipa::path(tag = "operations", responses((status = 200, content_type = "text/plain", body = String)))]
#[get("/health/metrics")]
async fn health_numbers(health: web::Data<Health>) -> HttpResponse {
    prometheus(&health)
}

/// What this server is.
#[utoipa::path(tag = "operations", responses((status = 200, body = InfoBody)))]
#[get("")]
async fn info(health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok().json(InfoBody {
        name: "greenroom",
        version: env!("CARGO_PKG_VERSION"),
        environment: health.environment,
        demo: health.demo,
        protocol: 1,
        documentation: "/api-docs",
    })
}

fn prometheus(health: &Health) -> HttpResponse {
    metrics::record(&health.engine.snapshot());
    (health.sockets)();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(health.metrics.render())
}

fn fresh(body: &impl Serialize, good: bool) -> HttpResponse {
    let mut response = if good { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

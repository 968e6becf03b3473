//! Health: whether the server lives, whether it can serve, and how each thing that it depends on does.
//!
//! The composition root adds a [`Probe`] per dependency. The detailed answers tell numbers to admins only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use futures_util::future::{BoxFuture, join_all};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::caller::is_admin;
use super::metrics::Metrics;
use super::process::ProcessUsage;
use crate::conversations::view::wire_time;

/// A probe that takes longer counts as down.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a dependency does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DependencyState {
    Up,
    /// It serves, but not as it should.
    Degraded,
    Down,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: DependencyState,
    /// For an admin to read.
    pub detail: Option<String>,
}

impl Finding {
    #[must_use]
    pub fn up() -> Self {
        Self { state: DependencyState::Up, detail: None }
    }

    #[must_use]
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self { state: DependencyState::Degraded, detail: Some(detail.into()) }
    }

    #[must_use]
    pub fn down(detail: impl Into<String>) -> Self {
        Self { state: DependencyState::Down, detail: Some(detail.into()) }
    }
}

type Ask = dyn Fn() -> BoxFuture<'static, Finding> + Send + Sync;

/// How to ask one dependency.
#[derive(Clone)]
pub struct Probe {
    name: &'static str,
    required: bool,
    ask: Arc<Ask>,
}

impl Probe {
    /// Without it the server is not ready.
    pub fn required(
        name: &'static str,
        ask: impl Fn() -> BoxFuture<'static, Finding> + Send + Sync + 'static,
    ) -> Self {
        Self { name, required: true, ask: Arc::new(ask) }
    }

    /// Without it the server still serves.
    pub fn optional(
        name: &'static str,
        ask: impl Fn() -> BoxFuture<'static, Finding> + Send + Sync + 'static,
    ) -> Self {
        Self { name, required: false, ask: Arc::new(ask) }
    }
}

/// The server's health. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    probes: Vec<Probe>,
    draining: AtomicBool,
    started: Instant,
}

/// A dependency as it is told; the last three only to admins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DependencyView {
    #[schema(value_type = String)]
    name: &'static str,
    state: DependencyState,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HealthView {
    /// `OK`, `DEGRADED`, `DRAINING` or `UNAVAILABLE`.
    #[schema(value_type = String)]
    status: &'static str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dependencies: Option<Vec<DependencyView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProcessView {
    resident_bytes: u64,
    cpu_seconds: f64,
    threads: u64,
    open_files: u64,
}

impl HealthView {
    fn new(status: &'static str) -> Self {
        Self {
            status,
            timestamp: wire_time(Timestamp::now()),
            uptime_s: None,
            version: None,
            dependencies: None,
            process: None,
        }
    }
}

impl Health {
    #[must_use]
    pub fn new(probes: Vec<Probe>) -> Self {
        Self(Arc::new(Inner { probes, draining: AtomicBool::new(false), started: Instant::now() }))
    }

    /// From now on the server is not ready: load balancers send nobody new.
    pub fn set_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Asks all dependencies at the same time.
    async fn ask(&self) -> Vec<(Probe, Finding, Duration)> {
        join_all(self.0.probes.iter().map(|probe| async {
            let start = Instant::now();
            let finding = tokio::time::timeout(PROBE_TIMEOUT, (probe.ask)())
                .await
                .unwrap_or_else(|_| Finding::down("it gave no answer in time"));
            (probe.clone(), finding, start.elapsed())
        }))
        .await
    }

    fn status(&self, found: &[(Probe, Finding, Duration)]) -> &'static str {
        let down = |(probe, finding, _): &(Probe, Finding, Duration)| {
            probe.required && finding.state == DependencyState::Down
        };
        if found.iter().any(down) {
            "UNAVAILABLE"
        } else if self.is_draining() {
            "DRAINING"
        } else if found.iter().any(|(_, finding, _)| finding.state != DependencyState::Up) {
            "DEGRADED"
        } else {
            "OK"
        }
    }
}

fn answer(view: HealthView) -> HttpResponse {
    let serves = matches!(view.status, "OK" | "DEGRADED");
    let mut response = if serves { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(view)
}

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(answers)
        .service(live)
        .service(ready)
        .service(detailed)
        .service(process_metrics)
        .service(prometheus);
}

/// Say that the server answers
#[utoipa::path(
    operation_id = "getHealth",
    tag = "health",
    responses((status = 200, description = "It does", body = HealthView)),
)]
#[get("/health")]
async fn answers() -> HttpResponse {
    answer(HealthView::new("OK"))
}

/// Say that the process lives
///
/// For supervisors: if this gives no answer, restart it. It asks nothing else.
#[utoipa::path(
    operation_id = "getLiveness",
    tag = "health",
    responses((status = 200, description = "It does", body = HealthView)),
)]
#[get("/health/live")]
async fn live() -> HttpResponse {
    answer(HealthView::new("OK"))
}

/// Say whether the server can serve
///
/// For load balancers: not while the database is away or the node drains.
#[utoipa::path(
    operation_id = "getReadiness",
    tag = "health",
    responses(
        (status = 200, description = "It can", body = HealthView),
        (status = 503, description = "It cannot now", body = HealthView),
    ),
)]
#[get("/health/ready")]
async fn ready(health: web::Data<Health>) -> HttpResponse {
    let found = health.ask().await;
    answer(HealthView::new(health.status(&found)))
}

/// Say how each dependency does
///
/// With an admin's token also latencies and details.
#[utoipa::path(
    operation_id = "getDependencies",
    tag = "health",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "It can serve", body = HealthView),
        (status = 503, description = "It cannot now", body = HealthView),
    ),
)]
#[get("/health/detailed")]
async fn detailed(request: HttpRequest, health: web::Data<Health>) -> HttpResponse {
    let admin = is_admin(&request).await;
    let found = health.ask().await;
    let mut view = HealthView::new(health.status(&found));
    let told = |(probe, finding, took): (Probe, Finding, Duration)| DependencyView {
        name: probe.name,
        state: finding.state,
        required: admin.then_some(probe.required),
        latency_ms: admin.then_some(took.as_secs_f64() * 1_000.0),
        detail: finding.detail.filter(|_| admin),
    };
    view.dependencies = Some(found.into_iter().map(told).collect());
    if admin {
        view.uptime_s = Some(health.0.started.elapsed().as_secs());
        view.version = Some(env!("CARGO_PKG_VERSION"));
    }
    answer(view)
}

/// Say what the process uses
///
/// Numbers for an admin's token only.
#[utoipa::path(
    operation_id = "getProcess",
    tag = "health",
    security((), ("bearer" = [])),
    responses((status = 200, description = "Memory, CPU, threads and files", body = HealthView)),
)]
#[get("/health/metrics")]
async fn process_metrics(request: HttpRequest, health: web::Data<Health>) -> HttpResponse {
    let mut view = HealthView::new("OK");
    if is_admin(&request).await {
        let usage = ProcessUsage::now();
        view.uptime_s = Some(health.0.started.elapsed().as_secs());
        view.process = Some(ProcessView {
            resident_bytes: usage.resident_bytes,
            cpu_seconds: usage.cpu_seconds,
            threads: usage.threads,
            open_files: usage.open_files,
        });
    }
    answer(view)
}

/// Show all metrics to Prometheus
#[utoipa::path(
    operation_id = "getMetrics",
    tag = "health",
    responses((status = 200, description = "In Prometheus' text format", body = String, content_type = "text/plain")),
)]
#[get("/metrics")]
async fn prometheus(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(metrics.render())
}

//! Prometheus metrics. Features count with the `metrics` macros; this is where they are gathered and shown.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::http::Method;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::process::ProcessUsage;

const REQUESTS: &str = "greenroom_http_requests_total";
const DURATION: &str = "greenroom_http_request_duration_seconds";
/// Upper bounds in seconds, from a read in memory to a reply by a slow provider.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Samples wait in memory until somebody asks for them, or for so long.
const UPKEEP: Duration = Duration::from_secs(5);

/// Puts numbers that are kept elsewhere into the recorder.
type Source = Arc<dyn Fn() + Send + Sync>;

/// The process's recorder, and who is asked before it is shown. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    sources: Arc<Mutex<Vec<Source>>>,
}

static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

impl Metrics {
    /// Gathers from now on. There is one recorder in a process: further calls show the same, with sources of their own.
    pub fn install() -> Self {
        let handle = INSTALLED
            .get_or_init(|| {
                let builder = PrometheusBuilder::new()
                    .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
                    .unwrap_or_default();
                let recorder = builder.build_recorder();
                let handle = recorder.handle();
                // Refused where another recorder was installed by hand: then this one stays empty.
                drop(metrics::set_global_recorder(recorder));
                describe();
                handle
            })
            .clone();
        Self { handle, sources: Arc::default() }
    }

    /// Asks `source` for its numbers each time before the metrics are shown.
    pub fn ask(&self, source: impl Fn() + Send + Sync + 'static) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(source));
    }

    /// Keeps what waits in memory bounded while nobody scrapes. Runs until it is dropped.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }

    /// All metrics as Prometheus reads them.
    #[must_use]
    pub fn render(&self) -> String {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sources.iter().for_each(|source| source());
        let usage = ProcessUsage::now();
        metrics::gauge!("process_resident_memory_bytes").set(usage.resident_bytes as f64);
        metrics::gauge!("process_cpu_seconds_total").set(usage.cpu_seconds);
        metrics::gauge!("process_threads").set(usage.threads as f64);
        metrics::gauge!("process_open_fds").set(usage.open_files as f64);
        self.handle.render()
    }
}

fn describe() {
    metrics::describe_counter!(REQUESTS, "HTTP requests answered, by method, route and status.");
    metrics::describe_histogram!(
        DURATION,
        metrics::Unit::Seconds,
        "Time to the head of a response, by method and route."
    );
    metrics::describe_gauge!("process_resident_memory_bytes", "Memory held in RAM.");
    metrics::describe_gauge!("process_cpu_seconds_total", "User and kernel time since the start.");
    metrics::describe_gauge!("process_threads", "Threads.");
    metrics::describe_gauge!("process_open_fds", "Open files and sockets.");
}

/// Counts an answered request. `route` is a pattern such as `/api/characters/{id}`: paths would be without bound.
pub(super) fn count(method: &Method, route: &str, status: u16, took: Duration) {
    let method = method_label(method);
    metrics::counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!(DURATION, "method" => method, "route" => route.to_owned()).record(took.as_secs_f64());
}

/// Clients may invent methods.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_invented_methods_as_one() {
        let metrics = Metrics::install();
        count(&Method::GET, "/metrics-test/{id}", 200, Duration::from_millis(3));
        count(&Method::from_bytes(b"BREW").unwrap(), "/metrics-test/{id}", 405, Duration::from_millis(3));
        let text = metrics.render();
        assert!(text.contains(r#"route="/metrics-test/{id}",status="200""#), "{text}");
        assert!(text.contains(r#"method="other""#) && !text.contains("BREW"));
        assert!(text.contains("greenroom_http_request_duration_seconds_bucket"));
        assert!(text.contains("process_resident_memory_bytes"));
    }
}

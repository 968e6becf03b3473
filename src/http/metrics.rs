//! Numbers for Prometheus: one recorder for the process, gauges of the running server read when they are asked for.

use std::sync::OnceLock;

use greenroom_actors::engine::EngineSnapshot;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from a cached answer to one that waited for a database.
const LATENCY_BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts recording; the second and later calls of a process share the first one's recorder.
pub fn start() -> PrometheusHandle {
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)
                .unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Another recorder could only be a test's: then its numbers go there.
            drop(metrics::set_global_recorder(recorder));
            handle
        })
        .clone()
}

/// Sets the gauges of the engine.
pub fn record(engine: &EngineSnapshot) {
    for branch in &engine.branches {
        metrics::gauge!("greenroom_actors", "kind" => branch.kind).set(branch.live as f64);
        metrics::counter!("greenroom_actor_crashes_total", "kind" => branch.kind).absolute(branch.crashed);
    }
    metrics::gauge!("greenroom_replies_open").set(engine.turns as f64);
    metrics::gauge!("greenroom_pool_running").set(engine.pool.running as f64);
    let queued: usize = engine.pool.queued.iter().map(|(_, waiting)| waiting).sum();
    metrics::gauge!("greenroom_pool_queued").set(queued as f64);
    metrics::counter!("greenroom_pool_completed_total").absolute(engine.pool.completed);
    metrics::counter!("greenroom_pool_failed_total").absolute(engine.pool.failed);
    metrics::counter!("greenroom_pool_refused_total").absolute(engine.pool.refused);
    metrics::counter!("greenroom_pool_retried_total").absolute(engine.pool.retried);
    metrics::gauge!("greenroom_journal_queued").set(engine.journal.queued as f64);
    metrics::gauge!("greenroom_journal_down").set(f64::from(u8::from(engine.journal.down)));
    metrics::counter!("greenroom_journal_entries_total").absolute(engine.journal.committed);
    metrics::counter!("greenroom_journal_batches_total").absolute(engine.journal.batches);
}

//! Latencies in microseconds, three significant digits, up to ten minutes.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

const LONGEST_MICROS: u64 = 600_000_000;
/// The points of the curve in the report.
const QUANTILES: [f64; 15] =
    [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0];

pub struct Latency {
    name: String,
    histogram: Histogram<u64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencySummary {
    pub name: String,
    pub count: u64,
    pub mean_micros: f64,
    pub p50_micros: u64,
    pub p90_micros: u64,
    pub p99_micros: u64,
    pub p999_micros: u64,
    pub max_micros: u64,
    /// `(quantile, microseconds)`
    pub curve: Vec<(f64, u64)>,
}

impl Latency {
    pub fn new(name: impl Into<String>) -> Latency {
        let histogram = Histogram::new_with_bounds(1, LONGEST_MICROS, 3).unwrap_or_else(|_| {
            // The bounds are constants that the library accepts; a histogram that grows by itself is as good.
            Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are within 0 to 5"))
        });
        Latency { name: name.into(), histogram }
    }

    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    pub fn record(&mut self, duration: Duration) {
        self.record_micros(duration.as_micros() as u64);
    }

    pub fn record_micros(&mut self, micros: u64) {
        self.histogram.saturating_record(micros);
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    pub fn quantile_micros(&self, quantile: f64) -> u64 {
        self.histogram.value_at_quantile(quantile)
    }

    pub fn clear(&mut self) {
        self.histogram.reset();
    }

    pub fn summary(&self) -> LatencySummary {
        LatencySummary {
            name: self.name.clone(),
            count: self.histogram.len(),
            mean_micros: self.histogram.mean(),
            p50_micros: self.quantile_micros(0.5),
            p90_micros: self.quantile_micros(0.9),
            p99_micros: self.quantile_micros(0.99),
            p999_micros: self.quantile_micros(0.999),
            max_micros: self.histogram.max(),
            curve: QUANTILES.iter().map(|quantile| (*quantile, self.quantile_micros(*quantile))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut latency = Latency::new("ack");
        for micros in 1..=100_000 {
            latency.record_micros(micros);
        }
        let summary = latency.summary();
        assert_eq!(summary.count, 100_000);
        assert!(summary.p50_micros.abs_diff(50_000) <= 50, "{}", summary.p50_micros);
        assert!(summary.p99_micros.abs_diff(99_000) <= 99, "{}", summary.p99_micros);
        assert!(summary.max_micros.abs_diff(100_000) <= 100);
    }

    #[test]
    fn a_wait_beyond_the_bound_is_kept_at_the_bound() {
        let mut latency = Latency::new("ack");
        latency.record(Duration::from_secs(100_000));
        assert_eq!(latency.count(), 1);
        assert!(latency.quantile_micros(1.0) >= LONGEST_MICROS);
    }
}

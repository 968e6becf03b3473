//! What is measured and judged: latencies, processes, the order of events.

mod latency;
mod meter;
mod offsets;
mod process;
mod recorder;
mod verdict;

pub use latency::{Latency, LatencySummary};
pub use meter::{CpuMeter, CpuUsed};
pub use offsets::{OffsetTracker, Tally};
pub use process::{Machine, ProcessGroup, Usage, parse_stat, peak_bytes};
pub use recorder::{Recorder, Series};
pub use verdict::{Check, Verdict};

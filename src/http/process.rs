//! What this process uses, as the kernel counts it.

use std::fs;

/// CPU time in `/proc` is counted in these, on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Zero where the kernel does not say: outside Linux there is no `/proc`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUsage {
    /// Memory held in RAM.
    pub resident_bytes: u64,
    /// User and kernel time since the start.
    pub cpu_seconds: f64,
    pub threads: u64,
    pub open_files: u64,
}

impl ProcessUsage {
    #[must_use]
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        // The second field is the program's name in brackets, and may hold anything; the times are the 14th and 15th.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: f64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
        Self {
            resident_bytes: field("VmRSS") * 1_024,
            cpu_seconds: ticks / TICKS_PER_SECOND,
            threads: field("Threads"),
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_something() {
        let usage = ProcessUsage::now();
        assert!(usage.resident_bytes > 1_000_000 && usage.threads >= 1 && usage.open_files >= 3);
    }
}

//! Samples of a run over time: throughput, CPU and memory of the server, of Postgres and of this process.

use std::time::Duration;

use serde::Serialize;

use super::process::{ProcessGroup, Usage};
use crate::clock::Moment;

const INTERVAL: Duration = Duration::from_millis(500);
/// New Postgres backends are looked for at each so-manyth sample.
const REFRESH_EVERY: usize = 10;

/// One line of a plot.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    pub chart: String,
    pub name: String,
    pub unit: String,
    /// `(seconds since the start, value)`
    pub points: Vec<(f64, f64)>,
}

struct Watch {
    name: &'static str,
    group: ProcessGroup,
    last: Usage,
    cpu: Vec<(f64, f64)>,
    resident: Vec<(f64, f64)>,
}

pub struct Recorder {
    started: Moment,
    last: Moment,
    last_count: u64,
    counted: &'static str,
    throughput: Vec<(f64, f64)>,
    watches: Vec<Watch>,
}

impl Recorder {
    /// `counted` names what is counted, in the plural.
    pub fn new(counted: &'static str) -> Recorder {
        let now = Moment::now();
        Recorder {
            started: now,
            last: now,
            last_count: 0,
            counted,
            throughput: Vec::new(),
            watches: Vec::new(),
        }
    }

    pub fn watch(&mut self, name: &'static str, group: Option<ProcessGroup>) {
        if let Some(group) = group {
            let last = group.usage();
            self.watches.push(Watch { name, group, last, cpu: Vec::new(), resident: Vec::new() });
        }
    }

    /// Goes on with another count, which stands at `count` now.
    pub fn resume(&mut self, now: Moment, count: u64) {
        self.last = now;
        self.last_count = count;
        for watch in &mut self.watches {
            watch.last = watch.group.usage();
        }
    }

    /// Takes a sample if one is due; `count` is the number of things so far.
    pub fn tick(&mut self, now: Moment, count: u64) {
        let passed = now.since(self.last);
        if passed < INTERVAL {
            return;
        }
        let (at, seconds) = (now.since(self.started).as_secs_f64(), passed.as_secs_f64());
        self.throughput.push((at, count.saturating_sub(self.last_count) as f64 / seconds));
        for watch in &mut self.watches {
            if watch.cpu.len() % REFRESH_EVERY == 0 {
                watch.group.refresh();
            }
            let usage = watch.group.usage();
            let used = (usage.cpu_seconds - watch.last.cpu_seconds).max(0.0);
            watch.cpu.push((at, used / seconds * 100.0));
            watch.resident.push((at, usage.resident_bytes as f64 / 1e6));
            watch.last = usage;
        }
        self.last = now;
        self.last_count = count;
    }

    pub fn series(&self) -> Vec<Series> {
        let line = |chart: &str, name: &str, unit: &str, points: &[(f64, f64)]| Series {
            chart: chart.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            points: points.to_vec(),
        };
        let mut all = vec![line("Throughput", self.counted, "/s", &self.throughput)];
        all.extend(self.watches.iter().map(|watch| line("CPU", watch.name, "%", &watch.cpu)));
        all.extend(self.watches.iter().map(|watch| line("Memory", watch.name, "MB", &watch.resident)));
        all.retain(|series| !series.points.is_empty());
        all
    }
}

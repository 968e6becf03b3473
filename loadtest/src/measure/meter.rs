//! The CPU that each process of a run used between two moments.

use super::process::ProcessGroup;
use crate::clock::Moment;
use crate::report::Report;

pub struct CpuMeter {
    groups: Vec<(&'static str, ProcessGroup, f64)>,
    started: Moment,
}

/// What was used: names, and seconds of CPU.
pub struct CpuUsed {
    used: Vec<(&'static str, f64)>,
    seconds: f64,
}

impl CpuMeter {
    pub fn new(groups: impl IntoIterator<Item = (&'static str, Option<ProcessGroup>)>) -> CpuMeter {
        let known = groups.into_iter().filter_map(|(name, group)| Some((name, group?, 0.0)));
        let mut meter = CpuMeter { groups: known.collect(), started: Moment::now() };
        meter.restart();
        meter
    }

    pub fn restart(&mut self) {
        self.started = Moment::now();
        for (_, group, before) in &mut self.groups {
            group.refresh();
            *before = group.usage().cpu_seconds;
        }
    }

    pub fn read(&mut self) -> CpuUsed {
        let used = self.groups.iter_mut().map(|(name, group, before)| {
            group.refresh();
            (*name, (group.usage().cpu_seconds - *before).max(0.0))
        });
        CpuUsed { used: used.collect(), seconds: self.started.elapsed().as_secs_f64() }
    }
}

impl CpuUsed {
    /// Seconds of CPU of the process with that name.
    pub fn of(&self, name: &str) -> Option<f64> {
        self.used.iter().find(|(known, _)| *known == name).map(|(_, cpu)| *cpu)
    }

    /// Adds the CPU of each process, in all and for each of `count` things.
    pub fn describe(&self, report: &mut Report, count: u64, thing: &str) {
        for (name, cpu) in &self.used {
            report.figure(format!("CPU of {name}"), cpu / self.seconds * 100.0, "%");
            report.figure(format!("CPU of {name} per {thing}"), cpu / count.max(1) as f64 * 1e6, "µs");
        }
    }
}

//! CPU and memory of other processes, as `/proc` tells them. Linux only.

use std::collections::HashMap;
use std::fs;

use serde::Serialize;

use crate::net::clock_ticks_per_second;

/// What a group of processes has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Seconds of CPU, children that ended included.
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
}

/// A process, or a process with all its descendants.
#[derive(Clone, Debug, Default)]
pub struct ProcessGroup {
    pids: Vec<u32>,
    root: Option<u32>,
}

impl ProcessGroup {
    pub fn single(pid: u32) -> ProcessGroup {
        ProcessGroup { pids: vec![pid], root: None }
    }

    /// `root` and its descendants.
    pub fn tree(root: u32) -> ProcessGroup {
        let mut group = ProcessGroup { pids: Vec::new(), root: Some(root) };
        group.refresh();
        group
    }

    /// The private Postgres below a server: the nearest descendant of that name, with its own children.
    pub fn postgres_below(server: u32) -> Option<ProcessGroup> {
        let parents = parents();
        let mut level = vec![server];
        while !level.is_empty() {
            level = parents
                .iter()
                .filter(|(_, (parent, _))| level.contains(parent))
                .map(|(pid, _)| *pid)
                .collect();
            level.sort_unstable();
            if let Some(pid) = level.iter().find(|pid| parents[*pid].1.starts_with("postgres")) {
                return Some(ProcessGroup::tree(*pid));
            }
        }
        None
    }

    /// Looks for new descendants.
    pub fn refresh(&mut self) {
        let Some(root) = self.root else { return };
        let parents = parents();
        self.pids = vec![root];
        let mut next = 0;
        while next < self.pids.len() {
            let parent = self.pids[next];
            self.pids.extend(parents.iter().filter(|(_, (of, _))| *of == parent).map(|(pid, _)| *pid));
            next += 1;
        }
    }

    pub fn pids(&self) -> &[u32] {
        &self.pids
    }

    pub fn usage(&self) -> Usage {
        self.pids.iter().fold(Usage::default(), |sum, pid| {
            let Some(stat) =
                fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|text| parse_stat(&text))
            else {
                return sum;
            };
            // Only a tree counts children that ended: they were part of it.
            let ended = if self.root.is_some() { stat.ended_children_ticks } else { 0 };
            Usage {
                cpu_seconds: sum.cpu_seconds + (stat.ticks + ended) as f64 / clock_ticks_per_second(),
                resident_bytes: sum.resident_bytes + resident_bytes(*pid),
            }
        })
    }
}

/// The fields of `/proc/PID/stat` that are used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    pub name: String,
    pub parent: u32,
    pub ticks: u64,
    pub ended_children_ticks: u64,
}

pub fn parse_stat(text: &str) -> Option<Stat> {
    // The name is in parentheses and may hold anything, parentheses too.
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let name = text.get(open + 1..close)?.to_owned();
    let fields: Vec<&str> = text[close + 1..].split_whitespace().collect();
    let field = |nth: usize| fields.get(nth)?.parse::<u64>().ok();
    Some(Stat {
        name,
        parent: field(1)? as u32,
        ticks: field(11)? + field(12)?,
        ended_children_ticks: field(13)? + field(14)?,
    })
}

fn parents() -> HashMap<u32, (u32, String)> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = parse_stat(&fs::read_to_string(entry.path().join("stat")).ok()?)?;
            Some((pid, (stat.parent, stat.name)))
        })
        .collect()
}

fn resident_bytes(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS:").unwrap_or(0)
}

/// The most memory that a process has had at any time.
pub fn peak_bytes(pid: u32) -> Option<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Where a run took place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gigabytes: u64,
    pub kernel: String,
    /// Processes that wanted a core in the minute before the run: above 0.3 or so, others were at work too.
    pub load_before: f64,
    /// Share of the time that the hypervisor took away since the start of the run, in percent.
    pub steal_percent: f64,
    #[serde(skip)]
    ticks_at_start: (u64, u64),
}

impl Machine {
    pub fn read() -> Machine {
        let field = |file: &str, key: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let found = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':'));
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes: u64 = memory.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Machine {
            processor: field("/proc/cpuinfo", "model name"),
            cores: fs::read_to_string("/proc/cpuinfo").unwrap_or_default().matches("processor\t").count(),
            memory_gigabytes: kilobytes / (1024 * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            load_before: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split(' ').next()?.parse().ok())
                .unwrap_or(0.0),
            steal_percent: 0.0,
            ticks_at_start: machine_ticks(),
        }
    }

    /// Fills in what was stolen since [`Machine::read`].
    pub fn finish(&mut self) {
        let (stolen, total) = machine_ticks();
        let (stolen, total) = (stolen - self.ticks_at_start.0, total - self.ticks_at_start.1);
        self.steal_percent = if total > 0 { stolen as f64 / total as f64 * 100.0 } else { 0.0 };
    }
}

/// `(stolen, all)` of all cores.
fn machine_ticks() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 150 50 6 4 20 0 8 0 100 1 2";
        let stat = parse_stat(text).unwrap();
        let expected = Stat { name: "a (b) c".into(), parent: 7, ticks: 200, ended_children_ticks: 10 };
        assert_eq!(stat, expected);
    }

    #[test]
    fn this_process_uses_memory_and_has_a_tree() {
        let group = ProcessGroup::tree(std::process::id());
        assert!(group.pids().contains(&std::process::id()));
        assert!(group.usage().resident_bytes > 100_000);
        assert!(peak_bytes(std::process::id()).unwrap() >= 100_000);
        assert_eq!(peak_bytes(u32::MAX), None);
        assert!(ProcessGroup::postgres_below(std::process::id()).is_none());
    }
}

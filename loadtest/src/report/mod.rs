//! What a run found, as a table, as JSON, and as one self-contained page.

mod html;
mod plot;
mod table;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use crate::measure::{LatencySummary, Machine, Series, Verdict};

/// What a figure should reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Target::AtMost(bound) => value <= bound,
            Target::AtLeast(bound) => value >= bound,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Target::AtMost(bound) => format!("at most {}", with_unit(bound, unit)),
            Target::AtLeast(bound) => format!("at least {}", with_unit(bound, unit)),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    pub target: Option<Target>,
    pub met: Option<bool>,
}

/// What is compared, a line each.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub scenario: String,
    pub about: String,
    /// Seconds since 1970.
    pub started_at: u64,
    pub command: String,
    pub machine: Machine,
    /// `(name, value)`
    pub settings: Vec<(String, String)>,
    pub figures: Vec<Figure>,
    pub tables: Vec<Table>,
    pub latencies: Vec<LatencySummary>,
    pub series: Vec<Series>,
    pub verdict: Verdict,
    pub notes: Vec<String>,
}

/// Where a report goes beside the terminal.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Outputs {
    /// Write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as one self-contained HTML page to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Fail also when a figure misses its target, not only when something was lost, doubled or out of order.
    #[arg(long)]
    pub strict: bool,
}

impl Report {
    pub fn new(scenario: &str, about: &str) -> Report {
        Report {
            scenario: scenario.to_owned(),
            about: about.to_owned(),
            started_at: crate::clock::Moment::now().unix_micros() / 1_000_000,
            command: shown_command(std::env::args()),
            machine: Machine::read(),
            settings: Vec::new(),
            figures: Vec::new(),
            tables: Vec::new(),
            latencies: Vec::new(),
            series: Vec::new(),
            verdict: Verdict::default(),
            notes: Vec::new(),
        }
    }

    pub fn setting(&mut self, name: &str, value: impl std::fmt::Display) {
        self.settings.push((name.to_owned(), format!("{value}")));
    }

    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &str) {
        self.put_figure(name.into(), value, unit, None);
    }

    pub fn aimed(&mut self, name: impl Into<String>, value: f64, unit: &str, target: Target) {
        self.put_figure(name.into(), value, unit, Some(target));
    }

    fn put_figure(&mut self, name: String, value: f64, unit: &str, target: Option<Target>) {
        let met = target.map(|target| target.is_met_by(value));
        self.figures.push(Figure { name, value, unit: unit.to_owned(), target, met });
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Prints the table and writes the files; says whether the run passed.
    pub fn publish(mut self, outputs: &Outputs, out: &mut impl Write) -> anyhow::Result<bool> {
        self.machine.finish();
        out.write_all(self.table().as_bytes()).context("writing the table")?;
        if let Some(path) = &outputs.json {
            fs::write(path, serde_json::to_vec_pretty(&self)?)
                .with_context(|| format!("writing {}", path.display()))?;
        }
        if let Some(path) = &outputs.html {
            fs::write(path, self.html()).with_context(|| format!("writing {}", path.display()))?;
        }
        let figures_met = self.figures.iter().all(|figure| figure.met != Some(false));
        Ok(self.verdict.passed() && (figures_met || !outputs.strict))
    }
}

/// The command line without the secret that may stand in it.
fn shown_command(arguments: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut hide = false;
    for argument in arguments {
        if std::mem::take(&mut hide) {
            shown.push("…".to_owned());
        } else if let Some((flag, _)) = argument.split_once('=').filter(|(flag, _)| is_secret(flag)) {
            shown.push(format!("{flag}=…"));
        } else {
            hide = is_secret(&argument);
            shown.push(argument);
        }
    }
    if let Some(program) = shown.first_mut() {
        *program = program.rsplit('/').next().unwrap_or_default().to_owned();
    }
    shown.join(" ")
}

fn is_secret(flag: &str) -> bool {
    flag.ends_with("-secret") || flag.ends_with("-key") || flag == "--password"
}

fn with_unit(value: f64, unit: &str) -> String {
    let number = number(value);
    match unit {
        "" => number,
        "%" | "/s" => format!("{number}{unit}"),
        _ => format!("{number} {unit}"),
    }
}

/// Whole numbers with separators, small ones with as many digits as matter.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut grouped = String::new();
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

fn time_text(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", number(micros as f64 / 1e3)),
        _ => format!("{} s", number(micros as f64 / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Latency, Tally};

    fn example() -> Report {
        let mut report = Report::new("fanout", "what <one> says & all hear");
        report.setting("rooms", 10);
        report.aimed("CPU per delivery", 7.25, "µs", Target::AtMost(8.0));
        report.aimed("acked", 19_000.0, "/s", Target::AtLeast(20_000.0));
        let mut latency = Latency::new("ack");
        (1..1_000).for_each(|micros| latency.record_micros(micros));
        report.latencies.push(latency.summary());
        let points = (0..20).map(|n| (f64::from(n), f64::from(n * n))).collect();
        let (chart, name, unit) = ("CPU".to_owned(), "server".to_owned(), "%".to_owned());
        report.series.push(Series { chart, name, unit, points });
        report.verdict.events(Tally { events: 3, lost: 1, ..Tally::default() });
        report
    }

    #[test]
    fn the_table_names_what_was_missed_and_what_was_lost() {
        let table = example().table();
        for part in ["CPU per delivery", "7.25 µs", "19,000/s", "MISSED", "no event lost", "FAILED", "p99"] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
    }

    #[test]
    fn the_page_is_whole_and_needs_nothing_from_elsewhere() {
        let page = example().html();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert!(page.contains("what &lt;one&gt; says &amp; all hear"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(page.matches("<svg").count() >= 2);
        for outside in ["http://", "https://", "<script", "@import", "NaN", "inf"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_outcome_follows_the_verdict_and_the_figures_only_when_asked() {
        let publish = |report: Report, strict| {
            report.publish(&Outputs { strict, ..Outputs::default() }, &mut std::io::sink()).unwrap()
        };
        assert!(!publish(example(), false));
        let mut fine = example();
        fine.verdict = Verdict::default();
        assert!(publish(fine.clone(), false));
        assert!(!publish(fine, true));
    }

    #[test]
    fn a_secret_in_the_command_line_is_not_shown() {
        let line =
            ["/a/b/loadtest", "--jwt-secret", "s3cret", "--jwt-secret=s3cret", "--password=s3cret", "idle"];
        let shown = shown_command(line.iter().map(ToString::to_string));
        assert_eq!(shown, "loadtest --jwt-secret … --jwt-secret=… --password=… idle");
    }

    #[test]
    fn numbers_are_written_for_people() {
        let written: Vec<_> = [0.0, 1234567.0, 12.34, 0.456, -1500.5].map(number).into();
        assert_eq!(written, ["0", "1,234,567", "12.3", "0.46", "-1,500"]);
        assert_eq!((time_text(999).as_str(), time_text(1_500).as_str()), ("999 µs", "1.50 ms"));
    }
}

//! The report on a terminal.

use std::fmt::Write;

use super::{Report, time_text, with_unit};

impl Report {
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_table(&mut out);
        out
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{}: {}", self.scenario, self.about)?;
        let settings: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(out, "  {}", settings.join(", "))?;
        let machine = &self.machine;
        writeln!(
            out,
            "  {} ({} cores, {} GB), Linux {}, load before {:.1}, {:.1}% stolen\n",
            machine.processor,
            machine.cores,
            machine.memory_gigabytes,
            machine.kernel,
            machine.load_before,
            machine.steal_percent
        )?;
        let widest = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        for figure in &self.figures {
            let target = figure.target.map(|target| target.text(&figure.unit)).unwrap_or_default();
            let mark = match figure.met {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "",
            };
            let value = with_unit(figure.value, &figure.unit);
            writeln!(out, "  {:<widest$}  {value:>14}  {mark:<8} {target}", figure.name)?;
        }
        for table in &self.tables {
            // In Markdown, to be put into documents as it is.
            writeln!(out, "\n  {}\n", table.title)?;
            let widths: Vec<usize> = (0..table.columns.len())
                .map(|column| {
                    let cells =
                        table.rows.iter().filter_map(|row| row.get(column)).chain([&table.columns[column]]);
                    cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
                })
                .collect();
            let line = |cells: &[String]| {
                let cells = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} |"));
                format!("|{}", cells.collect::<String>())
            };
            writeln!(out, "{}", line(&table.columns))?;
            writeln!(
                out,
                "|{}",
                widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect::<String>()
            )?;
            for row in &table.rows {
                writeln!(out, "{}", line(row))?;
            }
        }
        if !self.latencies.is_empty() {
            let widest = self.latencies.iter().map(|latency| latency.name.chars().count()).max().unwrap_or(0);
            let heads = ["p50", "p90", "p99", "p99.9", "max"].map(|head| format!("{head:>10}")).concat();
            writeln!(out, "\n  {:<widest$}  {:>10}{heads}", "", "count")?;
            for latency in &self.latencies {
                let values = [
                    latency.p50_micros,
                    latency.p90_micros,
                    latency.p99_micros,
                    latency.p999_micros,
                    latency.max_micros,
                ];
                let values = values.map(|micros| format!("{:>10}", time_text(micros))).concat();
                writeln!(out, "  {:<widest$}  {:>10}{values}", latency.name, latency.count)?;
            }
        }
        writeln!(out)?;
        for check in &self.verdict.checks {
            let mark = if check.passed { "ok    " } else { "FAILED" };
            writeln!(out, "  {mark}  {}: {}", check.name, check.detail)?;
            for example in &check.examples {
                writeln!(out, "          {example}")?;
            }
        }
        for note in &self.notes {
            writeln!(out, "  note: {note}")?;
        }
        writeln!(out, "\n  verdict: {}", if self.verdict.passed() { "passed" } else { "FAILED" })
    }
}

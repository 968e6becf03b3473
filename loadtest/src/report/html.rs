//! The report as one page: no script, nothing loaded, light and dark.

use std::fmt::Write;

use super::{Report, plot, time_text, with_unit};
use crate::measure::Series;

const STYLE: &str = include_str!("page.css");

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Report {
    pub fn html(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_page(&mut out);
        out
    }

    fn write_page(&self, out: &mut String) -> std::fmt::Result {
        let (passed, word) = if self.verdict.passed() { ("passed", "passed") } else { ("failed", "failed") };
        let machine = &self.machine;
        writeln!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>Greenroom load: {0}</title><style>{STYLE}</style></head><body><main>\n\
             <h1>{0}</h1><p>{1}</p><p class=\"badge {passed}\">{word}</p>\n<p><code>{2}</code></p>\
             <p>{3}, {4} cores, {5} GB, Linux {6}, load before {8:.1}, {7:.1}% stolen</p>",
            escape(&self.scenario),
            escape(&self.about),
            escape(&self.command),
            escape(&machine.processor),
            machine.cores,
            machine.memory_gigabytes,
            escape(&machine.kernel),
            machine.steal_percent,
            machine.load_before
        )?;
        let settings: Vec<_> =
            self.settings.iter().map(|(name, value)| escape(&format!("{name} {value}"))).collect();
        writeln!(out, "<p>{}</p>", settings.join(" · "))?;
        self.write_figures(out)?;
        self.write_tables(out)?;
        self.write_latencies(out)?;
        self.write_plots(out)?;
        self.write_verdict(out)?;
        writeln!(out, "</main></body></html>")
    }

    fn write_tables(&self, out: &mut String) -> std::fmt::Result {
        for table in &self.tables {
            let cells = |row: &[String], tag: &str| {
                row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect::<String>()
            };
            let rows = table.rows.iter().map(|row| format!("<tr>{}</tr>", cells(row, "td")));
            writeln!(
                out,
                "<h2>{}</h2><div class=\"card\"><table><tr>{}</tr>{}</table></div>",
                escape(&table.title),
                cells(&table.columns, "th"),
                rows.collect::<String>()
            )?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<h2>Figures</h2><div class=\"card\"><table>")?;
        for figure in &self.figures {
            let target = figure.target.map(|target| target.text(&figure.unit)).unwrap_or_default();
            let mark = match figure.met {
                Some(true) => "<span class=\"yes\">reached</span>",
                Some(false) => "<span class=\"no\">missed</span>",
                None => "",
            };
            let (name, value) = (escape(&figure.name), escape(&with_unit(figure.value, &figure.unit)));
            writeln!(
                out,
                "<tr><td>{name}</td><td>{value}</td><td>{}</td><td>{mark}</td></tr>",
                escape(&target)
            )?;
        }
        writeln!(out, "</table></div>")
    }

    fn write_latencies(&self, out: &mut String) -> std::fmt::Result {
        if self.latencies.is_empty() {
            return Ok(());
        }
        let heads = ["", "count", "p50", "p90", "p99", "p99.9", "max"].map(|head| format!("<th>{head}</th>"));
        writeln!(out, "<h2>Latencies</h2><div class=\"card\"><table><tr>{}</tr>", heads.concat())?;
        for latency in &self.latencies {
            let times = [
                latency.p50_micros,
                latency.p90_micros,
                latency.p99_micros,
                latency.p999_micros,
                latency.max_micros,
            ];
            let cells = times.map(|micros| format!("<td>{}</td>", time_text(micros))).concat();
            writeln!(out, "<tr><td>{}</td><td>{}</td>{cells}</tr>", escape(&latency.name), latency.count)?;
        }
        writeln!(out, "</table></div>")
    }

    fn write_plots(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<h2>Plots</h2><div class=\"plots\">")?;
        if self.latencies.iter().any(|latency| latency.count > 0) {
            out.push_str(&plot::percentiles(&self.latencies));
        }
        let mut charts: Vec<&str> = Vec::new();
        for series in &self.series {
            if !charts.contains(&series.chart.as_str()) {
                charts.push(&series.chart);
            }
        }
        for chart in charts {
            let lines: Vec<&Series> = self.series.iter().filter(|series| series.chart == chart).collect();
            out.push_str(&plot::over_time(&escape(chart), &lines));
        }
        writeln!(out, "</div>")
    }

    fn write_verdict(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<h2>Verdict</h2><div class=\"card\"><table>")?;
        for check in &self.verdict.checks {
            let mark = if check.passed {
                "<span class=\"yes\">ok</span>"
            } else {
                "<span class=\"no\">failed</span>"
            };
            let examples: String =
                check.examples.iter().map(|example| format!("<li>{}</li>", escape(example))).collect();
            let examples = match examples.is_empty() {
                true => String::new(),
                false => format!("<ul class=\"examples\">{examples}</ul>"),
            };
            let (name, detail) = (escape(&check.name), escape(&check.detail));
            writeln!(out, "<tr><td>{name}{examples}</td><td>{detail}</td><td>{mark}</td></tr>")?;
        }
        writeln!(out, "</table></div>")?;
        for note in &self.notes {
            writeln!(out, "<p>{}</p>", escape(note))?;
        }
        Ok(())
    }
}

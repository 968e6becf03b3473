//! Line plots as inline SVG, coloured by the page's style sheet.

use std::fmt::Write;

use super::{number, time_text};
use crate::measure::{LatencySummary, Series};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;
/// The style sheet has so many line colours.
const COLOURS: usize = 6;
const TICKS: usize = 5;

struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

struct Axes {
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
    x_range: (f64, f64),
    y_range: (f64, f64),
}

/// Values over time; all series have the same unit.
pub fn over_time(title: &str, series: &[&Series]) -> String {
    let all = || series.iter().flat_map(|series| series.points.iter());
    let end = all().map(|point| point.0).fold(1.0, f64::max);
    let step = nice_step(all().map(|point| point.1).fold(0.0, f64::max).max(1e-9));
    let top = (all().map(|point| point.1).fold(0.0, f64::max) / step).ceil().max(1.0) * step;
    let unit = series.first().map_or("", |series| series.unit.as_str());
    let time_step = nice_step(end);
    let ticks = |step: f64, end: f64, text: &dyn Fn(f64) -> String| {
        let count = (end / step).floor() as usize;
        (0..=count).map(|n| (n as f64 * step, text(n as f64 * step))).collect::<Vec<_>>()
    };
    let axes = Axes {
        x_ticks: ticks(time_step, end, &|value| format!("{} s", number(value))),
        y_ticks: ticks(step, top, &number),
        x_range: (0.0, end),
        y_range: (0.0, top),
    };
    let lines: Vec<Line<'_>> =
        series.iter().map(|series| Line { name: &series.name, points: series.points.clone() }).collect();
    draw(&format!("{title} ({unit})"), &axes, &lines)
}

/// Latency by percentile. Each step to the right is a tenth of the slowest; the height is logarithmic.
pub fn percentiles(latencies: &[LatencySummary]) -> String {
    const LAST: f64 = 4.0;
    let place = |quantile: f64| (-(1.0 - quantile).max(1e-9).log10()).min(LAST);
    let height = |micros: u64| (micros.max(1) as f64).log10();
    let lines: Vec<Line<'_>> = latencies
        .iter()
        .map(|latency| Line {
            name: &latency.name,
            points: latency
                .curve
                .iter()
                .map(|(quantile, micros)| (place(*quantile), height(*micros)))
                .collect(),
        })
        .collect();
    let all = || lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let low = all().fold(f64::INFINITY, f64::min).min(9.0).floor();
    let high = all().fold(low + 1.0, f64::max).ceil();
    let axes = Axes {
        x_ticks: [(0.0, "0"), (0.301, "50"), (1.0, "90"), (2.0, "99"), (3.0, "99.9"), (LAST, "99.99 %")]
            .map(|(at, text)| (at, text.to_owned()))
            .into(),
        y_ticks: (low as i32..=high as i32)
            .map(|power| (f64::from(power), time_text(10u64.pow(power.max(0) as u32))))
            .collect(),
        x_range: (0.0, LAST),
        y_range: (low, high),
    };
    draw("Latency by percentile", &axes, &lines)
}

/// 1, 2 or 5 times a power of ten, so that about five fit.
fn nice_step(range: f64) -> f64 {
    let rough = range / TICKS as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

fn draw(title: &str, axes: &Axes, lines: &[Line<'_>]) -> String {
    let scale = |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)).clamp(0.0, 1.0);
    let x = |value: f64| LEFT + scale(value, axes.x_range) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - scale(value, axes.y_range) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    // Writing to a String cannot fail.
    for (value, text) in &axes.y_ticks {
        let at = y(*value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (value, text) in &axes.x_ticks {
        let at = x(*value);
        let anchor = if at > WIDTH - RIGHT - 30.0 { "end" } else { "middle" };
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{text}</text>",
            HEIGHT - BOTTOM + 18.0
        );
    }
    for (nth, line) in lines.iter().enumerate() {
        let points: Vec<String> =
            line.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let _ = write!(
            svg,
            "<polyline class=\"line c{}\" points=\"{}\"><title>{}</title></polyline>",
            nth % COLOURS,
            points.join(" "),
            super::html::escape(line.name)
        );
    }
    svg.push_str("</svg><ul class=\"legend\">");
    for (nth, line) in lines.iter().enumerate() {
        let _ = write!(svg, "<li class=\"c{}\">{}</li>", nth % COLOURS, super::html::escape(line.name));
    }
    svg.push_str("</ul></figure>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_about_five_fit() {
        for range in [0.003, 1.0, 7.0, 99.0, 12_345.0] {
            let count = range / nice_step(range);
            assert!((2.0..=5.0).contains(&count), "{range}: {count}");
        }
    }

    #[test]
    fn a_plot_without_a_range_is_still_a_plot() {
        let (chart, name, unit) = ("a".to_owned(), "b".to_owned(), "%".to_owned());
        let flat = Series { chart, name, unit, points: vec![(0.0, 0.0)] };
        assert!(!over_time("flat", &[&flat]).contains("NaN"));
        assert!(!percentiles(&[]).contains("NaN"));
    }
}

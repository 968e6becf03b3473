//! `relay`: what it costs to pass replies on. First at a quiet pace: what is added to the first token. Then as many tokens
//! as there are: how many a second reach everybody who watches. And the same through a plain proxy, as an ordinary client
//! of the provider's API sees it, with as many streams as that can bear.

mod plain;

use std::time::Duration;

use self::plain::Plain;
use super::chat::{doubts, judge, set_pace, sim_stats};
use super::steady::{Held, Pace, hold};
use super::streams::{Streams, Watched};
use super::{BRING_UP, Population, ServerOptions, options::address_of};
use crate::clock::Moment;
use crate::measure::{CpuMeter, ProcessGroup, Recorder};
use crate::net::sse::Api;
use crate::report::{Report, Table, Target};

/// Streams through the proxy, step by step, up to those that the server has.
const STEPS: [usize; 6] = [25, 50, 100, 200, 400, 700];
/// Tokens of a reply through the proxy: short ones, so that many steps fit into the time.
const PROXY_TOKENS: u32 = 60;
/// Streams that are open after the last one began may take so much longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A proxy bears so many streams if this share of what the provider says comes through in time …
const BORNE_SHARE: f64 = 0.9;
/// … and half of the first tokens come within this time.
const BORNE_ADDED_MS: f64 = 1_000.0;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Rooms, in each of which one stream at a time is under way. Each member watches.
    #[command(flatten)]
    pub population: Population,
    /// The simulator that the server uses as its provider.
    #[arg(long, value_name = "URL")]
    pub sim_url: String,
    /// The simulator's process, for its CPU.
    #[arg(long, value_name = "PID")]
    pub sim_pid: Option<u32>,
    /// A proxy that passes requests on to the simulator; without one there is no comparison.
    #[arg(long, value_name = "URL")]
    pub proxy_url: Option<String>,
    #[arg(long, value_name = "PID")]
    pub proxy_pid: Option<u32>,
    /// What it lets clients in with.
    #[arg(long, value_name = "KEY", default_value = "sk-loadtest", hide_default_value = true)]
    pub proxy_key: String,
    #[arg(long, default_value = "proxy")]
    pub proxy_name: String,
    /// Seconds for all steps of the proxy.
    #[arg(long, default_value_t = 75.0)]
    pub proxy_budget: f64,
    /// Streams to hold open.
    #[arg(long, default_value_t = 1_000)]
    pub concurrent: usize,
    #[arg(long, default_value_t = 200.0)]
    pub first_token_delay_ms: f64,
    /// Of each stream, while first tokens are measured.
    #[arg(long, default_value_t = 20.0)]
    pub tokens_per_second: f64,
    #[arg(long, default_value_t = 200)]
    pub tokens: u32,
    /// Seconds of measuring first tokens, after the streams have built up.
    #[arg(long, default_value_t = 15.0)]
    pub seconds: f64,
    /// Of each stream, while tokens a second are measured.
    #[arg(long, default_value_t = 120.0)]
    pub burst_tokens_per_second: f64,
    #[arg(long, default_value_t = 500)]
    pub burst_tokens: u32,
    /// Tokens that the simulator then writes together, each in an event of its own: it has its core to share.
    #[arg(long, default_value_t = 4)]
    pub burst_tokens_per_write: u32,
    #[arg(long, default_value_t = 10.0)]
    pub burst_seconds: f64,
    /// Seconds of measuring for each step of the proxy.
    #[arg(long, default_value_t = 4.0)]
    pub step_seconds: f64,
}

impl Options {
    fn quiet(&self) -> Pace {
        Pace {
            concurrent: self.concurrent,
            tokens_per_second: self.tokens_per_second,
            tokens: self.tokens,
            first_token_delay_ms: self.first_token_delay_ms,
            seconds: self.seconds,
        }
    }

    fn burst(&self) -> Pace {
        Pace {
            tokens_per_second: self.burst_tokens_per_second,
            tokens: self.burst_tokens,
            seconds: self.burst_seconds,
            ..self.quiet()
        }
    }

    fn step(&self, concurrent: usize) -> Pace {
        let tokens = self.tokens.min(PROXY_TOKENS);
        Pace { concurrent, tokens, seconds: self.step_seconds, ..self.quiet() }
    }
}

/// What is measured of the server, one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    FirstTokens,
    Tokens,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::FirstTokens => "first tokens",
            Kind::Tokens => "tokens",
        }
    }
}

/// A line of the comparison.
struct Line {
    who: String,
    streams: usize,
    watchers: usize,
    added_ms: Option<(f64, f64)>,
    /// Offered by the provider and relayed, a second.
    offered: f64,
    relayed: f64,
    /// Of the process between, microseconds a token.
    cpu_micros: Option<f64>,
    failed: u64,
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let ms = |value: f64| if value < 100.0 { format!("{value:.2} ms") } else { format!("{value:.0} ms") };
        let (p50, p99) =
            self.added_ms.map_or(("".to_owned(), "".to_owned()), |(p50, p99)| (ms(p50), ms(p99)));
        vec![
            self.who.clone(),
            self.streams.to_string(),
            self.watchers.to_string(),
            p50,
            p99,
            format!("{:.0}", self.offered),
            format!("{:.0}", self.relayed),
            self.cpu_micros.map_or(String::new(), |micros| format!("{micros:.1} µs")),
            self.failed.to_string(),
        ]
    }

    fn is_borne(&self) -> bool {
        let soon = self.added_ms.is_some_and(|(p50, _)| p50 <= BORNE_ADDED_MS);
        soon && self.failed == 0 && self.relayed >= self.offered * BORNE_SHARE
    }
}

fn table(lines: &[Line]) -> Table {
    let columns = [
        "relayed by",
        "streams",
        "watchers each",
        "added to the first token, p50",
        "p99",
        "tokens/s offered",
        "tokens/s relayed",
        "its CPU per token",
        "failed",
    ];
    Table {
        title: "The same streams through each".to_owned(),
        columns: columns.map(str::to_owned).into(),
        rows: lines.iter().map(Line::cells).collect(),
    }
}

fn cpu_micros(held: &Held, who: &str, tokens: u64) -> Option<f64> {
    held.cpu.of(who).map(|seconds| seconds / tokens.max(1) as f64 * 1e6)
}

/// Measures clients of the API itself, with as many streams as the pace says.
fn plainly(
    options: &Options,
    (who, url, pid): (&str, &str, Option<u32>),
    pace: &Pace,
    recorder: &mut Recorder,
) -> anyhow::Result<Line> {
    let path = "/v1/chat/completions".to_owned();
    let api = Api { address: address_of(url)?, path, key: options.proxy_key.clone() };
    set_pace(address_of(&options.sim_url)?, pace, 1)?;
    // Some more than are open in the mean.
    let mut plain = Plain::new(api, "sim-1", pace.concurrent + pace.concurrent / 4 + 2)?;
    let mut meter = CpuMeter::new([("between", pid.map(ProcessGroup::tree))]);
    let held = hold(&mut plain, pace, &mut meter, recorder, PATIENCE)?;
    plain.cut();
    let failed = plain.failed().values().sum::<u64>() + held.unfinished;
    Ok(Line {
        who: who.to_owned(),
        streams: pace.concurrent,
        watchers: 1,
        added_ms: Some((plain.added_ms(0.5), plain.added_ms(0.99))),
        offered: pace.offered(),
        relayed: held.counts.tokens as f64 / held.seconds,
        cpu_micros: cpu_micros(&held, "between", held.counts.tokens),
        failed,
    })
}

/// The proxy with more and more streams, until it cannot bear them or the time is over; then once with all of them.
fn proxied(options: &Options, url: &str, recorder: &mut Recorder) -> anyhow::Result<Vec<Line>> {
    let who = (options.proxy_name.as_str(), url, options.proxy_pid);
    let begun = Moment::now();
    let fits = |pace: &Pace| {
        let takes = pace.build_up().as_secs_f64() + pace.seconds + PATIENCE.as_secs_f64();
        begun.elapsed().as_secs_f64() + takes < options.proxy_budget
    };
    let mut lines: Vec<Line> = Vec::new();
    let steps = STEPS.into_iter().filter(|step| *step < options.concurrent).chain([options.concurrent]);
    for step in steps {
        let pace = options.step(step);
        // Room is left for the last one.
        if !fits(&pace) || lines.last().is_some_and(|line| !line.is_borne()) {
            break;
        }
        lines.push(plainly(options, who, &pace, recorder)?);
    }
    let all = options.step(options.concurrent);
    if lines.last().is_some_and(|line| line.streams < options.concurrent) && fits(&all) {
        lines.push(plainly(options, who, &all, recorder)?);
    }
    Ok(lines)
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("relay", "streamed replies with watchers, and the same through a plain proxy");
    let population = &options.population;
    population.check()?;
    anyhow::ensure!(population.rooms >= options.concurrent, "each stream needs a room of its own");
    let sim = address_of(&options.sim_url)?;
    let asked_before = sim_stats(sim)?;
    let (rooms, watchers) = (population.rooms, population.members);
    let mut crew = options.server.crew(rooms * watchers, true, true)?;
    let seats = population.seat(&mut crew, true, &options.server.signer())?;
    let mut streams = Streams::new(rooms, watchers);
    crew.bring_up(0..seats, BRING_UP, &mut streams)?;
    let mut recorder = options.server.recorder("deltas");
    let mut meter = options.server.cpu_meter(&[("simulator", options.sim_pid)]);
    let mut unfinished = 0;
    let mut lines = Vec::new();

    for (pace, per_write, kind) in [
        (options.quiet(), 1, Kind::FirstTokens),
        (options.burst(), options.burst_tokens_per_write, Kind::Tokens),
    ] {
        set_pace(sim, &pace, per_write)?;
        streams.clear();
        let mut watched = Watched { crew: &mut crew, streams: &mut streams };
        let patience = pace.build_up() + PATIENCE;
        let held = hold(&mut watched, &pace, &mut meter, &mut recorder, patience)?;
        unfinished += held.unfinished;
        let added = |quantile| streams.added.quantile_micros(quantile) as f64 / 1e3;
        let relayed = held.counts.tokens as f64 / watchers as f64 / held.seconds;
        if kind == Kind::FirstTokens {
            report.aimed("added to the first token, p50", added(0.5), "ms", Target::AtMost(2.0));
            report.aimed("added to the first token, p99", added(0.99), "ms", Target::AtMost(10.0));
            report.latencies = streams.latencies();
        } else {
            report.aimed("tokens relayed to each watcher", relayed, "/s", Target::AtLeast(100_000.0));
        }
        let kind = kind.name();
        report.figure(format!("{kind}: streams open, mean"), held.running, "");
        report.figure(
            format!("{kind}: deltas to all watchers"),
            held.counts.pieces as f64 / held.seconds,
            "/s",
        );
        report.figure(format!("{kind}: replies finished"), held.counts.finished as f64 / held.seconds, "/s");
        for who in ["server", "Postgres", "load generator", "simulator"] {
            if let Some(cpu) = held.cpu.of(who) {
                report.figure(format!("{kind}: CPU of {who}"), cpu / held.seconds * 100.0, "%");
            }
        }
        doubts(&mut report, &streams, &held);
        lines.push(Line {
            who: format!("Greenroom ({kind})"),
            streams: pace.concurrent,
            watchers,
            added_ms: Some((added(0.5), added(0.99))),
            offered: pace.offered(),
            relayed,
            cpu_micros: cpu_micros(&held, "server", held.counts.tokens / watchers as u64),
            failed: streams.failed.values().sum::<u64>() + held.unfinished,
        });
    }
    let asked_after = sim_stats(sim)?;
    judge(&mut report, &streams, &crew, (&asked_before, &asked_after), unfinished);
    drop(crew);

    let direct = options.step(options.concurrent);
    lines.push(plainly(
        options,
        ("nothing: the provider itself", &options.sim_url, None),
        &direct,
        &mut recorder,
    )?);
    match &options.proxy_url {
        None => report.note("no proxy was given to compare with"),
        Some(url) => {
            let proxied = proxied(options, url, &mut recorder)?;
            let name = &options.proxy_name;
            match proxied.iter().filter(|line| line.is_borne()).max_by_key(|line| line.streams) {
                Some(best) => report.figure(format!("streams that {name} bears"), best.streams as f64, ""),
                None => report.note(format!("{name} bore none of the steps")),
            }
            let most = proxied.iter().map(|line| line.relayed).fold(0.0, f64::max);
            report.figure(format!("tokens relayed by {name}, at most"), most, "/s");
            lines.extend(proxied);
        }
    }
    population.describe(&mut report);
    for (name, value) in [
        ("streams", options.concurrent as f64),
        ("tokens per second", options.tokens_per_second),
        ("tokens", f64::from(options.tokens)),
        ("burst tokens per second", options.burst_tokens_per_second),
        ("burst tokens", f64::from(options.burst_tokens)),
        ("burst tokens per write", f64::from(options.burst_tokens_per_write)),
    ] {
        report.setting(name, value);
    }
    report.series = recorder.series();
    report.tables.push(table(&lines));
    Ok(report)
}

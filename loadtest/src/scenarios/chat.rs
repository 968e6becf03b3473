//! `chat`: replies from the simulator, at steady arrivals that hold a number of streams open. What is measured of them:
//! see `streams.rs`.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::steady::{Held, Pace, hold};
use super::streams::{Streams, Watched};
use super::{BRING_UP, Population, ServerOptions, options::address_of};
use crate::native::Crew;
use crate::net::http;
use crate::report::{Report, Target};

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Users, each in a room of its own.
    #[arg(long, default_value_t = 1_000)]
    pub users: usize,
    /// The simulator that the server uses as its provider.
    #[arg(long, value_name = "URL")]
    pub sim_url: String,
    /// The simulator's process, for its CPU.
    #[arg(long, value_name = "PID")]
    pub sim_pid: Option<u32>,
    /// Streams to hold open.
    #[arg(long, default_value_t = 500)]
    pub concurrent: usize,
    #[arg(long, default_value_t = 50.0)]
    pub tokens_per_second: f64,
    #[arg(long, default_value_t = 200)]
    pub tokens: u32,
    #[arg(long, default_value_t = 200.0)]
    pub first_token_delay_ms: f64,
    /// Seconds of measuring, after the streams have built up.
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
}

/// Sets the simulator's pace.
pub(super) fn set_pace(sim: SocketAddrV4, pace: &Pace, tokens_per_write: u32) -> anyhow::Result<()> {
    let settings = pace.settings(tokens_per_write).to_string();
    http::put(sim, "/sim/config", settings.as_bytes()).context("setting the simulator")?.json()?;
    Ok(())
}

pub(super) fn sim_stats(sim: SocketAddrV4) -> anyhow::Result<Value> {
    http::get(sim, "/sim/stats", None).context("asking the simulator")?.json()
}

/// What must hold of all that was streamed; `before` is what the simulator had counted.
pub(super) fn judge(
    report: &mut Report,
    streams: &Streams,
    crew: &Crew,
    sim: (&Value, &Value),
    unfinished: u64,
) {
    let (asked, finished) = streams.totals();
    let messages = format!("{asked} asked messages");
    let failed: u64 = streams.failed.values().sum();
    report.verdict.check(
        "each asked message gets its reply",
        unfinished == 0 && failed == 0,
        format!(
            "{finished} replies, {unfinished} unfinished, {failed} failed {:?}, of {messages}",
            streams.failed
        ),
    );
    let name = "each reply streams in order and belongs to its question";
    report.verdict.none(name, &streams.faults, &messages);
    report.verdict.events(crew.tally());
    let (before, after) = sim;
    let count = |stats: &Value, key: &str| stats[key].as_u64().unwrap_or(0);
    let requests = count(after, "requests") - count(before, "requests");
    let extra = count(&after["prompts"], "extraRequests") - count(&before["prompts"], "extraRequests");
    report.verdict.check(
        "the provider is asked once per reply",
        extra == 0 && requests == asked,
        format!("{requests} requests, {extra} of them repeated, for {messages}"),
    );
}

/// Notes what makes the figures doubtful.
pub(super) fn doubts(report: &mut Report, streams: &Streams, held: &Held) {
    if held.starved > 0 {
        let starved = held.starved;
        report.note(format!("at {starved} turns every user was waiting for a reply: use more --users"));
    }
    if streams.negative > 0 {
        let negative = streams.negative;
        report.note(format!("{negative} replies seemed to take less than no time: was the clock set?"));
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("chat", "streamed replies from the simulator: what the engine adds to the provider");
    anyhow::ensure!(options.users >= options.concurrent, "each stream needs a user of its own");
    let pace = Pace {
        concurrent: options.concurrent,
        tokens_per_second: options.tokens_per_second,
        tokens: options.tokens,
        first_token_delay_ms: options.first_token_delay_ms,
        seconds: options.seconds,
    };
    let sim = address_of(&options.sim_url)?;
    set_pace(sim, &pace, 1)?;
    let asked_before = sim_stats(sim)?;

    let population = Population { users: options.users, rooms: options.users, members: 1 };
    let mut crew = options.server.crew(options.users, true, true)?;
    population.seat(&mut crew, true, &options.server.signer())?;
    let mut streams = Streams::new(options.users, 1);
    crew.bring_up(0..options.users, BRING_UP, &mut streams)?;

    let mut recorder = options.server.recorder("deltas");
    let mut meter = options.server.cpu_meter(&[("simulator", options.sim_pid)]);
    let mut watched = Watched { crew: &mut crew, streams: &mut streams };
    let patience = pace.build_up() + Duration::from_secs(20);
    let held = hold(&mut watched, &pace, &mut meter, &mut recorder, patience)?;
    let asked_after = sim_stats(sim)?;

    for (name, value) in [
        ("users", options.users as f64),
        ("streams", options.concurrent as f64),
        ("tokens per second", options.tokens_per_second),
        ("tokens", f64::from(options.tokens)),
        ("provider's first token after ms", options.first_token_delay_ms),
        ("seconds", options.seconds),
    ] {
        report.setting(name, value);
    }
    let added = |quantile| streams.added.quantile_micros(quantile) as f64 / 1e3;
    report.aimed("added by the engine, p50", added(0.5), "ms", Target::AtMost(2.0));
    report.aimed("added by the engine, p99", added(0.99), "ms", Target::AtMost(10.0));
    report.figure("streams open, mean", held.running, "");
    report.figure("replies finished", held.counts.finished as f64 / held.seconds, "/s");
    report.figure("deltas", held.counts.pieces as f64 / held.seconds, "/s");
    held.cpu.describe(&mut report, held.counts.finished, "reply");
    doubts(&mut report, &streams, &held);
    report.latencies = streams.latencies();
    report.series = recorder.series();
    judge(&mut report, &streams, &crew, (&asked_before, &asked_after), held.unfinished);
    Ok(report)
}

//! `faults`: many streams at once while the provider fails in every way it can, at a share of the requests that follows from
//! a seed. Each message must come to its end, as a reply or as a failure with a code; what was said must be what the
//! provider said, once; whoever asked for what did not fail is not slowed; and afterwards the server is as large as before.

mod crowd;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use self::crowd::Crowd;
use super::chat::sim_stats;
use super::{BRING_UP, Population, ServerOptions, TURN, address_of, rest};
use crate::clock::Moment;
use crate::measure::{Latency, Recorder};
use crate::native::Crew;
use crate::net::http;
use crate::report::{Report, Target};
use crate::sim::{Plan, Settings};

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Users, each in a room of its own. All of them ask at once.
    #[arg(long, default_value_t = 1_000)]
    pub users: usize,
    /// The simulator that the server uses as its provider.
    #[arg(long, value_name = "URL")]
    pub sim_url: String,
    #[arg(long, value_name = "PID")]
    pub sim_pid: Option<u32>,
    /// Times that everybody asks while the provider fails, after a first time without faults.
    #[arg(long, default_value_t = 4)]
    pub rounds: usize,
    /// What strikes which share of the requests, as the simulator takes it.
    #[arg(long, value_name = "PLAN", default_value = "fault=all;share=5%")]
    pub faults: Plan,
    /// Repeats a run; without it a random one is taken and printed.
    #[arg(long)]
    pub seed: Option<u64>,
    #[arg(long, default_value_t = 60)]
    pub tokens: u32,
    #[arg(long, default_value_t = 30.0)]
    pub tokens_per_second: f64,
    /// Milliseconds over which the questions of a round are spread, so that it is not the burst that is measured.
    #[arg(long, default_value_t = 2_000)]
    pub spread_ms: u64,
    /// Seconds after which a message that has not come to its end hangs.
    #[arg(long, default_value_t = 60)]
    pub patience: u64,
    /// Seconds of rest before memory is read.
    #[arg(long, default_value_t = 3.0)]
    pub settle: f64,
}

struct Run<'a> {
    options: &'a Options,
    sim: SocketAddrV4,
    crew: Crew,
    crowd: Crowd,
    recorder: Recorder,
}

impl Run<'_> {
    /// What the simulator is to do.
    fn settings(&self, plans: Vec<Plan>, seed: u64) -> Settings {
        Settings {
            first_token_delay_ms: 100.0,
            tokens_per_second: self.options.tokens_per_second,
            length_tokens: self.options.tokens,
            stamped: false,
            plans,
            seed,
            retry_after_seconds: 0.3,
            slow_first_ms: 1_000.0,
            slow_tokens_per_second: self.options.tokens_per_second / 3.0,
            huge_tokens: 5_000,
            ..Settings::default()
        }
    }

    /// Everybody asks once; gives the latency of the first text of what was not struck.
    fn round(&mut self, name: &str, settings: &Settings) -> anyhow::Result<Latency> {
        let change = json!(settings).to_string();
        http::put(self.sim, "/sim/config", change.as_bytes()).context("setting the simulator")?.json()?;
        let begun = Moment::now();
        self.crowd.begin(name, settings);
        let users = self.options.users;
        let pause = Duration::from_millis(self.options.spread_ms) / users as u32;
        let mut next = 0;
        while self.crowd.open() > 0 && begun.elapsed().as_secs() < self.options.patience {
            while next < users && begun.plus(pause * next as u32) <= Moment::now() {
                self.crew.act(|stage| self.crowd.ask(stage, next));
                next += 1;
            }
            self.crew.turn(TURN.min(Duration::from_millis(2)), &mut self.crowd)?;
            self.recorder.tick(Moment::now(), self.crowd.ended_count());
        }
        Ok(self.crowd.end_round())
    }

    /// Megabytes of the server, when it has come to rest.
    fn memory(&mut self) -> anyhow::Result<Option<f64>> {
        rest(
            &mut self.crew,
            Duration::from_secs_f64(self.options.settle),
            &mut self.crowd,
            &mut self.recorder,
        )?;
        let process = self.options.server.server_process();
        Ok(process.map(|process| process.usage().resident_bytes as f64 / 1e6))
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("faults", "many streams while the provider fails in every way it can");
    let sim = address_of(&options.sim_url)?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1 << 53));
    {
        use std::io::Write;
        writeln!(std::io::stdout().lock(), "faults: seed {seed}, {}", options.faults)?;
    }
    let population = Population { users: options.users, rooms: options.users, members: 1 };
    let mut crew = options.server.crew(options.users, true, false)?;
    population.seat(&mut crew, true, &options.server.signer())?;
    let mut crowd = Crowd::new(options.users);
    crew.bring_up(0..options.users, BRING_UP, &mut crowd)?;
    let recorder = options.server.recorder("messages that came to their end");
    let mut run = Run { options, sim, crew, crowd, recorder };
    let before = sim_stats(sim)?;

    let quiet = run.settings(Vec::new(), seed);
    let mut calm = run.round("calm", &quiet)?;
    let stormy = run.settings(vec![options.faults.clone()], seed);
    let mut others = Latency::new("first text of others, while the provider fails");
    let mut memory = Vec::new();
    for round in 0..options.rounds {
        others = run.round(&format!("round {round}"), &stormy)?;
        memory.extend(run.memory()?);
    }
    // Breakers that opened may still be open.
    let again = run.round("calm again", &quiet)?;
    let after = sim_stats(sim)?;

    for (name, value) in
        [("users", options.users), ("rounds", options.rounds), ("tokens", options.tokens as usize)]
    {
        report.setting(name, value);
    }
    report.setting("plan", &options.faults);
    report.setting("seed", seed);
    let crowd = &run.crowd;
    report.figure("messages asked", crowd.asked as f64, "");
    report.figure("of these struck at the first try", crowd.struck as f64, "");
    report.figure("replies that are whole", crowd.whole as f64, "");
    report.figure("replies that were cut at their limit or broke off", crowd.parts as f64, "");
    for (code, count) in &crowd.failed {
        report.figure(format!("failed with `{code}`"), *count as f64, "");
    }
    let ms = |latency: &Latency, quantile| latency.quantile_micros(quantile) as f64 / 1e3;
    report.figure("first text, nothing fails, p99", ms(&calm, 0.99), "ms");
    report.figure("first text of others, the last round, p99", ms(&others, 0.99), "ms");
    if let (Some(first), Some(last)) = (memory.first(), memory.last()) {
        report.figure("memory after the first round", *first, "MB");
        report.figure("memory after the last round", *last, "MB");
        report.aimed("growth meanwhile", (last / first - 1.0) * 100.0, "%", Target::AtMost(10.0));
    }
    let counted = |key: &str| after[key].as_u64().unwrap_or(0) - before[key].as_u64().unwrap_or(0);
    report.figure("requests to the provider", counted("requests") as f64, "");
    report.figure("of these to go on from a part", counted("continued") as f64, "");
    report.figure("from a part that was none", counted("continuedForeign") as f64, "");
    let faults: BTreeMap<String, u64> = serde_json::from_value(after["faults"].clone()).unwrap_or_default();
    report.note(format!("faults of the provider: {faults:?}"));
    calm.rename("first text, nothing fails");
    report.latencies = [&calm, &others, &again].map(Latency::summary).into();
    report.series = run.recorder.series();
    let asked = format!("{} asked messages", crowd.asked);
    report.verdict.none("each message comes to its end in time", &crowd.hanging, &asked);
    report.verdict.none("each failure has a code", &crowd.silent, &asked);
    report.verdict.none("what was said is what the provider said, once", &crowd.wrong, &asked);
    report.verdict.none("nothing fails where nothing is struck", &crowd.unprovoked, &asked);
    report.verdict.events(run.crew.tally());
    let open = after["streamsOpen"].as_u64().unwrap_or(0);
    report.verdict.check("nothing is left open upstream", open == 0, format!("{open} streams"));
    Ok(report)
}

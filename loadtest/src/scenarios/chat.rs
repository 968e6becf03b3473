//! `chat`: replies from the simulator, at steady arrivals that hold a number of streams open.
//!
//! What the engine adds is measured per reply, with the times that the simulator writes into its first token:
//!
//! ```text
//! added = (first delta arrives - message is sent) - (first token is written - request arrives at the simulator)
//! ```
//!
//! so the provider's own delay is taken out, and what is left is all of the engine: reading, the commit of the message,
//! the prompt, the pool, the request, and the way back. Arrivals are stamped by the kernel on both sides, so the time
//! that the generator or the simulator waits for its core is not counted as the engine's.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{BRING_UP, Population, ServerOptions, TURN, options::address_of};
use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Stage, ids, scan};
use crate::net::{Ending, http};
use crate::report::{Report, Target};
use crate::sim::{beginning, stamp_of};

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

struct Asked {
    id: u64,
    content: String,
    /// When it was due, and when it was sent.
    due: Moment,
    sent: Moment,
    measured: bool,
    attempt: u64,
    /// The text so far, as it is written in the frames.
    text: Vec<u8>,
}

struct Chat {
    idle: VecDeque<usize>,
    asked: Vec<Option<Asked>>,
    next: u64,
    run: String,
    line: String,
    measuring: bool,
    finished: u64,
    deltas: u64,
    added: Latency,
    there: Latency,
    back: Latency,
    ack: Latency,
    first: Latency,
    waited: Latency,
    negative: u64,
    faults: Vec<String>,
    failed: BTreeMap<String, u64>,
}

impl Chat {
    fn ask(&mut self, stage: &mut Stage<'_>, seat: usize, due: Moment) {
        self.next += 1;
        let content = format!("question {} of {} please", self.next, self.run);
        let client_id = format!("{}-{}", self.run, self.next);
        let room = ids::room(stage.seats[seat].room);
        command::send(&mut self.line, self.next, room, &client_id, &content, Reply::Auto);
        let sent = Moment::now();
        stage.send(seat, &self.line);
        let (id, measured) = (self.next, self.measuring);
        self.asked[seat] = Some(Asked { id, content, due, sent, measured, attempt: 0, text: Vec::new() });
    }

    fn running(&self) -> usize {
        self.asked.iter().flatten().count()
    }

    fn delta(&mut self, seat: usize, frame: &[u8], at: Moment) {
        self.deltas += 1;
        let Some(asked) = self.asked[seat].as_mut() else {
            return self.faults.push(format!("seat {seat}: a delta of a reply that nobody waits for"));
        };
        let (attempt, position) =
            (scan::number(frame, &["data", "attempt"]), scan::number(frame, &["data", "position"]));
        let (Some(attempt), Some(position), Some(text)) =
            (attempt, position, scan::string(frame, &["data", "text"]))
        else {
            return self.faults.push(format!("not a delta: {}", String::from_utf8_lossy(frame)));
        };
        if attempt > asked.attempt {
            asked.attempt = attempt;
            asked.text.clear();
        }
        if position != asked.text.len() as u64 {
            let expected = asked.text.len();
            self.faults.push(format!("seat {seat}: a delta at {position}, expected at {expected}"));
        }
        let first = asked.text.is_empty();
        asked.text.truncate(position as usize);
        asked.text.extend_from_slice(text);
        if !first || !asked.measured {
            return;
        }
        let Some(stamp) = stamp_of(&asked.text) else {
            return self.faults.push(format!("seat {seat}: the first delta has no stamp"));
        };
        let added = at.micros_after(asked.sent) - stamp.first_token.micros_after(stamp.asked);
        self.negative += u64::from(added < 0);
        self.added.record_micros(added.max(0) as u64);
        self.there.record(stamp.asked.since(asked.sent));
        self.back.record(at.since(stamp.first_token));
        self.first.record(at.since(asked.due));
        self.waited.record(asked.sent.since(asked.due));
    }

    fn reply(&mut self, seat: usize, frame: &[u8]) {
        let Some(asked) = self.asked[seat].take() else {
            return self.faults.push(format!("seat {seat}: a reply that nobody waits for"));
        };
        let content = scan::string(frame, &["data", "message", "content"]).unwrap_or_default();
        if !content.starts_with(format!("{} ", beginning(&asked.content)).as_bytes()) {
            self.faults.push(format!(
                "seat {seat}: asked `{}`, got {}",
                asked.content,
                String::from_utf8_lossy(content)
            ));
        }
        if !content.starts_with(&asked.text) {
            self.faults.push(format!("seat {seat}: the stored reply is not what was streamed"));
        }
        if scan::string(frame, &["data", "message", "finish"]) != Some(b"complete") {
            self.faults.push(format!("seat {seat}: the reply is not complete"));
        }
        self.finished += 1;
        self.idle.push_back(seat);
    }

    fn give_up(&mut self, seat: usize, code: String) {
        if self.asked[seat].take().is_some() {
            *self.failed.entry(code).or_default() += 1;
            self.idle.push_back(seat);
        }
    }
}

impl Behaviour for Chat {
    fn event(&mut self, _stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        match event {
            b"message:delta" => self.delta(seat, frame, at),
            b"message:receive"
                if scan::string(frame, &["data", "message", "sender", "kind"]) == Some(b"character") =>
            {
                self.reply(seat, frame);
            }
            b"message:status" => {
                let state = scan::string(frame, &["data", "state"]).unwrap_or_default();
                if matches!(state, b"failed" | b"stopped" | b"interrupted") {
                    let code = scan::text(frame, &["data", "code"]).unwrap_or_default();
                    self.give_up(seat, code);
                }
            }
            _ => {}
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], at: Moment) {
        let Some(asked) = self.asked[seat].as_ref().filter(|asked| asked.id == id) else { return };
        if !scan::is_true(frame, &["data", "success"]) {
            let code = scan::text(frame, &["data", "code"]).unwrap_or_default();
            self.give_up(seat, code);
        } else if asked.measured {
            self.ack.record(at.since(asked.sent));
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.faults.push(format!("seat {seat} ended: {ending:?}"));
    }
}

fn sim_stats(sim: SocketAddrV4) -> anyhow::Result<Value> {
    http::get(sim, "/sim/stats", None).context("asking the simulator")?.json()
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("chat", "streamed replies from the simulator: what the engine adds to the provider");
    anyhow::ensure!(options.users >= options.concurrent, "each stream needs a user of its own");
    let sim = address_of(&options.sim_url)?;
    let settings = json!({
        "firstTokenDelayMs": options.first_token_delay_ms,
        "tokensPerSecond": options.tokens_per_second,
        "lengthTokens": options.tokens,
        "lengthSpread": 0.2,
    });
    http::put(sim, "/sim/config", settings.to_string().as_bytes())
        .context("setting the simulator")?
        .json()?;
    let asked_before = sim_stats(sim)?;

    let population = Population { users: options.users, rooms: options.users, members: 1 };
    let mut crew = options.server.crew(options.users, true, true)?;
    population.seat(&mut crew, true, &options.server.signer())?;
    let mut chat = Chat {
        idle: (0..options.users).collect(),
        asked: (0..options.users).map(|_| None).collect(),
        next: 0,
        run: format!("{:x}", Moment::now().unix_micros()),
        line: String::new(),
        measuring: false,
        finished: 0,
        deltas: 0,
        added: Latency::new("added by the engine"),
        there: Latency::new("message sent until the provider is asked"),
        back: Latency::new("first token until its delta arrives"),
        ack: Latency::new("ack"),
        first: Latency::new("message due until the first delta"),
        waited: Latency::new("message due until it is sent"),
        negative: 0,
        faults: Vec::new(),
        failed: BTreeMap::new(),
    };
    crew.bring_up(0..options.users, BRING_UP, &mut chat)?;

    let stream_seconds =
        options.first_token_delay_ms / 1e3 + (f64::from(options.tokens) - 1.0) / options.tokens_per_second;
    let interval = Duration::from_secs_f64(stream_seconds / options.concurrent as f64);
    // The longest stream is a fifth longer than the mean.
    let build_up = Duration::from_secs_f64(stream_seconds * 1.25);
    let total = build_up + Duration::from_secs_f64(options.seconds);
    let mut recorder = options.server.recorder("deltas");
    let (begun, mut number, mut starved) = (Moment::now(), 0u32, 0u64);
    let mut meter = options.server.cpu_meter(&[("simulator", options.sim_pid)]);
    let (mut before_counts, mut running) = ((0, 0), (0u64, 0u64));
    while begun.elapsed() < total {
        if !chat.measuring && begun.elapsed() >= build_up {
            chat.measuring = true;
            meter.restart();
            before_counts = (chat.deltas, chat.finished);
        }
        let due = begun.plus(interval * number);
        if due <= Moment::now() {
            match chat.idle.pop_front() {
                Some(seat) => {
                    crew.act(|stage| chat.ask(stage, seat, due));
                    number += 1;
                }
                None => starved += 1,
            }
        }
        let next = begun.plus(interval * number).since(Moment::now());
        crew.turn(next.clamp(Duration::from_millis(u64::from(chat.idle.is_empty())), TURN), &mut chat)?;
        if chat.measuring {
            running = (running.0 + chat.running() as u64, running.1 + 1);
        }
        recorder.tick(Moment::now(), chat.deltas);
    }
    let (cpu, counts) = (meter.read(), (chat.deltas - before_counts.0, chat.finished - before_counts.1));
    let stopped = Moment::now();
    while chat.running() > 0 && stopped.elapsed() < build_up + Duration::from_secs(20) {
        crew.turn(TURN, &mut chat)?;
    }
    let unfinished = chat.running();
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
    report.aimed(
        "added by the engine, p50",
        chat.added.quantile_micros(0.5) as f64 / 1e3,
        "ms",
        Target::AtMost(2.0),
    );
    report.aimed(
        "added by the engine, p99",
        chat.added.quantile_micros(0.99) as f64 / 1e3,
        "ms",
        Target::AtMost(10.0),
    );
    report.figure("streams open, mean", running.0 as f64 / running.1.max(1) as f64, "");
    report.figure("replies finished", counts.1 as f64 / options.seconds, "/s");
    report.figure("deltas", counts.0 as f64 / options.seconds, "/s");
    cpu.describe(&mut report, counts.1, "reply");
    if starved > 0 {
        report.note(format!("at {starved} turns every user was waiting for a reply: use more --users"));
    }
    if chat.negative > 0 {
        report
            .note(format!("{} replies seemed to take less than no time: was the clock set?", chat.negative));
    }
    report.latencies = [&chat.added, &chat.there, &chat.back, &chat.ack, &chat.first, &chat.waited]
        .map(Latency::summary)
        .into();
    report.series = recorder.series();

    let asked = format!("{} asked messages", chat.next);
    let failed: u64 = chat.failed.values().sum();
    report.verdict.check(
        "each asked message gets its reply",
        unfinished == 0 && failed == 0,
        format!(
            "{} replies, {unfinished} unfinished, {failed} failed {:?}, of {asked}",
            chat.finished, chat.failed
        ),
    );
    report.verdict.none("each reply streams in order and belongs to its question", &chat.faults, &asked);
    report.verdict.events(crew.tally());
    let count = |stats: &Value, key: &str| stats[key].as_u64().unwrap_or(0);
    let requests = count(&asked_after, "requests") - count(&asked_before, "requests");
    let extra =
        count(&asked_after["prompts"], "extraRequests") - count(&asked_before["prompts"], "extraRequests");
    report.verdict.check(
        "the provider is asked once per reply",
        extra == 0 && requests == chat.next,
        format!("{requests} requests, {extra} of them repeated, for {asked}"),
    );
    Ok(report)
}

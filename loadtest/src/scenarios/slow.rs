//! `slow`: some readers stop reading. The others must not notice, the server's memory must stay bounded, and those
//! that are stuck must be let go, and find everything again when they come back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BRING_UP, Population, ServerOptions, Still, TURN};
use crate::clock::Moment;
use crate::measure::{Latency, Recorder};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Phase, Stage, ids, scan};
use crate::net::Ending;
use crate::report::{Report, Target};

/// Of the stuck readers, in bytes: little, so that they are stuck soon.
const RECEIVE_BUFFER: i32 = 16 * 1024;
/// Of those that read again, in bytes: through the small one the rest would take minutes.
const WIDE_BUFFER: i32 = 1024 * 1024;
/// What the server may grow by: a bounded queue and the kernel's buffer per stuck reader, and room for its allocator.
const GROWTH_PER_STUCK: u64 = 2 * 1024 * 1024;
const GROWTH: u64 = 48 * 1024 * 1024;
/// For what is on its way to arrive; through a small buffer it comes slowly.
const AFTER: Duration = Duration::from_secs(30);
const PING_ID: u64 = 1 << 41;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub population: Population,
    /// Readers that stop, in each room.
    #[arg(long, default_value_t = 2)]
    pub stuck: usize,
    /// Messages a second in each room.
    #[arg(long, default_value_t = 20.0)]
    pub rate: f64,
    /// Characters of a message.
    #[arg(long, default_value_t = 2_000)]
    pub length: usize,
    /// Seconds during which all read.
    #[arg(long, default_value_t = 10.0)]
    pub before: f64,
    /// Seconds during which some do not.
    #[arg(long, default_value_t = 45.0)]
    pub seconds: f64,
}

struct Readers {
    members: usize,
    stuck: usize,
    sent: u64,
    acked: u64,
    refused: BTreeMap<String, u64>,
    delivered: u64,
    delay: Latency,
    padding: String,
    run: String,
    line: String,
    healthy_endings: Vec<String>,
    stuck_endings: BTreeMap<String, u64>,
    let_go: Latency,
    stuck_since: Option<Moment>,
}

impl Readers {
    fn is_stuck(&self, seat: usize) -> bool {
        seat % self.members >= self.members - self.stuck
    }

    fn say(&mut self, stage: &mut Stage<'_>, room: usize, due: Moment) {
        self.sent += 1;
        let content = format!("{} {}", due.unix_micros(), self.padding);
        let client_id = format!("{}-{}", self.run, self.sent);
        command::send(&mut self.line, self.sent, ids::room(room), &client_id, &content, Reply::None);
        stage.send(room * self.members, &self.line);
    }
}

impl Behaviour for Readers {
    fn event(&mut self, _stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        if event != b"message:receive" {
            return;
        }
        self.delivered += 1;
        if self.is_stuck(seat) {
            return;
        }
        let content = scan::string(frame, &["data", "message", "content"]).unwrap_or_default();
        let digits = content.split(|byte| *byte == b' ').next().and_then(scan::digits);
        if let Some(due) = digits {
            self.delay.record(at.since(Moment::from_unix_micros(due)));
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, _seat: usize, id: u64, frame: &[u8], _at: Moment) {
        if id == PING_ID {
            return;
        }
        if scan::is_true(frame, &["data", "success"]) {
            self.acked += 1;
        } else {
            *self.refused.entry(scan::text(frame, &["data", "code"]).unwrap_or_default()).or_default() += 1;
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        match self.stuck_since.filter(|_| self.is_stuck(seat)) {
            Some(since) => {
                self.let_go.record(since.elapsed());
                *self.stuck_endings.entry(format!("{ending:?}")).or_default() += 1;
            }
            None => self.healthy_endings.push(format!("seat {seat}: {ending:?}")),
        }
    }
}

/// Lets one member of each room speak at the rate.
fn speak(
    crew: &mut Crew,
    readers: &mut Readers,
    options: &Options,
    seconds: f64,
    recorder: &mut Recorder,
) -> anyhow::Result<()> {
    let rooms = options.population.rooms;
    let interval = Duration::from_secs_f64(1.0 / (options.rate * rooms as f64));
    let (begun, mut number) = (Moment::now(), 0u32);
    while begun.elapsed().as_secs_f64() < seconds {
        let due = begun.plus(interval * number);
        if due <= Moment::now() {
            crew.act(|stage| readers.say(stage, number as usize % rooms, due));
            number += 1;
        }
        let next = begun.plus(interval * number).since(Moment::now());
        crew.turn(next.min(TURN), readers)?;
        recorder.tick(Moment::now(), readers.delivered);
    }
    let stopped = Moment::now();
    let answered = |readers: &Readers| readers.acked + readers.refused.values().sum::<u64>();
    while answered(readers) < readers.sent && stopped.elapsed() < AFTER {
        crew.turn(TURN, readers)?;
    }
    // What was acked last may still be on its way to the readers.
    let acked = Moment::now();
    while acked.elapsed() < Duration::from_millis(500) {
        crew.turn(TURN, readers)?;
    }
    Ok(())
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("slow", "readers that stop: the others' latency, the server's memory");
    options.population.check()?;
    let Population { rooms, members, .. } = options.population;
    anyhow::ensure!(
        options.stuck + 2 <= members,
        "a room needs a speaker and a reader beside the stuck ones"
    );
    let mut crew = options.server.crew(rooms * members, false, true)?;
    let seats = options.population.seat(&mut crew, true, &options.server.signer())?;
    let mut readers = Readers {
        members,
        stuck: options.stuck,
        sent: 0,
        acked: 0,
        refused: BTreeMap::new(),
        delivered: 0,
        delay: Latency::new("delivery to healthy readers"),
        padding: "z".repeat(options.length),
        run: format!("{:x}", Moment::now().unix_micros()),
        line: String::new(),
        healthy_endings: Vec::new(),
        stuck_endings: BTreeMap::new(),
        let_go: Latency::new("stopped reading until the socket is gone"),
        stuck_since: None,
    };
    let stuck: Vec<usize> = (0..seats).filter(|seat| readers.is_stuck(*seat)).collect();
    for seat in &stuck {
        crew.seats()[*seat].receive_buffer = Some(RECEIVE_BUFFER);
    }
    crew.bring_up(0..seats, BRING_UP, &mut readers)?;
    let mut recorder = options.server.recorder("deliveries");
    let server = options.server.server_process();
    let memory = || server.as_ref().map_or(0, |server| server.usage().resident_bytes);

    speak(&mut crew, &mut readers, options, options.before, &mut recorder)?;
    let mut all_read = readers.delay.summary();
    all_read.name = "delivery while all read".to_owned();
    readers.delay.clear();

    let memory_before = memory();
    readers.stuck_since = Some(Moment::now());
    crew.act(|stage| stuck.iter().for_each(|seat| stage.sockets.pause(*seat, true)));
    speak(&mut crew, &mut readers, options, options.seconds, &mut recorder)?;
    let mut some_stuck = readers.delay.summary();
    some_stuck.name = "delivery to the others while some are stuck".to_owned();
    let series = recorder.series();
    let peak = series.iter().filter(|series| series.chart == "Memory" && series.name == "server");
    let peak =
        peak.flat_map(|series| series.points.iter().map(|point| point.1 * 1e6)).fold(0.0, f64::max) as u64;
    let growth = peak.max(memory()).saturating_sub(memory_before);

    // They read again: what is left in the pipe, and then the end of it. Who comes up to the head of the room that way
    // was never let go. The ping makes a peer that has forgotten the connection say so.
    crew.act(|stage| -> anyhow::Result<()> {
        for seat in &stuck {
            if stage.seats[*seat].phase == Phase::Live {
                stage.sockets.widen(*seat, WIDE_BUFFER)?;
                stage.sockets.pause(*seat, false);
                stage.send(*seat, &command::ping(PING_ID));
            }
        }
        Ok(())
    })?;
    let begun = Moment::now();
    let undecided = |crew: &mut Crew| {
        let seats = crew.seats();
        let head = |seat: usize| seats[seat - seat % members].offsets.at();
        stuck.iter().any(|seat| seats[*seat].phase == Phase::Live && seats[*seat].offsets.at() < head(*seat))
    };
    while begun.elapsed() < AFTER && undecided(&mut crew) {
        crew.turn(TURN, &mut readers)?;
    }
    let gone: Vec<usize> =
        stuck.iter().copied().filter(|seat| crew.seats()[*seat].phase == Phase::Away).collect();
    readers.stuck_since = None;
    for seat in &gone {
        crew.seats()[*seat].receive_buffer = None;
    }
    crew.bring_up(gone.iter().copied(), BRING_UP, &mut Still)?;

    options.population.describe(&mut report);
    report.setting("stuck per room", options.stuck);
    report.setting("rate per room", options.rate);
    report.setting("length", options.length);
    let ratio = some_stuck.p99_micros as f64 / all_read.p99_micros.max(1) as f64;
    let resets: u32 = crew.seats().iter().map(|seat| seat.resets).sum();
    if resets > 0 {
        report.note(format!("{resets} readers had missed too much and got a snapshot instead: not an error"));
    }
    report.aimed("p99 of the others, some stuck / all read", ratio, "", Target::AtMost(2.0));
    report.figure("stuck readers", stuck.len() as f64, "");
    report.figure("stuck readers let go", gone.len() as f64, "");
    report.figure("messages", readers.acked as f64, "");
    if server.is_some() {
        report.figure("server memory before", memory_before as f64 / 1e6, "MB");
        report.figure("growth while some are stuck", growth as f64 / 1e6, "MB");
        let bound = GROWTH + GROWTH_PER_STUCK * stuck.len() as u64;
        let detail = format!("{:.1} of at most {:.1} MB", growth as f64 / 1e6, bound as f64 / 1e6);
        report.verdict.check("the server's memory is bounded", growth <= bound, detail);
    }
    report.latencies = vec![all_read, some_stuck, readers.let_go.summary()];
    report.series = series;
    let refused: u64 = readers.refused.values().sum();
    report.verdict.check("no message is refused", refused == 0, format!("{:?}", readers.refused));
    report.verdict.check(
        "each message is acked",
        readers.acked + refused == readers.sent,
        format!("{} of {}", readers.acked, readers.sent),
    );
    report.verdict.none(
        "no healthy reader is closed",
        &readers.healthy_endings,
        &format!("{} readers", seats - stuck.len()),
    );
    report.verdict.check(
        "each stuck reader is let go",
        gone.len() == stuck.len(),
        format!("{} of {}: {:?}", gone.len(), stuck.len(), readers.stuck_endings),
    );
    let heads: Vec<u64> = (0..rooms).map(|room| crew.seats()[room * members].offsets.at()).collect();
    let behind: Vec<String> = crew
        .seats()
        .iter()
        .enumerate()
        .filter(|(_, seat)| seat.phase == Phase::Live && seat.offsets.at() != heads[seat.room])
        .map(|(number, seat)| {
            format!("seat {number} stands at {}, the room at {}", seat.offsets.at(), heads[seat.room])
        })
        .collect();
    report.verdict.none("who comes back finds all that was said", &behind, &format!("{seats} readers"));
    report.verdict.events(crew.tally());
    Ok(report)
}

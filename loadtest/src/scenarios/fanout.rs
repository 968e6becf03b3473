//! `fanout`: the CPU that one delivery costs, beside that of the floor, in the same run on the same core.
//!
//! In each room one member speaks, and speaks again when all have heard it (or, with K outstanding, when all have
//! heard the K-th last). Server and floor take turns in rounds, so that a machine that drifts drifts for both; what is
//! said to the floor is as long as what the server sends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddrV4;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::{BRING_UP, Population, ServerOptions, TURN};
use crate::clock::Moment;
use crate::measure::{Latency, ProcessGroup, Recorder, Tally};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, CrewOptions, Dialect, Stage, ids, scan};
use crate::net::{Ending, Sources, copy_affinity, raise_descriptor_limit};
use crate::report::{Report, Target};

const WARM_UP: Duration = Duration::from_millis(500);
/// A room that hears nothing for so long has lost something.
const STALLED: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub population: Population,
    /// Messages outstanding per room in the second measurement; the first has one.
    #[arg(long, default_value_t = 4)]
    pub outstanding: u64,
    /// Seconds of each measurement, per round.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Characters of a message.
    #[arg(long, default_value_t = 200)]
    pub length: usize,
    /// Measure the floor only, without a server.
    #[arg(long)]
    pub floor_only: bool,
}

/// The users of one server, all live.
struct Hall {
    name: &'static str,
    crew: Crew,
    rooms: Rooms,
    process: Option<ProcessGroup>,
}

struct Rooms {
    dialect: Dialect,
    members: u64,
    content: String,
    run: u64,
    rooms: Vec<Room>,
    outstanding: u64,
    speaking: bool,
    deliveries: u64,
    frame_bytes: u64,
    heard: Latency,
    failures: Vec<String>,
    line: String,
}

#[derive(Clone, Default)]
struct Room {
    /// Sent and heard in all, the latter by all members together.
    sent: u64,
    heard: u64,
    /// When the last ones were sent; by number modulo length.
    sent_at: [Moment; 16],
    /// Offset of the last message, on the floor.
    offset: u64,
}

impl Rooms {
    fn say(&mut self, stage: &mut Stage<'_>, number: usize) {
        let room = &mut self.rooms[number];
        room.sent += 1;
        let slot = (room.sent % 16) as usize;
        room.sent_at[slot] = Moment::now();
        let seat = number * self.members as usize;
        match self.dialect {
            Dialect::Native(_) => {
                let client_id = format!("{:x}-{}", self.run, room.sent);
                let room_id = ids::room(number);
                command::send(&mut self.line, room.sent, room_id, &client_id, &self.content, Reply::None);
            }
            Dialect::Floor => {
                room.offset += 1;
                self.line = format!(
                    r#"{{"event":"message:receive","data":{{"offset":{},"content":"{}"}}}}"#,
                    room.offset, self.content
                );
            }
        }
        stage.send(seat, &self.line);
    }
}

impl Behaviour for Rooms {
    fn event(&mut self, stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        if event != b"message:receive" {
            return;
        }
        self.deliveries += 1;
        self.frame_bytes = frame.len() as u64;
        let number = seat / self.members as usize;
        let room = &mut self.rooms[number];
        room.heard += 1;
        if room.heard.is_multiple_of(self.members) {
            let complete = room.heard / self.members;
            self.heard.record(at.since(room.sent_at[(complete % 16) as usize]));
            while self.speaking && self.rooms[number].sent < complete + self.outstanding {
                self.say(stage, number);
            }
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, _seat: usize, _id: u64, frame: &[u8], _at: Moment) {
        if !scan::is_true(frame, &["data", "success"]) {
            self.failures.push(String::from_utf8_lossy(frame).into_owned());
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.failures.push(format!("seat {seat} ended: {ending:?}"));
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    micros_per_delivery: f64,
    per_second: f64,
    cpu_percent: f64,
}

impl Hall {
    fn open(
        name: &'static str,
        mut crew: Crew,
        options: &Options,
        dialect: Dialect,
        process: Option<ProcessGroup>,
    ) -> anyhow::Result<Hall> {
        let population = &options.population;
        let seats = population.seat(&mut crew, true, &options.server.signer())?;
        let rooms = Rooms {
            dialect,
            members: population.members as u64,
            content: "x".repeat(options.length),
            run: Moment::now().unix_micros(),
            rooms: vec![Room::default(); population.rooms],
            outstanding: 1,
            speaking: false,
            deliveries: 0,
            frame_bytes: 0,
            heard: Latency::new(name),
            failures: Vec::new(),
            line: String::new(),
        };
        let mut hall = Hall { name, crew, rooms, process };
        hall.crew.bring_up(0..seats, BRING_UP, &mut hall.rooms)?;
        Ok(hall)
    }

    /// Lets the rooms speak with so many outstanding, measures after a warm-up, and waits until all was heard.
    fn measure(
        &mut self,
        outstanding: u64,
        seconds: f64,
        recorder: &mut Recorder,
    ) -> anyhow::Result<Measured> {
        let Hall { crew, rooms, process, .. } = self;
        rooms.outstanding = outstanding;
        rooms.speaking = true;
        crew.act(|stage| {
            for room in 0..rooms.rooms.len() {
                (0..outstanding).for_each(|_| rooms.say(stage, room));
            }
        });
        let usage =
            |process: &Option<ProcessGroup>| process.as_ref().map(ProcessGroup::usage).unwrap_or_default();
        let mut start = (Moment::now(), usage(process), rooms.deliveries);
        let mut warm = false;
        let (mut last, mut last_at) = (rooms.deliveries, Moment::now());
        recorder.resume(last_at, last);
        let measured = loop {
            crew.turn(TURN, rooms)?;
            let now = Moment::now();
            recorder.tick(now, rooms.deliveries);
            if rooms.deliveries != last {
                (last, last_at) = (rooms.deliveries, now);
            }
            anyhow::ensure!(rooms.failures.is_empty(), "{}: {}", self.name, rooms.failures[0]);
            anyhow::ensure!(now.since(last_at) < STALLED, "{}: nothing was heard for {STALLED:?}", self.name);
            let passed = now.since(start.0);
            if !warm && passed >= WARM_UP {
                warm = true;
                rooms.heard.clear();
                start = (now, usage(process), rooms.deliveries);
            } else if warm && passed.as_secs_f64() >= seconds {
                let deliveries = (rooms.deliveries - start.2).max(1) as f64;
                let cpu = usage(process).cpu_seconds - start.1.cpu_seconds;
                break Measured {
                    micros_per_delivery: cpu / deliveries * 1e6,
                    per_second: deliveries / passed.as_secs_f64(),
                    cpu_percent: cpu / passed.as_secs_f64() * 100.0,
                };
            }
        };
        rooms.speaking = false;
        let stopped = Moment::now();
        let rest = |rooms: &Rooms| rooms.rooms.iter().any(|room| room.heard < room.sent * rooms.members);
        while rest(rooms) && stopped.elapsed() < STALLED {
            crew.turn(TURN, rooms)?;
        }
        Ok(measured)
    }

    /// Deliveries that never came.
    fn unheard(&self) -> u64 {
        self.rooms.rooms.iter().map(|room| (room.sent * self.rooms.members).saturating_sub(room.heard)).sum()
    }
}

/// The floor as a process of its own, ended when dropped.
struct FloorProcess {
    child: Child,
    address: SocketAddrV4,
}

impl FloorProcess {
    /// On the cores of `beside`, if there is such a process.
    fn start(beside: Option<u32>) -> anyhow::Result<FloorProcess> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["floor", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the floor")?;
        if let Some(pid) = beside {
            copy_affinity(pid, child.id()).context("pinning the floor to the server's core")?;
        }
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the floor has no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default().parse();
        Ok(FloorProcess { child, address: address.with_context(|| format!("the floor said `{line}`"))? })
    }
}

impl Drop for FloorProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("fanout", "CPU of one delivery in busy rooms, beside the floor");
    options.population.check()?;
    anyhow::ensure!((1..=16).contains(&options.outstanding), "1 to 16 messages can be outstanding");
    let sockets = options.population.rooms * options.population.members;
    let limit = raise_descriptor_limit()?;
    limit.check(sockets * if options.floor_only { 1 } else { 2 })?;

    let mut recorder = options.server.recorder("deliveries");
    let mut halls = Vec::new();
    let (mut content_length, mut server_pid) = (options.length, None);
    if !options.floor_only {
        server_pid = options.server.server_pid;
        let dialect = Dialect::Native(options.server.sign_in);
        let crew = options.server.crew(sockets, false, true)?;
        let mut hall = Hall::open("server", crew, options, dialect, options.server.server_process())?;
        hall.measure(1, 0.2, &mut recorder)?;
        content_length = hall.rooms.frame_bytes as usize;
        halls.push(hall);
    }
    let floor = FloorProcess::start(server_pid)?;
    let process = ProcessGroup::single(floor.child.id());
    recorder.watch("floor", Some(process.clone()));
    let crew = Crew::new(CrewOptions {
        server: floor.address,
        dialect: Dialect::Floor,
        sources: Sources::new(options.server.sources),
        stamped: false,
        strict: true,
        opening_at_once: 256,
    })?;
    let mut hall = Hall::open("floor", crew, options, Dialect::Floor, Some(process))?;
    // As long as what the server sends, the frame around the content included.
    const AROUND: usize = 60;
    hall.rooms.content = "x".repeat(content_length.saturating_sub(AROUND).max(1));
    halls.push(hall);

    options.population.describe(&mut report);
    report.setting("rounds", options.rounds);
    report.setting("seconds", options.seconds);
    report.setting("bytes per delivery", content_length);
    let mut results: Vec<(u64, Vec<Measured>)> = Vec::new();
    for outstanding in [1, options.outstanding] {
        let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); halls.len()];
        halls.iter_mut().for_each(|hall| hall.rooms.heard.clear());
        for _ in 0..options.rounds.max(1) {
            for (hall, measured) in halls.iter_mut().zip(&mut measured) {
                measured.push(hall.measure(outstanding, options.seconds, &mut recorder)?);
            }
        }
        for hall in &halls {
            let mut summary = hall.rooms.heard.summary();
            summary.name = format!("{}, {outstanding} outstanding: until all heard it", hall.name);
            report.latencies.push(summary);
        }
        results.push((outstanding, measured.iter().map(|rounds| median(rounds)).collect()));
    }
    describe(&mut report, &halls, &results);
    let mut tally = Tally::default();
    for hall in &halls {
        let own = hall.crew.tally();
        tally.events += own.events;
        tally.lost += own.lost + hall.unheard();
        tally.duplicated += own.duplicated;
        tally.out_of_order += own.out_of_order;
    }
    report.verdict.events(tally);
    report.series = recorder.series();
    Ok(report)
}

/// The round in the middle, by CPU.
fn median(rounds: &[Measured]) -> Measured {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(|a, b| a.micros_per_delivery.total_cmp(&b.micros_per_delivery));
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn describe(report: &mut Report, halls: &[Hall], results: &[(u64, Vec<Measured>)]) {
    for (outstanding, measured) in results {
        for (hall, measured) in halls.iter().zip(measured) {
            let what = |what: &str| format!("{}, {outstanding} outstanding: {what}", hall.name);
            if hall.process.is_some() {
                report.figure(what("CPU per delivery"), measured.micros_per_delivery, "µs");
                report.figure(what("CPU"), measured.cpu_percent, "%");
            }
            report.figure(what("deliveries"), measured.per_second, "/s");
        }
    }
    let [(_, one), (many, several)] = results else { return };
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    if let ([server, floor], [_, floor_several]) = (&one[..], &several[..]) {
        if halls[0].process.is_none() {
            return report.note("the CPU of the server is not told: give --server-pid");
        }
        let over_floor = ratio(server.micros_per_delivery, floor.micros_per_delivery);
        report.aimed("server / floor, 1 outstanding", over_floor, "", Target::AtMost(1.3));
        let own = ratio(several[0].micros_per_delivery, server.micros_per_delivery);
        report.aimed(format!("server, {many} outstanding / 1"), own, "", Target::AtMost(0.45));
        let floor_own = ratio(floor_several.micros_per_delivery, floor.micros_per_delivery);
        report.figure(format!("floor, {many} outstanding / 1"), floor_own, "");
    }
}

//! `storm`: all sockets are cut at the same moment, come back at once and resume, while their rooms talk on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BRING_UP, Population, ServerOptions, TURN};
use crate::clock::Moment;
use crate::measure::{Latency, Recorder};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Phase, Stage, ids, scan};
use crate::net::Ending;
use crate::report::Report;

const GIVE_UP: Duration = Duration::from_secs(120);
const DRAIN: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub population: Population,
    /// Messages a second in all rooms together, before, during and after the storm.
    #[arg(long, default_value_t = 200.0)]
    pub rate: f64,
    /// Seconds of talk before the cut and after the return.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Milliseconds for which all are away.
    #[arg(long, default_value_t = 500)]
    pub away: u64,
    #[arg(long)]
    pub seed: Option<u64>,
}

struct Storm {
    /// Seats from this one on are the speakers' second sockets, which are not cut.
    first_speaker: usize,
    rooms: usize,
    sent: u64,
    acked: u64,
    refused: BTreeMap<String, u64>,
    heads: Vec<u64>,
    run: String,
    line: String,
    away_since: Option<Moment>,
    back: Latency,
    reconnect: Latency,
    again: Vec<(Moment, usize)>,
    retries: BTreeMap<String, u64>,
    endings: Vec<String>,
    random: fastrand::Rng,
    caught_up: u64,
    speech: Moment,
    spoken: u32,
}

impl Behaviour for Storm {
    fn live(&mut self, stage: &mut Stage<'_>, seat: usize) {
        if let Some(since) = self.away_since {
            self.back.record(since.elapsed());
            self.reconnect.record(stage.seats[seat].opened_at.elapsed());
        }
    }

    fn page(&mut self, _stage: &mut Stage<'_>, _seat: usize, frame: &[u8], recovered: bool) {
        if recovered {
            self.caught_up += scan::items(frame, &["data", "messages"]).count() as u64;
        }
    }

    fn ack(&mut self, stage: &mut Stage<'_>, seat: usize, _id: u64, frame: &[u8], _at: Moment) {
        if scan::is_true(frame, &["data", "success"]) {
            self.acked += 1;
            let head = &mut self.heads[stage.seats[seat].room];
            *head = (*head).max(scan::number(frame, &["data", "message", "offset"]).unwrap_or(0));
        } else {
            *self.refused.entry(scan::text(frame, &["data", "code"]).unwrap_or_default()).or_default() += 1;
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        if self.away_since.is_none() || seat >= self.first_speaker {
            return self.endings.push(format!("seat {seat}: {ending:?}"));
        }
        *self.retries.entry(format!("{ending:?}")).or_default() += 1;
        let pause = Duration::from_millis(self.random.u64(100..500));
        self.again.push((Moment::now().plus(pause), seat));
    }
}

impl Storm {
    /// Sends what is due, opens again what is due, and lets the sockets react.
    fn turn(&mut self, crew: &mut Crew, rate: f64, recorder: &mut Recorder) -> anyhow::Result<()> {
        let interval = Duration::from_secs_f64(1.0 / rate);
        while self.speech.plus(interval * self.spoken) <= Moment::now() {
            let room = self.spoken as usize % self.rooms;
            self.spoken += 1;
            self.sent += 1;
            let client_id = format!("{}-{}", self.run, self.sent);
            command::send(
                &mut self.line,
                self.sent,
                ids::room(room),
                &client_id,
                "still talking",
                Reply::None,
            );
            crew.act(|stage| stage.send(self.first_speaker + room, &self.line));
        }
        self.reopen(crew)?;
        crew.turn(Duration::from_millis(2), self)?;
        recorder.tick(Moment::now(), crew.live() as u64);
        Ok(())
    }

    fn reopen(&mut self, crew: &mut Crew) -> anyhow::Result<()> {
        let now = Moment::now();
        let mut due = Vec::new();
        self.again.retain(|(at, seat)| {
            let later = *at > now;
            if !later {
                due.push(*seat);
            }
            later
        });
        due.into_iter().try_for_each(|seat| crew.act(|stage| stage.open(seat)))
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("storm", "everybody is cut at once, comes back at once and resumes");
    options.population.check()?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let rooms = options.population.rooms;
    let sockets = rooms * options.population.members;
    let mut crew = options.server.crew(sockets + rooms, false, true)?;
    let signer = options.server.signer();
    let first_speaker = options.population.seat(&mut crew, true, &signer)?;
    for room in 0..rooms {
        crew.add(options.population.member(room, 0), room, false, &signer)?;
    }
    let mut storm = Storm {
        first_speaker,
        rooms,
        sent: 0,
        acked: 0,
        refused: BTreeMap::new(),
        heads: vec![0; rooms],
        run: format!("{:x}", Moment::now().unix_micros()),
        line: String::new(),
        away_since: None,
        back: Latency::new("cut until live again"),
        reconnect: Latency::new("connect until live again"),
        again: Vec::new(),
        retries: BTreeMap::new(),
        endings: Vec::new(),
        random: fastrand::Rng::with_seed(seed),
        caught_up: 0,
        speech: Moment::now(),
        spoken: 0,
    };
    let opening = Moment::now();
    crew.bring_up(0..sockets + rooms, BRING_UP, &mut storm)?;
    let opening = opening.elapsed();
    let server = options.server.server_process();
    let usage = || server.as_ref().map(|server| server.usage());
    let mut recorder = options.server.recorder("live sockets");
    storm.speech = Moment::now();
    let talk = Duration::from_secs_f64(options.seconds);
    while storm.speech.elapsed() < talk {
        storm.turn(&mut crew, options.rate, &mut recorder)?;
    }

    let (cut, before) = (Moment::now(), usage());
    storm.away_since = Some(cut);
    crew.act(|stage| (0..sockets).for_each(|seat| stage.cut(seat)));
    while cut.elapsed() < Duration::from_millis(options.away) {
        storm.turn(&mut crew, options.rate, &mut recorder)?;
    }
    let returning = Moment::now();
    crew.act(|stage| (0..sockets).try_for_each(|seat| stage.open(seat)))?;
    while crew.live() < sockets + rooms && returning.elapsed() < GIVE_UP {
        storm.turn(&mut crew, options.rate, &mut recorder)?;
    }
    let (took, after, live) = (returning.elapsed(), usage(), crew.live());
    storm.away_since = None;
    let calm = Moment::now();
    while calm.elapsed() < talk {
        storm.turn(&mut crew, options.rate, &mut recorder)?;
    }
    let stopped = Moment::now();
    let answered = |storm: &Storm| storm.acked + storm.refused.values().sum::<u64>();
    let behind = |crew: &mut Crew, storm: &Storm| -> Vec<String> {
        let seats = crew.seats()[..sockets].iter().enumerate();
        let late =
            seats.filter(|(_, seat)| seat.phase != Phase::Live || seat.offsets.at() < storm.heads[seat.room]);
        late.map(|(number, seat)| {
            format!("seat {number} stands at {}, the room at {}", seat.offsets.at(), storm.heads[seat.room])
        })
        .collect()
    };
    while stopped.elapsed() < DRAIN
        && (answered(&storm) < storm.sent || !behind(&mut crew, &storm).is_empty())
    {
        crew.turn(TURN, &mut storm)?;
    }

    options.population.describe(&mut report);
    report.setting("rate", options.rate);
    report.setting("away ms", options.away);
    report.setting("seed", seed);
    report.figure("sockets", sockets as f64, "");
    report.figure("opened at first", (sockets + rooms) as f64 / opening.as_secs_f64(), "/s");
    report.figure("all live again after", took.as_secs_f64(), "s");
    report.figure("live again", sockets as f64 / took.as_secs_f64(), "/s");
    if let (Some(before), Some(after)) = (before, after) {
        let cpu = (after.cpu_seconds - before.cpu_seconds) / sockets as f64 * 1e6;
        report.figure("server CPU per return", cpu, "µs");
        report.figure("server memory after", after.resident_bytes as f64 / 1e6, "MB");
    }
    report.figure("missed messages caught up", storm.caught_up as f64, "");
    let resets: u64 = crew.seats().iter().map(|seat| u64::from(seat.resets)).sum();
    report.figure("resumes answered with a snapshot", resets as f64, "");
    report.figure("connections tried again", storm.retries.values().sum::<u64>() as f64, "");
    if !storm.retries.is_empty() {
        report.note(format!("tried again after {:?}", storm.retries));
    }
    report.latencies = vec![storm.back.summary(), storm.reconnect.summary()];
    report.series = recorder.series();
    let behind = behind(&mut crew, &storm);
    report.verdict.check(
        "everybody is back",
        live == sockets + rooms,
        format!("{live} of {}", sockets + rooms),
    );
    report.verdict.none("everybody has all that was said", &behind, &format!("{sockets} sockets"));
    report.verdict.none(
        "no socket is closed outside the storm",
        &storm.endings,
        &format!("{sockets} sockets"),
    );
    report.verdict.check(
        "each message is acked",
        storm.acked == storm.sent,
        format!("{} of {}, refused {:?}", storm.acked, storm.sent, storm.refused),
    );
    report.verdict.check("no resume is answered with a snapshot", resets == 0, format!("{resets}"));
    report.verdict.events(crew.tally());
    Ok(report)
}

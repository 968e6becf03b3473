//! `send`: durable messages that ask for no reply, as fast as a window allows or at a given rate.
//!
//! With a rate the loop is open: a message is due at its time whatever became of those before, and its latency counts
//! from then. One message of each user is sent alone before and after, so that offsets and usage can be compared
//! exactly with what was acked between them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BRING_UP, Population, ServerOptions, Still, TURN, audit};
use crate::clock::Moment;
use crate::measure::{Latency, OffsetTracker, Tally};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Stage, ids, scan};
use crate::net::Ending;
use crate::report::{Report, Target};

const DRAIN: Duration = Duration::from_secs(30);
const TARGET_RATE: f64 = 20_000.0;
/// A user with so many unanswered messages waits, at a rate; the wait counts as latency.
const MOST_IN_FLIGHT: usize = 1_000;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub population: Population,
    /// Messages in flight per user.
    #[arg(long, default_value_t = 1, conflicts_with = "rate")]
    pub window: usize,
    /// Messages a second of all users together, whatever the server does.
    #[arg(long)]
    pub rate: Option<f64>,
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
    /// Characters of a message.
    #[arg(long, default_value_t = 100)]
    pub length: usize,
    /// Join the rooms too, so that each message also comes back as an event.
    #[arg(long)]
    pub joined: bool,
    /// Rooms that are read back message by message afterwards.
    #[arg(long, default_value_t = 20)]
    pub verify_rooms: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// One message each, alone.
    First,
    Running,
    Draining,
    /// One message each, alone again.
    Last,
}

#[derive(Default)]
struct User {
    next: u64,
    /// Command ids and the times from which their latency counts.
    in_flight: Vec<(u64, Moment)>,
    acked: u64,
    offsets: OffsetTracker,
    first_offset: u64,
    used_at_first: Option<u64>,
    used_at_last: Option<u64>,
}

struct Senders {
    act: Act,
    users: Vec<User>,
    single_sender: bool,
    window: usize,
    run: String,
    content: String,
    line: String,
    client_id: String,
    acked: u64,
    answered: usize,
    ack: Latency,
    refusals: BTreeMap<String, u64>,
    duplicates: u64,
    unknown_acks: u64,
    acks: Tally,
    endings: Vec<String>,
}

impl Senders {
    fn send(&mut self, stage: &mut Stage<'_>, seat: usize, from: Moment) {
        use std::fmt::Write;
        let user = &mut self.users[seat];
        user.next += 1;
        self.client_id.clear();
        let _ = write!(self.client_id, "{}-{seat}-{}", self.run, user.next);
        let room = ids::room(stage.seats[seat].room);
        command::send(&mut self.line, user.next, room, &self.client_id, &self.content, Reply::None);
        user.in_flight.push((user.next, from));
        stage.send(seat, &self.line);
    }

    fn in_flight(&self) -> usize {
        self.users.iter().map(|user| user.in_flight.len()).sum()
    }
}

impl Behaviour for Senders {
    fn ack(&mut self, stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], at: Moment) {
        let user = &mut self.users[seat];
        let Some(place) = user.in_flight.iter().position(|(sent, _)| *sent == id) else {
            self.unknown_acks += 1;
            return;
        };
        let (_, from) = user.in_flight.remove(place);
        self.answered += 1;
        if scan::is_true(frame, &["data", "success"]) {
            user.acked += 1;
            self.acked += 1;
            self.duplicates += u64::from(scan::is_true(frame, &["data", "duplicate"]));
            if let Some(offset) = scan::number(frame, &["data", "message", "offset"]) {
                if self.act == Act::First {
                    user.first_offset = offset;
                    user.offsets.start(offset);
                } else if self.single_sender {
                    user.offsets.event(offset, &mut self.acks);
                }
            }
            match self.act {
                Act::First => user.used_at_first = audit::used(frame),
                Act::Last => user.used_at_last = audit::used(frame),
                Act::Running => self.ack.record(at.since(from)),
                Act::Draining => {}
            }
        } else {
            let code = scan::text(frame, &["data", "code"]).unwrap_or_else(|| "without a code".to_owned());
            *self.refusals.entry(code).or_default() += 1;
        }
        if self.act == Act::Running && self.window > 0 && self.users[seat].in_flight.len() < self.window {
            self.send(stage, seat, Moment::now());
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.endings.push(format!("seat {seat}: {ending:?}"));
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("send", "durable messages without a reply: rate, latency of the ack, CPU");
    options.population.check()?;
    let sockets = options.population.rooms * options.population.members;
    let mut crew = options.server.crew(sockets, false, true)?;
    let seats = options.population.seat(&mut crew, options.joined, &options.server.signer())?;
    let mut senders = Senders {
        act: Act::First,
        users: (0..seats).map(|_| User::default()).collect(),
        single_sender: options.population.members == 1,
        window: if options.rate.is_some() { 0 } else { options.window.max(1) },
        run: format!("{:x}", Moment::now().unix_micros()),
        content: "m".repeat(options.length.max(1)),
        line: String::new(),
        client_id: String::new(),
        acked: 0,
        answered: 0,
        ack: Latency::new("ack"),
        refusals: BTreeMap::new(),
        duplicates: 0,
        unknown_acks: 0,
        acks: Tally::default(),
        endings: Vec::new(),
    };
    crew.bring_up(0..seats, BRING_UP, &mut senders)?;
    one_each(&mut crew, &mut senders, Act::First)?;

    let mut recorder = options.server.recorder("acked messages");
    senders.act = Act::Running;
    let mut meter = options.server.cpu_meter(&[]);
    let (begun, acked_before) = (Moment::now(), senders.acked);
    let mut intended = 0u64;
    crew.act(|stage| {
        for seat in 0..seats {
            (0..senders.window).for_each(|_| senders.send(stage, seat, Moment::now()));
        }
    });
    while begun.elapsed().as_secs_f64() < options.seconds && senders.endings.is_empty() {
        let mut wait = TURN;
        if let Some(rate) = options.rate {
            let due = |number: u64| begun.plus(Duration::from_secs_f64(number as f64 / rate));
            while due(intended) <= Moment::now() {
                let seat = (intended % seats as u64) as usize;
                if senders.users[seat].in_flight.len() >= MOST_IN_FLIGHT {
                    break;
                }
                crew.act(|stage| senders.send(stage, seat, due(intended)));
                intended += 1;
            }
            wait = due(intended).since(Moment::now()).min(TURN);
        }
        crew.turn(wait, &mut senders)?;
        recorder.tick(Moment::now(), senders.acked);
    }
    let (seconds, cpu, acked) = (begun.elapsed().as_secs_f64(), meter.read(), senders.acked - acked_before);
    senders.act = Act::Draining;
    let draining = Moment::now();
    while senders.in_flight() > 0 && draining.elapsed() < DRAIN && senders.endings.is_empty() {
        crew.turn(TURN, &mut senders)?;
    }
    let unanswered = senders.in_flight();
    if unanswered == 0 && senders.endings.is_empty() {
        one_each(&mut crew, &mut senders, Act::Last)?;
    }

    options.population.describe(&mut report);
    match options.rate {
        Some(rate) => report.setting("rate", rate),
        None => report.setting("window", options.window),
    }
    report.setting("seconds", options.seconds);
    report.setting("length", options.length);
    let rate = acked as f64 / seconds;
    match options.rate {
        None => report.aimed("acked", rate, "/s", Target::AtLeast(TARGET_RATE)),
        Some(_) => report.figure("acked", rate, "/s"),
    }
    cpu.describe(&mut report, acked, "message");
    report.latencies.push(senders.ack.summary());
    report.series = recorder.series();
    judge(options, &mut crew, &senders, unanswered, &mut report)?;
    Ok(report)
}

/// Lets each user send one message while nothing else is in flight.
fn one_each(crew: &mut Crew, senders: &mut Senders, act: Act) -> anyhow::Result<()> {
    senders.act = act;
    senders.answered = 0;
    let seats = senders.users.len();
    crew.act(|stage| (0..seats).for_each(|seat| senders.send(stage, seat, Moment::now())));
    let begun = Moment::now();
    while senders.answered < seats && begun.elapsed() < DRAIN {
        crew.turn(TURN, senders)?;
    }
    anyhow::ensure!(senders.answered == seats, "only {} of {seats} messages were answered", senders.answered);
    anyhow::ensure!(
        act != Act::First || senders.refusals.is_empty(),
        "the first messages were refused: {:?}",
        senders.refusals
    );
    Ok(())
}

fn judge(
    options: &Options,
    crew: &mut Crew,
    senders: &Senders,
    unanswered: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let verdict = &mut report.verdict;
    let all = format!("{} messages", senders.acked);
    verdict.none("no socket is closed", &senders.endings, &format!("{} sockets", senders.users.len()));
    let refused: u64 = senders.refusals.values().sum();
    verdict.check("no message is refused", refused == 0, format!("{refused} refused {:?}", senders.refusals));
    verdict.check(
        "each message is answered",
        unanswered == 0,
        format!("{unanswered} unanswered, {all} acked"),
    );
    verdict.check(
        "each message is answered once",
        senders.unknown_acks == 0,
        format!("{} extra", senders.unknown_acks),
    );
    verdict.check(
        "no message counts as sent before",
        senders.duplicates == 0,
        format!("{}", senders.duplicates),
    );
    if senders.single_sender {
        let acks = senders.acks;
        let found = format!("{} lost, {} double, {} early", acks.lost, acks.duplicated, acks.out_of_order);
        verdict.check("offsets of acks are contiguous and in order", acks.is_clean(), found);
    }
    if options.joined {
        verdict.events(crew.tally());
    }
    let limited = senders.users.iter().filter(|user| user.used_at_first.is_some()).count();
    if limited == 0 {
        report.note("the plan has no limit: usage was not written, and could not be checked");
    } else if !senders.endings.is_empty() || unanswered > 0 {
        report.note("usage and stored messages were not compared, because messages are unanswered");
        return Ok(());
    } else {
        let wrong: Vec<String> = senders
            .users
            .iter()
            .enumerate()
            .filter_map(|(seat, user)| {
                let (first, last) = (user.used_at_first?, user.used_at_last.unwrap_or(0));
                let counted = (last + 1).saturating_sub(first);
                (counted != user.acked)
                    .then(|| format!("seat {seat}: {} acked, {counted} counted", user.acked))
            })
            .collect();
        report.verdict.none("usage is exact", &wrong, &format!("{limited} users"));
    }
    if !senders.single_sender || !senders.endings.is_empty() {
        return Ok(());
    }
    let sample: Vec<_> = (0..senders.users.len())
        .step_by((senders.users.len() / options.verify_rooms.max(1)).max(1))
        .map(|seat| (seat, senders.users[seat].first_offset - 1))
        .collect();
    let rooms = sample.len();
    let stored = audit::read_rooms(crew, sample, DRAIN, &mut Still)?;
    let wrong: Vec<String> = stored
        .iter()
        .filter_map(|(seat, messages)| {
            let user = &senders.users[*seat];
            let expected = (1..=user.next).map(|number| format!("{}-{seat}-{number}", senders.run));
            let found = messages.iter().map(|message| message.client_id.clone().unwrap_or_default());
            (!expected.eq(found))
                .then(|| format!("seat {seat}: {} acked, {} stored", user.acked, messages.len()))
        })
        .collect();
    report.verdict.none(
        "each acked message is stored once, in order",
        &wrong,
        &format!("{rooms} rooms read back"),
    );
    Ok(())
}

//! `chaos`: starts the server itself, kills it with -9 again and again in the middle of everything, and then checks by
//! the public protocol alone that no promise was broken. The seed is printed and can be given.

mod judge;
mod talkers;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use self::judge::Used;
use self::talkers::Talkers;
use super::server::ServerProcess;
use super::{Population, ServerOptions, Stored, audit};
use crate::clock::Moment;
use crate::measure::{Latency, Recorder};
use crate::native::{Crew, Signer};
use crate::net::http;
use crate::report::{Report, Target};

const READY: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(30);
const READ_BACK: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub population: Population,
    /// How to start the server. It must listen at --url, and find its data again when it is started again.
    #[arg(long, value_name = "COMMAND")]
    pub server_cmd: String,
    /// The server's output is appended to this file.
    #[arg(long, value_name = "FILE")]
    pub server_log: Option<PathBuf>,
    #[arg(long, default_value_t = 20)]
    pub kills: u32,
    /// Repeats a run; without it a random one is taken and printed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The server lives at least so long after it is ready.
    #[arg(long, default_value_t = 100)]
    pub min_life_ms: u64,
    /// And at most so long.
    #[arg(long, default_value_t = 2_000)]
    pub max_life_ms: u64,
    /// Mean pause of a user between two messages.
    #[arg(long, default_value_t = 150)]
    pub pause_ms: u64,
    /// Share of the messages that ask for a reply, 0 to 1.
    #[arg(long, default_value_t = 0.3)]
    pub replies: f64,
    /// Seconds for everything to come to rest at the end.
    #[arg(long, default_value_t = 120)]
    pub settle: u64,
}

/// A run in progress.
struct Run<'a> {
    options: &'a Options,
    address: SocketAddrV4,
    crew: Crew,
    talkers: Talkers,
    recorder: Recorder,
}

impl Run<'_> {
    /// Lets everybody talk until `until` or `done`.
    fn talk(&mut self, until: Moment, done: impl Fn(&Talkers, &mut Crew) -> bool) -> anyhow::Result<()> {
        while Moment::now() < until && !done(&self.talkers, &mut self.crew) {
            self.talkers.act(&mut self.crew)?;
            self.crew.turn(Duration::from_millis(3), &mut self.talkers)?;
            self.recorder.tick(Moment::now(), self.talkers.acked() as u64);
        }
        Ok(())
    }

    fn start(&mut self) -> anyhow::Result<(ServerProcess, Duration)> {
        let mut server = ServerProcess::start(&self.options.server_cmd, self.options.server_log.as_deref())?;
        let took = server.wait_ready(self.address, READY)?;
        Ok((server, took))
    }

    /// What each user has used, by `GET /api/auth/me`.
    fn used(&mut self, signer: &Signer) -> anyhow::Result<Used> {
        let mut used = Used::new();
        let users: Vec<usize> = self.crew.seats().iter().map(|seat| seat.user).collect();
        for user in users {
            let me = http::get(self.address, "/api/auth/me", Some(&signer.sign(user)?))?.json();
            used.insert(user, audit::used_by(&me.context("GET /api/auth/me")?)?);
        }
        Ok(used)
    }

    /// All rooms from where their first member began, once no reply is open any more or the time is over.
    fn read_back(&mut self, until: Moment) -> anyhow::Result<BTreeMap<usize, Vec<Stored>>> {
        let members = self.options.population.members;
        loop {
            let since = |room: usize| {
                let users = &self.talkers.users[room * members..(room + 1) * members];
                users.iter().map(|user| user.since).min().unwrap_or(0)
            };
            let seats: Vec<_> =
                (0..self.options.population.rooms).map(|room| (room * members, since(room))).collect();
            let pages = audit::read_rooms(&mut self.crew, seats, READ_BACK, &mut self.talkers)?;
            let rooms = pages.into_iter().map(|(seat, messages)| (seat / members, messages)).collect();
            if judge::open_replies(&rooms) == 0 || Moment::now() > until {
                return Ok(rooms);
            }
            self.talk(Moment::now().plus(Duration::from_millis(500)), |_, _| false)?;
        }
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("chaos", "kill -9 in the middle of everything, again and again");
    options.population.check()?;
    anyhow::ensure!(options.min_life_ms <= options.max_life_ms, "--min-life-ms is at most --max-life-ms");
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1 << 53));
    {
        use std::io::Write;
        writeln!(std::io::stdout().lock(), "chaos: seed {seed}, {} kills", options.kills)?;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let seats = options.population.rooms * options.population.members;
    let mut crew = options.server.crew(seats, false, false)?;
    let signer = options.server.signer();
    options.population.seat(&mut crew, true, &signer)?;
    let pause = Duration::from_millis(options.pause_ms);
    let talkers = Talkers::new(seats, pause, options.replies, random.u64(..));
    let recorder = Recorder::new("acked messages");
    let mut run = Run { options, address: options.server.address()?, crew, talkers, recorder };

    let (mut server, first_ready) = run.start()?;
    let before = run.used(&signer)?;
    // All have a place in their rooms before the first kill, so that all that follows is a resume.
    run.talkers.talking = false;
    run.talk(Moment::now().plus(READY), |talkers, crew| talkers.is_settled(crew))?;
    anyhow::ensure!(
        run.talkers.is_settled(&mut run.crew),
        "not all users came in: {}",
        run.crew.refusals().1
    );
    run.talkers.talking = true;
    let mut after_kill = Latency::new("kill -9 until ready again");
    for _ in 0..options.kills {
        let life = Duration::from_millis(random.u64(options.min_life_ms..=options.max_life_ms));
        run.talk(Moment::now().plus(life), |_, _| false)?;
        server.kill()?;
        run.talk(Moment::now().plus(Duration::from_millis(random.u64(..100))), |_, _| false)?;
        let (next, took) = run.start()?;
        after_kill.record(took);
        server = next;
    }
    run.talk(Moment::now().plus(Duration::from_millis(options.max_life_ms)), |_, _| false)?;

    run.talkers.talking = false;
    let rest = Moment::now().plus(Duration::from_secs(options.settle));
    run.talk(rest, |talkers, crew| talkers.is_settled(crew))?;
    let settled = run.talkers.is_settled(&mut run.crew);
    anyhow::ensure!(settled, "not all came to rest in {} s: {}", options.settle, run.crew.refusals().1);
    // Replies that are under way change the rooms until they end; then one more look for the live events.
    run.read_back(rest)?;
    run.talk(Moment::now().plus(Duration::from_secs(1)), |_, _| false)?;
    let rooms = run.read_back(rest)?;
    let after = run.used(&signer)?;
    let (status, stop) = server.stop(STOP)?;
    let (server, clean_ready) = run.start()?;
    server.stop(STOP)?;

    options.population.describe(&mut report);
    report.setting("kills", options.kills);
    report.setting("seed", seed);
    let talkers = &run.talkers;
    if options.kills > 0 {
        let slowest = after_kill.quantile_micros(1.0) as f64 / 1e6;
        report.aimed("ready after kill -9, slowest", slowest, "s", Target::AtMost(3.0));
    }
    report.aimed("ready after a clean stop", clean_ready.as_secs_f64(), "s", Target::AtMost(1.0));
    report.figure("ready at the first start", first_ready.as_secs_f64(), "s");
    report.figure("clean stop", stop.as_secs_f64(), "s");
    for (name, value) in [
        ("messages acked", talkers.acked() as u64),
        ("said again after a break", talkers.resent),
        ("said again on purpose", talkers.repeated_on_purpose),
        ("connections opened", talkers.reconnects),
        ("cut after silence", talkers.cut_for_silence),
    ] {
        report.figure(name, value as f64, "");
    }
    let replies = rooms.values().flatten().filter(|message| message.sender.kind == "character");
    report.figure("replies stored", replies.count() as f64, "");
    if !talkers.temporary.is_empty() {
        report.note(format!("temporary refusals: {:?}", talkers.temporary));
    }
    report.latencies = vec![after_kill.summary()];
    report.series = run.recorder.series();
    report.verdict.check("a clean stop exits with 0", status.success(), format!("{status}"));
    judge::judge(&mut report.verdict, &run.talkers, run.crew.seats(), &rooms, &before, &after);
    report.verdict.events(run.crew.tally());
    Ok(report)
}

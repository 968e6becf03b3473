//! `killed`: kill -9 of the server at every so-manyth token of replies whose whole text is known beforehand. In all rooms a
//! reply is under way at once, so that each kill strikes all of them. In the end each reply must have ended once, be
//! stored once and counted once, and say exactly what the provider would have said: nothing twice, nothing left out.

mod askers;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use self::askers::Askers;
use super::chat::sim_stats;
use super::server::ServerProcess;
use super::{Population, ServerOptions, Stored, address_of, audit};
use crate::clock::Moment;
use crate::measure::{Latency, Recorder};
use crate::native::{Crew, Signer};
use crate::net::http;
use crate::report::{Report, Target};

const READY: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);
const READ_BACK: Duration = Duration::from_secs(60);
/// For the replies of a round to come to the next kill, or to their end.
const PROGRESS: Duration = Duration::from_secs(90);

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
    /// The simulator that the server uses as its provider.
    #[arg(long, value_name = "URL")]
    pub sim_url: String,
    /// Replies in all: one in each room, round after round.
    #[arg(long, default_value_t = 200)]
    pub replies: usize,
    /// Of each reply.
    #[arg(long, default_value_t = 120)]
    pub tokens: u32,
    #[arg(long, default_value_t = 30.0)]
    pub tokens_per_second: f64,
    /// Tokens between two kills.
    #[arg(long, default_value_t = 10)]
    pub every: u32,
}

struct Run<'a> {
    options: &'a Options,
    address: SocketAddrV4,
    crew: Crew,
    askers: Askers,
    recorder: Recorder,
}

impl Run<'_> {
    /// Lets everybody act until `done`; says whether it came to that in time.
    fn until(&mut self, patience: Duration, done: impl Fn(&Askers, &Crew) -> bool) -> anyhow::Result<bool> {
        let begun = Moment::now();
        while !done(&self.askers, &self.crew) {
            if begun.elapsed() > patience {
                return Ok(false);
            }
            self.askers.act(&mut self.crew)?;
            self.crew.turn(Duration::from_millis(2), &mut self.askers)?;
            self.recorder.tick(Moment::now(), self.askers.asked);
        }
        Ok(true)
    }

    fn start(&mut self) -> anyhow::Result<(ServerProcess, Duration)> {
        let mut server = ServerProcess::start(&self.options.server_cmd, self.options.server_log.as_deref())?;
        let took = server.wait_ready(self.address, READY)?;
        Ok((server, took))
    }

    /// What each user has used, by `GET /api/auth/me`.
    fn used(&mut self, signer: &Signer) -> anyhow::Result<BTreeMap<usize, u64>> {
        let mut used = BTreeMap::new();
        let users: Vec<usize> = self.crew.seats().iter().map(|seat| seat.user).collect();
        for user in users {
            let me = http::get(self.address, "/api/auth/me", Some(&signer.sign(user)?))?.json();
            let me = me.context("GET /api/auth/me")?;
            used.insert(user, audit::used_by(&me)?.unwrap_or(0));
        }
        Ok(used)
    }
}

/// The one in the middle.
fn median(mut positions: Vec<u32>) -> Option<u32> {
    positions.sort_unstable();
    positions.get(positions.len() / 2).copied()
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("killed", "kill -9 at every so-manyth token of replies whose text is known beforehand");
    let population = &options.population;
    population.check()?;
    anyhow::ensure!(options.every > 0 && options.every < options.tokens, "--every is 1 up to the tokens");
    let (rooms, members) = (population.rooms, population.members);
    let sim = address_of(&options.sim_url)?;
    let settings = json!({ "firstTokenDelayMs": 20, "tokensPerSecond": options.tokens_per_second,
        "tokensPerWrite": 1, "lengthTokens": options.tokens, "lengthSpread": 0, "stamped": false });
    http::put(sim, "/sim/config", settings.to_string().as_bytes())
        .context("setting the simulator")?
        .json()?;
    let sim_before = sim_stats(sim)?;
    let mut crew = options.server.crew(rooms * members, false, false)?;
    let signer = options.server.signer();
    population.seat(&mut crew, true, &signer)?;
    let askers = Askers::new(rooms, members, options.tokens, 7);
    let recorder = Recorder::new("questions");
    let mut run = Run { options, address: options.server.address()?, crew, askers, recorder };
    let (mut server, _) = run.start()?;
    let before = run.used(&signer)?;
    anyhow::ensure!(run.until(READY, Askers::are_in)?, "not all users came in: {}", run.crew.refusals().1);

    let mut after_kill = Latency::new("kill -9 until ready again");
    let (mut late, mut kills) = (Vec::new(), 0u32);
    // How many replies stood at each multiple of `every`, or nearest to it, when the server was killed.
    let places = (options.every..options.tokens).step_by(options.every as usize);
    let mut struck: BTreeMap<u32, u32> = places.clone().map(|place| (place, 0)).collect();
    let rounds = options.replies.div_ceil(rooms);
    for round in 0..rounds {
        run.askers.ask();
        for position in places.clone() {
            let due = |askers: &Askers| median(askers.progress()).is_none_or(|stands| stands >= position);
            if !run.until(PROGRESS, |askers, _| due(askers) || askers.are_satisfied())? {
                late.push(format!("round {round}: never at token {position}: {:?}", run.askers.progress()));
            }
            for stands in run.askers.progress() {
                let nearest = (stands + options.every / 2) / options.every * options.every;
                struck.entry(nearest).and_modify(|count| *count += 1);
            }
            server.kill()?;
            kills += 1;
            let (next, took) = run.start()?;
            after_kill.record(took);
            server = next;
        }
        if !run.until(PROGRESS, |askers, _| askers.are_satisfied())? {
            late.push(format!("round {round}: not all replies came: {:?}", run.askers.progress()));
        }
    }
    let settled = run.until(READY, Askers::are_in)?;
    anyhow::ensure!(settled, "not all came back: {}", run.crew.refusals().1);
    // What would still come is seen.
    run.until(Duration::from_secs(1), |_, _| false)?;
    let since: Vec<(usize, u64)> = (0..rooms).map(|room| room * members).map(|seat| (seat, 0)).collect();
    let stored = audit::read_rooms(&mut run.crew, since, READ_BACK, &mut run.askers)?;
    let after = run.used(&signer)?;
    let sim_after = sim_stats(sim)?;
    let (status, _) = server.stop(STOP)?;

    population.describe(&mut report);
    for (name, value) in [
        ("replies", run.askers.asked),
        ("tokens", u64::from(options.tokens)),
        ("a kill every so many tokens", u64::from(options.every)),
    ] {
        report.setting(name, value);
    }
    report.figure("kills", f64::from(kills), "");
    let hit = struck.values().filter(|count| **count > 0).count();
    let all = Target::AtLeast(places.count() as f64);
    report.aimed("positions at which replies were struck", hit as f64, "", all);
    let fewest = struck.values().min().copied().unwrap_or(0);
    report.figure("fewest replies struck at one of them", f64::from(fewest), "");
    report.note(format!("replies struck, by their tokens: {struck:?}"));
    let askers = &run.askers;
    let count =
        |key: &str| (sim_after[key].as_u64().unwrap_or(0) - sim_before[key].as_u64().unwrap_or(0)) as f64;
    for (name, value) in [
        ("replies taken up, as watchers saw it", askers.taken_up as f64),
        ("of these with text at once", askers.continued as f64),
        ("requests to the provider", count("requests")),
        ("of these to go on from a part", count("continued")),
        ("from a part that was none", count("continuedForeign")),
        ("questions said again", askers.resent as f64),
        ("connections opened", askers.connections as f64),
    ] {
        report.figure(name, value, "");
    }
    report.latencies = vec![after_kill.summary()];
    report.series = run.recorder.series();
    report.verdict.check("a clean stop exits with 0", status.success(), format!("{status}"));
    let asked = format!("{} replies", askers.asked);
    report.verdict.none("each reply comes to its end in time", &late, &asked);
    report.verdict.none("each watcher sees the known text, once and without a hole", &askers.faults, &asked);
    judge(&mut report, &mut run, &stored, &before, &after);
    report.verdict.events(run.crew.tally());
    Ok(report)
}

/// What is stored, against what was asked and what the watchers hold.
fn judge(
    report: &mut Report,
    run: &mut Run<'_>,
    stored: &BTreeMap<usize, Vec<Stored>>,
    before: &BTreeMap<usize, u64>,
    after: &BTreeMap<usize, u64>,
) {
    let members = run.options.population.members;
    let (mut wrong, mut views, mut usage) = (Vec::new(), Vec::new(), Vec::new());
    let mut asked: BTreeMap<usize, u64> = BTreeMap::new();
    let mut replies = 0;
    for (seat, messages) in stored {
        let since = run.askers.watchers[*seat].since;
        let fresh: Vec<&Stored> = messages.iter().filter(|message| message.offset > since).collect();
        let of = |kind: &'static str| fresh.iter().copied().filter(move |one| one.sender.kind == kind);
        for question in of("user") {
            *asked.entry(run.crew.seats()[*seat].user).or_default() += 1;
            let known =
                crate::sim::known_text(&question.content, run.options.tokens, crate::sim::Words::Latin);
            let found: Vec<&Stored> =
                of("character").filter(|reply| reply.reply_to.as_ref() == Some(&question.id)).collect();
            replies += found.len();
            if found.len() != 1 || !question.replies.is_empty() {
                wrong.push(format!(
                    "`{}` has {} replies and {:?}",
                    question.content,
                    found.len(),
                    question.replies
                ));
            }
            let other = found.iter().filter(|reply| reply.content != known || reply.finish != "complete");
            wrong.extend(other.map(|reply| format!("`{}` got `{}`", question.content, reply.content)));
        }
        let loaded: BTreeMap<String, String> =
            of("character").map(|reply| (reply.id.clone(), reply.content.clone())).collect();
        for watcher in *seat..seat + members {
            if run.askers.watchers[watcher].replies != loaded {
                views.push(format!("seat {watcher} does not hold what a fresh client loads"));
            }
        }
    }
    let said: u64 = asked.values().sum();
    if said != run.askers.asked {
        wrong.push(format!("{} questions were asked, {said} are stored", run.askers.asked));
    }
    for (user, after) in after {
        let counted = after - before.get(user).copied().unwrap_or(0);
        let asked = asked.get(user).copied().unwrap_or(0);
        if counted != asked {
            usage.push(format!("user {user}: {asked} asked, {counted} counted"));
        }
    }
    let looked_at = format!("{replies} stored replies");
    report.verdict.none("each question has one reply, and that is the known text", &wrong, &looked_at);
    report.verdict.none("who resumed holds what a fresh client loads", &views, &looked_at);
    report.verdict.none("each question is counted once", &usage, &format!("{} users", after.len()));
}

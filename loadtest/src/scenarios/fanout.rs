//! `fanout`: the CPU that one delivery costs, beside that of the floor, in the same run on the same core.
//!
//! In each room one member speaks, and speaks again when all have heard it (or, with K outstanding, when all have
//! heard the K-th last). Server and floor take turns in rounds, so that a machine that drifts drifts for both; what is
//! said to the floor is as long as what the server sends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddrV4;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use super::hall::{Hall, Measured, Where, median};
use super::{Population, ServerOptions};
use crate::measure::{ProcessGroup, Tally};
use crate::native::{Crew, CrewOptions, Dialect};
use crate::net::{Sources, copy_affinity, raise_descriptor_limit};
use crate::report::{Report, Target};

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
        let at = Where { population: &options.population, first_room: 0, signer: options.server.signer() };
        let process = options.server.server_process();
        let mut hall = Hall::open("server", crew, &at, dialect, options.length, process)?;
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
    let at = Where { population: &options.population, first_room: 0, signer: options.server.signer() };
    let mut hall = Hall::open("floor", crew, &at, Dialect::Floor, options.length, Some(process))?;
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

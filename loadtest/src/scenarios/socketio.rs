//! `socketio`: the CPU that one delivery to a Socket.IO client costs, beside that of one on `/ws`, in the same run.
//!
//! Half of the rooms are on `/ws`, the other half speak Socket.IO over a WebSocket. In each room one member speaks, as in
//! `fanout`; both halves take turns in rounds, so that a machine that drifts drifts for both.

use super::hall::{Hall, Measured, Where, median};
use super::{Population, ServerOptions};
use crate::measure::Tally;
use crate::native::Dialect;
use crate::net::raise_descriptor_limit;
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
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Characters of a message.
    #[arg(long, default_value_t = 200)]
    pub length: usize,
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("socketio", "CPU of one delivery by Socket.IO, beside one on /ws");
    options.population.check()?;
    anyhow::ensure!((1..=16).contains(&options.outstanding), "1 to 16 messages can be outstanding");
    anyhow::ensure!(options.population.rooms >= 2, "each of both takes half of the rooms");
    let half = Population { rooms: options.population.rooms / 2, ..options.population };
    let sockets = half.rooms * half.members;
    raise_descriptor_limit()?.check(sockets * 2)?;

    let mut recorder = options.server.recorder("deliveries");
    let mut halls = Vec::new();
    for (name, dialect, first_room) in
        [("/ws", Dialect::Native(options.server.sign_in), 0), ("Socket.IO", Dialect::SocketIo, half.rooms)]
    {
        let crew = options.server.crew_of(dialect, sockets, false, true)?;
        let at = Where { population: &half, first_room, signer: options.server.signer() };
        let process = options.server.server_process();
        let mut hall = Hall::open(name, crew, &at, dialect, options.length, process)?;
        hall.measure(1, 0.2, &mut recorder)?;
        halls.push(hall);
    }

    half.describe(&mut report);
    report.setting("rounds", options.rounds);
    report.setting("seconds", options.seconds);
    for outstanding in [1, options.outstanding] {
        let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); halls.len()];
        halls.iter_mut().for_each(|hall| hall.rooms.heard.clear());
        for _ in 0..options.rounds.max(1) {
            for (hall, measured) in halls.iter_mut().zip(&mut measured) {
                measured.push(hall.measure(outstanding, options.seconds, &mut recorder)?);
            }
        }
        let measured: Vec<Measured> = measured.iter().map(|rounds| median(rounds)).collect();
        for (hall, measured) in halls.iter().zip(&measured) {
            let what = |what: &str| format!("{}, {outstanding} outstanding: {what}", hall.name);
            let mut summary = hall.rooms.heard.summary();
            summary.name = what("until all heard it");
            report.latencies.push(summary);
            if hall.process.is_some() {
                report.figure(what("CPU per delivery"), measured.micros_per_delivery, "µs");
                report.figure(what("CPU"), measured.cpu_percent, "%");
            }
            report.figure(what("deliveries"), measured.per_second, "/s");
        }
        match (&measured[..], &halls[0].process) {
            ([native, socketio], Some(_)) if native.micros_per_delivery > 0.0 => {
                let ratio = socketio.micros_per_delivery / native.micros_per_delivery;
                let what = format!("Socket.IO / ws, {outstanding} outstanding");
                report.aimed(what, ratio, "", Target::AtMost(1.3));
            }
            _ => report.note("the CPU of the server is not told: give --server-pid"),
        }
    }
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

//! `idle`: what a signed-in socket costs that does nothing.

use std::time::Duration;

use anyhow::Context;

use super::{BRING_UP, ServerOptions, rest};
use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::{Behaviour, Stage};
use crate::net::Ending;
use crate::report::{Report, Target};

const TARGET_BYTES: f64 = 14.0 * 1024.0;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Sockets, each of a user of its own.
    #[arg(long, default_value_t = 10_000)]
    pub users: usize,
    /// Memory is counted from so many sockets on.
    #[arg(long, default_value_t = 100)]
    pub base: usize,
    /// Seconds to wait before memory is read.
    #[arg(long, default_value_t = 5)]
    pub settle: u64,
    /// Seconds for which all sockets then stay open.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
}

struct Idle {
    sign_in: Latency,
    endings: Vec<String>,
    frames: u64,
}

impl Behaviour for Idle {
    fn live(&mut self, stage: &mut Stage<'_>, seat: usize) {
        self.sign_in.record(stage.seats[seat].opened_at.elapsed());
    }

    fn event(&mut self, _stage: &mut Stage<'_>, _seat: usize, event: &[u8], _frame: &[u8], _at: Moment) {
        self.frames += u64::from(event != b"hello" && event != b"ready");
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.endings.push(format!("seat {seat}: {ending:?}"));
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("idle", "memory of a signed-in socket without a room");
    anyhow::ensure!(
        options.users > options.base,
        "there must be more users than the {} of the base",
        options.base
    );
    let server = options.server.server_process().context("`idle` needs --server-pid")?;
    let mut crew = options.server.crew(options.users, false, true)?;
    let signer = options.server.signer();
    for user in 0..options.users {
        crew.add(user, 0, false, &signer)?;
    }
    let mut idle = Idle { sign_in: Latency::new("connect and sign in"), endings: Vec::new(), frames: 0 };
    let mut recorder = options.server.recorder("live sockets");
    let settle = Duration::from_secs(options.settle);

    crew.bring_up(0..options.base, BRING_UP, &mut idle)?;
    rest(&mut crew, settle, &mut idle, &mut recorder)?;
    let before = server.usage();
    let begun = Moment::now();
    crew.bring_up(options.base..options.users, BRING_UP, &mut idle)?;
    let opening = begun.elapsed().as_secs_f64();
    rest(&mut crew, settle, &mut idle, &mut recorder)?;
    let after = server.usage();
    rest(&mut crew, Duration::from_secs(options.seconds), &mut idle, &mut recorder)?;
    let later = server.usage();

    let added = (options.users - options.base) as f64;
    let per_socket = after.resident_bytes.saturating_sub(before.resident_bytes) as f64 / added;
    report.setting("users", options.users);
    report.setting("base", options.base);
    report.aimed("memory per socket", per_socket, "bytes", Target::AtMost(TARGET_BYTES));
    report.figure(format!("server memory at {}", options.base), before.resident_bytes as f64 / 1e6, "MB");
    report.figure(format!("server memory at {}", options.users), after.resident_bytes as f64 / 1e6, "MB");
    report.figure("sockets opened and signed in", added / opening, "/s");
    report.figure(
        "server CPU per connect and sign-in",
        (after.cpu_seconds - before.cpu_seconds) / added * 1e6,
        "µs",
    );
    if options.seconds > 0 {
        let idle_share = (later.cpu_seconds - after.cpu_seconds) / options.seconds as f64 * 100.0;
        report.figure("server CPU while idle", idle_share, "%");
    }
    report.latencies.push(idle.sign_in.summary());
    report.series = recorder.series();
    report.verdict.none("every socket stays open", &idle.endings, &format!("{} sockets", options.users));
    report.verdict.check(
        "nothing is sent to an idle socket",
        idle.frames == 0,
        format!("{} frames", idle.frames),
    );
    Ok(report)
}

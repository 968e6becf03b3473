//! `logins`: many people sign in by password at once, while those who are here go on.
//!
//! The sockets' pings are an open loop: each is due at its time whatever became of those before it, and its latency
//! counts from then. The logins are a closed one: so many are under way at any time, each of another user.

use std::time::Duration;

use super::ServerOptions;
use super::beside::{Deed, Measured, Pace, measure};
use crate::native::ids;
use crate::report::{Report, Target};

/// For a login that waits for its turn to be hashed.
const LOGIN_WAIT: Duration = Duration::from_secs(30);
const TARGET_PING_MS: f64 = 10.0;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Sockets, each of a user of its own; the logins are of the same users.
    #[arg(long, default_value_t = 1_000)]
    pub users: usize,
    /// The password that the users were seeded with.
    #[arg(long)]
    pub password: String,
    /// Logins under way at a time.
    #[arg(long, default_value_t = 50)]
    pub logins: usize,
    /// Pings a second of all sockets together.
    #[arg(long, default_value_t = 1_000.0)]
    pub rate: f64,
    /// Seconds of pings before anybody signs in.
    #[arg(long, default_value_t = 5.0)]
    pub before: f64,
    /// Seconds of pings and logins.
    #[arg(long, default_value_t = 15.0)]
    pub seconds: f64,
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("logins", "many sign in by password at once, while those who are here go on");
    anyhow::ensure!(options.users > 0 && options.rate > 0.0, "users and rate are above 0");
    let body = |number: usize| {
        let name = ids::username(number % options.users);
        Some(serde_json::json!({ "username": name, "password": options.password }).to_string())
    };
    let deed = Deed {
        name: "login",
        at_once: options.logins,
        wait: LOGIN_WAIT,
        wanted: 200,
        prepare: &body,
        ask: &|open, body: &String| open.post("/api/auth/login", body),
    };
    let pace = Pace {
        users: options.users,
        rate: options.rate,
        before: options.before,
        seconds: options.seconds,
        names: ("ping, nobody signs in", format!("ping, {} sign in", options.logins)),
    };
    let Measured { pingers, recorder, done: login, refused, seconds, cpu, .. } =
        measure(&options.server, pace, &deed)?;

    report.setting("users", options.users);
    report.setting("logins at once", options.logins);
    report.setting("pings a second", options.rate);
    report.setting("seconds", options.seconds);
    let p99_ms = pingers.during.quantile_micros(0.99) as f64 / 1e3;
    report.aimed("p99 of ping while they sign in", p99_ms, "ms", Target::AtMost(TARGET_PING_MS));
    report.figure("p99 of ping before", pingers.before.quantile_micros(0.99) as f64 / 1e3, "ms");
    report.figure("logins", login.count() as f64 / seconds, "/s");
    cpu.describe(&mut report, login.count(), "login");
    report.latencies = vec![pingers.before.summary(), pingers.during.summary(), login.summary()];
    report.series = recorder.series();
    let verdict = &mut report.verdict;
    pingers.judge(verdict);
    verdict.check("people sign in", login.count() > 0, format!("{} logins", login.count()));
    let refusals: u64 = refused.values().sum();
    verdict.check("no login is refused", refusals == 0, format!("{refusals} refused {refused:?}"));
    Ok(report)
}

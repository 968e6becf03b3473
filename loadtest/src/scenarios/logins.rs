//! `logins`: many people sign in by password at once, while those who are here go on.
//!
//! The sockets' pings are an open loop: each is due at its time whatever became of those before it, and its latency
//! counts from then. The logins are a closed one: so many are under way at any time, each of another user.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::pings::Pingers;
use super::{BRING_UP, ServerOptions, TURN};
use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::ids;
use crate::net::http::Connection;
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

/// What became of the logins.
struct Logins {
    took: Mutex<(Latency, BTreeMap<String, u64>)>,
    next: AtomicUsize,
    over: AtomicBool,
}

impl Logins {
    /// Signs in one user after another until it is over.
    fn go_on(&self, server: SocketAddrV4, users: usize, password: &str) {
        let mut connection = None;
        while !self.over.load(Ordering::Relaxed) {
            let user = self.next.fetch_add(1, Ordering::Relaxed) % users;
            let body =
                serde_json::json!({ "username": ids::username(user), "password": password }).to_string();
            let begun = Moment::now();
            let opened = connection.take().map_or_else(|| Connection::open(server, LOGIN_WAIT), Ok);
            let answer = opened.and_then(|mut open| Ok((open.post("/api/auth/login", &body)?, open)));
            let mut took = self.took.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match answer {
                Ok((answer, open)) => {
                    connection = Some(open);
                    if answer.status == 200 {
                        took.0.record(begun.elapsed());
                        continue;
                    }
                    *took.1.entry(format!("HTTP {}", answer.status)).or_default() += 1;
                }
                Err(error) => *took.1.entry(error.kind().to_string()).or_default() += 1,
            }
            drop(took);
            // Who is refused does not hammer.
            std::thread::sleep(TURN);
        }
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("logins", "many sign in by password at once, while those who are here go on");
    anyhow::ensure!(options.users > 0 && options.rate > 0.0, "users and rate are above 0");
    let server = options.server.address()?;
    let mut crew = options.server.crew(options.users, true, true)?;
    let signer = options.server.signer();
    for user in 0..options.users {
        crew.add(user, 0, false, &signer)?;
    }
    let names = ("ping, nobody signs in".to_owned(), format!("ping, {} sign in", options.logins));
    let mut pingers = Pingers::new(options.users, options.rate, names);
    crew.bring_up(0..options.users, BRING_UP, &mut pingers)?;
    let mut recorder = options.server.recorder("answered pings");
    pingers.ping(&mut crew, options.before, &mut recorder)?;
    pingers.meanwhile();

    let logins = Logins {
        took: Mutex::new((Latency::new("login"), BTreeMap::new())),
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let mut meter = options.server.cpu_meter(&[]);
    let begun = Moment::now();
    let pinged = std::thread::scope(|scope| {
        for _ in 0..options.logins {
            scope.spawn(|| logins.go_on(server, options.users, &options.password));
        }
        let pinged = pingers.ping(&mut crew, options.seconds, &mut recorder);
        logins.over.store(true, Ordering::Relaxed);
        pinged
    });
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), meter.read());
    pinged?;
    pingers.drain(&mut crew)?;

    let (login, refused) = logins.took.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.setting("users", options.users);
    report.setting("logins at once", options.logins);
    report.setting("pings a second", options.rate);
    report.setting("seconds", options.seconds);
    let p99_ms = pingers.during.quantile_micros(0.99) as f64 / 1e3;
    report.aimed("p99 of ping while they sign in", p99_ms, "ms", Target::AtMost(TARGET_PING_MS));
    report.figure("p99 of ping before", pingers.before.quantile_micros(0.99) as f64 / 1e3, "ms");
    // The last ones ended after the pings did; they are counted, and so is their time.
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

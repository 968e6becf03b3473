//! `dashboards`: what the dashboard of somebody costs who has said very much, beside that of somebody who has said little.
//!
//! One request after another on one connection; the two people take turns, so that what the machine does meanwhile meets
//! both alike.

use std::time::Duration;

use serde_json::Value;

use super::ServerOptions;
use crate::clock::Moment;
use crate::measure::Latency;
use crate::net::http::Connection;
use crate::report::{Report, Target};

/// The first look sums up what was seeded.
const WAIT: Duration = Duration::from_secs(300);
const TARGET_RATIO: f64 = 1.5;
/// Rounds that are not counted: caches and connections are warm then.
const WARM_UP: usize = 5;
const PATHS: [(&str, &str); 5] = [
    ("dashboard", "/api/dashboard"),
    ("quick stats", "/api/dashboard/quick-stats"),
    ("90 days", "/api/dashboard/analytics?timeframe=90d"),
    ("activity", "/api/dashboard/activity"),
    ("limits", "/api/dashboard/limits"),
];
const TOTALS: &str = "/api/dashboard/quick-stats";

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Messages in the room of user 0, as they were seeded: every other one is theirs.
    #[arg(long, default_value_t = 1_000_000)]
    pub messages: u64,
    /// Messages in the room of user 1.
    #[arg(long, default_value_t = 100)]
    pub messages_small: u64,
    /// Looks at each part, of each of them.
    #[arg(long, default_value_t = 200)]
    pub rounds: usize,
    /// Seconds between the first looks, which sum up what was seeded, and those that count: until Postgres has tidied up behind
    /// that, as it does once a minute.
    #[arg(long, default_value_t = 75)]
    pub settle: u64,
}

/// Somebody whose messages are known.
struct Person {
    name: &'static str,
    token: String,
    said: u64,
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("dashboards", "what somebody sees who has said much, beside one who has not");
    anyhow::ensure!(options.rounds > 0, "rounds are above 0");
    anyhow::ensure!(options.messages > options.messages_small, "the one has said more than the other");
    report.setting("messages", options.messages);
    report.setting("messages of the other", options.messages_small);
    report.setting("rounds", options.rounds);
    let signer = options.server.signer();
    let people = [
        Person { name: "much", token: signer.sign(0)?, said: options.messages.div_ceil(2) },
        Person { name: "little", token: signer.sign(1)?, said: options.messages_small.div_ceil(2) },
    ];
    let mut connection = Connection::open(options.server.address()?, WAIT)?;
    let mut refused = Vec::new();
    let mut latencies =
        PATHS.map(|(part, _)| people.each_ref().map(|it| Latency::new(format!("{part}, {}", it.name))));
    let mut cpu = options.server.cpu_meter(&[]);
    let mut answers = 0;
    for round in 0..options.rounds + WARM_UP {
        if round == WARM_UP {
            std::thread::sleep(Duration::from_secs(options.settle));
            // A server does not keep one open on which nobody speaks for so long.
            connection = Connection::open(options.server.address()?, WAIT)?;
        }
        for ((_, path), latencies) in PATHS.into_iter().zip(&mut latencies) {
            // Who comes first changes with each round.
            for one in [round % 2, (round + 1) % 2] {
                let begun = Moment::now();
                let answer = connection.get(path, &people[one].token)?;
                let took = begun.elapsed();
                answers += 1;
                if answer.status != 200 {
                    let body = String::from_utf8_lossy(&answer.body);
                    refused.push(format!("{path}: HTTP {}: {body}", answer.status));
                } else if round >= WARM_UP {
                    latencies[one].record(took);
                }
            }
        }
    }
    cpu.read().describe(&mut report, answers, "look");
    for ((part, _), [much, little]) in PATHS.into_iter().zip(&latencies) {
        let ratio = much.quantile_micros(0.5) as f64 / little.quantile_micros(0.5).max(1) as f64;
        report.aimed(format!("{part}, much / little"), ratio, "", Target::AtMost(TARGET_RATIO));
    }
    report.latencies.extend(latencies.iter().flatten().map(Latency::summary));

    let mut wrong = Vec::new();
    for person in &people {
        let told: Value = serde_json::from_slice(&connection.get(TOTALS, &person.token)?.body)?;
        if told["messagesTotal"] != person.said {
            wrong.push(format!("{}: {} instead of {}", person.name, told["messagesTotal"], person.said));
        }
    }
    report.verdict.none("totals are what was seeded", &wrong, "2 people");
    report.verdict.none("nothing is refused", &refused, &format!("{answers} answers"));
    Ok(report)
}

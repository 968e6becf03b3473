//! `enumeration`: whether the ways in tell who has an account, by what they answer or by how long they take.
//!
//! Each kind of try is made so many times, one after another on one connection, in an order that the seed fixes. What
//! the machine does meanwhile meets all kinds alike then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::ServerOptions;
use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::ids;
use crate::net::http::{Answer, Connection};
use crate::report::{Report, Target};

const WAIT: Duration = Duration::from_secs(30);
const TARGET_PERCENT: f64 = 5.0;
/// Tries of each kind that are not counted: caches and connections are warm then.
const WARM_UP: usize = 5;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// The users that were seeded with a password; each try is of another one.
    #[arg(long, default_value_t = 1_000)]
    pub users: usize,
    /// How many of them, the last ones, were seeded as blocked.
    #[arg(long, default_value_t = 300)]
    pub blocked: usize,
    /// Tries of each kind.
    #[arg(long, default_value_t = 200)]
    pub tries: usize,
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Whom a try names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    Known,
    Blocked,
    Unknown,
}

/// A way in, and the body of a try by the n-th one of a kind.
struct Door {
    path: &'static str,
    kinds: &'static [Whom],
    body: fn(Whom, usize) -> Value,
}

const DOORS: [Door; 3] = [
    Door {
        path: "/api/auth/login",
        kinds: &[Whom::Known, Whom::Blocked, Whom::Unknown],
        body: |whom, n| json!({ "username": name(whom, n), "password": "not the password of anybody" }),
    },
    Door {
        path: "/api/auth/forgot-password",
        kinds: &[Whom::Known, Whom::Blocked, Whom::Unknown],
        body: |whom, n| json!({ "email": if whom == Whom::Unknown { name(whom, n) + "@example.com" } else { ids::email(n) } }),
    },
    Door {
        path: "/api/auth/send-otp",
        kinds: &[Whom::Known, Whom::Unknown],
        body: |whom, n| json!({ "mobile": if whom == Whom::Unknown { format!("+49152{n:08}") } else { ids::mobile(n) } }),
    },
];

/// As long as a known one.
fn name(whom: Whom, n: usize) -> String {
    if whom == Whom::Unknown { format!("none-{n}") } else { ids::username(n) }
}

/// What the tries of one kind came to.
struct Told {
    latency: Latency,
    /// Status and body without what is of the one answer alone.
    answers: BTreeSet<(u16, String)>,
    tries: usize,
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("enumeration", "whether the ways in tell who has an account");
    let tries = options.tries + WARM_UP;
    anyhow::ensure!(
        options.tries > 0 && options.blocked >= tries && options.users >= options.blocked + tries,
        "{} tries need {tries} users who are blocked and as many who are not",
        options.tries
    );
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut connection = Connection::open(options.server.address()?, WAIT)?;
    report.setting("users", options.users);
    report.setting("blocked", options.blocked);
    report.setting("tries", options.tries);
    report.setting("seed", seed);
    for door in &DOORS {
        // A path that is not there says so to an empty body too, and nobody is counted for it.
        if connection.post(door.path, "{}")?.status == 404 {
            report.note(format!("{} is not there, and was not tried", door.path));
            continue;
        }
        let mut told: BTreeMap<Whom, Told> = BTreeMap::new();
        let mut order: Vec<Whom> = door.kinds.iter().flat_map(|whom| vec![*whom; tries]).collect();
        random.shuffle(&mut order);
        for whom in order {
            let name = format!("{}: {whom:?}", door.path);
            let told = told.entry(whom).or_insert_with(|| Told {
                latency: Latency::new(name),
                answers: BTreeSet::new(),
                tries: 0,
            });
            let nth =
                if whom == Whom::Blocked { options.users - options.blocked + told.tries } else { told.tries };
            let body = (door.body)(whom, nth).to_string();
            let begun = Moment::now();
            let answer = connection.post(door.path, &body)?;
            let took = begun.elapsed();
            told.tries += 1;
            told.answers.insert(as_seen(&answer));
            if told.tries > WARM_UP {
                told.latency.record(took);
            }
        }
        judge(door, &told, &mut report);
    }
    Ok(report)
}

/// What an answer shows, without what differs from answer to answer anyway: its id, and times.
fn as_seen(answer: &Answer) -> (u16, String) {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if let Some(fields) = body.as_object_mut() {
        for (name, value) in fields.iter_mut() {
            if name == "requestId" || name == "otp" || name.ends_with("At") {
                *value = Value::Bool(true);
            }
        }
    }
    (answer.status, body.to_string())
}

fn judge(door: &Door, told: &BTreeMap<Whom, Told>, report: &mut Report) {
    let median = |whom: Whom| told.get(&whom).map_or(0, |told| told.latency.quantile_micros(0.5)) as f64;
    let known = median(Whom::Known);
    for whom in door.kinds.iter().filter(|whom| **whom != Whom::Known) {
        let percent = (median(*whom) - known).abs() / known.max(1.0) * 100.0;
        let name = format!("{}: medians of {whom:?} and Known apart", door.path);
        report.aimed(name, percent, "%", Target::AtMost(TARGET_PERCENT));
    }
    let seen: BTreeSet<_> = told.values().flat_map(|told| told.answers.iter().cloned()).collect();
    let shown: Vec<String> = seen.iter().map(|(status, body)| format!("{status} {body}")).collect();
    let alike = seen.len() == 1 && seen.iter().all(|(status, _)| !matches!(status, 429 | 500..));
    report.verdict.check(
        &format!("{} answers all alike", door.path),
        alike,
        format!("{} kinds of answer: {}", seen.len(), shown.join(" | ")),
    );
    report.latencies.extend(told.values().map(|told| told.latency.summary()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_by_what_they_show() {
        let seen = |status, body: &str| as_seen(&Answer { status, body: body.as_bytes().to_vec() });
        let one = seen(401, r#"{"error":"unauthenticated","requestId":"a"}"#);
        assert_eq!(one, seen(401, r#"{"error":"unauthenticated","requestId":"b"}"#));
        assert_ne!(one, seen(403, r#"{"error":"unauthenticated","requestId":"b"}"#));
        assert_ne!(one, seen(401, r#"{"error":"no such account","requestId":"b"}"#));
        assert_ne!(one, seen(401, r#"{"error":"unauthenticated"}"#));
    }
}

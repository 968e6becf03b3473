//! `webhooks`: what a signed event of Stripe's takes to be answered, at a steady rate.
//!
//! Beforehand each user opens a checkout of a plan at the server, and it is paid at the stand-in of Stripe, which holds the
//! events back. Then those events are sent in the order in which they happened, each at its time, whatever became of those
//! before it. All of them are known objects: the payment is written, its plan and credits are given, and letters are queued.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::ServerOptions;
use super::options::address_of;
use crate::clock::Moment;
use crate::measure::Latency;
use crate::net::http::Connection;
use crate::report::{Report, Target};

const WAIT: Duration = Duration::from_secs(30);
const TARGET_P99_MS: f64 = 20.0;
const PATH: &str = "/api/webhooks/stripe";
/// Events of a page of Stripe's list.
const PAGE: usize = 100;
/// What leads to an object of ours.
const KINDS: [&str; 2] = ["payment_intent.succeeded", "checkout.session.completed"];

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Users who buy one plan each: two events.
    #[arg(long, default_value_t = 3_000)]
    pub users: usize,
    /// Where the stand-in of Stripe listens.
    #[arg(long)]
    pub stripe_url: String,
    /// The secret key that it takes.
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true)]
    pub stripe_key: String,
    /// The stand-in's process, for its CPU.
    #[arg(long, value_name = "PID")]
    pub stripe_pid: Option<u32>,
    /// Signs the events.
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: String,
    /// Events a second.
    #[arg(long, default_value_t = 200.0)]
    pub rate: f64,
    /// Connections that they come on.
    #[arg(long, default_value_t = 32)]
    pub connections: usize,
}

struct Event {
    kind: usize,
    body: String,
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    anyhow::ensure!(options.users > 0 && options.connections > 0, "users and connections are above 0");
    anyhow::ensure!(options.rate > 0.0, "the rate is above 0");
    let mut report = Report::new("webhooks", "signed events of Stripe's at a steady rate");
    report.setting("users", options.users);
    report.setting("rate", options.rate);
    report.setting("connections", options.connections);
    let server = options.server.address()?;
    let events = bought(options, server)?;
    anyhow::ensure!(events.len() >= options.users, "{} events of {} payments", events.len(), options.users);

    let mut cpu = options.server.cpu_meter(&[("stand-in of Stripe", options.stripe_pid)]);
    let sender = Sender::new(options, server, &events);
    let refused = sender.send_all()?;
    cpu.read().describe(&mut report, events.len() as u64, "event");
    let all = sender.latency.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let p99 = all.last().map_or(0.0, |all| all.quantile_micros(0.99) as f64 / 1e3);
    let p50 = all.last().map_or(0.0, |all| all.quantile_micros(0.5) as f64 / 1e3);
    report.figure("answered, p50", p50, "ms");
    report.aimed("answered, p99", p99, "ms", Target::AtMost(TARGET_P99_MS));
    report.latencies.extend(all.iter().map(Latency::summary));
    report.verdict.none("each event is taken", &refused, &format!("{} events", events.len()));

    let standing = kept(options, server, &events)?;
    report.verdict.none("each event is kept and done", &standing, &format!("{} events", events.len()));
    Ok(report)
}

/// A checkout for each user, paid; and the events of that, in their order.
fn bought(options: &Options, server: SocketAddrV4) -> anyhow::Result<Vec<Event>> {
    let signer = options.server.signer();
    let mut shop = Connection::open(server, WAIT)?;
    let mut stripe = Stripe::open(options)?;
    stripe.control("hold", &json!({}))?;
    let body =
        json!({"successUrl": format!("http://{server}/paid"), "cancelUrl": format!("http://{server}/not")});
    let body = body.to_string();
    for user in 0..options.users {
        let authorization = format!("Authorization: Bearer {}\r\n", signer.sign(user)?);
        let answer = shop.post_with("/api/payments/create-checkout-session", &authorization, &body)?;
        let session = answer.json().context("a checkout")?;
        let session = session["sessionId"].as_str().context("a session's id")?;
        stripe.control("pay-checkout", &json!({ "id": session }))?;
    }
    stripe.events()
}

/// What is said to the stand-in.
struct Stripe {
    connection: Connection,
    authorization: String,
}

impl Stripe {
    fn open(options: &Options) -> anyhow::Result<Stripe> {
        let connection = Connection::open(address_of(&options.stripe_url)?, WAIT)?;
        Ok(Stripe { connection, authorization: format!("Authorization: Bearer {}\r\n", options.stripe_key) })
    }

    fn control(&mut self, what: &str, deed: &Value) -> anyhow::Result<()> {
        let path = format!("/_control/{what}");
        let answer = self.connection.post_with(&path, &self.authorization, &deed.to_string())?;
        answer.json().with_context(|| what.to_owned()).map(drop)
    }

    /// All of the two kinds, the oldest first: as they happened, so that those of one purchase follow one another.
    fn events(&mut self) -> anyhow::Result<Vec<Event>> {
        let token = self.authorization.trim_start_matches("Authorization: Bearer ").trim().to_owned();
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.connection.get(&format!("/v1/events?limit={PAGE}{after}"), &token)?.json()?;
            let data = page["data"].as_array().cloned().unwrap_or_default();
            let last = data.last().and_then(|event| event["id"].as_str()).map(str::to_owned);
            found.extend(data.into_iter().filter_map(|event| {
                let kind = KINDS.iter().position(|kind| event["type"] == *kind)?;
                Some(Event { kind, body: event.to_string() })
            }));
            match last.filter(|_| page["has_more"] == true) {
                Some(last) => after = format!("&starting_after={last}"),
                None => break,
            }
        }
        found.reverse();
        Ok(found)
    }
}

/// Sends each event at its time.
struct Sender<'a> {
    options: &'a Options,
    server: SocketAddrV4,
    events: &'a [Event],
    key: EncodingKey,
    next: AtomicUsize,
    /// Of each kind, and of all.
    latency: Mutex<Vec<Latency>>,
}

impl<'a> Sender<'a> {
    fn new(options: &'a Options, server: SocketAddrV4, events: &'a [Event]) -> Sender<'a> {
        let names = KINDS.into_iter().chain(["all events"]);
        Sender {
            options,
            server,
            events,
            key: EncodingKey::from_secret(options.webhook_secret.as_bytes()),
            next: AtomicUsize::new(0),
            latency: Mutex::new(names.map(Latency::new).collect()),
        }
    }

    /// Answers what was refused.
    fn send_all(&self) -> anyhow::Result<Vec<String>> {
        let begun = Moment::now();
        std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..self.options.connections).map(|_| scope.spawn(|| self.work(begun))).collect();
            let mut refused = Vec::new();
            for worker in workers {
                refused.extend(worker.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??);
            }
            Ok(refused)
        })
    }

    fn work(&self, begun: Moment) -> anyhow::Result<Vec<String>> {
        let mut connection = Connection::open(self.server, WAIT)?;
        let mut refused = Vec::new();
        loop {
            let at = self.next.fetch_add(1, Relaxed);
            let Some(event) = self.events.get(at) else { return Ok(refused) };
            let due = begun.plus(Duration::from_secs_f64(at as f64 / self.options.rate));
            let wait = due.since(Moment::now());
            std::thread::sleep(wait);
            let signature = format!("Stripe-Signature: {}\r\n", self.signature(&event.body)?);
            let answer = connection.post_with(PATH, &signature, &event.body)?;
            let took = Moment::now().since(due);
            let mut latency = self.latency.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            latency[event.kind].record(took);
            latency[KINDS.len()].record(took);
            drop(latency);
            if answer.status != 200 {
                refused.push(format!("HTTP {}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
            }
        }
    }

    /// As Stripe makes it.
    fn signature(&self, body: &str) -> anyhow::Result<String> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let signed =
            jsonwebtoken::crypto::sign(format!("{at}.{body}").as_bytes(), &self.key, Algorithm::HS256)?;
        let bytes = URL_SAFE_NO_PAD.decode(signed)?;
        Ok(format!("t={at},v1={}", HEXLOWER.encode(&bytes)))
    }
}

/// What is not as it must be: each event is there, once, and done.
fn kept(options: &Options, server: SocketAddrV4, events: &[Event]) -> anyhow::Result<Vec<String>> {
    let token = options.server.signer().sign_admin(0)?;
    let mut connection = Connection::open(server, WAIT)?;
    let mut states = BTreeMap::new();
    for kind in KINDS {
        let mut cursor = String::new();
        loop {
            let path = format!("/api/admin/stripe-events?type={kind}&limit=100{cursor}");
            let page = connection.get(&path, &token)?.json()?;
            for item in page["items"].as_array().into_iter().flatten() {
                let state = item["state"].as_str().unwrap_or_default().to_owned();
                states.insert(item["id"].as_str().unwrap_or_default().to_owned(), state);
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    let missing = events.len().saturating_sub(states.len());
    let undone = states.iter().filter(|(_, state)| *state != "done");
    let mut wrong: Vec<String> = undone.map(|(id, state)| format!("{id} is {state}")).collect();
    wrong.extend((missing > 0).then(|| format!("{missing} are missing")));
    Ok(wrong)
}

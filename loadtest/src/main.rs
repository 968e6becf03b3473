//! The command line of the load generator.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::double;
use loadtest::net::raise_descriptor_limit;
use loadtest::report::{Outputs, Report};
use loadtest::scenarios::{
    chaos, chat, dashboards, enumeration, fanout, faults, idle, killed, logins, reading, relay, rooms, send,
    slow, socketio, storm, uploads, webhooks,
};
use loadtest::sim::{Plan, Settings, Simulator, Words};

/// Load on a Greenroom server, from outside: each scenario prints a table with a verdict on loss, order and
/// duplicates, and fails (exit code 1) when one of them was violated.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Stand in for a provider with an OpenAI-compatible API.
    Sim(SimOptions),
    /// Serve the bare fan-out with which the server is compared.
    Floor {
        /// 0 takes any free port.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Stand in for the server, to try the scenarios themselves.
    Double(double::Options),
    /// Memory of a signed-in socket without a room.
    Idle(Scenario<idle::Options>),
    /// Memory of a live room, and of one that left.
    Rooms(Scenario<rooms::Options>),
    /// CPU of one delivery in busy rooms, beside the floor.
    Fanout(Scenario<fanout::Options>),
    /// CPU of one delivery by Socket.IO, beside one on /ws.
    Socketio(Scenario<socketio::Options>),
    /// Durable messages without a reply: rate, latency of the ack, CPU.
    Send(Scenario<send::Options>),
    /// Streamed replies from the simulator: what the engine adds to the provider.
    Chat(Scenario<chat::Options>),
    /// Streamed replies with two watchers each, beside a plain proxy: first tokens, and tokens a second.
    Relay(Scenario<relay::Options>),
    /// Many streams while the provider fails in every way it can.
    Faults(Scenario<faults::Options>),
    /// Readers that stop: the others' latency, the server's memory.
    Slow(Scenario<slow::Options>),
    /// Everybody is cut at once, comes back at once and resumes.
    Storm(Scenario<storm::Options>),
    /// Many sign in by password at once: what the sockets notice of it.
    Logins(Scenario<logins::Options>),
    /// Pictures are uploaded and made smaller: what the sockets notice of it.
    Uploads(Scenario<uploads::Options>),
    /// Whether the ways in tell who has an account, by their answers or their time.
    Enumeration(Scenario<enumeration::Options>),
    /// Pages of a long conversation beside those of a short one, and searches in it.
    Reading(Scenario<reading::Options>),
    /// What the dashboard of somebody costs who has said very much, beside that of somebody who has said little.
    Dashboards(Scenario<dashboards::Options>),
    /// Signed events of Stripe's at a steady rate: what they take to be answered.
    Webhooks(Scenario<webhooks::Options>),
    /// kill -9 in the middle of everything, again and again.
    Chaos(Scenario<chaos::Options>),
    /// kill -9 at every so-manyth token of replies whose text is known.
    Killed(Scenario<killed::Options>),
}

#[derive(clap::Args)]
struct Scenario<T: clap::Args> {
    #[command(flatten)]
    options: T,
    #[command(flatten)]
    outputs: Outputs,
}

#[derive(clap::Args)]
struct SimOptions {
    /// 0 takes any free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[arg(long, default_value_t = 200.0)]
    first_token_delay_ms: f64,
    #[arg(long, default_value_t = 50.0)]
    tokens_per_second: f64,
    /// Tokens that are written together, each in an event of its own.
    #[arg(long, default_value_t = 1)]
    tokens_per_write: u32,
    /// Length of a reply.
    #[arg(long, default_value_t = 100)]
    tokens: u32,
    /// Share by which lengths differ, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    length_spread: f64,
    /// Which requests are struck by what, for example `fault=broken,hang;share=5%;times=1;at=0.3`; several times for
    /// several. Faults have the names that GET /v1/models lists behind `sim/`; `fault=all` is each of them.
    #[arg(long = "plan", value_name = "PLAN")]
    plans: Vec<Plan>,
    /// Of the plans. Without it a random one is taken and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Of a 429 answer.
    #[arg(long, default_value_t = 1.0)]
    retry_after_seconds: f64,
    /// How much later a slow first token is.
    #[arg(long, default_value_t = 5_000.0)]
    slow_first_ms: f64,
    /// Replies follow from their question alone, without the times in the first token.
    #[arg(long)]
    unstamped: bool,
    #[arg(long, value_enum, default_value_t)]
    words: Words,
    /// Cut events in the middle of a character, and write the rest a little later.
    #[arg(long)]
    split_characters: bool,
}

impl SimOptions {
    fn settings(&self) -> Settings {
        Settings {
            first_token_delay_ms: self.first_token_delay_ms,
            tokens_per_second: self.tokens_per_second,
            tokens_per_write: self.tokens_per_write,
            length_tokens: self.tokens,
            length_spread: self.length_spread,
            plans: self.plans.clone(),
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1 << 53)),
            retry_after_seconds: self.retry_after_seconds,
            slow_first_ms: self.slow_first_ms,
            stamped: !self.unstamped,
            words: self.words,
            splits_characters: self.split_characters,
            ..Settings::default()
        }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Nowhere is left to say that stderr is closed.
            let _ = writeln!(std::io::stderr(), "loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Sim(options) => {
            raise_descriptor_limit()?;
            let settings = options.settings();
            let seed = (!settings.plans.is_empty()).then_some(settings.seed);
            let mut simulator = Simulator::bind(options.port, settings)?;
            say(&format!("simulator on {}", simulator.address()));
            if let Some(seed) = seed {
                say(&format!("simulator: seed {seed}"));
            }
            simulator.run(|| false)?;
            Ok(true)
        }
        Command::Floor { port } => {
            raise_descriptor_limit()?;
            loadtest::floor::run(port, |address| say(&format!("floor on {address}")))?;
            Ok(true)
        }
        Command::Double(options) => {
            raise_descriptor_limit()?;
            double::run(&options, |address| say(&format!("double on {address}")))?;
            Ok(true)
        }
        Command::Idle(scenario) => publish(idle::run(&scenario.options), &scenario.outputs),
        Command::Rooms(scenario) => publish(rooms::run(&scenario.options), &scenario.outputs),
        Command::Fanout(scenario) => publish(fanout::run(&scenario.options), &scenario.outputs),
        Command::Socketio(scenario) => publish(socketio::run(&scenario.options), &scenario.outputs),
        Command::Send(scenario) => publish(send::run(&scenario.options), &scenario.outputs),
        Command::Chat(scenario) => publish(chat::run(&scenario.options), &scenario.outputs),
        Command::Relay(scenario) => publish(relay::run(&scenario.options), &scenario.outputs),
        Command::Faults(scenario) => publish(faults::run(&scenario.options), &scenario.outputs),
        Command::Slow(scenario) => publish(slow::run(&scenario.options), &scenario.outputs),
        Command::Storm(scenario) => publish(storm::run(&scenario.options), &scenario.outputs),
        Command::Logins(scenario) => publish(logins::run(&scenario.options), &scenario.outputs),
        Command::Uploads(scenario) => publish(uploads::run(&scenario.options), &scenario.outputs),
        Command::Enumeration(scenario) => publish(enumeration::run(&scenario.options), &scenario.outputs),
        Command::Reading(scenario) => publish(reading::run(&scenario.options), &scenario.outputs),
        Command::Dashboards(scenario) => publish(dashboards::run(&scenario.options), &scenario.outputs),
        Command::Webhooks(scenario) => publish(webhooks::run(&scenario.options), &scenario.outputs),
        Command::Chaos(scenario) => publish(chaos::run(&scenario.options), &scenario.outputs),
        Command::Killed(scenario) => publish(killed::run(&scenario.options), &scenario.outputs),
    }
}

fn publish(report: anyhow::Result<Report>, outputs: &Outputs) -> anyhow::Result<bool> {
    report?.publish(outputs, &mut std::io::stdout().lock())
}

/// One line for whoever waits for the address.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever started this may not be listening.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

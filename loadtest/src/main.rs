//! The command line of the load generator.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::double;
use loadtest::net::raise_descriptor_limit;
use loadtest::report::{Outputs, Report};
use loadtest::scenarios::{
    chaos, chat, enumeration, fanout, idle, logins, reading, rooms, send, slow, socketio, storm,
};
use loadtest::sim::{Faults, Settings, Simulator};

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
    /// Readers that stop: the others' latency, the server's memory.
    Slow(Scenario<slow::Options>),
    /// Everybody is cut at once, comes back at once and resumes.
    Storm(Scenario<storm::Options>),
    /// Many sign in by password at once: what the sockets notice of it.
    Logins(Scenario<logins::Options>),
    /// Whether the ways in tell who has an account, by their answers or their time.
    Enumeration(Scenario<enumeration::Options>),
    /// Pages of a long conversation beside those of a short one, and searches in it.
    Reading(Scenario<reading::Options>),
    /// kill -9 in the middle of everything, again and again.
    Chaos(Scenario<chaos::Options>),
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
    /// Length of a reply.
    #[arg(long, default_value_t = 100)]
    tokens: u32,
    /// Share by which lengths differ, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    length_spread: f64,
    /// Probability of a 429 answer.
    #[arg(long, default_value_t = 0.0)]
    rate_limited: f64,
    /// Of that answer.
    #[arg(long, default_value_t = 1)]
    retry_after_seconds: u32,
    /// Probability of a 500 answer.
    #[arg(long, default_value_t = 0.0)]
    server_error: f64,
    /// Probability that a request is never answered.
    #[arg(long, default_value_t = 0.0)]
    hang: f64,
    /// Probability that a stream is cut in the middle.
    #[arg(long, default_value_t = 0.0)]
    broken: f64,
    /// Probability of a line in the stream that is not JSON.
    #[arg(long, default_value_t = 0.0)]
    garbage: f64,
    /// Of the faults by probability.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl SimOptions {
    fn settings(&self) -> Settings {
        Settings {
            first_token_delay_ms: self.first_token_delay_ms,
            tokens_per_second: self.tokens_per_second,
            length_tokens: self.tokens,
            length_spread: self.length_spread,
            faults: Faults {
                rate_limited: self.rate_limited,
                server_error: self.server_error,
                hang: self.hang,
                broken: self.broken,
                garbage: self.garbage,
            },
            retry_after_seconds: self.retry_after_seconds,
            seed: self.seed,
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
            let mut simulator = Simulator::bind(options.port, options.settings())?;
            say(&format!("simulator on {}", simulator.address()));
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
        Command::Slow(scenario) => publish(slow::run(&scenario.options), &scenario.outputs),
        Command::Storm(scenario) => publish(storm::run(&scenario.options), &scenario.outputs),
        Command::Logins(scenario) => publish(logins::run(&scenario.options), &scenario.outputs),
        Command::Enumeration(scenario) => publish(enumeration::run(&scenario.options), &scenario.outputs),
        Command::Reading(scenario) => publish(reading::run(&scenario.options), &scenario.outputs),
        Command::Chaos(scenario) => publish(chaos::run(&scenario.options), &scenario.outputs),
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

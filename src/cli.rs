//! The command line. `serve` is what happens when nothing else is said.
#![allow(clippy::print_stdout)] // Printing is what the other commands are for.

mod check;
mod env;
mod health;
mod ledger;
mod seed;
mod stand_in;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::app;
use crate::config::Config;
use crate::postgres::Database;

/// Greenroom: a self-hosted realtime chat engine for AI characters.
///
/// Without a command it serves: http://127.0.0.1:7070, with a private database in ./data and, in development, demo
/// accounts. Settings are in config.toml; `greenroom env` lists the environment variables that are understood.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "First steps:\n  greenroom check     see what is on and what is off\n  greenroom           serve, then open http://127.0.0.1:7070"
)]
pub struct Arguments {
    /// Settings to read instead of ./config.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (what happens without a command too)
    Serve,
    /// Validate the settings and say what is on and what is off
    Check {
        /// Also connect to the database and ask the AI providers for their models.
        #[arg(long)]
        connect: bool,
    },
    /// List the environment variables that are understood, and which are set
    Env,
    /// Bring the database up to date and stop
    Migrate,
    /// Make the demo accounts and the characters, or take them away
    Seed(seed::Seed),
    /// Ask a running server whether it is ready: exit code 0 if so, 1 if not
    Health {
        /// Where it serves; without it, as the settings say.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Look after the credit ledger
    Ledger {
        #[command(subcommand)]
        command: ledger::Command,
    },
    /// Run a double of Stripe by itself, for load tests and scripts (a server in development starts its own)
    StripeStandin(stand_in::Arguments),
    /// Print the OpenAPI description of the HTTP interface
    Openapi,
}

/// Carries the command out.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Command::Openapi) = arguments.command {
        println!("{}", app::openapi()?);
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = match arguments {
        // It needs no settings.
        Arguments { command: Some(Command::StripeStandin(own)), .. } => return run_on(1, stand_in::run(own)),
        other => other,
    };
    let config = Config::load(arguments.config.as_deref())?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            config.start_logging();
            run_on(config.server.engine_worker_threads(), app::serve(config))
        }
        Command::Check { connect } => run_on(1, check::run(config, connect)),
        Command::Env => Ok(env::run(&config)),
        Command::Migrate => run_on(1, migrate(config)),
        Command::Seed(seed) => run_on(1, seed::run(config, seed)),
        Command::Health { url } => run_on(1, health::run(config, url)),
        Command::Ledger { command } => run_on(1, ledger::run(config, command)),
        Command::Openapi | Command::StripeStandin(_) => unreachable!("done above"),
    }
}

/// Runs `work` on a runtime of its own, with so many threads: the engine's, when serving.
fn run_on(threads: usize, work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("engine")
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let result = runtime.block_on(work);
    // Whatever still runs has had its time.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

async fn migrate(config: Config) -> anyhow::Result<ExitCode> {
    let database = open(&config).await?;
    let migrated = database.migrate().await?;
    println!("the database is up to date: {migrated:?}");
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn open(config: &Config) -> anyhow::Result<Database> {
    Ok(Database::open(&config.database.options(), &config.data_dir).await?)
}

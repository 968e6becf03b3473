//! `greenroom ledger verify`: adds up the credit ledger.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;

use crate::billing::Ledger;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove that every transfer comes to nothing and every balance is the sum of its entries: exit code 0 if so, 1 if not
    Verify,
}

pub async fn run(config: Config, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Verify = command;
    let database = super::open(&config).await?;
    database.migrate().await?;
    let verdict = Ledger::new(database.pool()).verify().await.map_err(|refusal| anyhow!(refusal.message))?;
    for fault in &verdict.faults {
        println!("{fault}");
    }
    let word = if verdict.faults.is_empty() { "the ledger is right" } else { "THE LEDGER IS WRONG" };
    println!("{word}: {} transfers, {} faults", verdict.transfers, verdict.faults.len());
    database.close().await;
    Ok(if verdict.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

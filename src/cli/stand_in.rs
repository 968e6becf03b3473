//! `greenroom stripe-standin`: a double of Stripe by itself.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::billing::stripe::standin::{Keys, Options, StandIn};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Port to listen on, on this machine alone; 0 takes any free one.
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// Where events go, such as http://127.0.0.1:7070/api/webhooks/stripe.
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook: Option<String>,
    /// Signs them.
    #[arg(long, value_name = "SECRET", env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<String>,
    /// The secret key that it takes; made up where none is given.
    #[arg(long, value_name = "KEY", env = "STRIPE_SECRET_KEY", hide_env_values = true)]
    secret_key: Option<String>,
    /// Where it keeps what it knows.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let keys =
        arguments.secret_key.map(|secret| Keys { publishable: secret.replacen("sk_", "pk_", 1), secret });
    let stand_in = StandIn::start(Options { port: arguments.port, file: arguments.file, keys }).await?;
    if let (Some(url), Some(secret)) = (&arguments.webhook, &arguments.webhook_secret) {
        stand_in.deliver_to(url, secret);
    }
    println!("STRIPE_API_BASE={}", stand_in.url());
    println!("STRIPE_SECRET_KEY={}", stand_in.keys().secret);
    println!("STRIPE_PUBLISHABLE_KEY={}", stand_in.keys().publishable);
    tokio::signal::ctrl_c().await?;
    stand_in.stop().await;
    Ok(ExitCode::SUCCESS)
}

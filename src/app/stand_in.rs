//! Development without an account at Stripe: a double of it that lives and ends with the server.

use std::net::SocketAddr;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};

use crate::billing::stripe::standin::{Options, StandIn};
use crate::config::Config;

/// In the data folder: what it knows over a restart.
const FILE: &str = "stripe-stand-in.json";
const WEBHOOK: &str = "/api/webhooks/stripe";

/// Starts it where the settings ask for it, and has everybody ask it instead of Stripe.
pub(super) async fn start(mut config: Config) -> anyhow::Result<(Config, Option<StandIn>)> {
    if config.stripe.stand_in && config.stripe.is_set() {
        tracing::info!("a key of Stripe is set: stripe.stand_in is not needed");
    }
    if !config.stripe.stands_in() || config.is_production() {
        return Ok((config, None));
    }
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("{} cannot be made", config.data_dir.display()))?;
    let file = Some(config.data_dir.join(FILE));
    let options = Options { port: config.stripe.stand_in_port, file, keys: None };
    let stand_in = StandIn::start(options).await.context("stripe.stand_in_port takes another one")?;
    config.stripe.secret_key = SecretString::from(stand_in.keys().secret.clone());
    config.stripe.publishable_key = stand_in.keys().publishable.clone();
    config.stripe.api_base = stand_in.url();
    // Anew with each start: nobody else needs it.
    config.stripe.webhook_secrets =
        vec![SecretString::from(format!("whsec_{}", uuid::Uuid::new_v4().simple()))];
    tracing::info!(address = stand_in.url(), "a stand-in of Stripe takes payments; no money moves");
    Ok((config, Some(stand_in)))
}

/// Its events come to the server itself.
pub(super) fn deliver(stand_in: Option<&StandIn>, address: SocketAddr, config: &Config) {
    if let (Some(stand_in), Some(secret)) = (stand_in, config.stripe.webhook_secrets.first()) {
        stand_in.deliver_to(&format!("http://{address}{WEBHOOK}"), secret.expose_secret());
    }
}

pub(super) async fn stop(stand_in: Option<StandIn>) {
    if let Some(stand_in) = stand_in {
        stand_in.stop().await;
    }
}

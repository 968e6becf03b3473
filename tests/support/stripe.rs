//! A server whose Stripe is a stand-in.

use greenroom::billing::stripe::signature_header;
use greenroom::billing::stripe::standin::StandIn;
use greenroom::config::Config;
use jiff::Timestamp;
use secrecy::SecretString;

/// Signs webhooks.
pub const SECRET: &str = "whsec_of_these_tests";

/// Settings of a server that sells by this stand-in.
pub fn sells(config: &mut Config, standin: &StandIn) {
    config.stripe.secret_key = SecretString::from(standin.keys().secret.clone());
    config.stripe.publishable_key.clone_from(&standin.keys().publishable);
    config.stripe.webhook_secrets = vec![SecretString::from(SECRET)];
    config.stripe.api_base = standin.url();
}

/// The same, where nobody waits: Stripe is asked once, jobs come back at once, passwords are cheap.
pub fn sells_in_a_hurry(config: &mut Config, standin: &StandIn) {
    sells(config, standin);
    config.stripe.tries = 1;
    config.jobs.backoff_ms = 20;
    config.jobs.poll_ms = 20;
    config.auth.argon2_memory_kib = 64;
    config.auth.argon2_iterations = 1;
}

/// The header of a webhook with this body, signed now.
pub fn header(body: &str) -> String {
    signature_header(&SecretString::from(SECRET), Timestamp::now(), body.as_bytes())
}

//! Payments: what things cost beside plans, and how Stripe is reached.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Config;
use super::validate::{Broken, is_base_url};

/// Stripe takes no less, in any currency that it knows for certain.
const PAYMENT_MIN_CENTS: u64 = 50;
/// Stripe takes no more: eight digits.
pub const PAYMENT_MAX_CENTS: u64 = 99_999_999;
const WEBHOOK_SECRETS_MAX: usize = 4;

/// What a key of Stripe's moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    Live,
    Test,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BillingSettings {
    /// ISO 4217, small letters.
    pub currency: String,
    pub credit_price_cents: u32,
    /// Credits bought at once.
    pub credits_min: u32,
    pub credits_max: u32,
    /// Days that a subscription holds on after a payment that failed.
    pub grace_days: u16,
    /// Origins that people may be sent back to; empty: `server.public_url` and `server.cors_origins`.
    pub return_origins: Vec<String>,
    pub reconcile_every_s: u64,
}

impl Default for BillingSettings {
    fn default() -> Self {
        Self {
            currency: "usd".to_owned(),
            credit_price_cents: 10,
            credits_min: 10,
            credits_max: 10_000,
            grace_days: 3,
            return_origins: Vec::new(),
            reconcile_every_s: 21_600,
        }
    }
}

impl BillingSettings {
    #[must_use]
    pub fn reconcile_every(&self) -> Duration {
        Duration::from_secs(self.reconcile_every_s)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StripeSettings {
    #[serde(serialize_with = "super::secret::masked")]
    pub secret_key: SecretString,
    pub publishable_key: String,
    #[serde(serialize_with = "super::secret::masked_list")]
    pub webhook_secrets: Vec<SecretString>,
    /// How old a signature may be.
    pub webhook_tolerance_s: u64,
    /// Of an event, before it is given up.
    pub event_tries: u32,
    /// Of events that have ended.
    pub events_keep_days: u16,
    pub api_base: String,
    /// For one request.
    pub timeout_ms: u64,
    /// Of one request.
    pub tries: u32,
    /// Requests on their way at once.
    pub concurrency: usize,
    /// A double of Stripe starts with the server where no key is set.
    pub stand_in: bool,
    /// Where it listens; 0: any port that is free.
    pub stand_in_port: u16,
}

impl Default for StripeSettings {
    fn default() -> Self {
        Self {
            secret_key: SecretString::default(),
            publishable_key: String::new(),
            webhook_secrets: Vec::new(),
            webhook_tolerance_s: 300,
            event_tries: 20,
            events_keep_days: 90,
            api_base: "https://api.stripe.com".to_owned(),
            timeout_ms: 10_000,
            tries: 3,
            concurrency: 32,
            stand_in: false,
            stand_in_port: 7071,
        }
    }
}

impl StripeSettings {
    /// Whether anything can be bought.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.secret_key.expose_secret().is_empty()
    }

    /// Whether the key is for real money; `None`: it does not say.
    #[must_use]
    pub fn key_mode(&self) -> Option<KeyMode> {
        match self.secret_key.expose_secret().trim().split('_').nth(1) {
            Some("live") => Some(KeyMode::Live),
            Some("test") => Some(KeyMode::Test),
            _ => None,
        }
    }

    /// Whether the double is what is asked.
    #[must_use]
    pub fn stands_in(&self) -> bool {
        self.stand_in && !self.is_set()
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    #[must_use]
    pub fn webhook_tolerance(&self) -> Duration {
        Duration::from_secs(self.webhook_tolerance_s)
    }
}

impl Config {
    pub(super) fn check_billing(&self, broken: &mut Broken) {
        let (billing, stripe) = (&self.billing, &self.stripe);
        broken.unless(
            billing.currency.len() == 3 && billing.currency.bytes().all(|letter| letter.is_ascii_lowercase()),
            "billing.currency",
            "takes three small letters, such as usd",
        );
        let pack = |credits: u32| u64::from(credits) * u64::from(billing.credit_price_cents);
        broken.unless(
            billing.credits_min >= 1
                && billing.credits_min <= billing.credits_max
                && pack(billing.credits_min) >= PAYMENT_MIN_CENTS
                && pack(billing.credits_max) <= PAYMENT_MAX_CENTS,
            "billing.credits_min",
            "takes 1 up to billing.credits_max, and payments of 50 cents to 99999999",
        );
        broken.unless(billing.grace_days <= 60, "billing.grace_days", "takes 0 to 60");
        broken.unless(
            billing.return_origins.iter().all(|origin| is_base_url(origin)),
            "billing.return_origins",
            "takes origins such as https://chat.example.com",
        );
        broken.unless(billing.reconcile_every_s >= 60, "billing.reconcile_every_s", "takes 60 or more");
        broken.unless(
            is_base_url(&stripe.api_base),
            "stripe.api_base",
            "takes an address such as https://api.stripe.com",
        );
        broken.unless(
            !self.is_production() || !stripe.is_set() || !stripe.webhook_secrets.is_empty(),
            "stripe.webhook_secrets",
            "is needed with stripe.secret_key, or nobody hears of payments",
        );
        broken.unless(
            !self.is_production() || !stripe.stand_in,
            "stripe.stand_in",
            "is for development: set stripe.secret_key",
        );
        broken.unless(
            stripe.webhook_secrets.len() <= WEBHOOK_SECRETS_MAX
                && stripe.webhook_secrets.iter().all(|secret| !secret.expose_secret().trim().is_empty()),
            "stripe.webhook_secrets",
            "takes at most four secrets, and none that is empty",
        );
        broken.unless(
            (1..=3_600).contains(&stripe.webhook_tolerance_s),
            "stripe.webhook_tolerance_s",
            "takes 1 to 3600",
        );
        broken.unless((1..=100).contains(&stripe.event_tries), "stripe.event_tries", "takes 1 to 100");
        broken.unless(
            (7..=3_650).contains(&stripe.events_keep_days),
            "stripe.events_keep_days",
            "takes 7 to 3650: Stripe sends an event again for days",
        );
        broken.unless(
            (100..=80_000).contains(&stripe.timeout_ms)
                && (1..=10).contains(&stripe.tries)
                && (1..=1_000).contains(&stripe.concurrency),
            "stripe.timeout_ms",
            "takes 100 to 80000, with 1 to 10 tries and a concurrency of 1 to 1000",
        );
    }
}

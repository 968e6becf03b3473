//! Stripe, as far as we use it: one small client over `async-stripe`, whose types stay in here. What it answers are plain
//! values: Stripe's present state of an object, and nothing that is ours.
//!
//! Requests and objects are the crates' own (`stripe_core`, `stripe_billing` …); they go out through [`transport`], which is
//! one of their clients with what payments need: an idempotency key on all that changes something, tries again under the same
//! key, a bound in time, a bound in number. Every list answers one page of [`PAGE`] at most. [`standin`] is Stripe's double.

mod checkout;
mod customers;
mod events;
mod invoices;
mod lookups;
mod objects;
mod payments;
mod prices;
pub mod standin;
mod subscriptions;
mod transport;
mod webhook;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_actors::domain::{Plan, UserId};
use stripe_types::Currency;

pub use objects::{
    ChargeState, CheckoutState, CheckoutStatus, IntentState, InvoiceState, InvoiceStatus, NewCheckout, Offer,
    StripeEvent, SubscriptionState,
};
pub use subscriptions::{Difference, Renewal};
pub use webhook::{BadWebhook, signature_header, verify};

use crate::config::{Config, ConfigError};
use transport::Transport;

/// Metadata that we give to what we make there.
pub const META_USER: &str = "greenroom_user";
pub const META_KIND: &str = "greenroom_kind";
/// Of a subscription: the plan that it began with. What it is of now, its price says.
pub const META_PLAN: &str = "greenroom_plan";
pub const META_CREDITS: &str = "greenroom_credits";

/// Objects that a list answers at once. A page with fewer is the last one.
pub const PAGE: i64 = 100;

/// Why Stripe gave no answer, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// No answer, or one that says to come again: nothing is known, the same may work in a moment.
    #[error("Stripe gives no answer: {detail}")]
    Away { detail: String, retry_after: Option<Duration> },
    #[error("there is no such object at Stripe")]
    NotFound,
    /// It will not be done. `code`: Stripe's, such as `card_declined`; `message` is for people where `status` is 402, else
    /// for who runs the server.
    #[error("{message}")]
    Refused { status: u16, code: Option<String>, message: String },
    /// Our key is wrong or may not do this: for admins.
    #[error("Stripe does not take our key: {0}")]
    Key(String),
    /// An answer that cannot be read, or that is not what the settings say.
    #[error("Stripe's answer cannot be used: {0}")]
    Strange(String),
}

/// Cheap to clone; all clones share connections and bounds.
#[derive(Clone)]
pub struct Stripe(Arc<Inner>);

struct Inner {
    transport: Transport,
    currency: Currency,
    /// Prices that were found or made, by lookup key or by the id in the settings: few, one for each plan that was bought.
    prices: Mutex<HashMap<String, String>>,
}

impl Stripe {
    /// `None`: no key is set, nothing can be bought.
    pub fn open(config: &Config) -> Result<Option<Self>, ConfigError> {
        if !config.stripe.is_set() {
            return Ok(None);
        }
        let transport = Transport::new(&config.stripe)
            .map_err(|detail| ConfigError::invalid("stripe.secret_key", detail))?;
        let currency = Currency::from_str(&config.billing.currency)
            .ok()
            .filter(|currency| !matches!(currency, Currency::Unknown(_)))
            .ok_or_else(|| ConfigError::invalid("billing.currency", "Stripe knows no such currency"))?;
        Ok(Some(Self(Arc::new(Inner { transport, currency, prices: Mutex::default() }))))
    }
}

/// The metadata of what one buys.
fn metadata(user: UserId, offer: &Offer) -> HashMap<String, String> {
    let mut metadata = HashMap::from([(META_USER.to_owned(), user.to_string())]);
    let mut add = |name: &str, value: String| metadata.insert(name.to_owned(), value);
    match offer {
        Offer::Plan(plan) => {
            add(META_KIND, if plan.term.renews() { "subscription" } else { "plan" }.to_owned());
            add(META_PLAN, plan.name.to_string());
        }
        Offer::Credits { credits, .. } => {
            add(META_KIND, "credits".to_owned());
            add(META_CREDITS, credits.to_string());
        }
    }
    metadata
}

/// How people see a plan named on Stripe's pages and on their bills.
fn title(plan: &Plan) -> String {
    let mut letters = plan.name.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

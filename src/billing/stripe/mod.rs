//! Stripe, as far as we use it: one small client over `async-stripe`, whose types stay in here. What it answers are plain
//! values: Stripe's present state of an object, and nothing that is ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{Plan, UserId};
use jiff::Timestamp;

use super::records::{Dispute, PaymentStatus, SubscriptionStatus};
use crate::config::{Config, ConfigError};

/// Metadata that we give to what we make there.
pub const META_USER: &str = "greenroom_user";
pub const META_KIND: &str = "greenroom_kind";
pub const META_PLAN: &str = "greenroom_plan";
pub const META_CREDITS: &str = "greenroom_credits";

/// Why Stripe gave no answer, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// No answer, or one that says to come again: nothing is known, the same may work in a moment.
    #[error("Stripe gives no answer: {detail}")]
    Away { detail: String, retry_after: Option<Duration> },
    #[error("there is no such object at Stripe")]
    NotFound,
    /// It will not be done. `code`: Stripe's, such as `card_declined`; `message` is for people.
    #[error("{message}")]
    Refused { status: u16, code: Option<String>, message: String },
    /// Our key is wrong or may not do this: for admins.
    #[error("Stripe does not take our key: {0}")]
    Key(String),
    /// An answer that cannot be read.
    #[error("Stripe's answer cannot be read: {0}")]
    Strange(String),
}

/// What is offered for money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// For days, or as a subscription: its `term` says.
    Plan(Arc<Plan>),
    Credits {
        credits: u32,
        amount_cents: i64,
    },
}

/// A checkout to open. Where people go afterwards was checked before.
#[derive(Clone, Copy, Debug)]
pub struct NewCheckout<'a> {
    pub user: UserId,
    pub customer: &'a str,
    pub offer: &'a Offer,
    pub success_url: &'a str,
    pub cancel_url: &'a str,
    /// The same key twice is one session.
    pub key: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutState {
    pub id: String,
    pub customer_id: Option<String>,
    pub status: CheckoutStatus,
    pub paid: bool,
    pub amount_cents: Option<i64>,
    pub currency: Option<String>,
    pub intent_id: Option<String>,
    pub subscription_id: Option<String>,
    pub invoice_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Where it is paid, while it is open.
    pub url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentState {
    pub id: String,
    pub customer_id: Option<String>,
    pub amount_cents: i64,
    pub currency: String,
    pub status: PaymentStatus,
    /// Why the last try failed, for people.
    pub failure: Option<String>,
    /// For the browser that pays it. Never stored, never logged.
    pub client_secret: Option<String>,
    pub charge: Option<ChargeState>,
    /// Of a subscription's payment.
    pub invoice_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeState {
    pub id: String,
    pub intent_id: Option<String>,
    pub refunded_cents: i64,
    pub dispute: Option<Dispute>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceState {
    pub id: String,
    pub customer_id: Option<String>,
    pub subscription_id: Option<String>,
    pub billing_reason: Option<String>,
    pub amount_cents: i64,
    pub currency: String,
    pub status: InvoiceStatus,
    pub paid_at: Option<Timestamp>,
    /// Of the subscription's line, the latest where there are several.
    pub price_id: Option<String>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
    /// Its payment; none where nothing was to pay.
    pub intent_id: Option<String>,
    /// For the browser that pays it. Never stored, never logged.
    pub client_secret: Option<String>,
    pub attempts: u64,
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Uncollectible,
    Void,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    pub id: String,
    pub customer_id: String,
    pub item_id: String,
    pub price_id: String,
    /// The price's lookup key, which names the plan where we made the price.
    pub lookup_key: Option<String>,
    pub status: SubscriptionStatus,
    pub cancel_at_period_end: bool,
    pub current_period_start: Timestamp,
    pub current_period_end: Timestamp,
    pub latest_invoice_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub canceled_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An event as Stripe lists it or sends it. `payload` is the whole of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StripeEvent {
    pub id: String,
    pub kind: String,
    /// Of `data.object`.
    pub object_id: Option<String>,
    pub object_type: Option<String>,
    pub livemode: bool,
    pub api_version: Option<String>,
    pub created_at: Timestamp,
    pub payload: serde_json::Value,
}

/// Cheap to clone; all clones share connections and bounds.
#[derive(Clone)]
pub struct Stripe(Arc<Inner>);

struct Inner {}

impl Stripe {
    /// `None`: no key is set, nothing can be bought.
    pub fn open(config: &Config) -> Result<Option<Self>, ConfigError> {
        let _ = config;
        todo!()
    }

    pub async fn create_customer(
        &self,
        user: UserId,
        email: Option<&str>,
        name: &str,
    ) -> Result<String, StripeError> {
        todo!()
    }

    /// Deletes it, which ends its subscriptions at once. One that is gone is fine.
    pub async fn delete_customer(&self, customer: &str) -> Result<(), StripeError> {
        todo!()
    }

    pub async fn open_checkout(&self, new: &NewCheckout<'_>) -> Result<CheckoutState, StripeError> {
        todo!()
    }

    pub async fn checkout(&self, id: &str) -> Result<CheckoutState, StripeError> {
        todo!()
    }

    /// Ends an open session, so that nobody pays it later. One that is over is fine.
    pub async fn expire_checkout(&self, id: &str) -> Result<(), StripeError> {
        todo!()
    }

    /// The portal's address, good for a few minutes.
    pub async fn open_portal(&self, customer: &str, return_url: &str) -> Result<String, StripeError> {
        todo!()
    }

    /// A payment of credits, to be confirmed in the browser.
    pub async fn create_intent(
        &self,
        user: UserId,
        customer: &str,
        credits: u32,
        amount_cents: i64,
        key: &str,
    ) -> Result<IntentState, StripeError> {
        todo!()
    }

    /// With its latest charge, and what of it went back or is disputed.
    pub async fn intent(&self, id: &str) -> Result<IntentState, StripeError> {
        todo!()
    }

    pub async fn charge(&self, id: &str) -> Result<ChargeState, StripeError> {
        todo!()
    }

    pub async fn invoice(&self, id: &str) -> Result<InvoiceState, StripeError> {
        todo!()
    }

    /// The price of a plan: the one in the settings, or one that is found or made under a lookup key of plan, price,
    /// currency and term. Kept once found.
    pub async fn price_of(&self, plan: &Plan) -> Result<String, StripeError> {
        todo!()
    }

    /// A subscription whose first payment is to be confirmed in the browser (`incomplete` until then).
    pub async fn subscribe(
        &self,
        user: UserId,
        customer: &str,
        plan: &Plan,
        key: &str,
    ) -> Result<SubscriptionState, StripeError> {
        todo!()
    }

    pub async fn subscription(&self, id: &str) -> Result<SubscriptionState, StripeError> {
        todo!()
    }

    /// Another plan from now on. `now`: the difference is paid at once, and without its payment nothing changes; else it is
    /// credited to the next invoice.
    pub async fn change_plan(
        &self,
        subscription: &SubscriptionState,
        plan: &Plan,
        now: bool,
        key: &str,
    ) -> Result<SubscriptionState, StripeError> {
        todo!()
    }

    /// Whether it ends with its period.
    pub async fn set_cancel(
        &self,
        id: &str,
        cancel: bool,
        key: &str,
    ) -> Result<SubscriptionState, StripeError> {
        todo!()
    }

    /// Ends it at once.
    pub async fn end_subscription(&self, id: &str) -> Result<SubscriptionState, StripeError> {
        todo!()
    }

    /// A page of a customer's subscriptions, ended ones too, or of everybody's; the newest first.
    pub async fn list_subscriptions(
        &self,
        customer: Option<&str>,
        after: Option<&str>,
    ) -> Result<Vec<SubscriptionState>, StripeError> {
        todo!()
    }

    /// A page of payments made since then, the newest first.
    pub async fn list_intents(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<IntentState>, StripeError> {
        todo!()
    }

    /// A page of invoices made since then, the newest first.
    pub async fn list_invoices(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<InvoiceState>, StripeError> {
        todo!()
    }

    /// A page of events since then, the newest first. Stripe keeps them for 30 days.
    pub async fn list_events(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<StripeEvent>, StripeError> {
        todo!()
    }
}

/// Checks a webhook's signature (header `Stripe-Signature`, scheme `v1`) against each secret and the tolerance, and reads the
/// event.
pub fn verify(
    body: &[u8],
    signature: &str,
    secrets: &[secrecy::SecretString],
    tolerance: Duration,
    now: Timestamp,
) -> Result<StripeEvent, BadWebhook> {
    todo!()
}

/// Why a webhook is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    #[error("the signature is missing or cannot be read")]
    Unreadable,
    #[error("the signature is of no secret that is known here")]
    Forged,
    #[error("the signature is too old, or from the future")]
    Stale,
    #[error("the body is no event")]
    NoEvent,
}

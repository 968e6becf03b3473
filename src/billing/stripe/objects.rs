//! What Stripe's objects say, as far as we ask, and how it is read off its types.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use greenroom_actors::domain::{Plan, UserId};
use jiff::Timestamp;
use stripe_types::{Expandable, Object};

use super::StripeError;
use crate::billing::records::{Dispute, PaymentStatus, SubscriptionStatus};

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

impl CheckoutState {
    pub(super) fn read(session: stripe_shared::CheckoutSession) -> Result<Self, StripeError> {
        use stripe_shared::CheckoutSessionStatus as Status;
        use stripe_shared::checkout_session::CheckoutSessionPaymentStatus as Paid;
        let status = match session.status {
            Some(Status::Open) => CheckoutStatus::Open,
            Some(Status::Complete) => CheckoutStatus::Complete,
            Some(Status::Expired) => CheckoutStatus::Expired,
            other => return Err(unknown("status of a checkout", other.as_ref().map(Status::as_str))),
        };
        Ok(Self {
            id: session.id.to_string(),
            customer_id: id_of(session.customer),
            status,
            paid: matches!(session.payment_status, Paid::Paid | Paid::NoPaymentRequired),
            amount_cents: session.amount_total,
            currency: session.currency.map(|currency| currency.to_string()),
            intent_id: id_of(session.payment_intent),
            subscription_id: id_of(session.subscription),
            invoice_id: session.invoice.and_then(invoice_id),
            metadata: sorted(session.metadata.unwrap_or_default()),
            url: session.url,
        })
    }
}

impl IntentState {
    pub(super) fn read(
        intent: stripe_shared::PaymentIntent,
        charge: Option<ChargeState>,
        invoice_id: Option<String>,
    ) -> Result<Self, StripeError> {
        use stripe_shared::PaymentIntentStatus as Status;
        let failure = intent.last_payment_error.and_then(|error| error.message.or(error.decline_code));
        let status = match intent.status {
            Status::Succeeded => PaymentStatus::Succeeded,
            Status::Canceled => PaymentStatus::Canceled,
            Status::RequiresPaymentMethod if failure.is_some() => PaymentStatus::Failed,
            _ => PaymentStatus::Pending,
        };
        Ok(Self {
            id: intent.id.to_string(),
            customer_id: id_of(intent.customer),
            amount_cents: intent.amount,
            currency: intent.currency.to_string(),
            status,
            failure,
            client_secret: intent.client_secret,
            charge,
            invoice_id,
            metadata: sorted(intent.metadata),
            created_at: time(intent.created)?,
        })
    }
}

impl ChargeState {
    pub(super) fn read(
        charge: &stripe_shared::Charge,
        dispute: Option<Dispute>,
    ) -> Result<Self, StripeError> {
        Ok(Self {
            id: charge.id.to_string(),
            intent_id: charge.payment_intent.as_ref().map(|intent| intent.id().to_string()),
            refunded_cents: charge.amount_refunded,
            dispute,
            created_at: time(charge.created)?,
        })
    }
}

impl InvoiceState {
    pub(super) fn read(invoice: stripe_shared::Invoice) -> Result<Self, StripeError> {
        use stripe_shared::InvoiceStatus as Status;
        let status = match invoice.status {
            Some(Status::Draft) => InvoiceStatus::Draft,
            Some(Status::Open) => InvoiceStatus::Open,
            Some(Status::Paid) => InvoiceStatus::Paid,
            Some(Status::Uncollectible) => InvoiceStatus::Uncollectible,
            Some(Status::Void) => InvoiceStatus::Void,
            other => return Err(unknown("status of an invoice", other.as_ref().map(Status::as_str))),
        };
        let id = invoice.id.ok_or_else(|| StripeError::Strange("an invoice without id".to_owned()))?;
        // What is credited has lines too: they are of what was before.
        let line =
            invoice.lines.data.iter().max_by_key(|line| (line.amount > 0, line.period.end, line.amount));
        let price = line.and_then(|line| line.pricing.as_ref()).and_then(|it| it.price_details.as_ref());
        let subscription = invoice.parent.and_then(|parent| parent.subscription_details);
        let payments = invoice.payments.map(|payments| payments.data).unwrap_or_default();
        // One that was tried and given up may stand beside the one that counts.
        let payment = payments.into_iter().max_by_key(|it| (it.status == "paid", it.is_default, it.created));
        Ok(Self {
            id: id.to_string(),
            customer_id: id_of(invoice.customer),
            subscription_id: subscription.map(|details| details.subscription.into_id().to_string()),
            billing_reason: invoice.billing_reason.map(|reason| reason.as_str().to_owned()),
            amount_cents: invoice.total,
            currency: invoice.currency.to_string(),
            status,
            paid_at: invoice.status_transitions.paid_at.map(time).transpose()?,
            price_id: price.map(|details| details.price.id().to_string()),
            period_start: line.map(|line| time(line.period.start)).transpose()?,
            period_end: line.map(|line| time(line.period.end)).transpose()?,
            intent_id: payment.and_then(|payment| id_of(payment.payment.payment_intent)),
            client_secret: invoice.confirmation_secret.map(|secret| secret.client_secret),
            attempts: invoice.attempt_count,
            created_at: time(invoice.created)?,
        })
    }
}

impl SubscriptionState {
    pub(super) fn read(subscription: stripe_shared::Subscription) -> Result<Self, StripeError> {
        let status = SubscriptionStatus::parse(subscription.status.as_str())
            .ok_or_else(|| unknown("status of a subscription", Some(subscription.status.as_str())))?;
        // We make them with one item each; of another one's, the first says enough.
        let item = subscription.items.data.into_iter().next();
        let item = item.ok_or_else(|| StripeError::Strange("a subscription to nothing".to_owned()))?;
        Ok(Self {
            id: subscription.id.to_string(),
            customer_id: subscription.customer.into_id().to_string(),
            item_id: item.id.to_string(),
            price_id: item.price.id.to_string(),
            lookup_key: item.price.lookup_key,
            status,
            cancel_at_period_end: subscription.cancel_at_period_end,
            current_period_start: time(item.current_period_start)?,
            current_period_end: time(item.current_period_end)?,
            latest_invoice_id: subscription.latest_invoice.and_then(invoice_id),
            metadata: sorted(subscription.metadata),
            canceled_at: subscription.canceled_at.map(time).transpose()?,
            ended_at: subscription.ended_at.map(time).transpose()?,
            created_at: time(subscription.created)?,
        })
    }
}

fn id_of<T: Object>(it: Option<Expandable<T>>) -> Option<String>
where
    T::Id: ToString,
{
    it.map(|it| it.into_id().to_string())
}

/// An invoice that is only looked at beforehand has none.
pub(super) fn invoice_id(invoice: Expandable<stripe_shared::Invoice>) -> Option<String> {
    invoice.into_id().map(|id| id.to_string())
}

fn sorted(metadata: HashMap<String, String>) -> BTreeMap<String, String> {
    metadata.into_iter().collect()
}

fn time(seconds: i64) -> Result<Timestamp, StripeError> {
    Timestamp::from_second(seconds).map_err(|error| StripeError::Strange(error.to_string()))
}

fn unknown(what: &str, word: Option<&str>) -> StripeError {
    StripeError::Strange(format!("{what}: {}", word.unwrap_or("none")))
}

//! Whether what Stripe says can be of what was offered, and the row that it makes. Pure.

use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use uuid::Uuid;

use super::SyncError;
use crate::billing::records::{Checkout, Payment, PaymentKind, PaymentStatus, Subscription};
use crate::billing::stripe::{
    ChargeState, CheckoutState, IntentState, InvoiceState, InvoiceStatus, SubscriptionState,
};

fn unfit(what: String) -> SyncError {
    SyncError::Unfit(what)
}

/// A payment is of the amount that was offered, and of nobody else's customer.
fn same(
    what: &str,
    (amount, currency): (i64, &str),
    (offered, in_currency): (i64, &str),
) -> Result<(), SyncError> {
    if amount == offered && currency == in_currency {
        return Ok(());
    }
    Err(unfit(format!("{what} is of {amount} {currency}, and {offered} {in_currency} were offered")))
}

pub fn customer_fits(what: &str, customer: Option<&str>, of_user: Option<&str>) -> Result<(), SyncError> {
    if customer.is_some() && customer == of_user {
        return Ok(());
    }
    Err(unfit(format!("{what} is of another customer than the one whom it was offered to")))
}

/// A session as it was opened here.
pub fn session_fits(
    offer: &Checkout,
    session: &CheckoutState,
    customer: Option<&str>,
) -> Result<(), SyncError> {
    customer_fits(&session.id, session.customer_id.as_deref(), customer)?;
    let currency = session.currency.as_deref().unwrap_or(&offer.currency);
    let amount = session.amount_cents.unwrap_or(offer.amount_cents);
    same(&session.id, (amount, currency), (offer.amount_cents, &offer.currency))
}

/// The row of a payment that was made once: of a plan for days or of credits. `before` is the row that there is.
pub fn paid_once(
    offer: &Checkout,
    before: Option<&Payment>,
    intent: &IntentState,
) -> Result<Payment, SyncError> {
    same(&intent.id, (intent.amount_cents, &intent.currency), (offer.amount_cents, &offer.currency))?;
    let money = Money::of(intent.charge.as_ref(), intent.amount_cents);
    let paid = intent.status == PaymentStatus::Succeeded;
    Ok(Payment {
        id: before.map_or_else(Uuid::now_v7, |before| before.id),
        user: offer.user,
        kind: offer.kind,
        plan: offer.plan.clone(),
        credits: offer.credits,
        intent_id: Some(intent.id.clone()),
        invoice_id: None,
        charge_id: money.charge,
        checkout_id: Some(offer.id.clone()).filter(|id| *id != intent.id),
        subscription_id: None,
        billing_reason: None,
        amount_cents: intent.amount_cents,
        currency: intent.currency.clone(),
        refunded_cents: money.refunded,
        status: intent.status,
        dispute: money.dispute,
        failure: intent.failure.clone().filter(|_| !paid),
        paid_at: paid.then(|| money.at.unwrap_or(intent.created_at)),
        period_start: None,
        period_end: None,
        taken_at: before.and_then(|before| before.taken_at),
        created_at: before.map_or(intent.created_at, |before| before.created_at),
    })
}

/// What was offered, where the payment stands in a row already.
pub fn offer_of(payment: &Payment) -> Checkout {
    Checkout {
        id: payment.checkout_id.clone().or_else(|| payment.intent_id.clone()).unwrap_or_default(),
        user: payment.user,
        kind: payment.kind,
        plan: payment.plan.clone(),
        credits: payment.credits,
        amount_cents: payment.amount_cents,
        currency: payment.currency.clone(),
    }
}

/// The row of a subscription's payment; `None` while its invoice is still being written.
pub fn paid_again(
    user: UserId,
    plan: &str,
    before: Option<&Payment>,
    invoice: &InvoiceState,
    intent: Option<&IntentState>,
) -> Option<Payment> {
    let status = match invoice.status {
        InvoiceStatus::Draft => return None,
        InvoiceStatus::Paid => PaymentStatus::Succeeded,
        InvoiceStatus::Open if invoice.attempts > 0 => PaymentStatus::Failed,
        InvoiceStatus::Open => PaymentStatus::Pending,
        InvoiceStatus::Uncollectible => PaymentStatus::Failed,
        InvoiceStatus::Void => PaymentStatus::Canceled,
    };
    // One that credits more than it asks for is paid with nothing.
    let amount_cents = invoice.amount_cents.max(0);
    let money = Money::of(intent.and_then(|intent| intent.charge.as_ref()), amount_cents);
    let paid = status == PaymentStatus::Succeeded;
    Some(Payment {
        id: before.map_or_else(Uuid::now_v7, |before| before.id),
        user,
        kind: PaymentKind::Subscription,
        plan: Some(plan.to_owned()),
        credits: None,
        intent_id: invoice.intent_id.clone().or_else(|| before?.intent_id.clone()),
        invoice_id: Some(invoice.id.clone()),
        charge_id: money.charge.or_else(|| before?.charge_id.clone()),
        checkout_id: before.and_then(|before| before.checkout_id.clone()),
        subscription_id: invoice.subscription_id.clone(),
        billing_reason: invoice.billing_reason.clone(),
        amount_cents,
        currency: invoice.currency.clone(),
        refunded_cents: money.refunded,
        status,
        dispute: money.dispute,
        failure: intent.and_then(|intent| intent.failure.clone()).filter(|_| !paid),
        paid_at: paid.then(|| invoice.paid_at.unwrap_or(invoice.created_at)),
        period_start: invoice.period_start,
        period_end: invoice.period_end,
        taken_at: before.and_then(|before| before.taken_at),
        created_at: before.map_or(invoice.created_at, |before| before.created_at),
    })
}

pub fn subscription(user: UserId, plan: String, state: SubscriptionState) -> Subscription {
    Subscription {
        id: state.id,
        user,
        customer_id: state.customer_id,
        item_id: state.item_id,
        price_id: state.price_id,
        plan,
        status: state.status,
        cancel_at_period_end: state.cancel_at_period_end,
        current_period_start: state.current_period_start,
        current_period_end: state.current_period_end,
        latest_invoice_id: state.latest_invoice_id,
        canceled_at: state.canceled_at,
        ended_at: state.ended_at,
        created_at: state.created_at,
    }
}

/// What a charge says of the money.
#[derive(Default)]
struct Money {
    charge: Option<String>,
    refunded: i64,
    dispute: Option<crate::billing::records::Dispute>,
    at: Option<Timestamp>,
}

impl Money {
    fn of(charge: Option<&ChargeState>, amount: i64) -> Self {
        charge.map_or_else(Self::default, |charge| Self {
            charge: Some(charge.id.clone()),
            refunded: charge.refunded_cents.clamp(0, amount),
            dispute: charge.dispute,
            at: Some(charge.created_at),
        })
    }
}

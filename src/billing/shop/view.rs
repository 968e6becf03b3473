//! What was bought, and what is to be paid, as clients see it. What somebody has by it is told by
//! [`StandingView`](crate::billing::terms::StandingView).

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::billing::plans::PlanView;
use crate::billing::records::{Dispute, Payment, PaymentKind, PaymentStatus};
use crate::billing::terms::{StandingView, SubscriptionView};
use crate::conversations::view::wire_time;

/// A payment. Amounts in the smallest unit of the currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    pub id: Uuid,
    /// What for: `plan` (for days), `subscription` or `credits`.
    pub kind: PaymentKind,
    /// The plan; null for credits.
    #[schema(example = "premium")]
    pub plan: Option<String>,
    pub credits: Option<u32>,
    #[schema(example = 700)]
    pub amount_cents: i64,
    /// How much of it went back.
    pub refunded_cents: i64,
    /// ISO 4217, small letters.
    #[schema(example = "usd")]
    pub currency: String,
    pub status: PaymentStatus,
    /// The payer disputes it at the bank, or did.
    pub dispute: Option<Dispute>,
    /// Why it failed, for people.
    pub failure: Option<String>,
    pub paid_at: Option<Timestamp>,
    /// Of a subscription: what it pays for.
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            id: payment.id,
            kind: payment.kind,
            plan: payment.plan,
            credits: payment.credits,
            amount_cents: payment.amount_cents,
            refunded_cents: payment.refunded_cents,
            currency: payment.currency,
            status: payment.status,
            dispute: payment.dispute,
            failure: payment.failure,
            paid_at: payment.paid_at.map(wire_time),
            period_start: payment.period_start.map(wire_time),
            period_end: payment.period_end.map(wire_time),
            created_at: wire_time(payment.created_at),
        }
    }
}

/// What this server sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShopView {
    /// Whether anything can be bought.
    pub enabled: bool,
    /// Stripe's key for browsers; null where there is none.
    #[schema(example = "pk_test_51Abc")]
    pub publishable_key: Option<String>,
    /// No real money moves.
    pub test_mode: bool,
    #[schema(example = "usd")]
    pub currency: String,
    /// All plans, from the least to the greatest.
    pub plans: Vec<PlanView>,
    pub credits: CreditPriceView,
}

/// What credits cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditPriceView {
    /// Of one.
    #[schema(example = 10)]
    pub price_cents: u32,
    /// So many at once, at least and at most.
    #[schema(example = 10)]
    pub min: u32,
    #[schema(example = 10_000)]
    pub max: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    #[schema(example = "pk_test_51Abc")]
    pub publishable_key: String,
}

/// A checkout that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    #[schema(example = "cs_test_a1B2c3")]
    pub session_id: String,
    /// Send the person there.
    #[schema(example = "https://checkout.stripe.com/c/pay/cs_test_a1B2c3")]
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PortalView {
    /// Send the person there; good for a few minutes.
    #[schema(example = "https://billing.stripe.com/p/session/test_a1B2c3")]
    pub url: String,
}

/// How a checkout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerifiedStatus {
    Paid,
    /// Nobody has paid it yet.
    Open,
    /// It can be paid no more.
    Expired,
    /// It is being paid: a transfer takes days, say.
    Pending,
}

/// What became of a checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedView {
    pub status: VerifiedStatus,
    pub kind: PaymentKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "premium")]
    pub plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits: Option<u32>,
    /// What you have now.
    pub standing: StandingView,
}

/// A subscription that was begun or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscribedView {
    pub subscription: SubscriptionView,
    /// For Stripe's payment form in the browser, where a payment is to be made.
    #[schema(example = "pi_3Abc_secret_Xyz")]
    pub client_secret: Option<String>,
    /// It holds only when that payment was made.
    pub payment_required: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionList {
    /// The latest first.
    pub items: Vec<SubscriptionView>,
}

/// A payment to be made in the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntentView {
    #[schema(example = "pi_3Abc")]
    pub payment_intent_id: String,
    /// For Stripe's payment form.
    #[schema(example = "pi_3Abc_secret_Xyz")]
    pub client_secret: String,
    #[schema(example = 100)]
    pub credits: u32,
    #[schema(example = 1_000)]
    pub amount_cents: i64,
    #[schema(example = "usd")]
    pub currency: String,
}

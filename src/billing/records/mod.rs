//! What was bought, as Stripe said last: customers, checkouts, payments, subscriptions. What somebody has by them is worked
//! out in `terms`; nothing here knows of plans' limits or of credits.

mod store;

use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use uuid::Uuid;

pub use store::*;

/// An enum that is kept and told by its words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }
        impl $name {
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $word),* } }
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> { match word { $($word => Some(Self::$variant),)* _ => None } }
        }
    };
}

pub(in crate::billing) use words;

words! {
    /// What is paid for.
    PaymentKind {
        /// A plan for days.
        Plan = "plan",
        Subscription = "subscription",
        Credits = "credits",
    }
}

words! {
    PaymentStatus { Pending = "pending", Succeeded = "succeeded", Failed = "failed", Canceled = "canceled" }
}

words! {
    /// A payment that its payer disputes at the bank.
    Dispute { Open = "open", Won = "won", Lost = "lost" }
}

words! {
    /// In Stripe's words.
    SubscriptionStatus {
        Incomplete = "incomplete",
        IncompleteExpired = "incomplete_expired",
        Trialing = "trialing",
        Active = "active",
        PastDue = "past_due",
        Unpaid = "unpaid",
        Paused = "paused",
        Canceled = "canceled",
    }
}

impl SubscriptionStatus {
    /// Whether it may still be paid: then there is no place for a second one.
    #[must_use]
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

/// A row of `checkouts`: what was offered, at which price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Of Stripe's session, or of the payment intent where it is paid without one.
    pub id: String,
    pub user: UserId,
    pub kind: PaymentKind,
    pub plan: Option<String>,
    pub credits: Option<u32>,
    pub amount_cents: i64,
    pub currency: String,
}

/// A row of `payments`. Amounts in the smallest unit of the currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: Uuid,
    pub user: UserId,
    pub kind: PaymentKind,
    pub plan: Option<String>,
    pub credits: Option<u32>,
    pub intent_id: Option<String>,
    pub invoice_id: Option<String>,
    pub charge_id: Option<String>,
    pub checkout_id: Option<String>,
    pub subscription_id: Option<String>,
    pub billing_reason: Option<String>,
    pub amount_cents: i64,
    pub currency: String,
    pub refunded_cents: i64,
    pub status: PaymentStatus,
    pub dispute: Option<Dispute>,
    pub failure: Option<String>,
    pub paid_at: Option<Timestamp>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
    pub taken_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl Payment {
    /// Whether what it paid for holds: it was paid, and neither given back whole, nor disputed, nor taken.
    #[must_use]
    pub fn stands(&self) -> bool {
        let given_back = self.amount_cents > 0 && self.refunded_cents >= self.amount_cents;
        let disputed = matches!(self.dispute, Some(Dispute::Open | Dispute::Lost));
        self.status == PaymentStatus::Succeeded && !given_back && !disputed && self.taken_at.is_none()
    }
}

/// A row of `subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: String,
    pub user: UserId,
    pub customer_id: String,
    pub item_id: String,
    pub price_id: String,
    pub plan: String,
    pub status: SubscriptionStatus,
    pub cancel_at_period_end: bool,
    pub current_period_start: Timestamp,
    pub current_period_end: Timestamp,
    pub latest_invoice_id: Option<String>,
    pub canceled_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(amount_cents: i64) -> Payment {
        Payment {
            id: Uuid::now_v7(),
            user: UserId::new(),
            kind: PaymentKind::Plan,
            plan: Some("premium".into()),
            credits: None,
            intent_id: Some("pi_1".into()),
            invoice_id: None,
            charge_id: None,
            checkout_id: None,
            subscription_id: None,
            billing_reason: None,
            amount_cents,
            currency: "usd".into(),
            refunded_cents: 0,
            status: PaymentStatus::Succeeded,
            dispute: None,
            failure: None,
            paid_at: Some(Timestamp::UNIX_EPOCH),
            period_start: None,
            period_end: None,
            taken_at: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_given_back_whole_disputed_or_taken_does_not_stand() {
        assert!(paid(700).stands());
        assert!(Payment { refunded_cents: 699, ..paid(700) }.stands());
        assert!(!Payment { refunded_cents: 700, ..paid(700) }.stands());
        assert!(paid(0).stands(), "an invoice of nothing");
        assert!(!Payment { dispute: Some(Dispute::Open), ..paid(700) }.stands());
        assert!(!Payment { dispute: Some(Dispute::Lost), ..paid(700) }.stands());
        assert!(Payment { dispute: Some(Dispute::Won), ..paid(700) }.stands());
        assert!(!Payment { taken_at: Some(Timestamp::UNIX_EPOCH), ..paid(700) }.stands());
        assert!(!Payment { status: PaymentStatus::Pending, ..paid(700) }.stands());
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for word in ["incomplete", "incomplete_expired", "past_due", "canceled"] {
            assert_eq!(SubscriptionStatus::parse(word).map(SubscriptionStatus::as_str), Some(word));
        }
        assert_eq!(Dispute::parse("warning"), None);
    }
}

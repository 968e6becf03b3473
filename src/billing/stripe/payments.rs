//! Payment intents, their charges, and disputes of them.

use futures_util::{StreamExt, TryStreamExt, stream};
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use stripe_billing::invoice_payment::{
    ListInvoicePayment, ListInvoicePaymentPayment, ListInvoicePaymentPaymentType,
};
use stripe_core::charge::RetrieveCharge;
use stripe_core::dispute::ListDispute;
use stripe_core::payment_intent::{
    CreatePaymentIntent, CreatePaymentIntentAutomaticPaymentMethods, ListPaymentIntent, RetrievePaymentIntent,
};
use stripe_shared::{Charge, Dispute as StripeDispute, DisputeStatus, PaymentIntent};
use stripe_types::RangeQueryTs;

use super::objects::invoice_id;
use super::{ChargeState, IntentState, META_KIND, Offer, PAGE, Stripe, StripeError, metadata};
use crate::billing::records::Dispute;

/// Payments of a page that are asked after at once.
const ASKED_AT_ONCE: usize = 4;
/// Disputes of one charge: the card networks allow one after another, not many.
const DISPUTES: i64 = 10;

impl Stripe {
    /// A payment of credits, to be confirmed in the browser.
    pub async fn create_intent(
        &self,
        user: UserId,
        customer: &str,
        credits: u32,
        amount_cents: i64,
        key: &str,
    ) -> Result<IntentState, StripeError> {
        let offer = Offer::Credits { credits, amount_cents };
        let request = CreatePaymentIntent::new(amount_cents, self.0.currency.clone())
            .customer(customer)
            .description(format!("{credits} credits"))
            .automatic_payment_methods(CreatePaymentIntentAutomaticPaymentMethods::new(true))
            .metadata(metadata(user, &offer));
        let intent = self.0.transport.change(&request, "intent", key).await?;
        Box::pin(self.whole(intent)).await
    }

    /// With its latest charge, and what of it went back or is disputed.
    pub async fn intent(&self, id: &str) -> Result<IntentState, StripeError> {
        let request = RetrievePaymentIntent::new(id).expand(["latest_charge".to_owned()]);
        let intent = self.0.transport.read(&request).await?;
        Box::pin(self.whole(intent)).await
    }

    pub async fn charge(&self, id: &str) -> Result<ChargeState, StripeError> {
        let charge = self.0.transport.read(&RetrieveCharge::new(id)).await?;
        Box::pin(self.with_dispute(charge)).await
    }

    /// A page of payments made since then, the newest first.
    pub async fn list_intents(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<IntentState>, StripeError> {
        let mut request = ListPaymentIntent::new()
            .created(RangeQueryTs::gte(since.as_second()))
            .limit(PAGE)
            .expand(["data.latest_charge".to_owned()]);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        let page = self.0.transport.read(&request).await?.data;
        stream::iter(page.into_iter().map(|intent| self.whole(intent)))
            .buffered(ASKED_AT_ONCE)
            .try_collect()
            .await
    }

    /// With what stands elsewhere: the invoice that it pays, and its charge's dispute.
    async fn whole(&self, intent: PaymentIntent) -> Result<IntentState, StripeError> {
        // What we made ourselves pays no invoice.
        let invoice_id = match intent.metadata.contains_key(META_KIND) {
            true => None,
            false => self.invoice_of(intent.id.as_str()).await?,
        };
        let charge = intent.latest_charge.as_ref().and_then(|charge| charge.as_object()).cloned();
        let charge = match charge {
            Some(charge) => Some(Box::pin(self.with_dispute(charge)).await?),
            None => None,
        };
        IntentState::read(intent, charge, invoice_id)
    }

    async fn invoice_of(&self, intent: &str) -> Result<Option<String>, StripeError> {
        let mut payment = ListInvoicePaymentPayment::new(ListInvoicePaymentPaymentType::PaymentIntent);
        payment.payment_intent = Some(intent.to_owned());
        let found = self.0.transport.read(&ListInvoicePayment::new().payment(payment).limit(1)).await?;
        Ok(found.data.into_iter().next().and_then(|payment| invoice_id(payment.invoice)))
    }

    async fn with_dispute(&self, charge: Charge) -> Result<ChargeState, StripeError> {
        let mut dispute = None;
        if charge.disputed {
            let request = ListDispute::new().charge(charge.id.as_str()).limit(DISPUTES);
            dispute = standing(&self.0.transport.read(&request).await?.data);
        }
        ChargeState::read(&charge, dispute)
    }
}

/// Of several disputes: one that runs, else one that was lost, else one that was won. Inquiries take no money.
fn standing(disputes: &[StripeDispute]) -> Option<Dispute> {
    let one = |dispute: &StripeDispute| match dispute.status {
        DisputeStatus::Lost => Some(Dispute::Lost),
        DisputeStatus::NeedsResponse | DisputeStatus::UnderReview => Some(Dispute::Open),
        DisputeStatus::Won => Some(Dispute::Won),
        _ => None,
    };
    let all: Vec<_> = disputes.iter().filter_map(one).collect();
    [Dispute::Open, Dispute::Lost, Dispute::Won].into_iter().find(|dispute| all.contains(dispute))
}

//! Checkout sessions: pages of Stripe's on which something is paid.

use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData, CreateCheckoutSessionSubscriptionData, ExpireCheckoutSession,
    ProductData, RetrieveCheckoutSession,
};
use stripe_shared::CheckoutSessionMode;

use super::{CheckoutState, CheckoutStatus, NewCheckout, Offer, Stripe, StripeError, metadata, title};

impl Stripe {
    pub async fn open_checkout(&self, new: &NewCheckout<'_>) -> Result<CheckoutState, StripeError> {
        let metadata = metadata(new.user, new.offer);
        let request = CreateCheckoutSession::new()
            .customer(new.customer)
            .client_reference_id(new.user.to_string())
            .success_url(new.success_url)
            .cancel_url(new.cancel_url)
            .line_items(vec![self.line(new.offer).await?])
            .metadata(metadata.clone());
        let request = match new.offer {
            Offer::Plan(plan) if plan.term.renews() => {
                let mut data = CreateCheckoutSessionSubscriptionData::new();
                data.metadata = Some(metadata);
                request.mode(CheckoutSessionMode::Subscription).subscription_data(data)
            }
            Offer::Plan(_) | Offer::Credits { .. } => {
                let mut data = CreateCheckoutSessionPaymentIntentData::new();
                data.metadata = Some(metadata);
                request.mode(CheckoutSessionMode::Payment).payment_intent_data(data)
            }
        };
        let session = self.0.transport.change(&request, "checkout", new.key).await?;
        CheckoutState::read(session)
    }

    async fn line(&self, offer: &Offer) -> Result<CreateCheckoutSessionLineItems, StripeError> {
        let mut line = CreateCheckoutSessionLineItems::new();
        line.quantity = Some(1);
        let (name, cents) = match offer {
            Offer::Plan(plan) if plan.term.renews() || plan.stripe_price.is_some() => {
                line.price = Some(self.price_of(plan).await?);
                return Ok(line);
            }
            Offer::Plan(plan) => (title(plan), i64::from(plan.price_cents)),
            Offer::Credits { credits, amount_cents } => (format!("{credits} credits"), *amount_cents),
        };
        let mut data = CreateCheckoutSessionLineItemsPriceData::new(self.0.currency.clone());
        data.unit_amount = Some(cents);
        data.product_data = Some(ProductData::new(name));
        line.price_data = Some(data);
        Ok(line)
    }

    pub async fn checkout(&self, id: &str) -> Result<CheckoutState, StripeError> {
        CheckoutState::read(self.0.transport.read(&RetrieveCheckoutSession::new(id)).await?)
    }

    /// Ends an open session, so that nobody pays it later. One that is over is fine.
    pub async fn expire_checkout(&self, id: &str) -> Result<(), StripeError> {
        match self.0.transport.change(&ExpireCheckoutSession::new(id), "expire", id).await {
            Ok(_) => Ok(()),
            // It tells only that it is not open; paid for in this moment, most likely.
            Err(error @ StripeError::Refused { .. }) => match self.checkout(id).await?.status {
                CheckoutStatus::Open => Err(error),
                CheckoutStatus::Complete | CheckoutStatus::Expired => Ok(()),
            },
            Err(error) => Err(error),
        }
    }
}

//! What leads from one object to another, where Stripe tells it by a question of its own.

use stripe_checkout::checkout_session::ListCheckoutSession;
use stripe_product::price::RetrievePrice;

use super::{CheckoutState, Stripe, StripeError};

impl Stripe {
    /// The checkout session that made this payment intent.
    pub async fn checkout_of(&self, intent: &str) -> Result<Option<CheckoutState>, StripeError> {
        let request = ListCheckoutSession::new().payment_intent(intent).limit(1);
        let session = self.0.transport.read(&request).await?.data.into_iter().next();
        session.map(CheckoutState::read).transpose()
    }

    /// The lookup key of a price, which names the plan where we made the price. An old price may have lost it to a newer one.
    pub async fn lookup_key_of(&self, price: &str) -> Result<Option<String>, StripeError> {
        match self.0.transport.read(&RetrievePrice::new(price)).await {
            Ok(price) => Ok(price.lookup_key),
            Err(StripeError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

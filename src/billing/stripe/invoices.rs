//! Invoices of subscriptions.

use stripe_billing::invoice::RetrieveInvoice;

use super::{InvoiceState, Stripe, StripeError};

impl Stripe {
    pub async fn invoice(&self, id: &str) -> Result<InvoiceState, StripeError> {
        let request =
            RetrieveInvoice::new(id).expand(["payments".to_owned(), "confirmation_secret".to_owned()]);
        InvoiceState::read(self.0.transport.read(&request).await?)
    }
}

//! Invoices of subscriptions.

use jiff::Timestamp;
use stripe_billing::invoice::{ListInvoice, RetrieveInvoice};
use stripe_types::RangeQueryTs;

use super::{InvoiceState, PAGE, Stripe, StripeError};

impl Stripe {
    pub async fn invoice(&self, id: &str) -> Result<InvoiceState, StripeError> {
        let request =
            RetrieveInvoice::new(id).expand(["payments".to_owned(), "confirmation_secret".to_owned()]);
        InvoiceState::read(self.0.transport.read(&request).await?)
    }

    /// A page of invoices made since then, the newest first.
    pub async fn list_invoices(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<InvoiceState>, StripeError> {
        let mut request = ListInvoice::new()
            .created(RangeQueryTs::gte(since.as_second()))
            .limit(PAGE)
            .expand(["data.payments".to_owned()]);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        let page = self.0.transport.read(&request).await?;
        page.data.into_iter().map(InvoiceState::read).collect()
    }
}

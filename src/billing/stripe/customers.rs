//! Customers, and their way into the portal.

use std::collections::HashMap;

use greenroom_actors::domain::UserId;
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_core::customer::{CreateCustomer, DeleteCustomer};
use uuid::Uuid;

use super::transport::digest;
use super::{META_USER, Stripe, StripeError};

impl Stripe {
    /// Within a day, the same person with the same name and address is one customer.
    pub async fn create_customer(
        &self,
        user: UserId,
        email: Option<&str>,
        name: &str,
    ) -> Result<String, StripeError> {
        let mut request = CreateCustomer::new()
            .name(name)
            .metadata(HashMap::from([(META_USER.to_owned(), user.to_string())]));
        if let Some(email) = email {
            request = request.email(email);
        }
        let key = format!("{user}:{}", digest(&format!("{name}\n{}", email.unwrap_or_default())));
        let customer = self.0.transport.change(&request, "customer", &key).await?;
        Ok(customer.id.to_string())
    }

    /// Deletes it, which ends its subscriptions at once. One that is gone is fine.
    pub async fn delete_customer(&self, customer: &str) -> Result<(), StripeError> {
        match self.0.transport.read(&DeleteCustomer::new(customer)).await {
            Ok(_) | Err(StripeError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The portal's address, good for a few minutes.
    pub async fn open_portal(&self, customer: &str, return_url: &str) -> Result<String, StripeError> {
        let request = CreateBillingPortalSession::new().customer(customer).return_url(return_url);
        // Each visit is one of its own.
        let session = self.0.transport.change(&request, "portal", &Uuid::new_v4().to_string()).await?;
        Ok(session.url)
    }
}

//! Whom Stripe knows a person as: made when it is first needed, and one for each person.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::UserId;

use super::{Desk, Shop, ShopError, store};
use crate::billing::records;
use crate::billing::stripe::StripeError;

impl Shop {
    /// The person's customer. Blocked, deactivated and erased people have none to buy with.
    pub(super) async fn customer(&self, user: UserId) -> Result<String, ShopError> {
        let profile = self.0.accounts.profile(user).await?;
        if let Some(customer) = records::customer_of(&self.client().await?, user).await? {
            return Ok(customer);
        }
        let made = self
            .desk()?
            .stripe
            .create_customer(user, profile.email.as_deref(), &profile.display_name)
            .boxed()
            .await?;
        Ok(records::keep_customer(&self.client().await?, user, &made).await?)
    }

    /// Does something for the person's customer. Where Stripe does not know that one (it was deleted there, or the key is of
    /// another account by now) another one is made.
    pub(super) async fn for_customer<'a, T: Send>(
        &self,
        user: UserId,
        deed: impl Fn(Desk, String) -> BoxFuture<'a, Result<T, StripeError>> + Send + Sync,
    ) -> Result<Result<T, StripeError>, ShopError> {
        let desk = self.desk()?;
        let customer = self.customer(user).await?;
        let said = deed(desk.clone(), customer.clone()).await;
        let unknown = match &said {
            Err(StripeError::NotFound) => true,
            Err(StripeError::Refused { code, message, .. }) => {
                code.as_deref() == Some("resource_missing") && message.contains("customer")
            }
            _ => false,
        };
        if !unknown {
            return Ok(said);
        }
        tracing::warn!(%user, customer, "Stripe does not know a customer: another one takes its place");
        let profile = self.0.accounts.profile(user).await?;
        let made = desk
            .stripe
            .create_customer(user, profile.email.as_deref(), &profile.display_name)
            .boxed()
            .await?;
        store::replace_customer(&self.client().await?, user, &customer, &made).await?;
        Ok(deed(desk, made).await)
    }
}

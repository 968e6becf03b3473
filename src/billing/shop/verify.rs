//! Whether a checkout was paid: for who comes back from it, before or after Stripe's event.

use futures_util::FutureExt;
use greenroom_actors::domain::UserId;

use super::view::{VerifiedStatus, VerifiedView};
use super::{Shop, ShopError, store};
use crate::billing::records::{self, PaymentStatus};
use crate::billing::stripe::{CheckoutStatus, StripeError};

/// Stripe's ids have up to 255 characters.
const ID_MAX_BYTES: usize = 255;

impl Shop {
    /// Somebody else's session is answered as if there were none.
    pub async fn verify(&self, user: UserId, session: &str) -> Result<VerifiedView, ShopError> {
        let missing = || ShopError::not_found("checkout session");
        if session.is_empty() || session.len() > ID_MAX_BYTES || session.contains('\0') {
            return Err(missing());
        }
        let client = self.client().await?;
        let offer = records::checkout(&client, session).await?;
        // Payments without a session stand in the same rows.
        let offer = offer.filter(|offer| offer.user == user && offer.id.starts_with("cs_"));
        let offer = offer.ok_or_else(missing)?;
        let payment = store::payment_of_session(&client, session).await?;
        drop(client);
        let known = payment.is_some_and(|payment| payment.status == PaymentStatus::Succeeded);
        let status = if known { VerifiedStatus::Paid } else { self.ask(session).await? };
        Ok(VerifiedView {
            status,
            kind: offer.kind,
            plan: offer.plan,
            credits: offer.credits,
            standing: self.standing(user).await?,
        })
    }

    async fn ask(&self, session: &str) -> Result<VerifiedStatus, ShopError> {
        let desk = self.desk()?;
        let state = match desk.stripe.checkout(session).boxed().await {
            Ok(state) => state,
            Err(StripeError::NotFound) => return Err(ShopError::not_found("checkout session")),
            Err(error) => return Err(error.into()),
        };
        match state.status {
            CheckoutStatus::Open => return Ok(VerifiedStatus::Open),
            CheckoutStatus::Expired => return Ok(VerifiedStatus::Expired),
            CheckoutStatus::Complete => {}
        }
        desk.sync.checkout(session).boxed().await?;
        // A transfer, say, that is under way.
        Ok(if state.paid { VerifiedStatus::Paid } else { VerifiedStatus::Pending })
    }
}

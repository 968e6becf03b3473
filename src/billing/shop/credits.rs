//! Credits, paid in the client's own page.

use futures_util::FutureExt;
use greenroom_actors::domain::UserId;

use super::attempts::Deed;
use super::offer::credits_offer;
use super::view::IntentView;
use super::{Desk, Shop, ShopError, store};
use crate::billing::records::{self, Checkout, PaymentKind, PaymentStatus};
use crate::billing::stripe::{IntentState, Offer};

impl Shop {
    /// A payment of so many credits, or the one that is open for as many.
    pub async fn open_intent(&self, user: UserId, credits: i64) -> Result<IntentView, ShopError> {
        self.desk()?;
        let offer = credits_offer(credits, &self.0.terms.settings)?;
        let Offer::Credits { credits, amount_cents } = offer else { return Err(ShopError::internal()) };
        self.in_turn(
            user,
            move |shop: Self| async move { shop.intent_in_turn(user, credits, amount_cents).await },
        )
        .await
    }

    async fn intent_in_turn(
        &self,
        user: UserId,
        credits: u32,
        amount_cents: i64,
    ) -> Result<IntentView, ShopError> {
        let desk = self.desk()?;
        let customer = self.customer(user).await?;
        let currency = self.0.terms.settings.currency.clone();
        let (many, amount) = (credits.to_string(), amount_cents.to_string());
        let wish = [many.as_str(), &amount, &currency, &customer];
        let mut attempt = self.attempt(user, Deed::Intent, &wish).await?;
        if let Some(id) = &attempt.object_id {
            let intent = desk.stripe.intent(id).boxed().await?;
            let open = !matches!(intent.status, PaymentStatus::Succeeded | PaymentStatus::Canceled);
            if let Some(view) = view(&intent, credits).filter(|_| open) {
                return Ok(view);
            }
            desk.sync.intent(id).boxed().await?;
            self.forget(&attempt).await?;
            attempt = self.attempt(user, Deed::Intent, &wish).await?;
        }
        let key = attempt.id.to_string();
        let key = key.as_str();
        let create = |desk: Desk, customer: String| {
            async move { desk.stripe.create_intent(user, &customer, credits, amount_cents, key).boxed().await }
                .boxed()
        };
        let said = self.for_customer(user, create).await?;
        let intent = self.judged(&attempt, said).await?;
        let row = Checkout {
            id: intent.id.clone(),
            user,
            kind: PaymentKind::Credits,
            plan: None,
            credits: Some(credits),
            amount_cents,
            currency,
        };
        let client = self.client().await?;
        records::keep_checkout(&client, &row).await?;
        store::came_of(&client, attempt.id, &intent.id).await?;
        view(&intent, credits).ok_or_else(|| {
            tracing::error!(intent = intent.id, "Stripe made a payment without a client secret");
            ShopError::internal()
        })
    }
}

fn view(intent: &IntentState, credits: u32) -> Option<IntentView> {
    Some(IntentView {
        payment_intent_id: intent.id.clone(),
        client_secret: intent.client_secret.clone()?,
        credits,
        amount_cents: intent.amount_cents,
        currency: intent.currency.clone(),
    })
}

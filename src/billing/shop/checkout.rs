//! Stripe's pages: a checkout to pay something on, and the portal for cards, invoices and the end of a subscription.

use futures_util::FutureExt;
use greenroom_actors::domain::UserId;

use super::attempts::Deed;
use super::offer::{Order, parts};
use super::view::{PortalView, SessionView};
use super::{Desk, Shop, ShopError, store};
use crate::billing::records::{self, Checkout, PaymentKind};
use crate::billing::stripe::{CheckoutState, CheckoutStatus, NewCheckout, Offer};

/// Where one is sent back to: both were checked.
#[derive(Clone, Debug)]
struct Ways {
    success: String,
    cancel: String,
}

impl Shop {
    /// Opens a checkout, or answers the one that is open for the same. Without addresses one comes back to the console.
    pub async fn open_checkout(
        &self,
        user: UserId,
        order: Order,
        success: Option<&str>,
        cancel: Option<&str>,
    ) -> Result<SessionView, ShopError> {
        self.desk()?;
        let offer = self.offer(&order)?;
        let returns = &self.0.returns;
        let way = |field, given: Option<&str>, home| match given {
            Some(given) => returns.check(field, given),
            None => returns.home(home),
        };
        let ways = Ways {
            success: way("successUrl", success, "plans/paid/{CHECKOUT_SESSION_ID}")?,
            cancel: way("cancelUrl", cancel, "plans/left")?,
        };
        self.in_turn(user, move |shop: Self| async move { shop.checkout_in_turn(user, &offer, &ways).await })
            .await
    }

    async fn checkout_in_turn(
        &self,
        user: UserId,
        offer: &Offer,
        ways: &Ways,
    ) -> Result<SessionView, ShopError> {
        let desk = self.desk()?;
        let (kind, plan, credits, amount_cents) = parts(offer);
        if let Offer::Plan(plan) = offer {
            self.check_use(user, plan).await?;
        }
        let customer = self.customer(user).await?;
        let (amount, currency) = (amount_cents.to_string(), self.0.terms.settings.currency.clone());
        let price = match offer {
            Offer::Plan(plan) => plan.stripe_price.as_deref().unwrap_or_default(),
            Offer::Credits { .. } => "",
        };
        let what = plan.clone().unwrap_or_else(|| credits.unwrap_or_default().to_string());
        let wish = [kind.as_str(), &what, price, &amount, &currency, &customer, &ways.success, &ways.cancel];
        let mut attempt = self.attempt(user, Deed::Checkout, &wish).await?;
        if let Some(id) = &attempt.object_id {
            let session = desk.stripe.checkout(id).boxed().await?;
            match opened(&session) {
                Some(open) => return Ok(open),
                // It was paid or is over: who wants the same again wants another one.
                None => {
                    if session.status == CheckoutStatus::Complete {
                        desk.sync.checkout(id).boxed().await?;
                    }
                    self.forget(&attempt).await?;
                    attempt = self.attempt(user, Deed::Checkout, &wish).await?;
                }
            }
        }
        if kind == PaymentKind::Subscription {
            self.clear_the_way(user, &customer).await?;
        }
        let key = attempt.id.to_string();
        let key = key.as_str();
        let open = |desk: Desk, customer: String| {
            async move {
                let new = NewCheckout {
                    user,
                    customer: &customer,
                    offer,
                    success_url: &ways.success,
                    cancel_url: &ways.cancel,
                    key,
                };
                desk.stripe.open_checkout(&new).boxed().await
            }
            .boxed()
        };
        let said = self.for_customer(user, open).await?;
        let session = self.judged(&attempt, said).await?;
        let row = Checkout { id: session.id.clone(), user, kind, plan, credits, amount_cents, currency };
        let client = self.client().await?;
        // Nobody can pay what is not written down.
        records::keep_checkout(&client, &row).await?;
        store::came_of(&client, attempt.id, &session.id).await?;
        opened(&session).ok_or_else(|| {
            tracing::error!(session = session.id, "Stripe opened a session without an address");
            ShopError::internal()
        })
    }

    /// Ends sessions that a subscription could still come from, so that two are not paid; who has paid one meanwhile has it.
    pub(super) async fn end_sessions(
        &self,
        user: UserId,
        kind: Option<PaymentKind>,
    ) -> Result<(), ShopError> {
        let desk = self.desk()?;
        let open = store::open_sessions(&self.client().await?, user, kind).await?;
        for id in open {
            desk.stripe.expire_checkout(&id).boxed().await?;
            if desk.stripe.checkout(&id).boxed().await?.status == CheckoutStatus::Complete {
                desk.sync.checkout(&id).boxed().await?;
            }
            store::close_session(&self.client().await?, &id).await?;
        }
        Ok(())
    }

    /// Opens the portal. Without an address one comes back to the console.
    pub async fn open_portal(&self, user: UserId, return_url: Option<&str>) -> Result<PortalView, ShopError> {
        self.desk()?;
        let back = match return_url {
            Some(given) => self.0.returns.check("returnUrl", given)?,
            None => self.0.returns.home("plans")?,
        };
        self.in_turn(user, move |shop: Self| async move {
            let back = back.as_str();
            let open = |desk: Desk, customer: String| {
                async move { desk.stripe.open_portal(&customer, back).await }.boxed()
            };
            Ok(PortalView { url: shop.for_customer(user, open).await?? })
        })
        .await
    }
}

fn opened(session: &CheckoutState) -> Option<SessionView> {
    let url = session.url.clone().filter(|_| session.status == CheckoutStatus::Open)?;
    Some(SessionView { session_id: session.id.clone(), url })
}

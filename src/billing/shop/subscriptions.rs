//! Subscriptions: begun, changed to another plan, ended with their period, kept on.

use std::sync::Arc;

use futures_util::FutureExt;
use greenroom_actors::domain::{Plan, UserId};
use jiff::{SignedDuration, Timestamp};

use super::attempts::Deed;
use super::offer::holds_a_place;
use super::view::SubscribedView;
use super::{Desk, Shop, ShopError, store};
use crate::billing::records::{self, PaymentKind, Subscription, SubscriptionStatus};
use crate::billing::stripe::{Difference, InvoiceStatus, PAGE, Renewal, StripeError, SubscriptionState};
use crate::billing::terms::SubscriptionView;

/// Pages of a customer's subscriptions that are looked through: more than anybody ever had.
const PAGES_MAX: usize = 10;
/// A first payment may be made for so long: Stripe gives it a day, less an hour.
const INCOMPLETE: SignedDuration = SignedDuration::from_hours(22);
/// An attempt that turns out to have ended is begun anew once.
const TRIES: usize = 2;

impl Shop {
    /// All that there were, the latest first.
    pub async fn subscriptions(&self, user: UserId) -> Result<Vec<SubscriptionView>, ShopError> {
        let rows = records::subscriptions_of(&self.client().await?, user).await?;
        Ok(rows.iter().map(|row| SubscriptionView::new(row, &self.0.terms)).collect())
    }

    /// Begins one whose first payment is made in the client's page, or answers the one that waits for it.
    pub async fn subscribe(&self, user: UserId, plan: &str) -> Result<SubscribedView, ShopError> {
        self.desk()?;
        let plan = self.renewing(plan)?;
        self.in_turn(user, move |shop: Self| async move { shop.subscribe_in_turn(user, &plan).await }).await
    }

    async fn subscribe_in_turn(&self, user: UserId, plan: &Arc<Plan>) -> Result<SubscribedView, ShopError> {
        let desk = self.desk()?;
        self.check_use(user, plan).await?;
        let customer = self.customer(user).await?;
        self.end_sessions(user, Some(PaymentKind::Subscription)).await?;
        let price = desk.stripe.price_of(plan).boxed().await?;
        if let Some(waiting) = self.look_through(user, &customer, Some(&price)).boxed().await? {
            return self.begun(&waiting).await;
        }
        for _ in 0..TRIES {
            let wish = [&*plan.name, &price, &customer];
            let attempt = self.attempt(user, Deed::Subscribe, &wish).await?;
            if attempt.object_id.is_some() {
                // What came of it is not among those that live.
                self.forget(&attempt).await?;
                continue;
            }
            let key = attempt.id.to_string();
            let key = key.as_str();
            let subscribe = |desk: Desk, customer: String| {
                async move { desk.stripe.subscribe(user, &customer, plan, key).await }.boxed()
            };
            let said = self.for_customer(user, subscribe).await?;
            let made = self.judged(&attempt, said).await?;
            store::came_of(&self.client().await?, attempt.id, &made.id).await?;
            // Under a key that was used before, Stripe repeats what it said then.
            let state = desk.stripe.subscription(&made.id).boxed().await?;
            if state.status.is_live() {
                return self.begun(&state).await;
            }
            desk.sync.subscription(&state.id).boxed().await?;
            self.forget(&attempt).await?;
        }
        Err(ShopError::conflict("the subscription has ended again: try once more"))
    }

    /// Ends what another subscription could still come from; refuses where there is one.
    pub(super) async fn clear_the_way(&self, user: UserId, customer: &str) -> Result<(), ShopError> {
        self.end_sessions(user, Some(PaymentKind::Subscription)).await?;
        self.look_through(user, customer, None).await.map(drop)
    }

    /// Looks at what Stripe knows of the customer, whatever our rows say. One that waits for its first payment at this price is
    /// answered, others that wait are ended; one that lives leaves no place for another.
    async fn look_through(
        &self,
        user: UserId,
        customer: &str,
        price: Option<&str>,
    ) -> Result<Option<SubscriptionState>, ShopError> {
        let desk = self.desk()?;
        let mut waiting = None;
        for state in self.at_stripe(customer).await? {
            if holds_a_place(state.status) {
                let owner = desk.sync.subscription(&state.id).boxed().await?;
                if owner == Some(user) {
                    return Err(ShopError::conflict(
                        "there is a subscription already: change it instead, or wait until it has ended",
                    ));
                }
                continue;
            }
            if state.status != SubscriptionStatus::Incomplete {
                continue;
            }
            let fresh = Timestamp::now().duration_since(state.created_at) < INCOMPLETE;
            if waiting.is_none() && fresh && price == Some(state.price_id.as_str()) {
                waiting = Some(state);
            } else {
                desk.stripe.end_subscription(&state.id).boxed().await?;
                desk.sync.subscription(&state.id).boxed().await?;
            }
        }
        Ok(waiting)
    }

    /// All subscriptions of a customer.
    pub(super) async fn at_stripe(&self, customer: &str) -> Result<Vec<SubscriptionState>, ShopError> {
        let stripe = self.desk()?.stripe;
        let mut all: Vec<SubscriptionState> = Vec::new();
        for _ in 0..PAGES_MAX {
            let after = all.last().map(|last| last.id.clone());
            let page = match stripe.list_subscriptions(Some(customer), after.as_deref()).boxed().await {
                Err(StripeError::NotFound) => break,
                page => page?,
            };
            let last = (page.len() as i64) < PAGE;
            all.extend(page);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// What was begun, and how it is paid.
    async fn begun(&self, state: &SubscriptionState) -> Result<SubscribedView, ShopError> {
        let desk = self.desk()?;
        desk.sync.subscription(&state.id).boxed().await?;
        let unpaid = state.status == SubscriptionStatus::Incomplete;
        let client_secret = match state.latest_invoice_id.as_deref().filter(|_| unpaid) {
            Some(invoice) => desk.stripe.invoice(invoice).boxed().await?.client_secret,
            None => None,
        };
        Ok(SubscribedView {
            subscription: self.view_of(&state.id).await?,
            payment_required: unpaid,
            client_secret,
        })
    }

    /// Another plan from now on. A greater one is paid at once and holds when it is paid; what a lesser one leaves over is
    /// credited to what comes.
    pub async fn change(&self, user: UserId, id: &str, plan: &str) -> Result<SubscribedView, ShopError> {
        self.desk()?;
        let row = self.own(user, id).await?;
        let plan = self.renewing(plan)?;
        self.in_turn(user, move |shop: Self| async move { shop.change_in_turn(user, &row, &plan).await })
            .await
    }

    async fn change_in_turn(
        &self,
        user: UserId,
        row: &Subscription,
        plan: &Plan,
    ) -> Result<SubscribedView, ShopError> {
        let desk = self.desk()?;
        self.0.accounts.profile(user).await?;
        let state = desk.stripe.subscription(&row.id).boxed().await?;
        if let Some(why) = unchangeable(state.status) {
            desk.sync.subscription(&state.id).boxed().await?;
            return Err(ShopError::conflict(why));
        }
        let price = desk.stripe.price_of(plan).boxed().await?;
        if state.price_id == price {
            return self.changed(&state, &price).await;
        }
        // It may wait for its payment since the last time that it was asked for.
        if let Some(waiting) = self.waiting(&state, &price).await? {
            return Ok(waiting);
        }
        let latest = state.latest_invoice_id.clone().unwrap_or_default();
        let wish = [&*state.id, &state.price_id, &price, &latest];
        let attempt = self.attempt(user, Deed::Change, &wish).await?;
        let dearer = self.0.terms.plans.get(&row.plan).rank() < plan.rank();
        let difference = if dearer { Difference::PaidAtOnce } else { Difference::WithNextInvoice };
        let key = attempt.id.to_string();
        let said = desk.stripe.change_plan(&state, plan, difference, &key).boxed().await;
        let state = self.judged(&attempt, said).await?;
        self.forget(&attempt).await?;
        self.changed(&state, &price).await
    }

    /// A change to this price that is not paid yet.
    async fn waiting(
        &self,
        state: &SubscriptionState,
        price: &str,
    ) -> Result<Option<SubscribedView>, ShopError> {
        let Some(latest) = &state.latest_invoice_id else { return Ok(None) };
        let desk = self.desk()?;
        let invoice = desk.stripe.invoice(latest).boxed().await?;
        let waits = invoice.status == InvoiceStatus::Open
            && invoice.billing_reason.as_deref() == Some("subscription_update")
            && invoice.price_id.as_deref() == Some(price);
        if !waits {
            return Ok(None);
        }
        desk.sync.subscription(&state.id).boxed().await?;
        Ok(Some(SubscribedView {
            subscription: self.view_of(&state.id).await?,
            payment_required: true,
            client_secret: invoice.client_secret,
        }))
    }

    /// What came of a change to this price.
    async fn changed(&self, state: &SubscriptionState, price: &str) -> Result<SubscribedView, ShopError> {
        if state.price_id != price
            && let Some(waiting) = self.waiting(state, price).await?
        {
            return Ok(waiting);
        }
        self.desk()?.sync.subscription(&state.id).boxed().await?;
        Ok(SubscribedView {
            subscription: self.view_of(&state.id).await?,
            payment_required: state.price_id != price,
            client_secret: None,
        })
    }

    /// It ends with its period. One that was never paid ends at once.
    pub async fn cancel(&self, user: UserId, id: &str) -> Result<SubscriptionView, ShopError> {
        self.desk()?;
        let row = self.own(user, id).await?;
        self.in_turn(user, move |shop: Self| async move { shop.cancel_in_turn(user, &row.id).await }).await
    }

    pub(super) async fn cancel_in_turn(&self, user: UserId, id: &str) -> Result<SubscriptionView, ShopError> {
        let desk = self.desk()?;
        let state = desk.stripe.subscription(id).boxed().await?;
        match state.status {
            SubscriptionStatus::Incomplete => drop(desk.stripe.end_subscription(id).boxed().await?),
            status if !status.is_live() => {
                desk.sync.subscription(id).boxed().await?;
                return Err(ShopError::conflict("this subscription has ended already"));
            }
            _ if state.cancel_at_period_end => {}
            _ => self.set_renewal(user, &state, Renewal::Ends).await?,
        }
        desk.sync.subscription(id).boxed().await?;
        self.view_of(id).await
    }

    /// It goes on after its period.
    pub async fn reactivate(&self, user: UserId, id: &str) -> Result<SubscriptionView, ShopError> {
        self.desk()?;
        let row = self.own(user, id).await?;
        self.in_turn(user, move |shop: Self| async move {
            let desk = shop.desk()?;
            shop.0.accounts.profile(user).await?;
            let state = desk.stripe.subscription(&row.id).boxed().await?;
            let ended = !holds_a_place(state.status);
            if !ended && state.cancel_at_period_end {
                shop.set_renewal(user, &state, Renewal::GoesOn).await?;
            }
            desk.sync.subscription(&row.id).boxed().await?;
            if ended {
                return Err(ShopError::conflict("this subscription has ended: begin another one"));
            }
            shop.view_of(&row.id).await
        })
        .await
    }

    async fn set_renewal(
        &self,
        user: UserId,
        state: &SubscriptionState,
        renewal: Renewal,
    ) -> Result<(), ShopError> {
        let deed = match renewal {
            Renewal::Ends => Deed::Cancel,
            Renewal::GoesOn => Deed::Reactivate,
        };
        let attempt = self.attempt(user, deed, &[&state.id]).await?;
        let key = attempt.id.to_string();
        let said = self.desk()?.stripe.set_renewal(&state.id, renewal, &key).boxed().await;
        self.judged(&attempt, said).await?;
        self.forget(&attempt).await
    }

    /// The one that may still be paid, for who names none.
    pub async fn live(&self, user: UserId) -> Result<String, ShopError> {
        self.desk()?;
        let rows = records::subscriptions_of(&self.client().await?, user).await?;
        let found = rows.iter().find(|row| holds_a_place(row.status));
        let found = found.or_else(|| rows.iter().find(|row| row.status.is_live()));
        found.map(|row| row.id.clone()).ok_or_else(|| ShopError::not_found("subscription"))
    }

    /// Somebody else's is answered as if there were none.
    async fn own(&self, user: UserId, id: &str) -> Result<Subscription, ShopError> {
        let missing = || ShopError::not_found("subscription");
        if id.contains('\0') {
            return Err(missing());
        }
        let row = records::subscription(&self.client().await?, id).await?;
        row.filter(|row| row.user == user).ok_or_else(missing)
    }

    async fn view_of(&self, id: &str) -> Result<SubscriptionView, ShopError> {
        let row = records::subscription(&self.client().await?, id).await?;
        row.map(|row| SubscriptionView::new(&row, &self.0.terms)).ok_or_else(|| {
            tracing::error!(id, "a subscription of ours was not written");
            ShopError::internal()
        })
    }
}

/// Why a subscription that stands so takes no other plan.
fn unchangeable(status: SubscriptionStatus) -> Option<&'static str> {
    match status {
        SubscriptionStatus::Active | SubscriptionStatus::Trialing => None,
        SubscriptionStatus::Incomplete => {
            Some("its first payment was not made yet: begin another one instead")
        }
        SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => {
            Some("a payment of it failed: pay that first, in the portal")
        }
        SubscriptionStatus::Paused => Some("it is paused: go on with it first, in the portal"),
        SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired => {
            Some("this subscription has ended: begin another one")
        }
    }
}

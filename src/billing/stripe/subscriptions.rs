//! Subscriptions: begun, changed, ended.

use greenroom_actors::domain::{Plan, UserId};
use stripe_billing::subscription::{
    CancelSubscription, CreateSubscription, CreateSubscriptionItems, CreateSubscriptionPaymentBehavior,
    CreateSubscriptionPaymentSettings, CreateSubscriptionPaymentSettingsSaveDefaultPaymentMethod,
    ListSubscription, ListSubscriptionStatus, RetrieveSubscription, UpdateSubscription,
    UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior, UpdateSubscriptionProrationBehavior,
};

use super::{Offer, PAGE, Stripe, StripeError, SubscriptionState, metadata};

/// How what another plan costs more, or less, for the rest of the period is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Without its payment nothing changes.
    PaidAtOnce,
    /// Or credited to it.
    WithNextInvoice,
}

/// What becomes of a subscription at the end of its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    GoesOn,
    Ends,
}

impl Stripe {
    /// A subscription whose first payment is to be confirmed in the browser (`incomplete` until then). What the browser
    /// needs is in its latest [`invoice`](Self::invoice).
    pub async fn subscribe(
        &self,
        user: UserId,
        customer: &str,
        plan: &Plan,
        key: &str,
    ) -> Result<SubscriptionState, StripeError> {
        let mut item = CreateSubscriptionItems::new();
        item.price = Some(self.price_of(plan).await?);
        let mut payment = CreateSubscriptionPaymentSettings::new();
        payment.save_default_payment_method =
            Some(CreateSubscriptionPaymentSettingsSaveDefaultPaymentMethod::OnSubscription);
        let request = CreateSubscription::new()
            .customer(customer)
            .items(vec![item])
            .payment_behavior(CreateSubscriptionPaymentBehavior::DefaultIncomplete)
            .payment_settings(payment)
            .expand(["latest_invoice.confirmation_secret".to_owned()])
            .metadata(metadata(user, &Offer::Plan(plan.clone().into())));
        SubscriptionState::read(self.0.transport.change(&request, "subscribe", key).await?)
    }

    pub async fn subscription(&self, id: &str) -> Result<SubscriptionState, StripeError> {
        SubscriptionState::read(self.0.transport.read(&RetrieveSubscription::new(id)).await?)
    }

    /// Another plan from now on.
    pub async fn change_plan(
        &self,
        subscription: &SubscriptionState,
        plan: &Plan,
        difference: Difference,
        key: &str,
    ) -> Result<SubscriptionState, StripeError> {
        let mut item = UpdateSubscriptionItems::new();
        item.id = Some(subscription.item_id.clone());
        item.price = Some(self.price_of(plan).await?);
        let request = UpdateSubscription::new(subscription.id.as_str()).items(vec![item]);
        // A change that waits for its payment takes no metadata: which plan it is, the price says.
        let request = match difference {
            Difference::PaidAtOnce => request
                .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
                .payment_behavior(UpdateSubscriptionPaymentBehavior::PendingIfIncomplete),
            Difference::WithNextInvoice => {
                request.proration_behavior(UpdateSubscriptionProrationBehavior::CreateProrations)
            }
        };
        SubscriptionState::read(self.0.transport.change(&request, "change-plan", key).await?)
    }

    /// Whether it goes on after its period.
    pub async fn set_renewal(
        &self,
        id: &str,
        renewal: Renewal,
        key: &str,
    ) -> Result<SubscriptionState, StripeError> {
        let request = UpdateSubscription::new(id).cancel_at_period_end(renewal == Renewal::Ends);
        let deed = match renewal {
            Renewal::Ends => "cancel",
            Renewal::GoesOn => "reactivate",
        };
        SubscriptionState::read(self.0.transport.change(&request, deed, &format!("{id}:{key}")).await?)
    }

    /// Ends it at once. One that has ended is answered as it is.
    pub async fn end_subscription(&self, id: &str) -> Result<SubscriptionState, StripeError> {
        match self.0.transport.read(&CancelSubscription::new(id)).await {
            Ok(subscription) => SubscriptionState::read(subscription),
            Err(StripeError::NotFound) => self.subscription(id).await,
            Err(error) => Err(error),
        }
    }

    /// A page of a customer's subscriptions, ended ones too, or of everybody's; the newest first.
    pub async fn list_subscriptions(
        &self,
        customer: Option<&str>,
        after: Option<&str>,
    ) -> Result<Vec<SubscriptionState>, StripeError> {
        let mut request = ListSubscription::new().status(ListSubscriptionStatus::All).limit(PAGE);
        if let Some(customer) = customer {
            request = request.customer(customer);
        }
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        let page = self.0.transport.read(&request).await?;
        page.data.into_iter().map(SubscriptionState::read).collect()
    }
}

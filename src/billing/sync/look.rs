//! The looks at one object each: what is known here, then what Stripe says, then the rows that it makes.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;

use super::{Look, Seen, Sync, SyncError, fits, store};
use crate::billing::records::{
    self, Checkout, Payment, PaymentKind, PaymentStatus, Subscription, SubscriptionStatus,
};
use crate::billing::stripe::{IntentState, InvoiceState, META_USER, StripeError, SubscriptionState};

impl<T: PartialEq> Seen<T> {
    fn new(row: T, before: Option<&T>) -> Self {
        let changed = before != Some(&row);
        Self { row, changed }
    }
}

/// A subscription that was looked at, and how often it had been written.
struct SeenSubscription {
    seen: Seen<Subscription>,
    version: i64,
}

/// What is gone at Stripe is none of ours, unless we have a row of it.
fn gone<T>(object: &str, known: bool, error: StripeError) -> Result<Option<T>, SyncError> {
    match error {
        StripeError::NotFound if known => Err(SyncError::Unfit(format!("{object} is gone at Stripe"))),
        StripeError::NotFound => Ok(None),
        error => Err(error.into()),
    }
}

/// Stripe's objects are large, and a future holds all that it may ever hold: not on the stack of a thread that answers requests.
pub(super) fn boxed<'a, F: Future + Send + 'a>(future: F) -> BoxFuture<'a, F::Output> {
    Box::pin(future)
}

impl Sync {
    pub(super) async fn look_at_checkout(&self, id: &str) -> Result<Look, SyncError> {
        let (offer, customer) = {
            let client = self.client().await?;
            let Some(offer) = records::checkout(&client, id).await? else { return Ok(Look::default()) };
            let customer = records::customer_of(&client, offer.user).await?;
            (offer, customer)
        };
        let session = match boxed(self.stripe.checkout(id)).await {
            Ok(session) => session,
            Err(error) => return gone(id, true, error).map(Option::unwrap_or_default),
        };
        fits::session_fits(&offer, &session, customer.as_deref())?;
        let user = Some(offer.user);
        let look = match (offer.kind, session.subscription_id, session.intent_id) {
            (PaymentKind::Subscription, Some(subscription), _) => {
                boxed(self.look_at_subscription(&subscription)).await?
            }
            (PaymentKind::Plan | PaymentKind::Credits, _, Some(intent)) => {
                boxed(self.look_at_intent(&intent, Some(offer))).await?
            }
            // Nobody has paid there, and perhaps nobody will.
            _ => Look::default(),
        };
        if look.user.is_some() && look.user != user {
            return Err(SyncError::Unfit(format!("{id} led to what is somebody else's")));
        }
        Ok(Look { user, ..look })
    }

    /// `offer`: what its session offered, where that is known.
    pub(super) async fn look_at_intent(&self, id: &str, offer: Option<Checkout>) -> Result<Look, SyncError> {
        let known = store::intent(&self.client().await?, id).await?;
        if let Some(Payment { kind: PaymentKind::Subscription, invoice_id: Some(invoice), .. }) =
            &known.payment
        {
            return boxed(self.look_at_invoice(invoice)).await;
        }
        let is_known = known.payment.is_some() || known.offer.is_some() || offer.is_some();
        let intent = match boxed(self.stripe.intent(id)).await {
            Ok(intent) => intent,
            Err(error) => return gone(id, is_known, error).map(Option::unwrap_or_default),
        };
        let offer = match (&known.payment, offer.or(known.offer)) {
            (Some(payment), _) => fits::offer_of(payment),
            (None, Some(offer)) => offer,
            (None, None) => match self.offer_behind(&intent).await? {
                Behind::Offer(offer) => offer,
                Behind::Invoice(invoice) => return boxed(self.look_at_invoice(&invoice)).await,
                Behind::Nothing => return Ok(Look::default()),
            },
        };
        if known.payment.is_none() {
            let customer = records::customer_of(&self.client().await?, offer.user).await?;
            fits::customer_fits(id, intent.customer_id.as_deref(), customer.as_deref())?;
        }
        let row = fits::paid_once(&offer, known.payment.as_ref(), &intent)?;
        Ok(Look {
            user: Some(row.user),
            payment: Some(Seen::new(row, known.payment.as_ref())),
            subscription: None,
            versions: BTreeMap::from([(id.to_owned(), known.version)]),
        })
    }

    /// What an intent that we have no row of pays for.
    async fn offer_behind(&self, intent: &IntentState) -> Result<Behind, SyncError> {
        if let Some(invoice) = &intent.invoice_id {
            return Ok(Behind::Invoice(invoice.clone()));
        }
        // All that we make has it. It says no more than that it is worth a question.
        if !intent.metadata.contains_key(META_USER) {
            return Ok(Behind::Nothing);
        }
        let Some(session) = boxed(self.stripe.checkout_of(&intent.id)).await? else {
            return Ok(Behind::Nothing);
        };
        let client = self.client().await?;
        let Some(offer) = records::checkout(&client, &session.id).await? else { return Ok(Behind::Nothing) };
        let customer = records::customer_of(&client, offer.user).await?;
        fits::session_fits(&offer, &session, customer.as_deref())?;
        Ok(Behind::Offer(offer))
    }

    pub(super) async fn look_at_subscription(&self, id: &str) -> Result<Look, SyncError> {
        let Some(SeenSubscription { seen, version }) = self.see_subscription(id).await? else {
            return Ok(Look::default());
        };
        let user = Some(seen.row.user);
        let mut versions = BTreeMap::from([(id.to_owned(), version)]);
        let mut payment = None;
        if let Some(invoice) = &seen.row.latest_invoice_id {
            let (version, before) = store::invoice(&self.client().await?, invoice).await?;
            // What becomes of a payment after it was made has events of its own.
            let is_paid = before.as_ref().is_some_and(|before| before.status == PaymentStatus::Succeeded);
            if !is_paid && let Some((state, intent)) = self.fetch_invoice(invoice, before.as_ref()).await? {
                payment = self.see_payment(&seen.row, before.as_ref(), &state, intent.as_ref()).await?;
                if payment.is_some() {
                    versions.insert(invoice.clone(), version);
                }
            }
        }
        Ok(Look { user, payment, subscription: Some(seen), versions })
    }

    pub(super) async fn look_at_invoice(&self, id: &str) -> Result<Look, SyncError> {
        let (version, before) = store::invoice(&self.client().await?, id).await?;
        let Some((state, intent)) = self.fetch_invoice(id, before.as_ref()).await? else {
            return Ok(Look::default());
        };
        // Others are written by hand, for something else.
        let Some(subscription_id) = &state.subscription_id else { return Ok(Look::default()) };
        let mut versions = BTreeMap::from([(id.to_owned(), version)]);
        let (_, known) = store::subscription(&self.client().await?, subscription_id).await?;
        let (of, subscription) = match known {
            Some(known) => (known, None),
            None => match self.see_subscription(subscription_id).await? {
                Some(SeenSubscription { seen, version }) => {
                    versions.insert(subscription_id.clone(), version);
                    (seen.row.clone(), Some(seen))
                }
                None => return Ok(Look::default()),
            },
        };
        let payment = self.see_payment(&of, before.as_ref(), &state, intent.as_ref()).await?;
        if payment.is_none() {
            versions.remove(id);
        }
        Ok(Look { user: Some(of.user), payment, subscription, versions })
    }

    /// An invoice and its payment: at once where both are known.
    async fn fetch_invoice(
        &self,
        id: &str,
        before: Option<&Payment>,
    ) -> Result<Option<(InvoiceState, Option<IntentState>)>, SyncError> {
        let guess = before.and_then(|before| before.intent_id.as_deref());
        let guessed = async {
            match guess {
                Some(intent) => boxed(self.stripe.intent(intent)).await.map(Some),
                None => Ok(None),
            }
        };
        let (invoice, intent) = tokio::join!(boxed(self.stripe.invoice(id)), guessed);
        let invoice = match invoice {
            Ok(invoice) => invoice,
            Err(error) => return gone(id, before.is_some(), error),
        };
        let intent = match (invoice.intent_id.as_deref(), guess) {
            (Some(real), guess) if Some(real) != guess => Some(boxed(self.stripe.intent(real)).await?),
            (None, None) => None,
            _ => intent?,
        };
        Ok(Some((invoice, intent)))
    }

    async fn see_payment(
        &self,
        of: &Subscription,
        before: Option<&Payment>,
        invoice: &InvoiceState,
        intent: Option<&IntentState>,
    ) -> Result<Option<Seen<Payment>>, SyncError> {
        fits::customer_fits(&invoice.id, invoice.customer_id.as_deref(), Some(&of.customer_id))?;
        let plan = match invoice.price_id.as_deref() {
            Some(price) if price == of.price_id => Some(of.plan.clone()),
            Some(price) => self.plan_of(price, None).await?,
            None => None,
        };
        let plan = plan.or_else(|| before?.plan.clone()).unwrap_or_else(|| of.plan.clone());
        let row = fits::paid_again(of.user, &plan, before, invoice, intent);
        Ok(row.map(|row| Seen::new(row, before)))
    }

    async fn see_subscription(&self, id: &str) -> Result<Option<SeenSubscription>, SyncError> {
        let (version, before) = store::subscription(&self.client().await?, id).await?;
        let state = match boxed(self.stripe.subscription(id)).await {
            Ok(state) => state,
            Err(error) => return gone(id, before.is_some(), error),
        };
        let user = match &before {
            Some(before) => {
                fits::customer_fits(id, Some(&state.customer_id), Some(&before.customer_id))?;
                before.user
            }
            None => match records::user_of(&self.client().await?, &state.customer_id).await? {
                Some(user) => user,
                None => return Ok(None),
            },
        };
        let Some(plan) = self.plan_of_subscription(&state, before.as_ref()).await? else { return Ok(None) };
        let row = fits::subscription(user, plan, state);
        Ok(Some(SeenSubscription { seen: Seen::new(row, before.as_ref()), version }))
    }

    /// `None`: it is at a price that is none of our plans', and we did not make it.
    async fn plan_of_subscription(
        &self,
        state: &SubscriptionState,
        before: Option<&Subscription>,
    ) -> Result<Option<String>, SyncError> {
        if let Some(plan) = self.plan_of(&state.price_id, state.lookup_key.as_deref()).await? {
            return Ok(Some(plan));
        }
        if let Some(before) = before.filter(|before| before.price_id == state.price_id) {
            return Ok(Some(before.plan.clone()));
        }
        let over =
            matches!(state.status, SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired);
        match before {
            // Nobody has it any more, whatever it was.
            Some(before) if over => Ok(Some(before.plan.clone())),
            None if !state.metadata.contains_key(META_USER) => Ok(None),
            _ => Err(SyncError::Unfit(format!(
                "{} is at the price {}, which is of no plan here",
                state.id, state.price_id
            ))),
        }
    }
}

enum Behind {
    Offer(Checkout),
    Invoice(String),
    Nothing,
}

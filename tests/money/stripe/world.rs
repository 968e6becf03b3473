//! A stand-in, and a client that talks to it.

use std::sync::Arc;

use greenroom::billing::stripe::standin::{Options, StandIn};
use greenroom::billing::stripe::{
    CheckoutState, InvoiceState, NewCheckout, Offer, Stripe, SubscriptionState,
};
use greenroom::config::Config;
use greenroom_actors::domain::{Plan, UserId};
use secrecy::SecretString;

pub struct World {
    pub double: StandIn,
    pub stripe: Stripe,
    pub config: Config,
    pub user: UserId,
    pub customer: String,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let double = StandIn::start(Options::default()).await.expect("it starts");
        let mut config = Config::default();
        config.stripe.secret_key = SecretString::from(double.keys().secret.clone());
        config.stripe.api_base = double.url();
        change(&mut config);
        let stripe = Stripe::open(&config).expect("good settings").expect("a key is set");
        let user = UserId::new();
        let customer =
            stripe.create_customer(user, Some("mira@example.com"), "Mira").await.expect("a customer");
        Self { double, stripe, config, user, customer }
    }

    /// Another client of the same Stripe, with other settings.
    pub fn client(&self, change: impl FnOnce(&mut Config)) -> Stripe {
        let mut config = self.config.clone();
        change(&mut config);
        Stripe::open(&config).expect("good settings").expect("a key is set")
    }

    pub fn plan(&self, name: &str) -> Arc<Plan> {
        self.config.engine_plans().by_name[name].clone()
    }

    pub async fn open(&self, offer: Offer, key: &str) -> CheckoutState {
        let new = NewCheckout {
            user: self.user,
            customer: &self.customer,
            offer: &offer,
            success_url: "https://chat.example.com/done?session={CHECKOUT_SESSION_ID}",
            cancel_url: "https://chat.example.com/back",
            key,
        };
        self.stripe.open_checkout(&new).await.expect("a session")
    }

    /// A paid one, with the invoice of its first period.
    pub async fn subscribed(&self, plan: &str) -> (SubscriptionState, InvoiceState) {
        let begun = self
            .stripe
            .subscribe(self.user, &self.customer, &self.plan(plan), plan)
            .await
            .expect("it begins");
        let invoice = begun.latest_invoice_id.clone().expect("an invoice");
        self.double.pay_invoice(&invoice, "pm_card_visa").expect("a good card");
        let paid = self.stripe.invoice(&invoice).await.expect("the invoice");
        (self.stripe.subscription(&begun.id).await.expect("the subscription"), paid)
    }

    /// Of events so far, the oldest first.
    pub fn kinds(&self) -> Vec<String> {
        self.double.events().into_iter().map(|event| event.kind).collect()
    }
}

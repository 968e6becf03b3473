//! A server that sells, its Stripe, and people who buy.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom::billing::records::{self, Checkout, PaymentKind};
use greenroom::billing::stripe::standin::{GOOD_CARD, HeldEvent, Options, StandIn};
use greenroom::billing::stripe::{NewCheckout, Offer, Stripe, SubscriptionState};
use greenroom::config::Config;
use greenroom_actors::domain::{Plan, UserId};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use crate::support::app::{TestApp, TestUser};
use crate::support::database::TestDatabase;
use crate::support::stripe::{header, sells_in_a_hurry};

/// A card that pays.
pub const GOOD: &str = GOOD_CARD;
pub const PATH: &str = "/api/webhooks/stripe";

pub struct Shop {
    pub app: TestApp,
    pub standin: StandIn,
    pub stripe: Stripe,
    pub config: Config,
}

/// Somebody with an account, and a customer at Stripe.
pub struct Buyer {
    pub user: TestUser,
    pub id: UserId,
    pub customer: String,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::open_on(TestDatabase::create().await, change).await
    }

    pub async fn open_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let standin = StandIn::start(Options::default()).await.expect("a stand-in");
        // Tests bring the events themselves.
        standin.hold();
        let mut config = Config::default();
        sells_in_a_hurry(&mut config, &standin);
        let stripe = Stripe::open(&config).expect("settings that hold").expect("a key");
        let app = TestApp::start_on(database, |config| {
            sells_in_a_hurry(config, &standin);
            change(config);
        })
        .await;
        Self { app, standin, stripe, config }
    }

    pub fn close(self) -> BoxFuture<'static, ()> {
        let end = async move {
            self.app.stop().await;
            self.standin.stop().await;
        };
        end.boxed()
    }

    pub async fn buyer(&self) -> Buyer {
        let user = self.app.user().await;
        let id: UserId = user.id.parse().expect("an id");
        let customer = self.stripe.create_customer(id, Some(&user.email), "Mira").await.expect("a customer");
        let client = self.app.database.pool().get().await.expect("a connection");
        records::keep_customer(&client, id, &customer).await.expect("it is kept");
        Buyer { user, id, customer }
    }

    pub fn plan(&self, name: &str) -> Arc<Plan> {
        self.config.engine_plans().find(name).expect("a plan").clone()
    }

    /// A checkout as the server opens it: its id.
    pub async fn checkout(&self, buyer: &Buyer, plan: &str) -> String {
        self.offer(buyer, Offer::Plan(self.plan(plan))).await
    }

    pub async fn credit_checkout(&self, buyer: &Buyer, credits: u32) -> String {
        self.offer(buyer, Offer::Credits { credits, amount_cents: i64::from(credits) * 10 }).await
    }

    async fn offer(&self, buyer: &Buyer, offer: Offer) -> String {
        let key = uuid::Uuid::now_v7().to_string();
        let new = NewCheckout {
            user: buyer.id,
            customer: &buyer.customer,
            offer: &offer,
            success_url: "http://localhost/success",
            cancel_url: "http://localhost/cancel",
            key: &key,
        };
        let session = self.stripe.open_checkout(&new).await.expect("a session");
        let client = self.app.database.pool().get().await.expect("a connection");
        records::keep_checkout(&client, &checkout_row(&session.id, buyer.id, &offer))
            .await
            .expect("it is kept");
        session.id
    }

    /// Somebody buys a plan for days: the payment's intent.
    pub async fn buy(&self, buyer: &Buyer, plan: &str) -> String {
        let session = self.checkout(buyer, plan).await;
        self.standin.pay_checkout(&session).expect("it is paid");
        self.intent_of(&session)
    }

    pub fn intent_of(&self, session: &str) -> String {
        self.standin.object(session)["payment_intent"].as_str().expect("an intent").to_owned()
    }

    /// Somebody subscribes, and pays.
    pub async fn subscribe(&self, buyer: &Buyer, plan: &str) -> SubscriptionState {
        let key = uuid::Uuid::now_v7().to_string();
        let made = self
            .stripe
            .subscribe(buyer.id, &buyer.customer, &self.plan(plan), &key)
            .await
            .expect("a subscription");
        let invoice = made.latest_invoice_id.clone().expect("its first invoice");
        let intent = self.stripe.invoice(&invoice).await.expect("it").intent_id.expect("an intent");
        self.standin.confirm_intent(&intent, GOOD_CARD).expect("it is paid");
        self.stripe.subscription(&made.id).await.expect("it")
    }

    /// The latest events of a type that were held back; the others are gone.
    pub fn told(&self, kind: &str) -> Vec<HeldEvent> {
        self.standin.take_held().into_iter().filter(|event| event.kind == kind).collect()
    }

    /// Brings an event, signed.
    pub async fn bring(&self, event: &HeldEvent) -> (u16, Value) {
        self.post(PATH, &event.body, &header(&event.body)).await
    }

    /// Brings all that was held back, in order.
    pub async fn bring_all(&self) {
        for event in self.standin.take_held() {
            let (status, answer) = self.bring(&event).await;
            assert_eq!(status, 200, "{}: {answer}", event.kind);
        }
    }

    pub async fn post(&self, path: &str, body: &str, signature: &str) -> (u16, Value) {
        let request = self.app.http.post(self.app.url(path)).header("Stripe-Signature", signature);
        let answer = request.body(body.to_owned()).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// What one row tells, as JSON.
    pub async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Value {
        let client = self.app.database.pool().get().await.expect("a connection");
        let sql = format!("select to_jsonb(x) from ({sql}) x");
        let row = client.query_opt(&sql, values).await.expect("rows");
        row.map_or(Value::Null, |row| row.get(0))
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let client = self.app.database.pool().get().await.expect("a connection");
        client.query_one(sql, &[]).await.expect("a count").get(0)
    }

    pub async fn event(&self, id: &str) -> Value {
        self.row("select * from stripe_events where id = $1", &[&id]).await
    }

    pub async fn state_of(&self, event: &HeldEvent) -> String {
        self.event(&event.id).await["state"].as_str().unwrap_or("none").to_owned()
    }

    pub async fn payment(&self, intent: &str) -> Value {
        self.row("select * from payments where intent_id = $1", &[&intent]).await
    }

    /// The plan that somebody has now.
    pub async fn plan_of(&self, buyer: &Buyer) -> String {
        let standing = self.row("select plan from standing where id = $1", &[&buyer.id.uuid()]).await;
        standing["plan"].as_str().unwrap_or_default().to_owned()
    }

    pub async fn until(&self, buyer: &Buyer) -> Option<Timestamp> {
        let row = self.row("select plan_until from users where id = $1", &[&buyer.id.uuid()]).await;
        row["plan_until"].as_str().map(|text| text.parse().expect("a time"))
    }

    pub async fn credits(&self, buyer: &Buyer) -> i64 {
        let (status, answer) = self.app.get("/api/credits", Some(&buyer.user.token)).await;
        assert_eq!(status, 200, "{answer}");
        answer["available"].as_i64().expect("a number")
    }
}

/// The body of an event that nobody at Stripe made.
pub fn event(id: &str, kind: &str, object: &Value) -> String {
    json!({
        "id": id, "object": "event", "type": kind, "created": Timestamp::now().as_second(), "livemode": false,
        "api_version": "2026-09-30.endive", "data": { "object": object },
    })
    .to_string()
}

/// What the server keeps of an offer.
pub fn checkout_row(id: &str, user: UserId, offer: &Offer) -> Checkout {
    let (kind, plan, credits, amount_cents) = match offer {
        Offer::Plan(plan) => {
            let kind = if plan.term.renews() { PaymentKind::Subscription } else { PaymentKind::Plan };
            (kind, Some(plan.name.to_string()), None, i64::from(plan.price_cents))
        }
        Offer::Credits { credits, amount_cents } => {
            (PaymentKind::Credits, None, Some(*credits), *amount_cents)
        }
    };
    Checkout { id: id.to_owned(), user, kind, plan, credits, amount_cents, currency: "usd".to_owned() }
}

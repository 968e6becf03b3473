//! A server that sells, its Stripe, and people who buy.

use greenroom::billing::stripe::standin::{Options, StandIn};
use greenroom::config::Config;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};
use crate::support::database::TestDatabase;
use crate::support::stripe::{header, sells_in_a_hurry};

pub struct World {
    pub app: TestApp,
    pub standin: StandIn,
}

impl World {
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        let standin = StandIn::start(Options::default()).await.expect("a stand-in");
        // Tests bring the events themselves.
        standin.hold();
        let app = TestApp::start_on(TestDatabase::create().await, |config| {
            sells_in_a_hurry(config, &standin);
            change(config);
        })
        .await;
        Self { app, standin }
    }

    pub async fn close(self) {
        self.app.stop().await;
        self.standin.stop().await;
    }

    pub async fn get(&self, path: &str, user: &TestUser) -> Value {
        let (status, answer) = self.app.get(path, Some(&user.token)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub async fn post(&self, path: &str, user: &TestUser, body: Value) -> (u16, Value) {
        self.app.post(path, Some(&user.token), body).await
    }

    /// It is done.
    pub async fn does(&self, path: &str, user: &TestUser, body: Value) -> Value {
        let (status, answer) = self.post(path, user, body.clone()).await;
        assert!(matches!(status, 200 | 201), "{path} {body}: {status} {answer}");
        answer
    }

    pub async fn change(&self, user: &TestUser, id: &str, plan: &str) -> (u16, Value) {
        let path = format!("/api/subscriptions/{id}");
        self.app.call(Method::PUT, &path, Some(&user.token), Some(json!({ "plan": plan }))).await
    }

    /// What a checkout takes, with addresses of this server.
    pub fn order(&self, of: Value) -> Value {
        let mut body = json!({
            "successUrl": self.app.url("/#/plans/paid/{CHECKOUT_SESSION_ID}"),
            "cancelUrl": self.app.url("/#/plans/left"),
        });
        let Value::Object(of) = of else { panic!("an object") };
        body.as_object_mut().unwrap().extend(of);
        body
    }

    /// Opens a checkout: its id.
    pub async fn checkout(&self, user: &TestUser, of: Value) -> String {
        let opened = self.does("/api/payments/create-checkout-session", user, self.order(of)).await;
        assert!(opened["url"].as_str().unwrap().starts_with("http"), "{opened}");
        opened["sessionId"].as_str().unwrap().to_owned()
    }

    pub async fn verify(&self, user: &TestUser, session: &str) -> Value {
        self.does("/api/payments/verify-success", user, json!({ "sessionId": session })).await
    }

    /// Opens a checkout, pays it and comes back.
    pub async fn buys(&self, user: &TestUser, of: Value) -> Value {
        let session = self.checkout(user, of).await;
        self.standin.pay_checkout(&session).expect("it is paid");
        let verified = self.verify(user, &session).await;
        assert_eq!(verified["status"], "paid", "{verified}");
        verified["standing"].clone()
    }

    /// Subscribes and pays in the browser: the subscription's id. Stripe's events have come.
    pub async fn subscribes(&self, user: &TestUser, plan: &str) -> String {
        let begun = self.does("/api/subscriptions", user, json!({ "plan": plan })).await;
        assert_eq!(begun["paymentRequired"], true, "{begun}");
        self.pays(&begun).await;
        begun["subscription"]["id"].as_str().unwrap().to_owned()
    }

    /// The browser pays what an answer has a secret for, and Stripe tells of it.
    pub async fn pays(&self, answer: &Value) {
        let secret = answer["clientSecret"].as_str().unwrap_or_else(|| panic!("no secret: {answer}"));
        let intent = secret.split("_secret").next().unwrap();
        let good = greenroom::billing::stripe::standin::GOOD_CARD;
        self.standin.confirm_intent(intent, good).expect("it is paid");
        self.bring_all().await;
    }

    pub async fn standing(&self, user: &TestUser) -> Value {
        self.get("/api/payments/subscription/status", user).await
    }

    /// Brings all of Stripe's events that were held back.
    pub async fn bring_all(&self) {
        for event in self.standin.take_held() {
            let signature = header(&event.body);
            let request = self.app.http.post(self.app.url("/api/webhooks/stripe"));
            let request = request.header("Stripe-Signature", signature).body(event.body.clone());
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{}", event.kind);
        }
    }

    /// Sessions, subscriptions … at Stripe that fit.
    pub fn at_stripe(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> usize {
        self.standin.objects(kind).iter().filter(|object| fits(object)).count()
    }

    pub async fn execute(&self, sql: &str) -> u64 {
        let client = self.app.database.pool().get().await.unwrap();
        client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let client = self.app.database.pool().get().await.unwrap();
        client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }

    pub async fn customer(&self, user: &TestUser) -> String {
        let client = self.app.database.pool().get().await.unwrap();
        let sql = format!("select customer_id from stripe_customers where user_id = '{}'", user.id);
        client.query_one(&sql, &[]).await.expect("a customer").get(0)
    }
}

pub fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().expect("a time")
}

/// A refusal: its code, and the field that is to blame.
#[track_caller]
pub fn refused((status, answer): (u16, Value), expected: u16, code: &str) -> Value {
    assert_eq!((status, &answer["error"]), (expected, &json!(code)), "{answer}");
    answer
}

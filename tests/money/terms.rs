//! What somebody has by what was bought and given, on real rows.

mod clock;
mod credits;
mod days;
mod subscribed;
mod together;
mod walk;

use std::sync::{Arc, Mutex};

use deadpool_postgres::Pool;
use greenroom::billing::Ledger;
use greenroom::billing::ledger::BalanceView;
use greenroom::billing::plans::Offers;
use greenroom::billing::records::{
    Payment, PaymentKind, PaymentStatus, Subscription, SubscriptionStatus, keep_payment, keep_subscription,
};
use greenroom::billing::terms::{Notice, StandingView, Terms, settle, standing};
use greenroom::config::Config;
use greenroom::outbound::Outbound;
use greenroom_actors::domain::{Catalogue, UserId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::support::database::TestDatabase;

/// A house with a database of its own, and nobody in it.
struct House {
    database: TestDatabase,
    terms: Terms,
    offers: Offers,
    ledger: Ledger,
    /// What people were told on their sockets.
    heard: Arc<Mutex<Vec<Notice>>>,
}

impl House {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let mut config = Config::default();
        config.auth.jwt_secret = "a signing secret for the tests alone".into();
        change(&mut config);
        let plans = Catalogue::new(config.engine_plans());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        let teller = Arc::new(move |notice: &Notice| hears.lock().unwrap().push(notice.clone()));
        let outbound = Outbound::open(&config).unwrap();
        let terms = Terms::new(plans.clone(), config.billing.clone(), outbound, teller);
        let ledger = Ledger::new(database.pool());
        Self { offers: Offers::new(plans, &config), database, terms, ledger, heard }
    }

    fn pool(&self) -> Pool {
        self.database.pool()
    }

    async fn sql(&self, statement: &str) {
        self.pool().get().await.unwrap().batch_execute(statement).await.unwrap();
    }

    async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, statement: &str) -> T {
        self.pool().get().await.unwrap().query_one(statement, &[]).await.unwrap().get(0)
    }

    /// Somebody with this plan, and an address that is proved.
    async fn person(&self, plan: &str) -> UserId {
        let user = UserId::new();
        let name = format!("p{}", &user.uuid().simple().to_string()[20..]);
        self.sql(&format!(
            "insert into users (id, username, username_key, display_name, plan, email, email_key, email_verified_at)
            values ('{user}', '{name}', '{name}', 'Mira', '{plan}', '{name}@example.com', '{name}@example.com', now())"
        ))
        .await;
        user
    }

    /// Settles as an event does: answers what is to be told.
    async fn settle(&self, user: UserId) -> Vec<Notice> {
        let pool = self.pool();
        let mut client = pool.get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let notices = settle(&transaction, user, &self.terms).await.unwrap();
        transaction.commit().await.unwrap();
        notices
    }

    /// The codes of what is told when it is settled.
    async fn told(&self, user: UserId) -> Vec<&'static str> {
        self.settle(user).await.into_iter().map(|notice| notice.code).collect()
    }

    async fn keep(&self, payment: &Payment) {
        keep_payment(&self.pool().get().await.unwrap(), payment).await.unwrap();
    }

    async fn subscribe(&self, subscription: &Subscription) {
        keep_subscription(&self.pool().get().await.unwrap(), subscription).await.unwrap();
    }

    async fn standing(&self, user: UserId) -> StandingView {
        standing(&self.pool().get().await.unwrap(), user, &self.terms, &self.offers).await.unwrap()
    }

    /// What is enforced now, and the same as it is shown: plan, its end, what comes then.
    async fn plan(&self, user: UserId) -> (String, Option<Timestamp>, Option<String>) {
        let client = self.pool().get().await.unwrap();
        let sql = "select s.plan, s.plan_until, case when s.plan_until is not null then u.plan_after end
            from standing s join users u on u.id = s.id where s.id = $1";
        let row = client.query_one(sql, &[&user.uuid()]).await.unwrap();
        let (plan, until, after): (String, Option<Timestamp>, Option<String>) =
            (row.get(0), row.get(1), row.get(2));
        let shown = self.standing(user).await;
        assert_eq!(
            (&*shown.plan.name, shown.plan_until, shown.plan_after.as_deref()),
            (plan.as_str(), until.map(to_the_millisecond), after.as_deref()),
            "what is shown is what holds"
        );
        (plan, until, after)
    }

    async fn balance(&self, user: UserId) -> BalanceView {
        self.ledger.balance(user).await.unwrap()
    }

    /// Subjects of the letters that were queued.
    async fn letters(&self) -> i64 {
        self.one("select count(*) from jobs where kind = 'mail.send'").await
    }

    /// The books are right, and settling anew changes nothing at all.
    async fn is_right(&self, user: UserId) {
        assert_eq!(self.ledger.verify().await.unwrap().faults, Vec::<String>::new());
        let before = self.all().await;
        assert_eq!(self.settle(user).await, Vec::new(), "nothing more is told");
        assert_eq!(self.all().await, before, "nothing is written twice");
    }

    /// All that settling writes.
    async fn all(&self) -> Value {
        let parts = [
            "users",
            "payments",
            "credit_transfers",
            "credit_entries",
            "credit_balances",
            "credit_accounts",
            "credit_lots",
            "terms_told",
            "jobs",
        ];
        let parts = parts.map(|table| {
            format!("'{table}', (select jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text) from {table} t)")
        });
        self.one(&format!("select jsonb_build_object({})", parts.join(", "))).await
    }
}

fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap()
}

/// Now, to the second, as Stripe tells time.
fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A payment of $7 for fifteen days of premium, paid at that time.
fn premium(user: UserId, paid_at: Timestamp) -> Payment {
    let id = Uuid::now_v7();
    Payment {
        id,
        user,
        kind: PaymentKind::Plan,
        plan: Some("premium".into()),
        credits: None,
        intent_id: Some(format!("pi_{}", id.simple())),
        invoice_id: None,
        charge_id: None,
        checkout_id: None,
        subscription_id: None,
        billing_reason: None,
        amount_cents: 700,
        currency: "usd".into(),
        refunded_cents: 0,
        status: PaymentStatus::Succeeded,
        dispute: None,
        failure: None,
        paid_at: Some(paid_at),
        period_start: None,
        period_end: None,
        taken_at: None,
        created_at: paid_at,
    }
}

/// A payment of $10 for a hundred credits.
fn pack(user: UserId) -> Payment {
    Payment {
        kind: PaymentKind::Credits,
        plan: None,
        credits: Some(100),
        amount_cents: 1_000,
        ..premium(user, now())
    }
}

/// An active subscription whose present period began so many days ago and has 30.
fn subscription(user: UserId, plan: &str, began_days_ago: i64) -> Subscription {
    let start = now() - days(began_days_ago);
    let id = format!("sub_{}", Uuid::now_v7().simple());
    Subscription {
        customer_id: "cus_1".into(),
        item_id: "si_1".into(),
        price_id: "price_1".into(),
        id,
        user,
        plan: plan.into(),
        status: SubscriptionStatus::Active,
        cancel_at_period_end: false,
        current_period_start: start,
        current_period_end: start + days(30),
        latest_invoice_id: None,
        canceled_at: None,
        ended_at: None,
        created_at: start,
    }
}

/// The next period of it.
fn renewed(subscription: &Subscription) -> Subscription {
    Subscription {
        current_period_start: subscription.current_period_end,
        current_period_end: subscription.current_period_end + days(30),
        ..subscription.clone()
    }
}

/// What was paid for its present period.
fn invoice(subscription: &Subscription, reason: &str) -> Payment {
    let (from, until) = (subscription.current_period_start, subscription.current_period_end);
    let payment = premium(subscription.user, from);
    Payment {
        kind: PaymentKind::Subscription,
        plan: Some(subscription.plan.clone()),
        invoice_id: Some(format!("in_{}", payment.id.simple())),
        subscription_id: Some(subscription.id.clone()),
        billing_reason: Some(reason.into()),
        amount_cents: 2_999,
        period_start: Some(from),
        period_end: Some(until),
        ..payment
    }
}

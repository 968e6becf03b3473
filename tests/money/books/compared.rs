//! The comparison of what Stripe says with what is kept here.

use std::sync::Arc;
use std::time::Duration;

use greenroom::billing::books::reconcile::{Online, Reconciler, Report};
use greenroom::billing::stripe::standin::Fault;
use greenroom::billing::sync::Sync;
use greenroom::billing::terms::Terms;
use greenroom::billing::{Ledger, Webhooks};
use greenroom::outbound::Outbound;
use greenroom_actors::domain::Catalogue;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::shop::Shop;

impl Shop {
    /// A comparison, an hour from now: what was told by now has had its time to come.
    async fn compare(&self) -> Report {
        let outbound = Outbound::open(&self.config).expect("settings that hold");
        let plans = Catalogue::new(self.config.engine_plans());
        let terms = Terms::new(plans, self.config.billing.clone(), outbound, Arc::new(|_| {}));
        let pool = self.app.database.pool();
        let stripe = self.stripe.clone();
        let sync = Sync::new(pool.clone(), stripe.clone(), terms.clone());
        let webhooks = Webhooks::new(pool.clone(), Some((stripe.clone(), sync.clone())), &self.config);
        let online = Online { stripe, sync, webhooks };
        let reconciler = Reconciler::new(pool.clone(), Some(online), Ledger::new(pool), terms);
        let now = Timestamp::now() + SignedDuration::from_hours(1);
        loop {
            // The server's own may be under way.
            if let Some(report) = reconciler.run(now).await.expect("a run") {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_never_came_are_handled_and_books_that_agree_are_left_alone() {
    let shop = Shop::open().await;
    let (days, month) = (shop.buyer().await, shop.buyer().await);
    shop.buy(&days, "premium").await;
    shop.subscribe(&month, "starter").await;
    drop(shop.standin.take_held());
    assert_eq!(shop.plan_of(&days).await, "free", "nobody told");
    let report = shop.compare().await;
    assert!(report.repaired_count > 0 && report.incomplete.is_none(), "{report:?}");
    assert_eq!((report.found_count, report.checked.subscriptions), (0, 1), "{report:?}");
    assert_eq!(
        (shop.plan_of(&days).await.as_str(), shop.plan_of(&month).await.as_str()),
        ("premium", "starter")
    );
    assert_eq!((shop.credits(&days).await, shop.credits(&month).await), (50, 100));
    let again = shop.compare().await;
    assert_eq!((again.repaired_count, again.found_count), (0, 0), "{again:?}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_went_wrong_follow_stripe_again() {
    let shop = Shop::open().await;
    let (days, month) = (shop.buyer().await, shop.buyer().await);
    let intent = shop.buy(&days, "premium").await;
    let subscription = shop.subscribe(&month, "pro").await;
    shop.bring_all().await;
    let client = shop.app.database.pool().get().await.unwrap();
    let broken = format!(
        "update payments set status = 'failed', paid_at = null where intent_id = '{intent}';
        update subscriptions set status = 'canceled' where id = '{}';
        update users set plan = 'enterprise', plan_until = null, plan_after = null where id = '{}'",
        subscription.id, days.user.id
    );
    client.batch_execute(&broken).await.unwrap();
    drop(client);
    let report = shop.compare().await;
    assert_eq!(report.found_count, 0, "{report:?}");
    assert_eq!((shop.plan_of(&days).await.as_str(), shop.plan_of(&month).await.as_str()), ("premium", "pro"));
    assert_eq!(shop.payment(&intent).await["status"], "succeeded");
    assert_eq!(
        (shop.credits(&days).await, shop.credits(&month).await),
        (50, 500),
        "nothing was granted twice"
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_has_to_decide_is_reported_and_not_touched() {
    let shop = Shop::open().await;
    let (twice, gone) = (shop.buyer().await, shop.buyer().await);
    shop.subscribe(&twice, "starter").await;
    shop.subscribe(&twice, "pro").await;
    shop.bring_all().await;
    let client = shop.app.database.pool().get().await.unwrap();
    let sql = "insert into subscriptions (id, user_id, customer_id, item_id, price_id, plan, status, cancel_at_period_end,
            current_period_start, current_period_end, created_at)
        values ('sub_of_nobody', $1, $2, 'si_1', 'price_1', 'pro', 'active', false, now(), now() + interval '30 days', now())";
    client.execute(sql, &[&gone.id.uuid(), &gone.customer]).await.unwrap();
    let sql = "insert into stripe_events (id, type, livemode, payload, state, created_at)
        values ('evt_dead', 'invoice.paid', false, '{}', 'failed', now())";
    client.execute(sql, &[]).await.unwrap();
    drop(client);
    let report = shop.compare().await;
    let said: Vec<String> = report.found.iter().map(|one| format!("{} {}", one.id, one.message)).collect();
    for (id, words) in [
        (twice.user.id.as_str(), "2 subscriptions at once"),
        ("sub_of_nobody", "Stripe does not know it"),
        ("failed", "1 events failed for good"),
    ] {
        assert!(said.iter().any(|one| one.starts_with(id) && one.contains(words)), "{words}: {said:?}");
    }
    let kept = shop.row("select status from subscriptions where id = 'sub_of_nobody'", &[]).await;
    assert_eq!(kept["status"], "active", "nothing is taken from anybody for that");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stripe_the_rest_is_compared_and_the_report_says_so() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    shop.bring_all().await;
    let client = shop.app.database.pool().get().await.unwrap();
    client
        .execute(
            "update users set plan = 'free', plan_until = null, plan_after = null where id = $1",
            &[&buyer.id.uuid()],
        )
        .await
        .unwrap();
    drop(client);
    shop.standin.fail_next((0..50).map(|_| Fault::Status {
        status: 500,
        retry_after: None,
        should_retry: None,
    }));
    let report = shop.compare().await;
    assert!(report.incomplete.is_some_and(|why| why.contains("Stripe")));
    assert_eq!(shop.plan_of(&buyer).await, "premium", "what is kept here was settled");
    shop.standin.heal();
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_orders_a_comparison_and_finds_its_report() {
    let shop = Shop::open().await;
    let (buyer, admin) = (shop.buyer().await, shop.app.admin().await);
    let path = "/api/admin/reconciliation";
    let (_, none) = shop.app.get(path, Some(&admin.token)).await;
    let before = none["finishedAt"].clone();
    assert_eq!(shop.app.post(path, Some(&buyer.user.token), json!({})).await.0, 403);
    let (status, ordered) = shop.app.post(path, Some(&admin.token), json!({})).await;
    assert_eq!((status, &ordered["running"]), (202, &json!(true)), "{ordered}");
    let done = loop {
        let (_, look) = shop.app.get(path, Some(&admin.token)).await;
        if look["running"] == false && look["finishedAt"] != before {
            break look;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (&done["report"]["incomplete"], &done["report"]["foundCount"]),
        (&Value::Null, &json!(0)),
        "{done}"
    );
    let (_, audit) = shop.app.get("/api/admin/audit?action=billing.reconcile", Some(&admin.token)).await;
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1), "{audit}");
    shop.close().await;
}

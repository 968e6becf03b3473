//! Stripe away, the database away, and what is tried again.

use std::time::Duration;

use greenroom::billing::stripe::standin::Fault;
use greenroom::config::Config;
use serde_json::{Value, json};

use super::shop::{PATH, Shop, event};
use crate::support::app::{TestApp, eventually};
use crate::support::chaos::{ChaosProxy, Target};
use crate::support::database::TestDatabase;
use crate::support::stripe::{header, sells_in_a_hurry};

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_is_away_an_event_is_kept_and_done_when_it_is_back() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let events = shop.told("payment_intent.succeeded");
    let faults = [Fault::status(503), Fault::Cut, Fault::Garbage, Fault::status(500), Fault::too_many(0)];
    shop.standin.fail_next(faults);
    let (status, answer) = shop.bring(&events[0]).await;
    assert_eq!((status, answer), (200, json!({"received": true, "duplicate": false})));
    eventually("it is done", async || shop.state_of(&events[0]).await == "done").await;
    let kept = shop.event(&events[0].id).await;
    assert!(kept["tries"].as_i64().unwrap() > 1, "{kept}");
    assert_eq!(kept["error"], Value::Null);
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("premium", 50));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_can_do_is_given_up_told_and_can_be_replayed() {
    let shop = Shop::open_with(|config| config.stripe.event_tries = 3).await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let events = shop.told("payment_intent.succeeded");
    shop.standin.fail_next([Fault::status(500); 50]);
    assert_eq!(shop.bring(&events[0]).await.0, 200);
    eventually("it is given up", async || shop.state_of(&events[0]).await == "failed").await;
    let kept = shop.event(&events[0].id).await;
    assert_eq!(kept["tries"], 3, "{kept}");
    assert!(kept["error"].as_str().is_some_and(|error| error.contains("Stripe")), "{kept}");
    let metrics = shop.app.text("/metrics").await;
    assert!(metrics.contains("greenroom_stripe_events_total{outcome=\"failed\"}"), "it is counted");
    shop.standin.heal();
    let admin = shop.app.admin().await;
    let path = format!("/api/admin/stripe-events/{}/replay", events[0].id);
    let (status, replayed) = shop.app.post(&path, Some(&admin.token), json!({})).await;
    assert_eq!((status, &replayed["state"]), (200, &json!("done")), "{replayed}");
    assert_eq!(shop.plan_of(&buyer).await, "premium");
    shop.close().await;
}

/// Who clicks "resend" in Stripe's own console means it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_given_up_is_tried_again_when_stripe_sends_it_again() {
    let shop = Shop::open_with(|config| config.stripe.event_tries = 1).await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let events = shop.told("payment_intent.succeeded");
    shop.standin.fail_next([Fault::status(500)]);
    assert_eq!(shop.bring(&events[0]).await.0, 200);
    assert_eq!(shop.state_of(&events[0]).await, "failed");
    let (status, answer) = shop.bring(&events[0]).await;
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)), "{answer}");
    assert_eq!(
        (shop.state_of(&events[0]).await.as_str(), shop.plan_of(&buyer).await.as_str()),
        ("done", "premium")
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_that_hangs_does_not_keep_the_webhook_waiting() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let events = shop.told("payment_intent.succeeded");
    shop.standin.fail_next([Fault::hang(Duration::from_secs(30))]);
    let started = std::time::Instant::now();
    let (status, _) = shop.bring(&events[0]).await;
    assert_eq!(status, 200);
    assert!(started.elapsed() < Duration::from_secs(20), "Stripe itself gives up after that");
    eventually("it is done", async || shop.state_of(&events[0]).await == "done").await;
    shop.close().await;
}

/// A job that was dropped or lost leaves an event that waits: the sweep gives it another one.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_job_is_gone_gets_another_one() {
    let shop = Shop::open_with(|config| config.jobs.backoff_ms = 3_600_000).await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let events = shop.told("payment_intent.succeeded");
    shop.standin.fail_next([Fault::status(503)]);
    shop.bring(&events[0]).await;
    assert_eq!(shop.state_of(&events[0]).await, "waiting");
    let client = shop.app.database.pool().get().await.unwrap();
    client.execute("delete from jobs where kind = 'billing.event'", &[]).await.unwrap();
    client
        .execute("update job_schedules set next_at = now() where kind = 'billing.events-sweep'", &[])
        .await
        .ok();
    drop(client);
    let client = shop.app.database.pool().get().await.unwrap();
    let job = greenroom::jobs::NewJob::new(
        greenroom::jobs::QueueName::Maintenance,
        "billing.events-sweep",
        Value::Null,
    );
    greenroom::jobs::enqueue(&client, &job).await.unwrap();
    drop(client);
    eventually("it is done", async || shop.state_of(&events[0]).await == "done").await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_that_ended_are_swept_and_those_that_wait_are_not() {
    let shop = Shop::open().await;
    for id in ["evt_old", "evt_new", "evt_waits"] {
        let body = event(id, "customer.created", &json!({"id": "cus_1"}));
        assert_eq!(shop.post(PATH, &body, &header(&body)).await.0, 200);
    }
    let client = shop.app.database.pool().get().await.unwrap();
    let old = "update stripe_events set received_at = now() - interval '91 days' where id <> 'evt_new'";
    client.execute(old, &[]).await.unwrap();
    client.execute("update stripe_events set state = 'waiting' where id = 'evt_waits'", &[]).await.unwrap();
    let job = greenroom::jobs::NewJob::new(
        greenroom::jobs::QueueName::Maintenance,
        "billing.events-sweep",
        Value::Null,
    );
    greenroom::jobs::enqueue(&client, &job).await.unwrap();
    drop(client);
    eventually("the old one is gone", async || shop.event("evt_old").await == Value::Null).await;
    eventually("what waited is done", async || shop.event("evt_waits").await["state"] == "ignored").await;
    assert_eq!(shop.event("evt_new").await["state"], "ignored");
    shop.close().await;
}

/// Nothing is received that was not written: Stripe sends it again.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_stripe_is_told_to_come_again() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let folder = url.split(' ').find_map(|part| part.strip_prefix("host=")).unwrap();
    let proxy = ChaosProxy::start(Target::Unix(format!("{folder}/.s.PGSQL.5432").into())).await;
    let name = url.split(' ').find_map(|part| part.strip_prefix("dbname=")).unwrap().to_owned();
    let through = format!(
        "host={} port={} user=greenroom dbname={name} sslmode=disable",
        proxy.address.ip(),
        proxy.address.port()
    );
    let standin = greenroom::billing::stripe::standin::StandIn::start(
        greenroom::billing::stripe::standin::Options::default(),
    )
    .await
    .unwrap();
    let app = TestApp::start_on(database, |config: &mut Config| {
        sells_in_a_hurry(config, &standin);
        config.database.url = through.into();
    })
    .await;
    let body = event("evt_1", "customer.created", &json!({"id": "cus_1"}));
    let send = async || {
        let request = app.http.post(app.url(PATH)).header("Stripe-Signature", header(&body));
        let answer = request.body(body.clone()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    proxy.take_down();
    let (status, answer) = send().await;
    assert_eq!((status, &answer["error"]), (503, &json!("dependency_down")), "{answer}");
    eventually("its health says so", async || {
        app.get("/api/webhook/health", None).await == (503, json!({"status": "down"}))
    })
    .await;
    proxy.restore();
    eventually("it is taken", async || send().await.0 == 200).await;
    assert!(send().await.1["duplicate"] == true);
    eventually("and is well", async || app.get("/api/webhook/health", None).await.0 == 200).await;
    app.stop().await;
    standin.stop().await;
}

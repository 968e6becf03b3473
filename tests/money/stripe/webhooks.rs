//! Events on their way: signed, repeated until they are taken, held back where a test wants to send them itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use greenroom::billing::stripe::standin::{GOOD_CARD, Options, StandIn};
use greenroom::billing::stripe::{StripeEvent, verify};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::world::World;

const SECRET: &str = "whsec_test";
const PATIENCE: Duration = Duration::from_secs(20);

/// A shop's address: refuses the first so many, and tells of those that it takes.
async fn shop(refusals: usize) -> (String, mpsc::UnboundedReceiver<StripeEvent>) {
    let (tell, told) = mpsc::unbounded_channel();
    let left = Arc::new(AtomicUsize::new(refusals));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let take = move |request: HttpRequest, body: web::Bytes| {
        let (tell, left) = (tell.clone(), left.clone());
        async move {
            if left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                return HttpResponse::InternalServerError().finish();
            }
            let header = request.headers().get("stripe-signature").and_then(|it| it.to_str().ok());
            let secrets = [SECRET.into()];
            let event = verify(
                &body,
                header.unwrap_or_default(),
                &secrets,
                Duration::from_secs(300),
                Timestamp::now(),
            );
            tell.send(event.expect("a good signature")).expect("somebody listens");
            HttpResponse::Ok().finish()
        }
    };
    std::thread::spawn(move || {
        let app = move || App::new().route("/hook", web::post().to(take.clone()));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server)
    });
    (url, told)
}

async fn next(told: &mut mpsc::UnboundedReceiver<StripeEvent>) -> StripeEvent {
    tokio::time::timeout(PATIENCE, told.recv()).await.expect("in time").expect("it goes on")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_signed_until_it_is_taken() {
    let world = World::start().await;
    let (url, mut told) = shop(2).await;
    world.double.deliver_to(&url, SECRET);
    let made = world.stripe.create_intent(world.user, &world.customer, 50, 500, "a").await.unwrap();
    let event = next(&mut told).await;
    assert_eq!(
        (event.kind.as_str(), event.object_id.as_deref()),
        ("payment_intent.created", Some(&*made.id))
    );
    assert_eq!(event.payload["request"]["idempotency_key"], "greenroom:intent:a");
    world.double.confirm_intent(&made.id, GOOD_CARD).unwrap();
    let mut kinds = vec![next(&mut told).await.kind, next(&mut told).await.kind];
    kinds.sort();
    assert_eq!(kinds, ["charge.succeeded", "payment_intent.succeeded"]);
    let list = world.stripe.list_events(Timestamp::UNIX_EPOCH, None).await.unwrap();
    assert!(list.iter().any(|listed| listed.id == event.id), "and it is in the list");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_is_sent_by_hand_in_any_order() {
    let world = World::start().await;
    let (url, mut told) = shop(0).await;
    world.double.deliver_to(&url, SECRET);
    world.double.hold();
    world.subscribed("pro").await;
    let held = world.double.take_held();
    assert!(held.len() >= 8 && told.try_recv().is_err(), "{}", held.len());
    for event in held.iter().rev() {
        assert_eq!(world.double.post(&event.event, &url, SECRET).await.unwrap(), 200);
        assert_eq!(next(&mut told).await.id, event.id);
    }
    world.double.redeliver(&held[0].id);
    assert_eq!(next(&mut told).await.id, held[0].id);
    world.stripe.create_intent(world.user, &world.customer, 50, 500, "a").await.unwrap();
    world.double.release();
    assert_eq!(next(&mut told).await.kind, "payment_intent.created");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_started_again_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { file: Some(folder.path().join("stripe.json")), ..Options::default() };
    let first = StandIn::start(options.clone()).await.unwrap();
    first.deliver_to("http://127.0.0.1:1/nobody", SECRET);
    let http = reqwest::Client::new();
    let make = |url: String, key: String, name: &'static str| {
        http.post(format!("{url}/v1/customers")).bearer_auth(key).body(format!("name={name}")).send()
    };
    let made: Value =
        make(first.url(), first.keys().secret.clone(), "Mira").await.unwrap().json().await.unwrap();
    let keys = first.keys().clone();
    first.advance(3_600);
    first.stop().await;
    let again = StandIn::start(options).await.unwrap();
    assert_eq!(again.keys().secret, keys.secret);
    assert_eq!(again.object(made["id"].as_str().unwrap()), made);
    assert!(again.now() > Timestamp::now() + jiff::SignedDuration::from_mins(59), "its clock too");
    let (url, mut told) = shop(0).await;
    again.deliver_to(&url, SECRET);
    assert_eq!(next(&mut told).await.kind, "customer.created", "what nobody took is sent again");
    let other: Value = make(again.url(), keys.secret, "Ben").await.unwrap().json().await.unwrap();
    assert_ne!(other["id"], made["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_steered_over_http_with_the_secret_key() {
    let world = World::start().await;
    let http = reqwest::Client::new();
    let act = |what: &str, key: &str, body: Value| {
        http.post(format!("{}/_control/{what}", world.double.url())).bearer_auth(key).json(&body).send()
    };
    let key = world.double.keys().secret.clone();
    let opened = world.open(greenroom::billing::stripe::Offer::Plan(world.plan("premium")), "a").await;
    let refused = act("pay-checkout", "sk_test_none", json!({ "id": opened.id })).await.unwrap();
    assert_eq!(refused.status(), 401);
    let declined = json!({ "id": opened.id, "card": "pm_card_chargeDeclined" });
    assert_eq!(act("pay-checkout", &key, declined).await.unwrap().status(), 402);
    let paid: Value =
        act("pay-checkout", &key, json!({ "id": opened.id })).await.unwrap().json().await.unwrap();
    assert_eq!(paid["payment_status"], "paid");
    let intent = paid["payment_intent"].clone();
    let refund: Value =
        act("refund", &key, json!({ "id": intent, "amountCents": 100 })).await.unwrap().json().await.unwrap();
    assert_eq!(refund["amount"], 100);
    let dispute: Value = act("dispute", &key, json!({ "id": intent })).await.unwrap().json().await.unwrap();
    let close = json!({ "id": dispute["id"], "won": true });
    assert_eq!(act("close-dispute", &key, close).await.unwrap().status(), 200);
    let before = world.double.now();
    act("advance", &key, json!({ "seconds": 86_400 })).await.unwrap();
    assert!(world.double.now() >= before + jiff::SignedDuration::from_hours(24));
    let fail = json!({ "fault": { "kind": "status", "status": 500, "shouldRetry": false }, "times": 1 });
    assert_eq!(act("fail", &key, fail).await.unwrap().status(), 200);
    assert!(world.stripe.list_subscriptions(None, None).await.is_err());
    assert_eq!(act("dance", &key, json!({})).await.unwrap().status(), 404);
    let state: Value = http
        .get(format!("{}/_control/state", world.double.url()))
        .bearer_auth(&key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(state["calls"]["POST checkout"].as_u64() >= Some(1), "{state}");
}

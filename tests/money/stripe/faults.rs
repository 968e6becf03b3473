//! What goes wrong on the way: tries, keys, pauses, bounds.

use std::time::{Duration, Instant};

use greenroom::billing::stripe::standin::Fault;
use greenroom::billing::stripe::{Offer, StripeError};

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_passing_is_tried_again() {
    let world = World::start().await;
    for fault in [
        Fault::status(500),
        Fault::status(503),
        Fault::status(409),
        Fault::too_many(0),
        Fault::Cut,
        Fault::Status { status: 400, retry_after: None, should_retry: Some(true) },
    ] {
        world.double.fail_next([fault]);
        let found = world.stripe.list_subscriptions(None, None).await;
        assert!(found.is_ok(), "{fault:?}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_got_lost_is_not_done_twice() {
    let world = World::start().await;
    world.double.fail_next([Fault::Lose, Fault::Lose]);
    let made = world.stripe.create_intent(world.user, &world.customer, 50, 500, "a").await.unwrap();
    assert_eq!(world.double.objects("payment_intent").len(), 1);
    assert_eq!(world.double.objects("payment_intent")[0]["id"], made.id);
    world.double.fail_next([Fault::Lose]);
    let plan = world.plan("pro");
    world.stripe.subscribe(world.user, &world.customer, &plan, "a").await.unwrap();
    assert_eq!(world.double.objects("subscription").len(), 1);
    assert_eq!(world.double.objects("price").len(), 1);
    assert_eq!(world.double.objects("product").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gives_up_after_so_many_tries() {
    let world = World::start_with(|config| config.stripe.tries = 2).await;
    world.double.fail_next([Fault::status(500), Fault::status(500), Fault::status(500)]);
    let gone = world.stripe.list_subscriptions(None, None).await.unwrap_err();
    assert!(matches!(gone, StripeError::Away { .. }), "{gone:?}");
    world.double.heal();
    world.double.fail_next([Fault::Status { status: 500, retry_after: None, should_retry: Some(false) }]);
    let calls = world.double.calls("GET subscriptions");
    let told = world.stripe.list_subscriptions(None, None).await.unwrap_err();
    assert!(matches!(told, StripeError::Away { .. }), "{told:?}");
    assert_eq!(world.double.calls("GET subscriptions"), calls + 1, "told not to come again");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_comes_again_when_it_is_told_to() {
    let world = World::start().await;
    world.double.fail_next([Fault::too_many(2)]);
    let begun = Instant::now();
    world.stripe.list_subscriptions(None, None).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    world.double.fail_next([Fault::too_many(3_600)]);
    let away = world.stripe.list_subscriptions(None, None).await.unwrap_err();
    let wait = Some(Duration::from_secs(3_600));
    assert!(matches!(&away, StripeError::Away { retry_after, .. } if *retry_after == wait), "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_in_time_is_none() {
    let world = World::start_with(|config| {
        config.stripe.timeout_ms = 300;
        config.stripe.tries = 1;
    })
    .await;
    world.double.fail_next([Fault::hang(Duration::from_secs(5))]);
    let begun = Instant::now();
    let away = world.stripe.list_subscriptions(None, None).await.unwrap_err();
    assert!(matches!(&away, StripeError::Away { detail, .. } if detail == "no answer in time"), "{away:?}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    let nobody = world.client(|config| config.stripe.api_base = "http://127.0.0.1:1".to_owned());
    let away = nobody.list_subscriptions(None, None).await.unwrap_err();
    assert!(
        matches!(&away, StripeError::Away { detail, .. } if detail == "it cannot be reached"),
        "{away:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn not_too_many_are_on_their_way_at_once() {
    let world = World::start_with(|config| {
        config.stripe.concurrency = 1;
        config.stripe.timeout_ms = 600;
        config.stripe.tries = 1;
    })
    .await;
    world.double.fail_next([Fault::hang(Duration::from_secs(5))]);
    let first = world.stripe.clone();
    let first = tokio::spawn(async move { first.list_subscriptions(None, None).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    // It waits for its turn, which comes when the first one has had its time.
    world.stripe.list_subscriptions(None, None).await.unwrap();
    assert!(first.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_somebody_else_is_strange() {
    let world = World::start().await;
    world.double.fail_next([Fault::Garbage]);
    let strange = world.stripe.intent("pi_1").await.unwrap_err();
    assert!(matches!(strange, StripeError::Strange(_)), "{strange:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_deed() {
    let world = World::start().await;
    let made = world.stripe.create_intent(world.user, &world.customer, 50, 500, "a").await.unwrap();
    let again = world.stripe.create_intent(world.user, &world.customer, 50, 500, "a").await.unwrap();
    assert_eq!(made.id, again.id);
    let other = world.stripe.create_intent(world.user, &world.customer, 60, 600, "a").await.unwrap_err();
    assert!(matches!(other, StripeError::Refused { status: 400, .. }), "{other:?}");
    // The same key for another deed is another one.
    world.open(Offer::Credits { credits: 50, amount_cents: 500 }, "a").await;
    world.double.advance(25 * 3_600);
    let later = world.stripe.create_intent(world.user, &world.customer, 60, 600, "a").await.unwrap();
    assert_ne!(later.id, made.id, "after a day it is forgotten");
}

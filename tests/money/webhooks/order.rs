//! Twice, at once, and in any order.

use futures_util::future::join_all;
use greenroom::billing::stripe::{Difference, Renewal};
use serde_json::json;

use super::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_twice_is_one_effect_and_the_second_answer_says_so() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let events = shop.standin.take_held();
    for duplicate in [false, true, true] {
        for event in &events {
            let (status, answer) = shop.bring(event).await;
            assert_eq!((status, &answer["duplicate"]), (200, &json!(duplicate)), "{}: {answer}", event.kind);
        }
    }
    assert_eq!(shop.credits(&buyer).await, 50);
    assert_eq!(shop.count("select count(*) from stripe_events where tries <> 1").await, 0);
    assert_eq!(shop.count("select count(*) from stripe_events").await, events.len() as i64);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_at_once_is_one_effect_and_the_others_wait_for_it() {
    let shop = Shop::open().await;
    for _ in 0..5 {
        let buyer = shop.buyer().await;
        shop.buy(&buyer, "premium").await;
        let events = shop.told("payment_intent.succeeded");
        let [event] = &events[..] else { panic!("{events:?}") };
        let answers = join_all((0..10).map(|_| shop.bring(event))).await;
        assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
        let first = answers.iter().filter(|(_, answer)| answer["duplicate"] == false).count();
        assert_eq!(first, 1, "{answers:?}");
        assert_eq!((shop.credits(&buyer).await, shop.state_of(event).await.as_str()), (50, "done"));
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_events_of_one_object_at_once_come_to_its_present_state() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let subscription = shop.subscribe(&buyer, "starter").await;
    shop.stripe.set_renewal(&subscription.id, Renewal::Ends, "a").await.unwrap();
    shop.stripe.set_renewal(&subscription.id, Renewal::GoesOn, "b").await.unwrap();
    shop.stripe.change_plan(&subscription, &shop.plan("pro"), Difference::PaidAtOnce, "c").await.unwrap();
    shop.stripe.set_renewal(&subscription.id, Renewal::Ends, "d").await.unwrap();
    let events = shop.standin.take_held();
    assert!(events.len() > 10, "{}", events.len());
    let answers = join_all(events.iter().map(|event| shop.bring(event))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    crate::support::app::eventually("all are done", async || {
        shop.count("select count(*) from stripe_events where state = 'waiting'").await == 0
    })
    .await;
    assert_eq!(shop.count("select count(*) from stripe_events where state = 'failed'").await, 0);
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("pro", 500));
    let row = shop.row("select * from subscriptions where id = $1", &[&subscription.id]).await;
    assert_eq!((&row["plan"], &row["cancel_at_period_end"]), (&json!("pro"), &json!(true)), "{row}");
    assert_eq!(shop.count("select count(*) from payments").await, 2, "of the beginning and of the upgrade");
    shop.close().await;
}

/// An event that comes late tells of what was, and what is stays.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_event_that_comes_last_changes_nothing() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let intent = shop.buy(&buyer, "premium").await;
    let paid = shop.standin.take_held();
    shop.standin.refund(&intent, None).unwrap();
    shop.bring_all().await;
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("free", 0));
    for event in &paid {
        assert_eq!(shop.bring(event).await.0, 200);
    }
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("free", 0));
    assert_eq!(shop.payment(&intent).await["refunded_cents"], 700);
    shop.close().await;
}

//! Credits that are bought, and those that come month by month with a plan that nobody pays.

use greenroom::billing::ledger::Note;
use greenroom::billing::records::Dispute;

use super::*;

async fn spend(house: &House, user: UserId, amount: i64) {
    let key = format!("spend:{}", Uuid::now_v7());
    let note = Note { key: &key, ..Note::default() };
    let held = house.ledger.hold(user, amount, std::time::Duration::from_secs(60), &note).await.unwrap();
    house.ledger.end(user, held.id, amount).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_comes_once_and_stays() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.keep(&pack(user)).await;
    assert_eq!(house.told(user).await, ["credits.added"]);
    assert_eq!(house.told(user).await, [""; 0]);
    let balance = house.balance(user).await;
    assert_eq!((balance.available, balance.own, balance.plan_ends_at), (100, 100, None));
    assert_eq!(house.letters().await, 1);
    assert_eq!(house.plan(user).await, ("free".into(), None, None));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_given_back_takes_its_share_rounded_down() {
    let house = House::open().await;
    let user = house.person("free").await;
    let payment = pack(user);
    house.keep(&payment).await;
    house.settle(user).await;
    for (refunded_cents, left) in [(1, 100), (335, 67), (500, 50), (999, 1), (1_000, 0)] {
        house.keep(&Payment { refunded_cents, ..payment.clone() }).await;
        house.settle(user).await;
        assert_eq!(house.balance(user).await.available, left, "{refunded_cents}");
        house.is_right(user).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spent_is_not_taken_and_later_credits_do_not_pay_for_it() {
    let house = House::open().await;
    let user = house.person("free").await;
    let payment = pack(user);
    house.keep(&payment).await;
    house.settle(user).await;
    spend(&house, user, 80).await;
    house.keep(&Payment { dispute: Some(Dispute::Lost), ..payment.clone() }).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 0);
    // What comes later is another payment's.
    house.keep(&pack(user)).await;
    house.settle(user).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 100);
    house.keep(&Payment { dispute: Some(Dispute::Won), ..payment }).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 120, "what had been taken");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_of_a_plan_is_not_taken_of_what_was_bought() {
    let house = House::open().await;
    let user = house.person("free").await;
    let payment = premium(user, now());
    house.keep(&payment).await;
    house.keep(&pack(user)).await;
    house.settle(user).await;
    spend(&house, user, 50).await;
    house.keep(&Payment { refunded_cents: 700, ..payment }).await;
    house.settle(user).await;
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.own), (0, 100), "the plan's were spent first");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_when_a_plan_is_extended_comes_back_to_it() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.keep(&premium(user, now() - days(3))).await;
    house.settle(user).await;
    let note = Note { key: "h", ..Note::default() };
    let held = house.ledger.hold(user, 40, std::time::Duration::from_secs(60), &note).await.unwrap();
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    house.ledger.end(user, held.id, 15).await.unwrap();
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.held), (85, 0));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_there_before_brings_its_credits_month_by_month() {
    let house = House::open().await;
    let (rich, poor) = (house.person("enterprise").await, house.person("free").await);
    house.sql("update users set created_at = now() - interval '40 days'").await;
    let pool = house.pool();
    let settle_due = greenroom::billing::terms::settle_due;
    assert_eq!(settle_due(&pool, &house.terms).await.unwrap(), 1, "nobody else has anything to come");
    assert_eq!(settle_due(&pool, &house.terms).await.unwrap(), 0);
    assert_eq!(house.balance(rich).await.available, 2_000);
    assert_eq!(house.balance(poor).await.available, 0);
    spend(&house, rich, 500).await;
    // A month later: as if all had begun a month earlier.
    let end = house.balance(rich).await.plan_ends_at.unwrap();
    house.sql("update users set created_at = created_at - interval '31 days', settle_at = settle_at - interval '31 days'").await;
    house.sql("update credit_lots set ends_at = ends_at - interval '31 days'").await;
    assert_eq!(settle_due(&pool, &house.terms).await.unwrap(), 1);
    let balance = house.balance(rich).await;
    assert_eq!(balance.available, 2_000, "what was left of the month before has ended");
    assert!(balance.plan_ends_at.unwrap() != end);
    assert!(house.heard.lock().unwrap().is_empty(), "it is nothing new");
    assert_eq!(house.plan(rich).await, ("enterprise".into(), None, None));
    house.is_right(rich).await;
}

//! Plans for days: premium that is bought.

use greenroom::billing::records::{Dispute, PaymentStatus};
use greenroom::billing::terms::Source;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn premium_that_was_paid_holds_for_its_days_from_when_it_was_paid() {
    let house = House::open().await;
    let user = house.person("free").await;
    let paid_at = now() - days(2);
    house.keep(&premium(user, paid_at)).await;
    assert_eq!(house.told(user).await, ["plan.started"]);
    let end = paid_at + days(15);
    assert_eq!(house.plan(user).await, ("premium".into(), Some(end), Some("free".into())));
    let balance = house.balance(user).await;
    assert_eq!((balance.available, balance.plan, balance.plan_ends_at), (50, 50, Some(end)));
    let standing = house.standing(user).await;
    assert_eq!((standing.source, standing.is_premium), (Source::Payment, true));
    assert_eq!(house.letters().await, 1);
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_again_comes_on_top_and_carries_the_credits_on() {
    let house = House::open().await;
    let user = house.person("free").await;
    let at = now();
    let (first, second) = (premium(user, at - days(10)), premium(user, at - days(1)));
    house.keep(&first).await;
    house.settle(user).await;
    house.keep(&second).await;
    assert_eq!(house.told(user).await, ["plan.extended"]);
    let end = Some(at - days(10) + days(30));
    assert_eq!(house.plan(user).await.1, end);
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.plan_ends_at), (100, end));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_another_order_comes_to_the_same() {
    let house = House::open().await;
    let mut ends = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let user = house.person("free").await;
        let at = now();
        let payments =
            [premium(user, at - days(20)), premium(user, at - days(8)), premium(user, at - days(1))];
        for one in order {
            house.keep(&payments[one]).await;
            house.settle(user).await;
        }
        let (plan, until, _) = house.plan(user).await;
        ends.push((plan, until.unwrap().duration_since(at), house.balance(user).await.plan));
        house.is_right(user).await;
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0].2, 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_whole_is_taken_and_in_part_is_not() {
    let house = House::open().await;
    let user = house.person("free").await;
    let payment = premium(user, now());
    house.keep(&payment).await;
    house.settle(user).await;
    house.keep(&Payment { refunded_cents: 300, ..payment.clone() }).await;
    assert_eq!(house.told(user).await, ["payment.refunded"]);
    assert_eq!(house.plan(user).await.0, "premium");
    assert_eq!(house.balance(user).await.available, 50);
    house.keep(&Payment { refunded_cents: 700, ..payment.clone() }).await;
    assert_eq!(house.told(user).await, ["payment.refunded", "plan.ended"]);
    assert_eq!(house.plan(user).await, ("free".into(), None, None));
    assert_eq!(house.balance(user).await.available, 0);
    assert_eq!(house.letters().await, 3, "started, a part, all of it");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_what_is_left_and_gives_it_again_when_it_is_won() {
    let house = House::open().await;
    let user = house.person("free").await;
    let payment = premium(user, now());
    house.keep(&payment).await;
    house.settle(user).await;
    let end = house.plan(user).await.1;
    // Twenty are spent by then.
    let note = greenroom::billing::ledger::Note { key: "h", ..Default::default() };
    let held = house.ledger.hold(user, 20, std::time::Duration::from_secs(60), &note).await.unwrap();
    house.ledger.end(user, held.id, 20).await.unwrap();
    for _ in 0..2 {
        house.keep(&Payment { dispute: Some(Dispute::Open), ..payment.clone() }).await;
        house.settle(user).await;
        assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("free", 0));
    }
    house.keep(&Payment { dispute: Some(Dispute::Won), ..payment.clone() }).await;
    assert_eq!(house.told(user).await, ["payment.restored", "plan.started"]);
    assert_eq!(house.plan(user).await.1, end, "as if nothing had been");
    assert_eq!(house.balance(user).await.available, 30);
    house.keep(&Payment { dispute: Some(Dispute::Lost), ..payment.clone() }).await;
    house.settle(user).await;
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("free", 0));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_the_one_that_is_given_back_shortens_by_its_own_days() {
    let house = House::open().await;
    let user = house.person("free").await;
    let at = now();
    let (first, second) = (premium(user, at - days(3)), premium(user, at));
    house.keep(&first).await;
    house.keep(&second).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.plan, 100);
    house.keep(&Payment { refunded_cents: 700, ..second }).await;
    house.settle(user).await;
    let end = Some(at - days(3) + days(15));
    assert_eq!(house.plan(user).await.1, end);
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.plan_ends_at), (50, end), "what is left ends with the plan");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_paid_gives_nothing() {
    let house = House::open().await;
    let user = house.person("free").await;
    for status in [PaymentStatus::Pending, PaymentStatus::Failed, PaymentStatus::Canceled] {
        house.keep(&Payment { status, paid_at: None, ..premium(user, now()) }).await;
    }
    assert_eq!(house.told(user).await, [""; 0]);
    assert_eq!(house.plan(user).await.0, "free");
    // What was paid and came late, when its days are over, gives nothing either.
    house.keep(&premium(user, now() - days(16))).await;
    assert_eq!(house.told(user).await, [""; 0]);
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("free", 0));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn later_settings_do_not_change_what_was_bought() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.keep(&premium(user, now() - days(1))).await;
    house.settle(user).await;
    let before = house.plan(user).await;
    let mut config = Config::default();
    let plan = config.plans.get_mut("premium").unwrap();
    (plan.days, plan.credits) = (90, 500);
    house.terms.plans.replace(config.engine_plans());
    house.settle(user).await;
    assert_eq!(house.plan(user).await, before);
    assert_eq!(house.balance(user).await.available, 50);
    // What is bought from now on is bought by them.
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await.1, before.1.map(|end| end + days(90)));
    assert_eq!(house.balance(user).await.available, 550);
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_with_a_later_payment_comes_back_with_it() {
    let house = House::open().await;
    let user = house.person("free").await;
    let at = now();
    // The first one's days are over; its credits last as long as the second one's.
    let (first, second) = (premium(user, at - days(20)), premium(user, at - days(6)));
    house.keep(&first).await;
    house.keep(&second).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.plan, 100);
    house.keep(&Payment { dispute: Some(Dispute::Open), ..second.clone() }).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 0);
    house.is_right(user).await;
    house.keep(&Payment { dispute: Some(Dispute::Won), ..second }).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.plan, 100);
    house.is_right(user).await;
}

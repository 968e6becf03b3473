//! Subscriptions: their periods, what is owed, what is changed.

use greenroom::billing::records::Dispute;
use greenroom::billing::terms::Source;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_holds_while_it_renews_and_brings_credits_with_each_period() {
    let house = House::open().await;
    let user = house.person("free").await;
    let first = subscription(user, "pro", 40);
    house.subscribe(&first).await;
    house.keep(&invoice(&first, "subscription_create")).await;
    // Its first period is over, and Stripe takes a while to charge the next one.
    house.settle(user).await;
    assert_eq!(house.plan(user).await.0, "free", "longer than the days of grace");
    let second = renewed(&first);
    house.subscribe(&second).await;
    house.keep(&invoice(&second, "subscription_cycle")).await;
    assert_eq!(house.told(user).await, ["plan.started"]);
    let end = second.current_period_end;
    assert_eq!(house.plan(user).await, ("pro".into(), Some(end + days(3)), Some("free".into())));
    let balance = house.balance(user).await;
    assert_eq!(
        (balance.available, balance.plan_ends_at),
        (500, Some(end)),
        "those of the period before are over"
    );
    assert_eq!(house.standing(user).await.source, Source::Subscription);
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_takes_the_place_of_what_is_left_and_tells_nothing() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mut first = subscription(user, "pro", 29);
    house.subscribe(&first).await;
    house.keep(&invoice(&first, "subscription_create")).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 500);
    // The next period begins a little early by our clock.
    let second = renewed(&first);
    house.subscribe(&second).await;
    house.keep(&invoice(&second, "subscription_cycle")).await;
    assert_eq!(house.told(user).await, [""; 0]);
    assert_eq!(house.balance(user).await.available, 500);
    // The row of the period before comes late: its credits come no more.
    first.status = SubscriptionStatus::Active;
    house.keep(&invoice(&first, "subscription_cycle")).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 500);
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_of_before_that_comes_first_or_last_comes_to_the_same() {
    let house = House::open().await;
    for late in [true, false] {
        let user = house.person("free").await;
        let first = subscription(user, "starter", 35);
        let second = renewed(&first);
        let invoices = [invoice(&first, "subscription_create"), invoice(&second, "subscription_cycle")];
        house.subscribe(&second).await;
        for one in if late { [1, 0] } else { [0, 1] } {
            house.keep(&invoices[one]).await;
            house.settle(user).await;
        }
        assert_eq!(house.balance(user).await.available, 100, "late: {late}");
        house.is_right(user).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_with_its_period_ends_exactly_then() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mut mine = subscription(user, "starter", 10);
    mine.cancel_at_period_end = true;
    house.subscribe(&mine).await;
    house.keep(&invoice(&mine, "subscription_create")).await;
    house.settle(user).await;
    assert_eq!(
        house.plan(user).await,
        ("starter".into(), Some(mine.current_period_end), Some("free".into()))
    );
    // Taken up again, it renews.
    mine.cancel_at_period_end = false;
    house.subscribe(&mine).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await.1, Some(mine.current_period_end + days(3)));
    // Ended at once: nothing holds, what came with the paid period stays to its end.
    mine.status = SubscriptionStatus::Canceled;
    mine.ended_at = Some(now());
    house.subscribe(&mine).await;
    assert_eq!(house.told(user).await, ["plan.ended"]);
    assert_eq!(house.plan(user).await, ("free".into(), None, None));
    assert_eq!(house.balance(user).await.plan_ends_at, Some(mine.current_period_end));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_failed_leaves_days_of_grace_and_is_told_once() {
    let house = House::open().await;
    let user = house.person("free").await;
    let first = subscription(user, "pro", 31);
    house.keep(&invoice(&first, "subscription_create")).await;
    let mut second = renewed(&first);
    house.subscribe(&second).await;
    house.keep(&invoice(&second, "subscription_cycle")).await;
    house.settle(user).await;
    // The period before last; now the one after was not paid.
    let start = now() - days(1);
    (second.current_period_start, second.current_period_end) = (start, start + days(30));
    second.status = SubscriptionStatus::PastDue;
    house.subscribe(&second).await;
    let notices = house.settle(user).await;
    let failed: Vec<_> = notices.iter().filter(|notice| notice.code == "payment.failed").collect();
    assert!(failed.len() == 1 && failed[0].warning, "{notices:?}");
    let grace = start + days(3);
    assert_eq!(house.plan(user).await, ("pro".into(), Some(grace), Some("free".into())));
    assert_eq!(house.standing(user).await.grace_until, Some(grace));
    house.is_right(user).await;
    // Not paid by then: it is over, and nothing more is told of the failure.
    let start = now() - days(4);
    (second.current_period_start, second.current_period_end) = (start, start + days(30));
    house.subscribe(&second).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await.0, "free");
    // Paid in the end.
    second.status = SubscriptionStatus::Active;
    house.subscribe(&second).await;
    house.keep(&invoice(&second, "subscription_cycle")).await;
    assert_eq!(house.told(user).await, ["plan.started"]);
    assert_eq!(house.standing(user).await.grace_until, None);
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_state_holds() {
    use SubscriptionStatus::{Active, Canceled, Incomplete, IncompleteExpired, Paused, Trialing, Unpaid};
    let house = House::open().await;
    for (status, holds) in [
        (Active, true),
        (Trialing, true),
        (Incomplete, false),
        (IncompleteExpired, false),
        (Unpaid, false),
        (Paused, false),
        (Canceled, false),
    ] {
        let user = house.person("free").await;
        house.subscribe(&Subscription { status, ..subscription(user, "pro", 1) }).await;
        house.settle(user).await;
        assert_eq!(house.plan(user).await.0 == "pro", holds, "{status:?}");
        assert_eq!(house.balance(user).await.available, 0, "no period was paid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_in_mid_period_adds_the_difference_and_a_lesser_plan_takes_nothing() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mut mine = subscription(user, "starter", 10);
    house.subscribe(&mine).await;
    house.keep(&invoice(&mine, "subscription_create")).await;
    house.settle(user).await;
    assert_eq!(house.balance(user).await.available, 100);
    mine.plan = "pro".into();
    house.subscribe(&mine).await;
    let change =
        Payment { period_start: Some(now()), amount_cents: 1_000, ..invoice(&mine, "subscription_update") };
    house.keep(&change).await;
    assert_eq!(house.told(user).await, ["plan.started"]);
    assert_eq!(house.plan(user).await.0, "pro");
    assert_eq!(house.balance(user).await.available, 500, "the difference");
    // What was paid for the change is given back: what was paid before holds.
    house.keep(&Payment { refunded_cents: 1_000, ..change.clone() }).await;
    house.settle(user).await;
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("starter", 100));
    house.keep(&change).await;
    house.settle(user).await;
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("pro", 500));
    // Down again: the lesser plan at once, the credits stay for this period.
    mine.plan = "starter".into();
    house.subscribe(&mine).await;
    assert_eq!(house.told(user).await, ["plan.ended"]);
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("starter", 500));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upgrade_that_comes_before_what_it_upgrades_comes_to_the_same() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mut mine = subscription(user, "starter", 10);
    let create = invoice(&mine, "subscription_create");
    mine.plan = "pro".into();
    let change = Payment { period_start: Some(now()), ..invoice(&mine, "subscription_update") };
    house.subscribe(&mine).await;
    for payment in [change, create] {
        house.keep(&payment).await;
        house.settle(user).await;
    }
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("pro", 500));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_period_that_is_given_back_or_disputed_does_not_hold() {
    let house = House::open().await;
    for taken in [
        |payment: Payment| Payment { refunded_cents: payment.amount_cents, ..payment },
        |payment: Payment| Payment { dispute: Some(Dispute::Open), ..payment },
        |payment: Payment| Payment { dispute: Some(Dispute::Lost), ..payment },
    ] {
        let user = house.person("free").await;
        let mine = subscription(user, "pro", 5);
        let payment = invoice(&mine, "subscription_create");
        house.subscribe(&mine).await;
        house.keep(&payment).await;
        house.settle(user).await;
        house.keep(&taken(payment.clone())).await;
        house.settle(user).await;
        assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("free", 0));
        house.is_right(user).await;
        house.keep(&payment).await;
        house.settle(user).await;
        assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("pro", 500));
        // The next period is another one: what became of this one does not matter to it.
        let next = renewed(&mine);
        house.subscribe(&next).await;
        house.keep(&invoice(&next, "subscription_cycle")).await;
        house.keep(&taken(payment)).await;
        house.settle(user).await;
        assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("pro", 500));
        house.is_right(user).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_subscriptions_the_greater_holds_and_then_the_other() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mut pro = subscription(user, "pro", 25);
    pro.cancel_at_period_end = true;
    let starter = subscription(user, "starter", 5);
    for mine in [&starter, &pro] {
        house.subscribe(mine).await;
        house.keep(&invoice(mine, "subscription_create")).await;
        house.settle(user).await;
    }
    assert_eq!(house.plan(user).await, ("pro".into(), Some(pro.current_period_end), Some("starter".into())));
    assert_eq!(house.balance(user).await.available, 600, "of both, and the one ends nothing of the other");
    pro.status = SubscriptionStatus::Canceled;
    pro.ended_at = Some(now());
    house.subscribe(&pro).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await.0, "starter");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_brings_its_credits_month_by_month() {
    let house = House::open_with(|config| {
        let plan = config.plans.get_mut("pro").unwrap();
        plan.term = greenroom::config::TermSetting::Year;
    })
    .await;
    let user = house.person("free").await;
    let mut mine = subscription(user, "pro", 70);
    mine.current_period_end = mine.current_period_start + days(365);
    house.subscribe(&mine).await;
    house.keep(&invoice(&mine, "subscription_create")).await;
    house.settle(user).await;
    let balance = house.balance(user).await;
    assert_eq!(balance.available, 500, "those of the month that runs, not of the months before");
    let end = balance.plan_ends_at.unwrap();
    assert!(end > now() && end < now() + days(31));
    let due: Option<Timestamp> = house.one("select settle_at from users").await;
    assert_eq!(due, Some(end), "then the next ones come");
    house.is_right(user).await;
}

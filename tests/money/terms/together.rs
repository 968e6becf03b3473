//! What admins give, what is bought, and what was there before, all at once.

use greenroom::billing::terms::{Source, give, set_base_plan, take, take_grants};

use super::*;

impl House {
    /// An admin does this, and what follows is settled in the same transaction.
    async fn act<F>(&self, user: UserId, act: F) -> Vec<Notice>
    where
        F: AsyncFnOnce(&deadpool_postgres::Transaction<'_>),
    {
        let pool = self.pool();
        let mut client = pool.get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        act(&transaction).await;
        let notices = settle(&transaction, user, &self.terms).await.unwrap();
        transaction.commit().await.unwrap();
        notices
    }

    async fn give(&self, user: UserId, plan: &str, until: Timestamp) -> Vec<Notice> {
        let from: Timestamp = self.one("select clock_timestamp()").await;
        self.act(user, async |transaction| {
            give(transaction, user, plan, (from, until), UserId::new()).await.unwrap();
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_while_a_grant_runs_goes_on_from_its_end() {
    let house = House::open().await;
    let user = house.person("free").await;
    let end = now() + days(7);
    let notices = house.give(user, "premium", end).await;
    assert_eq!(notices[0].code, "plan.started");
    assert_eq!(house.plan(user).await, ("premium".into(), Some(end), Some("free".into())));
    assert_eq!(house.standing(user).await.source, Source::Grant);
    assert_eq!(house.balance(user).await.available, 50);
    house.sql("update plan_grants set starts_at = starts_at - interval '5 seconds'").await;
    house.keep(&premium(user, now())).await;
    assert_eq!(house.told(user).await, ["plan.extended"]);
    assert_eq!(house.plan(user).await.1, Some(end + days(15)));
    assert_eq!(house.balance(user).await.available, 100);
    // Given anew, for less: it shortens what was given, and nothing that was paid.
    house.give(user, "premium", now() + days(1)).await;
    let until = house.plan(user).await.1.unwrap();
    assert!(until > now() + days(14) && until < now() + days(16), "{until}");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_takes_is_over_and_so_are_its_credits() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.give(user, "premium", now() + days(7)).await;
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    let terms = house.terms.clone();
    let notices = house
        .act(user, async |transaction| {
            assert_eq!(take(transaction, user, "premium", &terms).await.unwrap(), 2);
        })
        .await;
    assert_eq!(notices.iter().map(|notice| notice.code).collect::<Vec<_>>(), ["plan.ended"]);
    assert_eq!(house.plan(user).await, ("free".into(), None, None));
    assert_eq!(house.balance(user).await.available, 0);
    let taken: i64 = house.one("select count(*) from payments where taken_at is not null").await;
    assert_eq!(taken, 1);
    house.is_right(user).await;
    // Bought again, it is there again.
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    assert_eq!((house.plan(user).await.0.as_str(), house.balance(user).await.available), ("premium", 50));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_a_purchase_and_a_subscription_hold_one_after_the_other() {
    let house = House::open().await;
    let user = house.person("basic").await;
    let mut pro = subscription(user, "pro", 25);
    pro.cancel_at_period_end = true;
    house.subscribe(&pro).await;
    house.keep(&invoice(&pro, "subscription_create")).await;
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    house.give(user, "starter", now() + days(60)).await;
    // Pro for five days, premium until its fifteen are over, starter until its sixty are, then basic.
    assert_eq!(house.plan(user).await, ("pro".into(), Some(pro.current_period_end), Some("premium".into())));
    assert_eq!(house.balance(user).await.available, 500 + 50 + 100);
    pro.status = SubscriptionStatus::Canceled;
    house.subscribe(&pro).await;
    house.settle(user).await;
    let (plan, until, after) = house.plan(user).await;
    assert_eq!((plan.as_str(), after.as_deref()), ("premium", Some("starter")));
    assert!(until.unwrap() > now() + days(14));
    house.is_right(user).await;
    house
        .act(user, async |transaction| {
            assert_eq!(take_grants(transaction, user, None).await.unwrap(), 1);
        })
        .await;
    assert_eq!(house.plan(user).await.2.as_deref(), Some("basic"));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_takes_no_greater_plan_away() {
    let house = House::open().await;
    let user = house.person("enterprise").await;
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await, ("enterprise".into(), None, None));
    assert_eq!(house.balance(user).await.available, 2_050, "its credits come all the same");
    // Where an admin takes the greater one, what was bought holds.
    house.act(user, async |transaction| set_base_plan(transaction, user, "free").await.unwrap()).await;
    let (plan, _, after) = house.plan(user).await;
    assert_eq!((plan.as_str(), after.as_deref()), ("premium", Some("free")));
    assert_eq!(house.balance(user).await.available, 50, "the plan's end with it");
    house.is_right(user).await;
    // What is given for a time stands in the place of what was there, whichever is greater.
    house.act(user, async |transaction| set_base_plan(transaction, user, "pro").await.unwrap()).await;
    assert_eq!(house.plan(user).await.0, "pro");
    house.give(user, "starter", now() + days(1)).await;
    assert_eq!(house.plan(user).await.0, "starter");
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_set_is_what_comes_after() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mine = subscription(user, "pro", 1);
    house.subscribe(&mine).await;
    house.keep(&invoice(&mine, "subscription_create")).await;
    house.settle(user).await;
    house.act(user, async |transaction| set_base_plan(transaction, user, "starter").await.unwrap()).await;
    let (plan, _, after) = house.plan(user).await;
    assert_eq!((plan.as_str(), after.as_deref()), ("pro", Some("starter")));
    assert_eq!(house.balance(user).await.available, 500, "starter's come when it holds");
    house.is_right(user).await;
}

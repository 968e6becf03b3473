//! What ends by itself, and what happens at the same time.

use greenroom::billing::ledger::{Note, Order};
use greenroom::billing::terms::{give, settle_due};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_has_ended_is_over_at_once_and_told_by_the_job() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.keep(&premium(user, now() - days(15) + SignedDuration::from_secs(3))).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await.0, "premium");
    assert_eq!(house.told(user).await, [""; 0]);
    while house.plan(user).await.0 == "premium" {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(house.balance(user).await.available, 0, "credits too");
    let raw: String = house.one("select plan from users").await;
    assert_eq!(raw, "premium", "nobody has come by yet");
    let (one, other) = (house.pool(), house.pool());
    let (one, other) = tokio::join!(settle_due(&one, &house.terms), settle_due(&other, &house.terms));
    assert!(one.unwrap() + other.unwrap() >= 1);
    let raw: String = house.one("select plan from users").await;
    assert_eq!(raw, "free");
    let heard: Vec<_> = house.heard.lock().unwrap().iter().map(|notice| notice.code).collect();
    assert_eq!(heard, ["plan.ended"], "once, though two came by");
    assert_eq!(house.letters().await, 2);
    assert_eq!(settle_due(&house.pool(), &house.terms).await.unwrap(), 0);
    // Bought again after the end: it starts anew.
    house.keep(&premium(user, now())).await;
    assert_eq!(house.told(user).await, ["plan.started"]);
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_finds_the_plan_after_the_next_one() {
    let house = House::open().await;
    let user = house.person("basic").await;
    let mut pro = subscription(user, "pro", 30);
    pro.cancel_at_period_end = true;
    pro.current_period_end = now() + days(1);
    house.subscribe(&pro).await;
    house.keep(&premium(user, now())).await;
    house.settle(user).await;
    assert_eq!(house.plan(user).await, ("pro".into(), Some(pro.current_period_end), Some("premium".into())));
    // A day later.
    pro.current_period_end = now() - SignedDuration::from_secs(1);
    house.subscribe(&pro).await;
    house.sql("update users set plan_until = now() - interval '1 second', settle_at = now()").await;
    assert_eq!(settle_due(&house.pool(), &house.terms).await.unwrap(), 1);
    let (plan, until, after) = house.plan(user).await;
    assert_eq!((plan.as_str(), after.as_deref()), ("premium", Some("basic")));
    assert!(until.unwrap() > now() + days(14));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_settled_keeps_nobody_else_from_it() {
    let house = House::open().await;
    let (broken, fine) = (house.person("enterprise").await, house.person("pro").await);
    // The key of the one's credits stands for another transfer.
    let pool = house.pool();
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    settle(&transaction, broken, &house.terms).await.unwrap();
    let key: String = transaction.query_one("select key from credit_lots", &[]).await.unwrap().get(0);
    transaction.rollback().await.unwrap();
    let note = Note { key: &key, ..Note::default() };
    house.ledger.record(UserId::new(), &Order::Grant { amount: 1 }, &note).await.unwrap();
    assert_eq!(settle_due(&pool, &house.terms).await.unwrap(), 2);
    assert_eq!(house.balance(fine).await.available, 500);
    assert_eq!(house.balance(broken).await.available, 0);
    assert_eq!(settle_due(&pool, &house.terms).await.unwrap(), 0, "it is looked at again later");
    let later: bool = house
        .one(&format!("select settle_at > now() + interval '5 minutes' from users where id = '{broken}'"))
        .await;
    assert!(later);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_settle_at_once_one_does_and_the_others_find_it_done() {
    let house = Arc::new(House::open().await);
    let user = house.person("free").await;
    house.keep(&premium(user, now())).await;
    house.keep(&pack(user)).await;
    let mine = subscription(user, "pro", 1);
    house.subscribe(&mine).await;
    house.keep(&invoice(&mine, "subscription_create")).await;
    let settling: Vec<_> = (0..12)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.settle(user).await })
        })
        .collect();
    let mut told = Vec::new();
    for one in settling {
        told.extend(one.await.unwrap().into_iter().map(|notice| notice.code));
    }
    told.sort_unstable();
    assert_eq!(told, ["credits.added", "plan.started"]);
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.own), (550, 100));
    house.is_right(user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_of_a_settling_that_is_rolled_back() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.keep(&premium(user, now())).await;
    let before = house.all().await;
    let pool = house.pool();
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    assert_eq!(settle(&transaction, user, &house.terms).await.unwrap().len(), 1);
    transaction.rollback().await.unwrap();
    assert_eq!(house.all().await, before);
    assert_eq!(house.told(user).await, ["plan.started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_who_is_erased_or_unknown_nothing_is_written() {
    let house = House::open().await;
    let user = house.person("free").await;
    house.keep(&premium(user, now())).await;
    house.sql("update users set deactivated_at = now(), erased_at = now()").await;
    let before = house.all().await;
    assert_eq!(house.settle(user).await, []);
    assert_eq!(house.settle(UserId::new()).await, []);
    assert_eq!(house.all().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_hear_of_a_change_and_of_nothing_else() {
    let house = House::open().await;
    let user = house.person("free").await;
    let mut listening = house
        .database
        .database()
        .connector()
        .with_setup("test", "SELECT 1")
        .listen("greenroom_accounts")
        .await
        .unwrap();
    house.settle(user).await;
    house.keep(&pack(user)).await;
    house.settle(user).await;
    let pool = house.pool();
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let span = (Timestamp::now(), Timestamp::now() + days(3));
    give(&transaction, user, "premium", span, UserId::new()).await.unwrap();
    settle(&transaction, user, &house.terms).await.unwrap();
    transaction.commit().await.unwrap();
    let heard = tokio::time::timeout(std::time::Duration::from_secs(10), listening.heard()).await.unwrap();
    assert_eq!(heard.as_deref(), Some(&*format!("changed {user}")), "of the plan, not of the credits before");
}

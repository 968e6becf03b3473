//! Many at once.

use std::sync::Arc;

use futures_util::future::join_all;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_holds_on_what_covers_a_hundred_a_hundred_are_had() {
    let (house, user) = (Arc::new(House::open().await), UserId::new());
    house.grant(user, 500).await;
    let hold = async |number: usize| {
        let key = format!("hold:{number}");
        house.ledger.hold(user, 5, LONG, &note(&key)).await.map_err(|refusal| refusal.code)
    };
    let answers = join_all((0..1_000).map(hold)).await;
    let had = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(had, 100);
    assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(RefusalCode::OutOfCredits)));
    let balance = house.balance(user).await;
    assert_eq!((balance.available, balance.held), (0, 500));
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_that_is_paid_and_given_back_at_once_is_one_of_both() {
    let house = House::open().await;
    for _ in 0..20 {
        let user = UserId::new();
        house.grant(user, 10).await;
        let key = format!("h:{user}");
        let held = house.ledger.hold(user, 10, LONG, &note(&key)).await.unwrap();
        let ends = join_all([10, 0, 10, 0, 5].map(|pay| house.ledger.end(user, held.id, pay))).await;
        let paid: Vec<_> = ends.into_iter().flatten().map(|end| end.id).collect();
        assert!(!paid.is_empty() && paid.iter().all(|one| *one == paid[0]), "{paid:?}");
    }
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_order_asked_many_times_at_once_is_carried_out_once() {
    let (house, user) = (House::open().await, UserId::new());
    let order = Order::Purchase { amount: 7 };
    let (one_key, two_key) = (note("one"), note("two"));
    let asked = join_all((0..50).map(|_| house.ledger.record(user, &order, &one_key))).await;
    let ids: Vec<_> = asked.into_iter().map(|one| one.unwrap().id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(house.balance(user).await.available, 7);
    // Two people at once under one key: one of them, whoever came first.
    let (one, other) = (UserId::new(), UserId::new());
    let both = join_all([one, other].map(|user| house.ledger.record(user, &order, &two_key))).await;
    assert_eq!(both.iter().filter(|answer| answer.is_ok()).count(), 1, "{both:?}");
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_that_the_database_will_not_have_harms_none_of_those_beside_it() {
    let house = House::open().await;
    let people: Vec<UserId> = (0..20).map(|_| UserId::new()).collect();
    let asked = join_all(people.iter().enumerate().map(|(index, user)| {
        let ledger = house.ledger.clone();
        async move {
            let key = format!("key {index}");
            // No text of the database's has a NUL.
            let reason = if index == 7 { "\0" } else { "" };
            let note = Note { key: &key, reason, ..Note::default() };
            ledger.record(*user, &Order::Grant { amount: 3 }, &note).await.is_ok()
        }
    }))
    .await;
    for (index, (user, carried_out)) in people.iter().zip(asked).enumerate() {
        assert_eq!(carried_out, index != 7, "{index}");
        assert_eq!(house.balance(*user).await.own, if carried_out { 3 } else { 0 });
    }
    house.is_right().await;
}

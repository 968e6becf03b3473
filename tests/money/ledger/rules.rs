//! What each order does, once.

use jiff::{SignedDuration, Timestamp};

use super::*;

fn after(seconds: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_paid_in_part_and_the_rest_goes_back() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 30).await;
    let held = house.ledger.hold(user, 25, LONG, &note("h")).await.unwrap();
    let balance = house.balance(user).await;
    assert_eq!((balance.available, balance.own, balance.held), (5, 5, 25));
    assert_eq!(code(house.ledger.end(user, held.id, 26).await), RefusalCode::BadRequest);
    house.ledger.end(user, held.id, 10).await.unwrap();
    let balance = house.balance(user).await;
    assert_eq!((balance.available, balance.held), (20, 0));
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_once_however_often_it_is_ended() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 10).await;
    let held = house.ledger.hold(user, 10, LONG, &note("h")).await.unwrap();
    let paid = house.ledger.end(user, held.id, 10).await.unwrap();
    assert_eq!(house.ledger.end(user, held.id, 10).await.unwrap(), paid, "the same end is the same answer");
    assert_eq!(code(house.ledger.end(user, held.id, 0).await), RefusalCode::Conflict);
    assert_eq!(code(house.ledger.end(UserId::new(), held.id, 10).await), RefusalCode::Conflict, "another's");
    assert_eq!(code(house.ledger.end(user, uuid::Uuid::now_v7(), 1).await), RefusalCode::NotFound);
    assert_eq!(house.balance(user).await.available, 0);
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_transfer_and_another_order_under_it_a_conflict() {
    let (house, user) = (House::open().await, UserId::new());
    let once = house.ledger.record(user, &Order::Purchase { amount: 5 }, &note("k")).await.unwrap();
    let again = house.ledger.record(user, &Order::Purchase { amount: 5 }, &note("k")).await.unwrap();
    assert_eq!(once, again);
    for (whose, order) in [
        (user, Order::Purchase { amount: 6 }),
        (user, Order::Grant { amount: 5 }),
        (UserId::new(), Order::Purchase { amount: 5 }),
    ] {
        assert_eq!(code(house.ledger.record(whose, &order, &note("k")).await), RefusalCode::Conflict);
    }
    assert_eq!(house.balance(user).await.available, 5);
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_that_are_none_are_refused_and_move_nothing() {
    let (house, user) = (House::open().await, UserId::new());
    for amount in [0, -1, i64::MIN, i64::MAX, 1_000_000_001] {
        for order in [
            Order::Grant { amount },
            Order::Revoke { amount, of: None },
            Order::Hold { amount, expires_at: after(60) },
            Order::Plan { amount, ends_at: after(60), carry: 0 },
        ] {
            let refused = house.ledger.record(user, &order, &note("k")).await;
            assert_eq!(code(refused), RefusalCode::BadRequest, "{order:?}");
        }
    }
    assert_eq!(house.balance(user).await.available, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plans_credits_are_spent_first_and_end_with_their_period() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 10).await;
    let plan = |amount, ends_at| Order::Plan { amount, ends_at, carry: 0 };
    house.ledger.record(user, &plan(50, after(3_600)), &note("march")).await.unwrap();
    house.ledger.hold(user, 55, LONG, &note("h")).await.unwrap();
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.own), (0, 5));
    // The next period takes the place of what is left of the one before; what was held of it goes nowhere else.
    house.ledger.record(user, &plan(50, after(7_200)), &note("april")).await.unwrap();
    house.ledger.record(user, &plan(50, after(9_000)), &note("may")).await.unwrap();
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.own, balance.held), (50, 5, 55));
    // A period that is over does not count, whether a sweep has come by or not.
    house.ledger.record(user, &plan(50, after(-1)), &note("over")).await.unwrap();
    assert_eq!(house.balance(user).await.available, 5);
    assert_eq!(code(house.ledger.hold(user, 6, LONG, &note("six")).await), RefusalCode::OutOfCredits);
    assert_eq!(house.ledger.sweep().await.unwrap(), (0, 1));
    assert_eq!(house.ledger.sweep().await.unwrap(), (0, 0));
    assert_eq!(house.balance(user).await.available, 5);
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_back_to_a_period_that_is_over_is_over_too() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 10).await;
    house
        .ledger
        .record(user, &Order::Plan { amount: 20, ends_at: after(3_600), carry: 0 }, &note("a"))
        .await
        .unwrap();
    let held = house.ledger.hold(user, 25, LONG, &note("h")).await.unwrap();
    house
        .ledger
        .record(user, &Order::Plan { amount: 7, ends_at: after(7_200), carry: 0 }, &note("b"))
        .await
        .unwrap();
    house.ledger.end(user, held.id, 0).await.unwrap();
    let balance = house.balance(user).await;
    assert_eq!((balance.plan, balance.own, balance.held), (7, 10, 0));
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_nobody_ends_is_given_back() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 10).await;
    let held = house.ledger.hold(user, 10, Duration::ZERO, &note("h")).await.unwrap();
    house.ledger.hold(user, 1, LONG, &note("none left")).await.unwrap_err();
    assert_eq!(house.ledger.sweep().await.unwrap(), (1, 0));
    assert_eq!(house.balance(user).await.available, 10);
    assert_eq!(code(house.ledger.end(user, held.id, 10).await), RefusalCode::Conflict, "it came too late");
    house.is_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_back_never_goes_below_zero() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 10).await;
    house
        .ledger
        .record(user, &Order::Plan { amount: 5, ends_at: after(3_600), carry: 0 }, &note("p"))
        .await
        .unwrap();
    house.ledger.hold(user, 3, LONG, &note("h")).await.unwrap();
    let taken =
        house.ledger.record(user, &Order::Revoke { amount: 100, of: None }, &note("r")).await.unwrap();
    assert_eq!(taken.amount, 12, "what is held stays held");
    assert_eq!(house.balance(user).await.available, 0);
    let again =
        house.ledger.record(user, &Order::Revoke { amount: 100, of: None }, &note("r")).await.unwrap();
    assert_eq!(again, taken);
    assert_eq!(
        code(house.ledger.record(user, &Order::Revoke { amount: 1, of: None }, &note("r2")).await),
        RefusalCode::Conflict
    );
    house.is_right().await;
}

/// Each breaks a rule by hand, past all our code.
const BY_HAND: [&str; 9] = [
    "update credit_transfers set amount = 1",
    "delete from credit_transfers",
    "truncate credit_entries cascade",
    "update credit_entries set amount = amount + 1",
    "delete from credit_entries",
    "update credit_balances set balance = 1000",
    "insert into credit_entries (transfer_id, user_id, account, amount)
        select id, user_id, 'plan', 100 from credit_transfers limit 1",
    "with t as (insert into credit_transfers (id, key, kind, user_id, amount)
            select gen_random_uuid(), 'by hand', 'grant', user_id, 5 from credit_transfers limit 1 returning id, user_id)
        insert into credit_entries (transfer_id, user_id, account, amount)
            select id, user_id, 'own', 5 from t",
    "insert into credit_transfers (id, key, kind, user_id, amount)
        select gen_random_uuid(), 'empty', 'grant', user_id, 5 from credit_transfers limit 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_what_the_ledger_does_not_do() {
    let (house, user) = (House::open().await, UserId::new());
    house.grant(user, 10).await;
    house.ledger.hold(user, 4, LONG, &note("h")).await.unwrap();
    let client = house.database.pool().get().await.unwrap();
    for statement in BY_HAND {
        assert!(client.batch_execute(statement).await.is_err(), "{statement}");
    }
    // Also what is balanced, where it takes what is not there or comes later than its transfer.
    let more = "insert into credit_entries (transfer_id, user_id, account, amount)
        select id, user_id, 'plan', 100 from credit_transfers where kind = 'grant'
        union all select id, '00000000-0000-0000-0000-000000000000', 'granted', -100 from credit_transfers where kind = 'grant'";
    assert!(client.batch_execute(more).await.is_err());
    let below = "with t as (insert into credit_transfers (id, key, kind, user_id, amount)
            select gen_random_uuid(), 'below', 'revoke', user_id, 100 from credit_transfers limit 1 returning id, user_id)
        insert into credit_entries (transfer_id, user_id, account, amount)
            select id, user_id, 'own', -100::bigint from t
            union all select id, '00000000-0000-0000-0000-000000000000', 'revoked', 100 from t";
    let error = client.batch_execute(below).await.unwrap_err();
    assert!(format!("{error:?}").contains("credit_balance_not_negative"), "{error:?}");
    let balance = house.balance(user).await;
    assert_eq!((balance.available, balance.held), (6, 4));
    house.is_right().await;
}

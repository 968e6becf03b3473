use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

use super::*;
use crate::billing::records::{Dispute, PaymentKind};
use crate::config::Config;
use greenroom_actors::domain::UserId;

const GRACE: u16 = 3;

fn plans() -> Plans {
    Config::default().engine_plans()
}

fn at(hours: i64) -> Timestamp {
    // A leap day and a clock change are near.
    "2024-02-20T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn nobody() -> Rows {
    Rows {
        user: Uuid::nil(),
        base: Base { plan: "free".into(), since: at(-10_000) },
        payments: Vec::new(),
        subscriptions: Vec::new(),
        grants: Vec::new(),
    }
}

fn paid(number: u32, hours: i64) -> Paid {
    let payment = Payment {
        id: Uuid::from_u128(u128::from(number)),
        user: UserId::from_uuid(Uuid::nil()),
        kind: PaymentKind::Plan,
        plan: Some("premium".into()),
        credits: None,
        intent_id: Some(format!("pi_{number}")),
        invoice_id: None,
        charge_id: None,
        checkout_id: None,
        subscription_id: None,
        billing_reason: None,
        amount_cents: 700,
        currency: "usd".into(),
        refunded_cents: 0,
        status: PaymentStatus::Succeeded,
        dispute: None,
        failure: None,
        paid_at: Some(at(hours)),
        period_start: None,
        period_end: None,
        taken_at: None,
        created_at: at(hours),
    };
    Paid { payment, days: None }
}

fn granted(number: u32, from: i64, hours: i64, taken: Option<i64>) -> Grant {
    Grant {
        id: Uuid::from_u128(u128::from(number) + 1_000),
        plan: "premium".into(),
        starts_at: at(from),
        ends_at: at(from + hours),
        taken_at: taken.map(at),
    }
}

fn subscribed_to(number: u32, plan: &str, from: i64, hours: i64, status: SubscriptionStatus) -> Subscription {
    Subscription {
        id: format!("sub_{number}"),
        user: UserId::from_uuid(Uuid::nil()),
        customer_id: "cus_1".into(),
        item_id: "si_1".into(),
        price_id: "price_1".into(),
        plan: plan.into(),
        status,
        cancel_at_period_end: number.is_multiple_of(2),
        current_period_start: at(from),
        current_period_end: at(from + hours),
        latest_invoice_id: None,
        canceled_at: None,
        ended_at: None,
        created_at: at(from),
    }
}

fn invoice(number: u32, subscription: &Subscription) -> Paid {
    let mut paid = paid(number, 0);
    let payment = &mut paid.payment;
    payment.kind = PaymentKind::Subscription;
    payment.plan = Some(subscription.plan.clone());
    payment.subscription_id = Some(subscription.id.clone());
    payment.billing_reason = Some("subscription_cycle".into());
    payment.paid_at = Some(subscription.current_period_start);
    payment.period_start = Some(subscription.current_period_start);
    payment.period_end = Some(subscription.current_period_end);
    paid
}

fn resolved(rows: &Rows, now: i64) -> Held {
    resolve(rows, &plans(), GRACE, at(now))
}

/// When premium ends, as seen from long before.
fn end(rows: &Rows) -> Option<Timestamp> {
    resolved(rows, -5_000).until
}

/// What does not hang on the order that rows are read in.
fn sorted(mut held: Held) -> Held {
    held.credits.sort_by(|a, b| a.key.cmp(&b.key));
    held
}

prop_compose! {
    fn some_rows()(
        payments in prop::collection::vec((0_i64..2_000, 0_u8..6), 0..8),
        grants in prop::collection::vec((0_i64..2_000, 1_i64..900, prop::option::of(0_i64..2_000)), 0..4),
        subscriptions in prop::collection::vec((0_i64..2_000, 0_u8..3, 0_u8..4), 0..3),
    ) -> Rows {
        let mut rows = nobody();
        for (number, (hours, fate)) in (0..).zip(payments) {
            let mut one = paid(number, hours);
            match fate {
                0 => one.payment.refunded_cents = 700,
                1 => one.payment.dispute = Some(Dispute::Open),
                2 => one.payment.refunded_cents = 350,
                _ => {}
            }
            rows.payments.push(one);
        }
        for (number, (from, hours, taken)) in (0..).zip(grants) {
            rows.grants.push(granted(number, from, hours, taken));
        }
        for (number, (from, plan, status)) in (0..).zip(subscriptions) {
            use SubscriptionStatus::{Active, Canceled, PastDue, Unpaid};
            let plan = ["starter", "pro", "enterprise"][usize::from(plan)];
            let status = [Active, PastDue, Canceled, Unpaid][usize::from(status)];
            let one = subscribed_to(number, plan, from, 30 * 24, status);
            rows.payments.push(invoice(number + 100, &one));
            rows.subscriptions.push(one);
        }
        rows
    }
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter(rows in some_rows(), now in -100_i64..3_000, seed in any::<u64>()) {
        let mut other = rows.clone();
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut other.payments);
        random.shuffle(&mut other.subscriptions);
        random.shuffle(&mut other.grants);
        prop_assert_eq!(sorted(resolved(&rows, now)), sorted(resolved(&other, now)));
    }

    #[test]
    fn what_is_bought_extends_and_never_shortens(rows in some_rows(), hours in 0_i64..2_000) {
        let rows = Rows { subscriptions: Vec::new(), ..rows };
        let mut more = rows.clone();
        more.payments.push(paid(99, hours));
        let (before, after) = (end(&rows), end(&more).expect("something holds"));
        prop_assert!(after >= at(hours + 15 * 24));
        prop_assert!(before.is_none_or(|before| after >= before));
        // And by no more than its days, beside the gap before it.
        prop_assert!(before.is_none_or(|before| after <= before.max(at(hours)) + SignedDuration::from_hours(15 * 24)));
    }

    #[test]
    fn what_was_taken_and_is_given_again_is_as_if_nothing_had_been(
        rows in some_rows(), now in -100_i64..3_000, which in any::<prop::sample::Index>()
    ) {
        prop_assume!(!rows.payments.is_empty());
        let mut other = rows.clone();
        let at = which.index(other.payments.len());
        let before = other.payments[at].payment.clone();
        prop_assume!(before.dispute.is_none());
        other.payments[at].payment.dispute = Some(Dispute::Open);
        let _ = resolved(&other, now);
        other.payments[at].payment.dispute = Some(Dispute::Won);
        prop_assert_eq!(resolved(&rows, now), resolved(&other, now));
    }

    #[test]
    fn what_is_said_to_come_comes(rows in some_rows(), now in -100_i64..3_000) {
        let held = resolved(&rows, now);
        prop_assert_eq!(held.until.is_some(), held.after.is_some());
        let Some((until, after)) = held.until.zip(held.after) else { return Ok(()) };
        prop_assert!(until > at(now) && after != held.plan);
        let just_before = until - SignedDuration::from_micros(1);
        prop_assert_eq!(resolve(&rows, &plans(), GRACE, just_before).plan, held.plan);
        prop_assert_eq!(resolve(&rows, &plans(), GRACE, until).plan, after);
    }

    #[test]
    fn something_is_due_before_anything_changes(rows in some_rows(), now in -100_i64..3_000, later in 1_i64..500) {
        let (held, then) = (resolved(&rows, now), resolved(&rows, now + later));
        if held.due.is_none_or(|due| due > at(now + later)) {
            prop_assert_eq!((held.plan, held.until, held.after), (then.plan, then.until, then.after));
            let runs = |lot: &Wanted| lot.ends_at.is_none_or(|end| end > at(now + later));
            let keys = |lots: Vec<Wanted>| -> Vec<String> { lots.into_iter().filter(runs).map(|lot| lot.key).collect() };
            prop_assert_eq!(keys(held.credits), keys(then.credits));
        }
    }

    #[test]
    fn no_lot_has_two_forms(rows in some_rows(), now in -100_i64..3_000) {
        let mut keys: Vec<String> = resolved(&rows, now).credits.into_iter().map(|lot| lot.key).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), all);
    }
}

#[test]
fn premium_has_days_of_24_hours_over_a_leap_day() {
    let rows = Rows { payments: vec![paid(1, 0)], ..nobody() };
    assert_eq!(end(&rows), Some(at(15 * 24)));
    assert_eq!(resolved(&rows, 15 * 24).plan, "free", "at its end it is over");
    assert_eq!(resolved(&rows, 15 * 24 - 1).plan, "premium");
}

#[test]
fn a_gap_is_not_filled() {
    let rows = Rows { payments: vec![paid(1, 0), paid(2, 20 * 24)], ..nobody() };
    assert_eq!(resolved(&rows, 20 * 24).until, Some(at(35 * 24)));
}

#[test]
fn a_grant_gives_its_credits_month_by_month_over_a_leap_february() {
    let mut rows = nobody();
    let start: Timestamp = "2024-01-31T08:00:00Z".parse().unwrap();
    rows.grants.push(Grant {
        id: Uuid::nil(),
        plan: "pro".into(),
        starts_at: start,
        ends_at: start + SignedDuration::from_hours(24 * 75),
        taken_at: None,
    });
    let months = [
        ("2024-01-31T08:00:00Z", "2024-02-29T08:00:00Z"),
        ("2024-02-29T08:00:00Z", "2024-03-31T08:00:00Z"),
        // The grant ends in mid-month, and so do its credits.
        ("2024-03-31T08:00:00Z", "2024-04-15T08:00:00Z"),
    ];
    let mut keys = Vec::new();
    for (from, until) in months {
        let (from, until): (Timestamp, Timestamp) = (from.parse().unwrap(), until.parse().unwrap());
        for now in [from, until - 1.second()] {
            let held = resolve(&rows, &plans(), GRACE, now);
            let lot = &held.credits[0];
            assert_eq!((lot.amount, lot.ends_at, held.due), (500, Some(until), Some(until)), "{now}");
            keys.push(lot.key.clone());
        }
    }
    keys.dedup();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

#[test]
fn a_year_is_paid_once_and_gives_its_credits_each_month() {
    let mut rows = nobody();
    let start: Timestamp = "2023-10-31T08:00:00Z".parse().unwrap();
    let mut mine = subscribed_to(1, "pro", 0, 0, SubscriptionStatus::Active);
    mine.current_period_start = start;
    mine.current_period_end = "2024-10-31T08:00:00Z".parse().unwrap();
    rows.payments.push(invoice(1, &mine));
    rows.subscriptions.push(mine);
    let mut keys: Vec<String> = (0..366)
        .map(|day| {
            let held = resolve(&rows, &plans(), GRACE, start + SignedDuration::from_hours(24 * day));
            assert!(held.credits.len() == 1 && held.credits[0].amount == 500);
            held.credits[0].key.clone()
        })
        .collect();
    keys.dedup();
    assert_eq!(keys.len(), 12);
}

#[test]
fn whose_plan_is_gone_from_the_settings_keeps_it_by_name() {
    let mut rows = nobody();
    rows.base.plan = "gold".into();
    assert_eq!(resolved(&rows, 0).plan, "gold");
    let mut one = paid(1, 0);
    (one.payment.plan, one.days) = (Some("gone".into()), Some(10));
    let rows = Rows { payments: vec![one], ..nobody() };
    assert_eq!((resolved(&rows, 0).plan.as_str(), end(&rows)), ("gone", Some(at(240))));
}

//! From one plan to another.

use greenroom::billing::records::SubscriptionStatus;
use greenroom::billing::stripe::{Difference, InvoiceStatus};

use super::world::World;

const HALF_A_MONTH: i64 = 15 * 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn a_greater_plan_is_paid_at_once() {
    let world = World::start().await;
    let (begun, first) = world.subscribed("starter").await;
    world.double.advance(HALF_A_MONTH);
    let changed =
        world.stripe.change_plan(&begun, &world.plan("pro"), Difference::PaidAtOnce, "a").await.unwrap();
    assert_eq!(changed.status, SubscriptionStatus::Active);
    assert_eq!(changed.lookup_key.as_deref(), Some("greenroom_pro_2999_usd_month"));
    assert_eq!(changed.current_period_end, begun.current_period_end, "the period stays");
    let invoice = world.stripe.invoice(changed.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_ne!(invoice.id, first.id);
    assert_eq!(invoice.billing_reason.as_deref(), Some("subscription_update"));
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    // About half of the difference of 20 dollars.
    assert!((900..=1_100).contains(&invoice.amount_cents), "{}", invoice.amount_cents);
    assert_eq!(invoice.price_id.as_deref(), Some(&*changed.price_id), "its line of the new plan tells");
    assert_eq!(invoice.period_end, Some(changed.current_period_end));
    let again =
        world.stripe.change_plan(&begun, &world.plan("pro"), Difference::PaidAtOnce, "a").await.unwrap();
    assert_eq!(again.latest_invoice_id, changed.latest_invoice_id, "the same key pays once");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_payment_nothing_changes() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("starter").await;
    world.double.set_card(&world.customer, "pm_card_chargeDeclined").unwrap();
    let waits =
        world.stripe.change_plan(&begun, &world.plan("pro"), Difference::PaidAtOnce, "a").await.unwrap();
    assert_eq!((waits.status, &waits.price_id), (SubscriptionStatus::Active, &begun.price_id));
    assert!(world.double.object(&begun.id)["pending_update"].is_object());
    let invoice = world.stripe.invoice(waits.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!((invoice.status, invoice.client_secret.is_some()), (InvoiceStatus::Open, true));
    // Paid in the browser, it takes hold.
    world.double.confirm_intent(invoice.intent_id.as_deref().unwrap(), "pm_card_visa").unwrap();
    let changed = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(changed.lookup_key.as_deref(), Some("greenroom_pro_2999_usd_month"));

    world.double.set_card(&world.customer, "pm_card_chargeDeclined").unwrap();
    let waits = world
        .stripe
        .change_plan(&changed, &world.plan("enterprise"), Difference::PaidAtOnce, "b")
        .await
        .unwrap();
    world.double.advance(24 * 3_600);
    let forgotten = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(forgotten.price_id, changed.price_id);
    let invoice = world.stripe.invoice(waits.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!(invoice.status, InvoiceStatus::Void, "a change that nobody pays is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_plan_is_credited_to_the_next_invoice() {
    let world = World::start().await;
    let (begun, first) = world.subscribed("pro").await;
    world.double.advance(HALF_A_MONTH);
    let changed = world
        .stripe
        .change_plan(&begun, &world.plan("starter"), Difference::WithNextInvoice, "a")
        .await
        .unwrap();
    assert_eq!(changed.lookup_key.as_deref(), Some("greenroom_starter_999_usd_month"));
    assert_eq!(changed.latest_invoice_id, Some(first.id), "nothing is to pay now");
    world.double.renew(&begun.id);
    let renewed = world.stripe.subscription(&begun.id).await.unwrap();
    let invoice = world.stripe.invoice(renewed.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!(invoice.billing_reason.as_deref(), Some("subscription_cycle"));
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    assert!(invoice.amount_cents.abs() <= 120, "9.99 less half of 20: {}", invoice.amount_cents);
    assert_eq!(invoice.price_id.as_deref(), Some(&*renewed.price_id));
    assert_eq!(invoice.period_start, Some(renewed.current_period_start), "the line of the period tells");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_over_stays_to_ones_credit() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("enterprise").await;
    let changed =
        world.stripe.change_plan(&begun, &world.plan("starter"), Difference::PaidAtOnce, "a").await.unwrap();
    let invoice = world.stripe.invoice(changed.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!(
        (invoice.status, invoice.intent_id.as_ref()),
        (InvoiceStatus::Paid, None),
        "nothing was to pay"
    );
    assert!(invoice.amount_cents < 0);
    assert_eq!(world.double.object(&world.customer)["balance"], invoice.amount_cents);
    world.double.renew(&begun.id);
    let renewed = world.stripe.subscription(&begun.id).await.unwrap();
    let next = world.stripe.invoice(renewed.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!((next.amount_cents, next.status, next.intent_id), (999, InvoiceStatus::Paid, None));
    assert_eq!(world.double.object(&world.customer)["balance"], invoice.amount_cents + 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_months_to_years_a_new_period_begins() {
    let mut yearly = None;
    let world = World::start_with(|config| {
        let mut plan = config.plans["pro"].clone();
        plan.price_cents = 29_900;
        plan.term = greenroom::config::TermSetting::Year;
        config.plans.insert("pro-yearly".to_owned(), plan);
        yearly = Some("pro-yearly");
    })
    .await;
    let (begun, _) = world.subscribed("pro").await;
    world.double.advance(HALF_A_MONTH);
    let changed = world
        .stripe
        .change_plan(&begun, &world.plan(yearly.unwrap()), Difference::PaidAtOnce, "a")
        .await
        .unwrap();
    let days = changed.current_period_end.duration_since(changed.current_period_start).as_hours() / 24;
    assert!((365..=366).contains(&days), "{days}");
    let invoice = world.stripe.invoice(changed.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert!((28_200..=28_600).contains(&invoice.amount_cents), "{}", invoice.amount_cents);
    assert_eq!(invoice.period_end, Some(changed.current_period_end));
}

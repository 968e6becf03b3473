//! As time goes by: renewals, cards that fail, the calendar.

use greenroom::billing::records::SubscriptionStatus;
use greenroom::billing::stripe::{InvoiceStatus, Renewal};
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::world::World;

const DAY: i64 = 86_400;

fn next_month(at: Timestamp, months: i32) -> Timestamp {
    at.to_zoned(TimeZone::UTC).checked_add(months.months()).unwrap().timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_renews_itself_an_hour_after_its_period() {
    let world = World::start().await;
    let (begun, first) = world.subscribed("pro").await;
    assert_eq!(begun.current_period_end, next_month(begun.current_period_start, 1));
    let wait = begun.current_period_end.as_second() - world.double.now().as_second();
    world.double.advance(wait + 60);
    let between = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(between.current_period_start, begun.current_period_end, "the new period has begun");
    let draft = world.stripe.invoice(between.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!(
        (draft.status, draft.intent_id.as_ref()),
        (InvoiceStatus::Draft, None),
        "and is not charged yet"
    );
    world.double.advance(3_600);
    let paid = world.stripe.invoice(&draft.id).await.unwrap();
    assert_eq!((paid.status, paid.amount_cents), (InvoiceStatus::Paid, 2_999));
    assert_eq!(paid.billing_reason.as_deref(), Some("subscription_cycle"));
    assert_eq!(paid.period_start, Some(begun.current_period_end));
    assert_ne!(paid.intent_id, first.intent_id);
    world.double.advance(300 * DAY);
    let later = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(later.status, SubscriptionStatus::Active);
    let events = world.stripe.list_events(Timestamp::UNIX_EPOCH, None).await.unwrap();
    let made = events.iter().filter(|event| event.kind == "invoice.created").count();
    assert!((10..=12).contains(&made), "one a month: {made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_fails_is_tried_again_and_then_it_ends() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("pro").await;
    world.double.set_card(&world.customer, "pm_card_chargeDeclined").unwrap();
    world.double.renew(&begun.id);
    let due = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(due.status, SubscriptionStatus::PastDue);
    let open = world.stripe.invoice(due.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!((open.status, open.attempts), (InvoiceStatus::Open, 1));
    // A good card in time saves it.
    world.double.set_card(&world.customer, "pm_card_visa").unwrap();
    world.double.advance(3 * DAY + 60);
    let saved = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(saved.status, SubscriptionStatus::Active);
    assert_eq!(world.stripe.invoice(&open.id).await.unwrap().attempts, 2);

    world.double.set_card(&world.customer, "pm_card_chargeDeclined").unwrap();
    world.double.renew(&begun.id);
    world.double.advance(20 * DAY);
    let ended = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(ended.status, SubscriptionStatus::Canceled);
    let invoice = world.stripe.invoice(ended.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!((invoice.status, invoice.attempts), (InvoiceStatus::Open, 4));
    let kinds = world.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "invoice.payment_failed").count(), 5);
    assert_eq!(kinds.last().map(String::as_str), Some("customer.subscription.deleted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_cancelled_ends_with_its_period() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("pro").await;
    world.stripe.set_renewal(&begun.id, Renewal::Ends, "a").await.unwrap();
    world.double.renew(&begun.id);
    let ended = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(
        (ended.status, ended.ended_at),
        (SubscriptionStatus::Canceled, Some(begun.current_period_end))
    );
    assert_eq!(ended.latest_invoice_id, begun.latest_invoice_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_31st_it_goes_by_the_ends_of_months() {
    let world = World::start().await;
    let start = world.double.now().to_zoned(TimeZone::UTC);
    let target = (0..24)
        .filter_map(|n| start.checked_add(n.months()).ok()?.last_of_month().ok())
        .find(|day| day.day() == 31 && day.timestamp() > start.timestamp())
        .unwrap();
    world.double.advance(target.timestamp().as_second() - start.timestamp().as_second());
    let (begun, _) = world.subscribed("pro").await;
    let anchor = begun.current_period_start;
    for n in 1..=13 {
        let present = world.stripe.subscription(&begun.id).await.unwrap();
        assert_eq!(present.current_period_end, next_month(anchor, n), "period {n}");
        world.double.renew(&begun.id);
    }
}

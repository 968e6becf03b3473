//! Each call, as it goes well, and what is refused.

use greenroom::billing::records::{Dispute, PaymentStatus, SubscriptionStatus};
use greenroom::billing::stripe::standin::Verdict;
use greenroom::billing::stripe::{CheckoutStatus, InvoiceStatus, Offer, Renewal, StripeError};
use jiff::Timestamp;
use secrecy::SecretString;

use super::world::World;

const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_can_be_bought() {
    let config = greenroom::config::Config::default();
    assert!(greenroom::billing::stripe::Stripe::open(&config).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_is_one_customer() {
    let world = World::start().await;
    let again = world.stripe.create_customer(world.user, Some("mira@example.com"), "Mira").await.unwrap();
    assert_eq!(again, world.customer);
    let kept = world.double.object(&again);
    assert_eq!(kept["email"], "mira@example.com");
    assert_eq!(kept["metadata"]["greenroom_user"], world.user.to_string());
    world.stripe.delete_customer(&again).await.unwrap();
    world.stripe.delete_customer(&again).await.expect("one that is gone is fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_days_is_paid_at_checkout() {
    let world = World::start().await;
    let offer = Offer::Plan(world.plan("premium"));
    let opened = world.open(offer.clone(), "a").await;
    assert_eq!(opened.status, CheckoutStatus::Open);
    assert!(!opened.paid && opened.url.as_ref().is_some_and(|url| url.starts_with(&world.double.url())));
    assert_eq!((opened.amount_cents, opened.currency.as_deref()), (Some(700), Some("usd")));
    assert_eq!(world.open(offer, "a").await.id, opened.id, "the same key is the same session");

    world.double.decline_checkout(&opened.id);
    let declined = world.stripe.checkout(&opened.id).await.unwrap();
    assert_eq!(declined.status, CheckoutStatus::Open, "a card that is declined leaves it open");
    let tried = world.stripe.intent(declined.intent_id.as_deref().unwrap()).await.unwrap();
    assert_eq!(
        (tried.status, tried.failure.as_deref()),
        (PaymentStatus::Failed, Some("Your card was declined."))
    );

    world.double.pay_checkout(&opened.id).unwrap();
    let paid = world.stripe.checkout(&opened.id).await.unwrap();
    assert_eq!((paid.status, paid.paid, paid.url), (CheckoutStatus::Complete, true, None));
    assert_eq!(paid.customer_id.as_deref(), Some(&*world.customer));
    assert_eq!(paid.metadata["greenroom_kind"], "plan");
    let intent = world.stripe.intent(&paid.intent_id.unwrap()).await.unwrap();
    assert_eq!((intent.status, intent.amount_cents, intent.failure), (PaymentStatus::Succeeded, 700, None));
    assert_eq!(intent.metadata["greenroom_plan"], "premium");
    assert_eq!(intent.metadata["greenroom_user"], world.user.to_string());
    assert_eq!(intent.invoice_id, None);
    let charge = intent.charge.unwrap();
    assert_eq!((charge.refunded_cents, charge.dispute), (0, None));
    assert!(world.kinds().contains(&"checkout.session.completed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_expired_is_not_paid() {
    let world = World::start().await;
    let opened = world.open(Offer::Credits { credits: 50, amount_cents: 500 }, "a").await;
    world.stripe.expire_checkout(&opened.id).await.unwrap();
    world.stripe.expire_checkout(&opened.id).await.expect("one that is over is fine");
    assert_eq!(world.stripe.checkout(&opened.id).await.unwrap().status, CheckoutStatus::Expired);
    assert!(world.double.pay_checkout(&opened.id).is_err());
    let left = world.open(Offer::Credits { credits: 50, amount_cents: 500 }, "b").await;
    world.double.advance(25 * 3_600);
    assert_eq!(world.stripe.checkout(&left.id).await.unwrap().status, CheckoutStatus::Expired);
    assert_eq!(world.stripe.expire_checkout("cs_test_none").await, Err(StripeError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_begun_at_checkout() {
    let world = World::start().await;
    let opened = world.open(Offer::Plan(world.plan("pro")), "a").await;
    assert_eq!((opened.amount_cents, opened.subscription_id.as_ref()), (Some(2_999), None));
    world.double.pay_checkout(&opened.id).unwrap();
    let paid = world.stripe.checkout(&opened.id).await.unwrap();
    assert!(paid.paid && paid.intent_id.is_none());
    let begun = world.stripe.subscription(&paid.subscription_id.unwrap()).await.unwrap();
    assert_eq!(begun.status, SubscriptionStatus::Active);
    assert_eq!(begun.metadata["greenroom_plan"], "pro");
    assert_eq!(begun.lookup_key.as_deref(), Some("greenroom_pro_2999_usd_month"));
    let invoice = world.stripe.invoice(&begun.latest_invoice_id.unwrap()).await.unwrap();
    assert_eq!(invoice.subscription_id.as_deref(), Some(&*begun.id));
    assert_eq!(paid.invoice_id, Some(invoice.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_complete_before_it_is_paid() {
    let world = World::start().await;
    let opened = world.open(Offer::Plan(world.plan("premium")), "a").await;
    world.double.pay_checkout_slowly(&opened.id).unwrap();
    let waits = world.stripe.checkout(&opened.id).await.unwrap();
    assert_eq!((waits.status, waits.paid), (CheckoutStatus::Complete, false));
    let intent = waits.intent_id.unwrap();
    assert_eq!(world.stripe.intent(&intent).await.unwrap().status, PaymentStatus::Pending);
    world.double.transfer_arrives(&opened.id).unwrap();
    assert!(world.stripe.checkout(&opened.id).await.unwrap().paid);
    assert_eq!(world.stripe.intent(&intent).await.unwrap().status, PaymentStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_paid_in_the_browser() {
    let world = World::start().await;
    let made = world.stripe.create_intent(world.user, &world.customer, 100, 1_000, "a").await.unwrap();
    assert_eq!((made.status, made.amount_cents), (PaymentStatus::Pending, 1_000));
    assert!(made.client_secret.as_ref().is_some_and(|secret| secret.starts_with(&made.id)));
    assert_eq!(made.metadata["greenroom_credits"], "100");
    world.double.confirm_intent(&made.id, "pm_card_chargeDeclinedInsufficientFunds").unwrap_err();
    world.double.confirm_intent(&made.id, "pm_card_visa").unwrap();
    let paid = world.stripe.intent(&made.id).await.unwrap();
    assert_eq!(paid.status, PaymentStatus::Succeeded);
    let charge = world.stripe.charge(&paid.charge.unwrap().id).await.unwrap();
    assert_eq!(charge.intent_id, Some(made.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_and_disputes_are_seen_at_the_charge() {
    let world = World::start().await;
    let made = world.stripe.create_intent(world.user, &world.customer, 100, 1_000, "a").await.unwrap();
    world.double.confirm_intent(&made.id, "pm_card_visa").unwrap();
    world.double.refund(&made.id, Some(300)).unwrap();
    world.double.refund(&made.id, Some(800)).expect_err("more than is left");
    let charge = world.stripe.intent(&made.id).await.unwrap().charge.unwrap();
    assert_eq!((charge.refunded_cents, charge.dispute), (300, None));
    for (verdict, told) in [(Verdict::Won, Dispute::Won), (Verdict::Lost, Dispute::Lost)] {
        let dispute = world.double.dispute(&made.id).unwrap();
        world.double.refund(&made.id, None).expect_err("what is disputed is not given back");
        assert_eq!(world.stripe.charge(&charge.id).await.unwrap().dispute, Some(Dispute::Open));
        world.double.close_dispute(&dispute, verdict).unwrap();
        assert_eq!(world.stripe.charge(&charge.id).await.unwrap().dispute, Some(told));
    }
    let kinds = world.kinds();
    for kind in ["charge.refunded", "charge.dispute.created", "charge.dispute.closed"] {
        assert!(kinds.iter().any(|it| it == kind), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_payment_is_confirmed_in_the_browser() {
    let world = World::start().await;
    let begun =
        world.stripe.subscribe(world.user, &world.customer, &world.plan("starter"), "a").await.unwrap();
    assert_eq!(begun.status, SubscriptionStatus::Incomplete);
    let open = world.stripe.invoice(begun.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    assert_eq!((open.status, open.amount_cents, open.attempts), (InvoiceStatus::Open, 999, 0));
    assert_eq!(open.billing_reason.as_deref(), Some("subscription_create"));
    let intent = open.intent_id.unwrap();
    assert!(open.client_secret.unwrap().starts_with(&intent));
    world.double.confirm_intent(&intent, "pm_card_chargeDeclined").unwrap_err();
    let still = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(still.status, SubscriptionStatus::Incomplete);
    world.double.confirm_intent(&intent, "pm_card_visa").unwrap();
    let active = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(active.status, SubscriptionStatus::Active);
    let paid = world.stripe.invoice(&open.id).await.unwrap();
    assert_eq!((paid.status, paid.attempts), (InvoiceStatus::Paid, 2));
    assert_eq!(paid.period_start, Some(active.current_period_start));
    assert_eq!(paid.period_end, Some(active.current_period_end));
    assert_eq!(paid.price_id.as_deref(), Some(&*active.price_id));
    assert!(paid.paid_at.is_some());
    let payment = world.stripe.intent(&intent).await.unwrap();
    assert_eq!(payment.invoice_id, Some(paid.id), "an invoice's payment knows its invoice");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_never_paid_ends_by_itself() {
    let world = World::start().await;
    let begun =
        world.stripe.subscribe(world.user, &world.customer, &world.plan("starter"), "a").await.unwrap();
    world.double.advance(24 * 3_600);
    let ended = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(ended.status, SubscriptionStatus::IncompleteExpired);
    let invoice = world.stripe.invoice(&ended.latest_invoice_id.unwrap()).await.unwrap();
    assert_eq!(invoice.status, InvoiceStatus::Void);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ends_with_its_period_or_at_once() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("pro").await;
    let ends = world.stripe.set_renewal(&begun.id, Renewal::Ends, "a").await.unwrap();
    assert!(ends.cancel_at_period_end && ends.canceled_at.is_some() && ends.ended_at.is_none());
    let stays = world.stripe.set_renewal(&begun.id, Renewal::GoesOn, "b").await.unwrap();
    assert!(!stays.cancel_at_period_end && stays.canceled_at.is_none());
    let ended = world.stripe.end_subscription(&begun.id).await.unwrap();
    assert_eq!(ended.status, SubscriptionStatus::Canceled);
    assert!(ended.ended_at.is_some());
    let again = world.stripe.end_subscription(&begun.id).await.unwrap();
    assert_eq!(again, ended, "one that has ended is answered as it is");
    let refused = world.stripe.set_renewal(&begun.id, Renewal::Ends, "c").await.unwrap_err();
    assert!(matches!(refused, StripeError::Refused { status: 400, .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_customer_pays_nothing_any_more() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("pro").await;
    world.stripe.delete_customer(&world.customer).await.unwrap();
    assert_eq!(world.stripe.subscription(&begun.id).await.unwrap().status, SubscriptionStatus::Canceled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_made_once() {
    let world = World::start().await;
    let plan = world.plan("pro");
    let (one, other) = (world.client(|_| {}), world.client(|_| {}));
    let (one, other) = tokio::join!(one.price_of(&plan), other.price_of(&plan));
    assert_eq!(one.as_ref().unwrap(), other.as_ref().unwrap(), "two nodes at once");
    assert_eq!(world.double.objects("price").len(), 1);
    assert_eq!(world.client(|_| {}).price_of(&plan).await, one, "and found afterwards");
    let asked = world.double.calls("GET prices");
    let known = world.client(|_| {});
    known.price_of(&plan).await.unwrap();
    known.price_of(&plan).await.unwrap();
    assert_eq!(world.double.calls("GET prices"), asked + 1, "kept once found");
    let mut dearer = (*plan).clone();
    dearer.price_cents += 100;
    assert_ne!(known.price_of(&dearer).await, one, "another price is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_of_the_settings_is_what_the_plan_says() {
    let world = World::start().await;
    let made = world.stripe.price_of(&world.plan("pro")).await.unwrap();
    let mut plan = (*world.plan("pro")).clone();
    plan.stripe_price = Some(made.as_str().into());
    assert_eq!(world.client(|_| {}).price_of(&plan).await.as_deref(), Ok(made.as_str()));
    plan.price_cents = 100;
    let wrong = world.stripe.price_of(&plan).await.unwrap_err();
    assert!(matches!(&wrong, StripeError::Strange(why) if why.contains("2999")), "{wrong:?}");
    plan.stripe_price = Some("price_none".into());
    let none = world.stripe.price_of(&plan).await.unwrap_err();
    assert!(matches!(&none, StripeError::Strange(why) if why.contains("price_none")), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_page_by_page_the_newest_first() {
    let world = World::start().await;
    for n in 0..105 {
        let key = n.to_string();
        world.stripe.create_intent(world.user, &world.customer, 10 + n, 1_000, &key).await.unwrap();
    }
    let (begun, invoice) = world.subscribed("pro").await;
    let first = world.stripe.list_intents(LONG_AGO, None).await.unwrap();
    assert_eq!(first.len(), 100);
    assert_eq!(first[0].invoice_id.as_ref(), Some(&invoice.id), "the newest is the subscription's");
    assert_eq!(first[1].metadata["greenroom_credits"], "114");
    let rest = world.stripe.list_intents(LONG_AGO, Some(&first[99].id)).await.unwrap();
    assert_eq!(rest.len(), 6);
    assert_eq!(rest[5].metadata["greenroom_credits"], "10");
    assert!(world.stripe.list_intents(LONG_AGO, Some(&rest[5].id)).await.unwrap().is_empty());
    let later = world.double.now() + jiff::SignedDuration::from_secs(60);
    assert!(world.stripe.list_intents(later, None).await.unwrap().is_empty());

    world.stripe.end_subscription(&begun.id).await.unwrap();
    let own = world.stripe.list_subscriptions(Some(&world.customer), None).await.unwrap();
    assert_eq!((own.len(), own[0].status), (1, SubscriptionStatus::Canceled), "ended ones too");
    assert!(world.stripe.list_subscriptions(None, Some(&begun.id)).await.unwrap().is_empty());

    let events = world.stripe.list_events(LONG_AGO, None).await.unwrap();
    assert_eq!(events.len(), 100);
    assert_eq!(events[0].kind, "customer.subscription.deleted");
    assert_eq!(
        (events[0].object_id.as_deref(), events[0].object_type.as_deref()),
        (Some(&*begun.id), Some("subscription"))
    );
    let further = world.stripe.list_events(LONG_AGO, Some(&events[99].id)).await.unwrap();
    assert!(!further.is_empty() && further[0].created_at <= events[99].created_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_is_opened_for_a_customer() {
    let world = World::start().await;
    let url = world.stripe.open_portal(&world.customer, "https://chat.example.com/account").await.unwrap();
    assert!(url.starts_with(&world.double.url()));
    let refused = world.stripe.open_portal("cus_none", "https://chat.example.com/account").await.unwrap_err();
    assert!(
        matches!(&refused, StripeError::Refused { status: 400, code: Some(code), .. } if code == "resource_missing")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_not_shown() {
    let world = World::start().await;
    let key = "sk_test_thisisnotthekeyofanybodyatall";
    let wrong = world.client(|config| config.stripe.secret_key = SecretString::from(key.to_owned()));
    let refused = wrong.intent("pi_1").await.unwrap_err();
    assert!(matches!(&refused, StripeError::Key(_)), "{refused:?}");
    assert!(!format!("{refused:?}").contains(key));
    let public = world.double.keys().publishable.clone();
    let browser = world.client(|config| config.stripe.secret_key = SecretString::from(public));
    assert!(matches!(browser.intent("pi_1").await, Err(StripeError::Key(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found_and_what_is_wrong_is_refused() {
    let world = World::start().await;
    for found in [
        world.stripe.checkout("cs_test_none").await.map(drop),
        world.stripe.intent("pi_none").await.map(drop),
        world.stripe.charge("ch_none").await.map(drop),
        world.stripe.invoice("in_none").await.map(drop),
        world.stripe.subscription("sub_none").await.map(drop),
        world.stripe.end_subscription("sub_none").await.map(drop),
        world.stripe.set_renewal("sub_none", Renewal::Ends, "a").await.map(drop),
        // One kind's id is no other's.
        world.stripe.intent(&world.customer).await.map(drop),
    ] {
        assert_eq!(found, Err(StripeError::NotFound));
    }
    let small = world.stripe.create_intent(world.user, &world.customer, 1, 10, "a").await.unwrap_err();
    assert!(
        matches!(&small, StripeError::Refused { status: 400, code: Some(code), .. } if code == "amount_too_small")
    );
    let nobody = world.stripe.create_intent(world.user, "cus_none", 10, 1_000, "b").await.unwrap_err();
    assert!(matches!(&nobody, StripeError::Refused { code: Some(code), .. } if code == "resource_missing"));
}

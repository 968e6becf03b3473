//! What each type of event does.

use greenroom::billing::stripe::Offer;
use greenroom::billing::stripe::standin::{DECLINED_CARD, Verdict};
use greenroom::billing::stripe::{Difference, Renewal};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::shop::{Shop, event};
use crate::support::stripe::header;

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_paid_for_days_holds_for_them_and_a_second_payment_adds_to_the_first() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let intent = shop.buy(&buyer, "premium").await;
    shop.bring_all().await;
    let payment = shop.payment(&intent).await;
    assert_eq!((&payment["status"], &payment["kind"]), (&json!("succeeded"), &json!("plan")), "{payment}");
    assert_eq!((&payment["amount_cents"], &payment["plan"]), (&json!(700), &json!("premium")));
    assert!(payment["checkout_id"].as_str().is_some_and(|id| id.starts_with("cs_")), "{payment}");
    assert_eq!(shop.plan_of(&buyer).await, "premium");
    assert_eq!(shop.credits(&buyer).await, 50);
    let first = shop.until(&buyer).await.unwrap();
    shop.buy(&buyer, "premium").await;
    shop.bring_all().await;
    assert_eq!(shop.until(&buyer).await.unwrap(), first + DAY * 15, "it extends, to the second");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_without_a_session_of_its_own_pays_for_credits() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let made = shop.stripe.create_intent(buyer.id, &buyer.customer, 30, 300, "k").await.unwrap();
    let client = shop.app.database.pool().get().await.unwrap();
    let offer = Offer::Credits { credits: 30, amount_cents: 300 };
    let row = super::shop::checkout_row(&made.id, buyer.id, &offer);
    greenroom::billing::records::keep_checkout(&client, &row).await.unwrap();
    drop(client);
    shop.standin.confirm_intent(&made.id, DECLINED_CARD).unwrap_err();
    shop.bring_all().await;
    let failed = shop.payment(&made.id).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(failed["failure"].as_str().is_some_and(|text| !text.is_empty()), "{failed}");
    assert_eq!(shop.credits(&buyer).await, 0);
    shop.standin.confirm_intent(&made.id, super::shop::GOOD).unwrap();
    shop.bring_all().await;
    assert_eq!(shop.credits(&buyer).await, 30);
    assert_eq!(shop.payment(&made.id).await["failure"], Value::Null);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_whole_is_taken_and_a_part_of_credits_is_that_part() {
    let shop = Shop::open().await;
    let (plan, credits) = (shop.buyer().await, shop.buyer().await);
    let intent = shop.buy(&plan, "premium").await;
    let session = shop.credit_checkout(&credits, 100).await;
    shop.standin.pay_checkout(&session).unwrap();
    shop.bring_all().await;
    assert_eq!((shop.plan_of(&plan).await.as_str(), shop.credits(&credits).await), ("premium", 100));
    shop.standin.refund(&intent, Some(100)).unwrap();
    shop.standin.refund(&shop.intent_of(&session), Some(255)).unwrap();
    shop.bring_all().await;
    assert_eq!(shop.plan_of(&plan).await, "premium", "a part of a plan's price takes nothing");
    assert_eq!(shop.payment(&intent).await["refunded_cents"], 100);
    assert_eq!(shop.credits(&credits).await, 75, "25.5 of a hundred, rounded down");
    shop.standin.refund(&intent, None).unwrap();
    shop.bring_all().await;
    assert_eq!((shop.plan_of(&plan).await.as_str(), shop.credits(&plan).await), ("free", 0));
    assert_eq!(shop.payment(&intent).await["refunded_cents"], 700);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_what_was_bought_until_it_is_won() {
    let shop = Shop::open().await;
    let (winner, loser) = (shop.buyer().await, shop.buyer().await);
    let (won, lost) = (shop.buy(&winner, "premium").await, shop.buy(&loser, "premium").await);
    shop.bring_all().await;
    let disputes = [shop.standin.dispute(&won).unwrap(), shop.standin.dispute(&lost).unwrap()];
    shop.bring_all().await;
    assert_eq!(shop.payment(&won).await["dispute"], "open");
    for buyer in [&winner, &loser] {
        assert_eq!((shop.plan_of(buyer).await.as_str(), shop.credits(buyer).await), ("free", 0));
    }
    shop.standin.close_dispute(&disputes[0], Verdict::Won).unwrap();
    shop.standin.close_dispute(&disputes[1], Verdict::Lost).unwrap();
    shop.bring_all().await;
    assert_eq!((shop.plan_of(&winner).await.as_str(), shop.credits(&winner).await), ("premium", 50));
    assert_eq!((shop.plan_of(&loser).await.as_str(), shop.credits(&loser).await), ("free", 0));
    assert_eq!(shop.payment(&lost).await["dispute"], "lost");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begins_is_cancelled_at_its_end_goes_on_and_ends() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let subscription = shop.subscribe(&buyer, "starter").await;
    shop.bring_all().await;
    let row = async || shop.row("select * from subscriptions where id = $1", &[&subscription.id]).await;
    assert_eq!(row().await["status"], "active");
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("starter", 100));
    let invoice = subscription.latest_invoice_id.clone().unwrap();
    let payment = shop.row("select * from payments where invoice_id = $1", &[&invoice]).await;
    assert_eq!((&payment["status"], &payment["kind"]), (&json!("succeeded"), &json!("subscription")));
    assert_eq!((&payment["amount_cents"], &payment["plan"]), (&json!(999), &json!("starter")), "{payment}");
    assert_eq!(payment["billing_reason"], "subscription_create");
    assert!(payment["period_end"].is_string() && payment["intent_id"].is_string(), "{payment}");
    shop.stripe.set_renewal(&subscription.id, Renewal::Ends, "c1").await.unwrap();
    shop.bring_all().await;
    assert_eq!(row().await["cancel_at_period_end"], true);
    assert_eq!(shop.until(&buyer).await, Some(subscription.current_period_end), "no grace when it ends");
    shop.stripe.set_renewal(&subscription.id, Renewal::GoesOn, "r1").await.unwrap();
    shop.bring_all().await;
    assert_eq!(row().await["cancel_at_period_end"], false);
    shop.stripe.end_subscription(&subscription.id).await.unwrap();
    shop.bring_all().await;
    assert_eq!(row().await["status"], "canceled");
    assert_eq!(shop.plan_of(&buyer).await, "free");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_another_plan_and_the_difference_in_credits() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let subscription = shop.subscribe(&buyer, "starter").await;
    shop.bring_all().await;
    shop.stripe.change_plan(&subscription, &shop.plan("pro"), Difference::PaidAtOnce, "u1").await.unwrap();
    shop.bring_all().await;
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("pro", 500));
    let upgrade = "select * from payments where billing_reason = 'subscription_update' and user_id = $1";
    let payment = shop.row(upgrade, &[&buyer.id.uuid()]).await;
    assert_eq!((&payment["plan"], &payment["status"]), (&json!("pro"), &json!("succeeded")), "{payment}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_fails_is_past_due_and_one_that_is_paid_later_holds() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let subscription = shop.subscribe(&buyer, "starter").await;
    shop.bring_all().await;
    shop.standin.set_card(&buyer.customer, DECLINED_CARD).unwrap();
    shop.standin.renew(&subscription.id);
    shop.bring_all().await;
    let row = async || shop.row("select * from subscriptions where id = $1", &[&subscription.id]).await;
    let past_due = row().await;
    assert_eq!(past_due["status"], "past_due", "{past_due}");
    let invoice = past_due["latest_invoice_id"].as_str().unwrap().to_owned();
    let paid = async || shop.row("select * from payments where invoice_id = $1", &[&invoice]).await;
    assert_eq!(paid().await["status"], "failed");
    shop.standin.pay_invoice(&invoice, super::shop::GOOD).unwrap();
    shop.bring_all().await;
    assert_eq!((&row().await["status"], &paid().await["status"]), (&json!("active"), &json!("succeeded")));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_counts_when_it_arrives() {
    let shop = Shop::open().await;
    let (fast, never) = (shop.buyer().await, shop.buyer().await);
    let sessions = [shop.checkout(&fast, "premium").await, shop.checkout(&never, "premium").await];
    for session in &sessions {
        shop.standin.pay_checkout_slowly(session).unwrap();
    }
    shop.bring_all().await;
    assert_eq!(shop.plan_of(&fast).await, "free");
    shop.standin.transfer_arrives(&sessions[0]).unwrap();
    shop.standin.transfer_fails(&sessions[1]).unwrap();
    shop.bring_all().await;
    assert_eq!(
        (shop.plan_of(&fast).await.as_str(), shop.plan_of(&never).await.as_str()),
        ("premium", "free")
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_no_known_type_is_acknowledged_and_kept() {
    let shop = Shop::open().await;
    let body = event("evt_new", "treasury.something.new", &json!({"id": "tr_1", "object": "treasury"}));
    let (status, answer) = shop.post(super::shop::PATH, &body, &header(&body)).await;
    assert_eq!((status, answer), (200, json!({"received": true, "duplicate": false})));
    let kept = shop.event("evt_new").await;
    assert_eq!((&kept["state"], &kept["object_id"]), (&json!("ignored"), &json!("tr_1")), "{kept}");
    assert_eq!(kept["payload"]["data"]["object"]["object"], "treasury");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_other_mode_is_kept_and_has_no_effect() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    for mut held in shop.standin.take_held() {
        held.event["livemode"] = json!(true);
        held.body = held.event.to_string();
        assert_eq!(shop.bring(&held).await.0, 200);
        assert_eq!(shop.state_of(&held).await, "ignored", "{}", held.kind);
    }
    assert_eq!(shop.plan_of(&buyer).await, "free");
    shop.close().await;
}

/// At the end of a period Stripe writes the next invoice an hour before it charges it.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_is_still_being_written_is_no_payment_yet() {
    let shop = Shop::open().await;
    let first = shop.buyer().await;
    let subscription = shop.subscribe(&first, "starter").await;
    shop.bring_all().await;
    let seconds = subscription.current_period_end.as_second() - shop.standin.now().as_second();
    shop.standin.advance(seconds + 1);
    shop.bring_all().await;
    assert_eq!(shop.count("select count(*) from payments").await, 1, "of the first month");
    assert_eq!(
        shop.count("select count(*) from stripe_events where state in ('waiting', 'failed')").await,
        0
    );
    assert_eq!(shop.plan_of(&first).await, "starter");
    shop.standin.advance(3_601);
    shop.bring_all().await;
    assert_eq!(shop.count("select count(*) from payments where status = 'succeeded'").await, 2);
    shop.close().await;
}

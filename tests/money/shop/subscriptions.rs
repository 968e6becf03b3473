//! Subscriptions, from the first payment to the end.

use greenroom::billing::stripe::standin::DECLINED_CARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{World, refused};

fn live(subscription: &Value) -> bool {
    !matches!(subscription["status"].as_str(), Some("canceled" | "incomplete_expired"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_begun_changed_canceled_and_kept_on() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let (status, begun) = world.post("/api/subscriptions", &mira, json!({ "plan": "starter" })).await;
    assert_eq!(status, 201, "{begun}");
    assert_eq!(
        (&begun["subscription"]["status"], &begun["paymentRequired"]),
        (&json!("incomplete"), &json!(true))
    );
    assert_eq!(world.standing(&mira).await["plan"]["name"], "free", "it is not paid");
    let id = begun["subscription"]["id"].as_str().unwrap().to_owned();
    world.pays(&begun).await;
    let standing = world.standing(&mira).await;
    assert_eq!((&standing["plan"]["name"], &standing["source"]), (&json!("starter"), &json!("subscription")));
    assert_eq!((&standing["subscription"]["id"], &standing["credits"]["plan"]), (&json!(id), &json!(100)));
    assert_eq!(standing["subscription"]["priceCents"], 999);

    // A second one has no place, by either way.
    refused(world.post("/api/subscriptions", &mira, json!({ "plan": "pro" })).await, 409, "conflict");
    refused(world.post("/api/subscription/pro", &mira, json!({})).await, 409, "conflict");

    let (status, up) = world.change(&mira, &id, "pro").await;
    assert_eq!(
        (status, &up["paymentRequired"], &up["subscription"]["plan"]),
        (200, &json!(false), &json!("pro")),
        "{up}"
    );
    let standing = world.standing(&mira).await;
    assert_eq!((&standing["plan"]["name"], &standing["credits"]["plan"]), (&json!("pro"), &json!(500)));
    let paid =
        |object: &Value| object["billing_reason"] == "subscription_update" && object["status"] == "paid";
    assert_eq!(world.at_stripe("invoice", paid), 1, "the difference is paid at once");
    // The same again changes nothing.
    assert_eq!(world.change(&mira, &id, "pro").await, (status, up));
    assert_eq!(world.at_stripe("invoice", paid), 1);

    let (status, down) = world.change(&mira, &id, "starter").await;
    assert_eq!((status, &down["subscription"]["plan"]), (200, &json!("starter")), "{down}");
    assert_eq!(world.standing(&mira).await["plan"]["name"], "starter");
    assert_eq!(world.at_stripe("invoice", paid), 1, "what is left over is credited later");

    let canceled = world.does(&format!("/api/subscriptions/{id}/cancel"), &mira, json!({})).await;
    assert_eq!((&canceled["cancelAtPeriodEnd"], &canceled["status"]), (&json!(true), &json!("active")));
    let standing = world.standing(&mira).await;
    assert_eq!(
        (&standing["planUntil"], &standing["planAfter"]),
        (&canceled["currentPeriodEnd"], &json!("free"))
    );
    let kept = world.does(&format!("/api/subscriptions/{id}/reactivate"), &mira, json!({})).await;
    assert_eq!(kept["cancelAtPeriodEnd"], false);
    // The older shapes do the same, also a second time.
    for _ in 0..2 {
        let standing = world.does("/api/payments/subscription/cancel", &mira, json!({})).await;
        assert_eq!(standing["subscription"]["cancelAtPeriodEnd"], true, "{standing}");
        let standing = world.does("/api/subscription/reactivate", &mira, json!({})).await;
        assert_eq!(standing["subscription"]["cancelAtPeriodEnd"], false, "{standing}");
        let standing = world.does("/api/subscription/cancel", &mira, json!({})).await;
        assert_eq!(standing["subscription"]["cancelAtPeriodEnd"], true, "{standing}");
        world.does("/api/subscription/reactivate", &mira, json!({})).await;
    }
    // All events come late, and change nothing.
    let before = world.standing(&mira).await;
    world.bring_all().await;
    assert_eq!(world.standing(&mira).await, before);
    let list = world.get("/api/subscriptions", &mira).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    world.standin.end_subscription(&id).unwrap();
    world.bring_all().await;
    assert_eq!(world.standing(&mira).await["plan"]["name"], "free");
    for deed in ["cancel", "reactivate"] {
        let path = format!("/api/subscriptions/{id}/{deed}");
        refused(world.post(&path, &mira, json!({})).await, 409, "conflict");
        let path = format!("/api/subscription/{deed}");
        refused(world.post(&path, &mira, json!({})).await, 404, "not_found");
    }
    refused(world.change(&mira, &id, "pro").await, 409, "conflict");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_for_its_payment_is_answered_again_and_gives_way_to_another_plan() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let click = || world.does("/api/subscriptions", &mira, json!({ "plan": "starter" }));
    let (one, two) = tokio::join!(click(), click());
    assert_eq!(one, two);
    assert_eq!(click().await["clientSecret"], one["clientSecret"]);
    assert_eq!(world.at_stripe("subscription", |_| true), 1);
    let pro = world.does("/api/subscriptions", &mira, json!({ "plan": "pro" })).await;
    assert_ne!(pro["subscription"]["id"], one["subscription"]["id"]);
    assert_eq!(world.at_stripe("subscription", live), 1);
    // And back again.
    let third = click().await;
    assert_ne!(third["subscription"]["id"], one["subscription"]["id"]);
    assert_eq!(world.at_stripe("subscription", live), 1);
    world.pays(&third).await;
    assert_eq!(world.standing(&mira).await["plan"]["name"], "starter");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ways_to_subscribe_do_not_make_two_subscriptions() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let session = world.checkout(&mira, json!({ "plan": "pro" })).await;
    let begun = world.does("/api/subscriptions", &mira, json!({ "plan": "starter" })).await;
    assert_eq!(world.standin.object(&session)["status"], "expired", "its page is closed");
    world.standin.pay_checkout(&session).unwrap_err();
    // The other way round.
    let session = world.checkout(&mira, json!({ "plan": "pro" })).await;
    let id = begun["subscription"]["id"].as_str().unwrap();
    assert!(!live(&world.standin.object(id)), "it gave way");
    world.standin.pay_checkout(&session).unwrap();
    // Nobody has told of it yet; Stripe is asked.
    refused(world.post("/api/subscriptions", &mira, json!({ "plan": "starter" })).await, 409, "conflict");
    assert_eq!(world.verify(&mira, &session).await["standing"]["plan"]["name"], "pro");
    assert_eq!(world.at_stripe("subscription", live), 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_way_to_pro_is_a_checkout_that_comes_back_to_the_console() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let response = world.app.send(Method::POST, "/api/subscription/pro", Some(&mira.token), None).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("deprecation"));
    let opened: Value = response.json().await.unwrap();
    let session = opened["sessionId"].as_str().unwrap();
    let kept = world.standin.object(session);
    assert_eq!(kept["mode"], "subscription");
    assert_eq!(kept["success_url"], world.app.url("/#/plans/paid/{CHECKOUT_SESSION_ID}"));
    world.standin.pay_checkout(session).unwrap();
    assert_eq!(world.verify(&mira, session).await["kind"], "subscription");
    assert_eq!(world.standing(&mira).await["plan"]["name"], "pro");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_the_card_does_not_pay_waits_for_its_payment() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let id = world.subscribes(&mira, "starter").await;
    world.standin.set_card(&world.customer(&mira).await, DECLINED_CARD).unwrap();
    let (status, waits) = world.change(&mira, &id, "pro").await;
    assert_eq!((status, &waits["paymentRequired"]), (200, &json!(true)), "{waits}");
    assert_eq!(waits["subscription"]["plan"], "starter");
    assert_eq!(world.standing(&mira).await["plan"]["name"], "starter", "nothing was paid");
    // A double click is the same payment.
    assert_eq!(world.change(&mira, &id, "pro").await.1["clientSecret"], waits["clientSecret"]);
    world.pays(&waits).await;
    assert_eq!(world.standing(&mira).await["plan"]["name"], "pro");
    let (_, done) = world.change(&mira, &id, "pro").await;
    assert_eq!((&done["paymentRequired"], &done["clientSecret"]), (&json!(false), &json!(null)));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_never_paid_ends_at_once() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let begun = world.does("/api/subscriptions", &mira, json!({ "plan": "starter" })).await;
    let id = begun["subscription"]["id"].as_str().unwrap();
    refused(world.change(&mira, id, "pro").await, 409, "conflict");
    let ended = world.does(&format!("/api/subscriptions/{id}/cancel"), &mira, json!({})).await;
    assert_ne!(ended["endedAt"], json!(null), "{ended}");
    assert_eq!(world.at_stripe("subscription", live), 0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_subscription_is_as_if_there_were_none() {
    let world = World::open().await;
    let (mira, noah) = (world.app.user().await, world.app.user().await);
    let id = world.subscribes(&mira, "starter").await;
    refused(world.change(&noah, &id, "pro").await, 404, "not_found");
    for deed in ["cancel", "reactivate"] {
        let path = format!("/api/subscriptions/{id}/{deed}");
        refused(world.post(&path, &noah, json!({})).await, 404, "not_found");
    }
    assert_eq!(world.get("/api/subscriptions", &noah).await["items"], json!([]));
    assert_eq!(world.get("/api/payments/history", &noah).await["items"], json!([]));
    assert_eq!(world.standin.object(&id)["cancel_at_period_end"], false);
    for (plan, status) in [("platinum", 404), ("free", 400), ("premium", 400)] {
        assert_eq!(world.change(&mira, &id, plan).await.0, status, "{plan}");
        assert_eq!(
            world.post("/api/subscriptions", &noah, json!({ "plan": plan })).await.0,
            status,
            "{plan}"
        );
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_renewal_is_to_be_paid_before_anything_changes() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let id = world.subscribes(&mira, "starter").await;
    world.standin.set_card(&world.customer(&mira).await, DECLINED_CARD).unwrap();
    world.standin.renew(&id);
    let answer = refused(world.change(&mira, &id, "pro").await, 409, "conflict");
    assert!(answer["message"].as_str().unwrap().contains("payment"), "{answer}");
    assert_eq!(world.get("/api/subscriptions", &mira).await["items"][0]["status"], "past_due");
    world.close().await;
}

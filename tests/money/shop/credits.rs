//! Credits, in the client's own page and on Stripe's.

use serde_json::json;

use super::world::{World, refused};

const PATH: &str = "/api/subscriptions/payment-intent";

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_there_when_they_are_paid_and_once() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let click = || world.does(PATH, &mira, json!({ "credits": 100 }));
    let (intent, again) = tokio::join!(click(), click());
    assert_eq!(intent, again, "a double click");
    assert_eq!((&intent["amountCents"], &intent["currency"]), (&json!(1_000), &json!("usd")));
    assert_eq!(world.at_stripe("payment_intent", |_| true), 1);
    assert_eq!(world.standing(&mira).await["credits"]["available"], 0);
    world.pays(&intent).await;
    world.bring_all().await;
    let credits = world.get("/api/credits", &mira).await;
    assert_eq!((&credits["own"], &credits["available"]), (&json!(100), &json!(100)));
    let history = world.get("/api/payments/history", &mira).await;
    let line = &history["items"][0];
    assert_eq!(
        (&line["kind"], &line["credits"], &line["plan"]),
        (&json!("credits"), &json!(100), &json!(null))
    );
    assert_eq!((&line["amountCents"], &line["status"]), (&json!(1_000), &json!("succeeded")));

    // It was paid: the same again is another payment.
    let second = world.does(PATH, &mira, json!({ "credits": 100 })).await;
    assert_ne!(second["paymentIntentId"], intent["paymentIntentId"]);
    world.pays(&second).await;
    assert_eq!(world.get("/api/credits", &mira).await["own"], 200);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_bought_on_stripes_page_stay() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let standing = world.buys(&mira, json!({ "credits": 250 })).await;
    assert_eq!((&standing["credits"]["own"], &standing["plan"]["name"]), (&json!(250), &json!("free")));
    world.bring_all().await;
    assert_eq!(world.standing(&mira).await, standing);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_credits_as_are_sold_and_no_others() {
    let world = World::open().await;
    let mira = world.app.user().await;
    for credits in [
        json!(-10),
        json!(0),
        json!(9),
        json!(10_001),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(10.5),
        json!("100"),
        json!(null),
    ] {
        let (status, answer) = world.post(PATH, &mira, json!({ "credits": credits })).await;
        assert_eq!(status, 400, "{credits}: {answer}");
    }
    assert_eq!(world.at_stripe("payment_intent", |_| true), 0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_no_session() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let intent = world.does(PATH, &mira, json!({ "credits": 100 })).await;
    let body = json!({ "sessionId": intent["paymentIntentId"] });
    refused(world.post("/api/payments/verify-success", &mira, body).await, 404, "not_found");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_payment_says_so_and_can_be_made_with_another_card() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let intent = world.does(PATH, &mira, json!({ "credits": 100 })).await;
    let id = intent["paymentIntentId"].as_str().unwrap();
    let declined = greenroom::billing::stripe::standin::DECLINED_CARD;
    world.standin.confirm_intent(id, declined).unwrap_err();
    world.bring_all().await;
    let line = world.get("/api/payments/history", &mira).await["items"][0].clone();
    assert_eq!(line["status"], "failed", "{line}");
    assert!(line["failure"].as_str().is_some_and(|why| !why.is_empty()), "{line}");
    assert_eq!(world.does(PATH, &mira, json!({ "credits": 100 })).await["paymentIntentId"], id);
    world.pays(&intent).await;
    assert_eq!(world.get("/api/credits", &mira).await["own"], 100);
    world.close().await;
}

//! Plans for days, bought on Stripe's page.

use jiff::SignedDuration;
use serde_json::json;

use super::world::{World, refused, time};

const PATH: &str = "/api/payments/create-checkout-session";

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_days_holds_when_it_is_paid_and_once_more_extends_it() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let session = world.checkout(&mira, json!({})).await;
    let offered = world.standin.object(&session);
    assert_eq!((&offered["amount_total"], &offered["currency"]), (&json!(700), &json!("usd")));
    assert!(offered["success_url"].as_str().unwrap().ends_with("/#/plans/paid/{CHECKOUT_SESSION_ID}"));
    let verified = world.verify(&mira, &session).await;
    assert_eq!((&verified["status"], &verified["kind"]), (&json!("open"), &json!("plan")));
    assert_eq!(verified["standing"]["plan"]["name"], "free");

    // The browser is back before Stripe's event.
    world.standin.pay_checkout(&session).unwrap();
    let verified = world.verify(&mira, &session).await;
    assert_eq!((&verified["status"], &verified["plan"]), (&json!("paid"), &json!("premium")));
    let standing = &verified["standing"];
    assert_eq!((&standing["plan"]["name"], &standing["source"]), (&json!("premium"), &json!("payment")));
    assert_eq!((&standing["isPremium"], &standing["planAfter"]), (&json!(true), &json!("free")));
    assert_eq!(standing["credits"]["plan"], 50);
    let until = time(&standing["planUntil"]);

    // The event changes nothing any more, nor does asking again.
    world.bring_all().await;
    assert_eq!(world.verify(&mira, &session).await["standing"], *standing);
    assert_eq!(world.standing(&mira).await, *standing);

    let longer = world.buys(&mira, json!({ "plan": "premium" })).await;
    assert_eq!(time(&longer["planUntil"]).duration_since(until), SignedDuration::from_hours(15 * 24));
    assert_eq!(longer["credits"]["plan"], 100, "what is left goes on with it");
    world.bring_all().await;
    assert_eq!(world.standing(&mira).await, longer);
    let history = world.get("/api/payments/history", &mira).await;
    assert_eq!((&history["total"], history["items"].as_array().unwrap().len()), (&json!(2), 2));
    assert_eq!(history["items"][0]["status"], "succeeded");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_before_the_browser_are_as_good() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let session = world.checkout(&mira, json!({ "plan": "premium" })).await;
    world.standin.pay_checkout(&session).unwrap();
    world.bring_all().await;
    let standing = world.standing(&mira).await;
    assert_eq!(standing["plan"]["name"], "premium");
    // It is known: Stripe is not asked.
    let asked = world.standin.calls("GET checkout");
    let verified = world.verify(&mira, &session).await;
    assert_eq!((&verified["status"], &verified["standing"]), (&json!("paid"), &standing));
    assert_eq!(world.standin.calls("GET checkout"), asked);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_pending_until_it_arrives_and_an_ended_session_is_over() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let session = world.checkout(&mira, json!({ "plan": "premium" })).await;
    world.standin.pay_checkout_slowly(&session).unwrap();
    let verified = world.verify(&mira, &session).await;
    assert_eq!(
        (&verified["status"], &verified["standing"]["plan"]["name"]),
        (&json!("pending"), &json!("free"))
    );
    world.standin.transfer_arrives(&session).unwrap();
    assert_eq!(world.verify(&mira, &session).await["standing"]["plan"]["name"], "premium");

    let session = world.checkout(&mira, json!({ "plan": "premium" })).await;
    world.standin.advance(25 * 3_600);
    assert_eq!(world.verify(&mira, &session).await["status"], "expired");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_one_session_and_one_customer() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let click = || world.checkout(&mira, json!({ "plan": "premium" }));
    let (one, two, three) = tokio::join!(click(), click(), click());
    assert!(one == two && two == three, "{one} {two} {three}");
    assert_eq!(world.checkout(&mira, json!({ "plan": "premium" })).await, one);
    assert_eq!(world.at_stripe("checkout.session", |_| true), 1);
    assert_eq!(world.at_stripe("customer", |_| true), 1);
    assert_eq!(world.count("select count(*) from checkouts").await, 1);
    // Another wish is another one, and another person's too.
    assert_ne!(world.checkout(&mira, json!({ "credits": 10 })).await, one);
    let noah = world.app.user().await;
    assert_ne!(world.checkout(&noah, json!({ "plan": "premium" })).await, one);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_the_servers_whatever_a_request_says() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let body = json!({
        "plan": "premium", "amount": 1, "amountCents": 1, "priceCents": 1, "currency": "jpy", "price": "price_1",
        "metadata": { "greenroom_plan": "enterprise" },
    });
    let (status, answer) = world.post(PATH, &mira, world.order(body)).await;
    if status == 200 {
        let session = world.standin.object(answer["sessionId"].as_str().unwrap());
        assert_eq!((&session["amount_total"], &session["currency"]), (&json!(700), &json!("usd")));
        assert_eq!(session["metadata"]["greenroom_plan"], "premium");
    } else {
        assert_eq!(status, 400, "{answer}");
    }
    // Somebody at Stripe's side, or between, says another amount: it is not what was offered.
    let session = world.checkout(&mira, json!({ "plan": "premium" })).await;
    world.standin.pay_checkout(&session).unwrap();
    world.standin.tamper(&session, |session| session["amount_total"] = json!(1));
    refused(
        world.post("/api/payments/verify-success", &mira, json!({ "sessionId": session })).await,
        409,
        "conflict",
    );
    assert_eq!(world.standing(&mira).await["plan"]["name"], "free");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sold_is_refused_in_words() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let asks = |of| world.post(PATH, &mira, world.order(of));
    refused(asks(json!({ "plan": "platinum" })).await, 404, "not_found");
    for of in [
        json!({ "plan": "free" }),
        json!({ "plan": "premium", "credits": 100 }),
        json!({ "credits": -100 }),
        json!({ "credits": 0 }),
        json!({ "credits": 9 }),
        json!({ "credits": 10_001 }),
        json!({ "credits": 4_294_967_306_u64 }),
        json!({ "credits": i64::MAX }),
        json!({ "credits": u64::MAX }),
        json!({ "credits": 10.5 }),
        json!({ "plan": 7 }),
    ] {
        let (status, answer) = asks(of.clone()).await;
        assert_eq!(status, 400, "{of}: {answer}");
    }
    let here = world.app.url("/");
    for (success, cancel, field) in [
        ("https://evil.example.com/", here.as_str(), "successUrl"),
        (here.as_str(), "https://evil.example.com/", "cancelUrl"),
        ("javascript:alert(1)", here.as_str(), "successUrl"),
        ("/paid", here.as_str(), "successUrl"),
        ("", here.as_str(), "successUrl"),
    ] {
        let answer = refused(
            world.post(PATH, &mira, json!({ "successUrl": success, "cancelUrl": cancel })).await,
            400,
            "bad_request",
        );
        assert_eq!(answer["details"][0]["field"], field, "{answer}");
    }
    assert_eq!(world.post(PATH, &mira, json!({})).await.0, 400);
    assert_eq!(world.app.post(PATH, None, world.order(json!({}))).await.0, 401);
    assert_eq!(world.at_stripe("checkout.session", |_| true), 0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_sent_to_the_named_origins_alone() {
    let world = World::open_with(|config| {
        config.billing.return_origins = vec!["https://chat.example.com".to_owned()];
    })
    .await;
    let mira = world.app.user().await;
    let there =
        json!({ "successUrl": "https://chat.example.com/a", "cancelUrl": "https://chat.example.com/b" });
    world.does(PATH, &mira, there).await;
    let body = json!({ "returnUrl": "https://evil.example.com/" });
    refused(world.post("/api/payments/create-portal-session", &mira, body).await, 400, "bad_request");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_add_nothing_is_not_sold() {
    let world = World::open().await;
    let mira = world.app.user().await;
    world.subscribes(&mira, "pro").await;
    let asks = |of| world.post(PATH, &mira, world.order(of));
    let answer = refused(asks(json!({ "plan": "premium" })).await, 409, "conflict");
    assert!(answer["message"].as_str().unwrap().contains("pro"), "{answer}");
    for plan in ["starter", "pro", "enterprise"] {
        refused(asks(json!({ "plan": plan })).await, 409, "conflict");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_session_is_as_if_there_were_none() {
    let world = World::open().await;
    let (mira, noah) = (world.app.user().await, world.app.user().await);
    let session = world.checkout(&mira, json!({ "plan": "premium" })).await;
    world.standin.pay_checkout(&session).unwrap();
    let asked = world.standin.calls("GET checkout");
    for id in [session.as_str(), "cs_test_nothing", "", "pi_1", "../customers", "a\0b"] {
        refused(
            world.post("/api/payments/verify-success", &noah, json!({ "sessionId": id })).await,
            404,
            "not_found",
        );
    }
    assert_eq!(world.standin.calls("GET checkout"), asked, "Stripe is not even asked");
    assert_eq!(world.standing(&noah).await["plan"]["name"], "free");
    assert_eq!(world.verify(&mira, &session).await["status"], "paid");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_buys_nothing_and_another_one_does() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let session = world.checkout(&mira, json!({ "plan": "premium" })).await;
    world.standin.decline_checkout(&session);
    world.bring_all().await;
    let verified = world.verify(&mira, &session).await;
    assert_eq!(
        (&verified["status"], &verified["standing"]["plan"]["name"]),
        (&json!("open"), &json!("free"))
    );
    assert_eq!(world.checkout(&mira, json!({ "plan": "premium" })).await, session, "it is still open");
    world.standin.pay_checkout(&session).unwrap();
    assert_eq!(world.verify(&mira, &session).await["standing"]["plan"]["name"], "premium");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_stripe_forgot_is_replaced() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let customer = world.does("/api/payments/create-portal-session", &mira, json!({})).await;
    assert!(customer["url"].is_string());
    // The key is another account's by now.
    world.execute("update stripe_customers set customer_id = 'cus_of_another_account'").await;
    world.checkout(&mira, json!({ "plan": "premium" })).await;
    assert_ne!(world.customer(&mira).await, "cus_of_another_account");
    assert_eq!(world.buys(&mira, json!({ "plan": "premium" })).await["plan"]["name"], "premium");
    world.close().await;
}

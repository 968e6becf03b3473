//! What is not taken, and what has no effect.

use std::time::Duration;

use greenroom::billing::stripe::signature_header;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::shop::{GOOD, PATH, Shop, event};
use crate::support::app::TestApp;
use crate::support::stripe::{SECRET, header};

fn signed(secret: &str, age: SignedDuration, body: &str) -> String {
    signature_header(&SecretString::from(secret), Timestamp::now() - age, body.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_stale_or_missing_signature_is_refused_and_leaves_nothing() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    let held = shop.standin.take_held().pop().unwrap();
    let body = held.body;
    let fresh = SignedDuration::ZERO;
    let stale = SignedDuration::from_secs(301);
    let good = header(&body);
    let refused = [
        signed("whsec_another", fresh, &body),
        signed(SECRET, stale, &body),
        signed(SECRET, -stale, &body),
        signed(SECRET, fresh, &format!("{body} ")),
        good.replace("v1=", "v0="),
        good.split(',').next().unwrap().to_owned(),
        good.split(',').nth(1).unwrap().to_owned(),
        good.replace("t=", "t=1"),
        String::new(),
        "t=,v1=".to_owned(),
    ];
    for signature in &refused {
        let (status, answer) = shop.post(PATH, &body, signature).await;
        assert_eq!((status, &answer["error"]), (400, &json!("bad_signature")), "{signature}: {answer}");
        let told = answer.to_string();
        assert!(!told.contains("whsec") && !told.contains(&good[good.len() - 20..]), "{told}");
    }
    let none = shop.app.http.post(shop.app.url(PATH)).body(body.clone()).send().await.unwrap();
    assert_eq!(none.status().as_u16(), 400);
    assert_eq!(shop.count("select count(*) from stripe_events").await, 0);
    assert_eq!(shop.post(PATH, &body, &signed(SECRET, SignedDuration::from_secs(290), &body)).await.0, 200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_replaced_both_hold_and_then_only_the_new_one() {
    let both = vec![SecretString::from("whsec_new"), SecretString::from(SECRET)];
    let shop = Shop::open_with(|config| config.stripe.webhook_secrets = both).await;
    let body = |id: &str| event(id, "customer.created", &json!({"id": "cus_1", "object": "customer"}));
    for (id, secret) in [("evt_1", SECRET), ("evt_2", "whsec_new")] {
        let body = body(id);
        assert_eq!(shop.post(PATH, &body, &signed(secret, SignedDuration::ZERO, &body)).await.0, 200);
    }
    // Stripe signs with both meanwhile.
    let body = body("evt_3");
    let (old, new) = (header(&body), signed("whsec_unknown", SignedDuration::ZERO, &body));
    let both = format!("{new},v1={}", old.rsplit_once("v1=").unwrap().1);
    assert_eq!(shop.post(PATH, &body, &both).await.0, 200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused_whoever_signed_it() {
    let shop = Shop::open().await;
    for body in
        ["", "{", "null", "[]", r#"{"object":"charge","id":"ch_1"}"#, r#"{"object":"event","id":"evt_1"}"#]
    {
        let (status, answer) = shop.post(PATH, body, &header(body)).await;
        assert_eq!((status, &answer["error"]), (400, &json!("bad_request")), "{body}: {answer}");
    }
    assert_eq!(shop.count("select count(*) from stripe_events").await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_before_it_is_read_to_its_end() {
    let shop = Shop::open().await;
    let large = json!({"id": "x", "object": "customer", "text": "x".repeat(1024 * 1024)});
    let large = event("evt_1", "customer.created", &large);
    let (status, answer) = shop.post(PATH, &large, &header(&large)).await;
    assert_eq!((status, &answer["error"]), (413, &json!("too_large")), "{answer}");
    let fits = json!({"id": "x", "object": "customer", "text": "x".repeat(1024 * 1024 - 1_000)});
    let fits = event("evt_2", "customer.created", &fits);
    assert_eq!(shop.post(PATH, &fits, &header(&fits)).await.0, 200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_paths_take_webhooks_and_the_older_ones_say_so() {
    let shop = Shop::open().await;
    let paths = [PATH, "/api/webhook/stripe", "/api/subscriptions/webhook"];
    for (at, path) in paths.into_iter().enumerate() {
        for prefix in ["/api", "/api/v1"] {
            let path = path.replacen("/api", prefix, 1);
            let id = format!("evt_{at}{}", prefix.len());
            let body = event(&id, "customer.created", &json!({"id": "cus_1", "object": "customer"}));
            let request = shop.app.http.post(shop.app.url(&path)).header("Stripe-Signature", header(&body));
            let answer = request.body(body).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{path}");
            assert_eq!(answer.headers().contains_key("deprecation"), at > 0, "{path}");
            assert_eq!(shop.event(&id).await["state"], "ignored");
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_or_a_secret_webhooks_say_which_setting_is_missing() {
    let app = TestApp::start().await;
    let body = event("evt_1", "customer.created", &json!({}));
    let send = async |app: &TestApp| {
        let request = app.http.post(app.url(PATH)).header("Stripe-Signature", header(&body));
        let answer = request.body(body.clone()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = send(&app).await;
    assert_eq!((status, &answer["error"]), (503, &json!("feature_unavailable")));
    assert!(answer["message"].as_str().unwrap().contains("stripe.secret_key"), "{answer}");
    assert_eq!(app.get("/api/webhook/health", None).await, (200, json!({"status": "off"})));
    app.stop().await;
    let shop = Shop::open_with(|config| config.stripe.webhook_secrets.clear()).await;
    let (_, answer) = send(&shop.app).await;
    assert!(answer["message"].as_str().unwrap().contains("stripe.webhook_secrets"), "{answer}");
    shop.close().await;
}

/// What somebody else sells through the same account at Stripe, or what was made without us.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_made_here_is_kept_and_has_no_effect() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    // A session that is in nobody's row, though it names somebody in its metadata.
    let offer = greenroom::billing::stripe::Offer::Plan(shop.plan("premium"));
    let new = greenroom::billing::stripe::NewCheckout {
        user: buyer.id,
        customer: &buyer.customer,
        offer: &offer,
        success_url: "http://localhost/s",
        cancel_url: "http://localhost/c",
        key: "foreign",
    };
    let session = shop.stripe.open_checkout(&new).await.unwrap();
    shop.standin.pay_checkout(&session.id).unwrap();
    // A payment that no session made.
    let intent = shop.stripe.create_intent(buyer.id, &buyer.customer, 10_000, 100, "foreign").await.unwrap();
    shop.standin.confirm_intent(&intent.id, GOOD).unwrap();
    // A subscription of a customer who is nobody's.
    let stranger = shop.stripe.create_customer(buyer.id, None, "A stranger").await.unwrap();
    let made = shop.stripe.subscribe(buyer.id, &stranger, &shop.plan("pro"), "foreign").await.unwrap();
    let invoice = shop.stripe.invoice(made.latest_invoice_id.as_deref().unwrap()).await.unwrap();
    shop.standin.confirm_intent(&invoice.intent_id.unwrap(), GOOD).unwrap();
    shop.standin.refund(&shop.intent_of(&session.id), None).unwrap();
    for held in shop.standin.take_held() {
        assert_eq!(shop.bring(&held).await.0, 200);
        assert_eq!(shop.state_of(&held).await, "ignored", "{}", held.kind);
    }
    assert_eq!(shop.count("select count(*) from payments").await, 0);
    assert_eq!(shop.count("select count(*) from subscriptions").await, 0);
    assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("free", 0));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_or_a_customer_that_was_not_offered_gives_nothing_and_is_shown_to_admins() {
    let shop = Shop::open().await;
    let (cheap, other) = (shop.buyer().await, shop.buyer().await);
    let cheaper = shop.checkout(&cheap, "premium").await;
    let elsewhere = shop.checkout(&other, "premium").await;
    shop.standin.pay_checkout(&cheaper).unwrap();
    shop.standin.pay_checkout(&elsewhere).unwrap();
    let tampered = [shop.intent_of(&cheaper), cheaper.clone()];
    shop.standin.tamper(&tampered[0], |intent| intent["amount"] = json!(1));
    shop.standin.tamper(&tampered[1], |session| session["amount_total"] = json!(1));
    for id in [shop.intent_of(&elsewhere), elsewhere.clone()] {
        shop.standin.tamper(&id, |object| object["customer"] = json!(cheap.customer));
    }
    for held in shop.standin.take_held() {
        assert_eq!(shop.bring(&held).await.0, 200);
    }
    assert_eq!(shop.count("select count(*) from payments").await, 0);
    for buyer in [&cheap, &other] {
        assert_eq!((shop.plan_of(buyer).await.as_str(), shop.credits(buyer).await), ("free", 0));
    }
    let failed =
        shop.count("select count(*) from stripe_events where state = 'failed' and error is not null").await;
    assert_eq!(failed, 4, "two sessions and two intents");
    let admin = shop.app.admin().await;
    let (_, list) = shop.app.get("/api/admin/stripe-events?state=failed", Some(&admin.token)).await;
    assert!(list["items"][0]["error"].as_str().is_some_and(|error| !error.is_empty()), "{list}");
    shop.close().await;
}

/// Nobody gets what another one's session paid for, whatever the event says.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_says_is_not_believed() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let session = shop.checkout(&buyer, "premium").await;
    // Open still, and unpaid; the body says otherwise.
    let object = json!({"id": session, "object": "checkout.session", "status": "complete", "payment_status": "paid",
        "amount_total": 0, "metadata": {"greenroom_plan": "enterprise"}});
    let body = event("evt_1", "checkout.session.completed", &object);
    assert_eq!(shop.post(PATH, &body, &header(&body)).await.0, 200);
    assert_eq!(shop.plan_of(&buyer).await, "free");
    assert_eq!(shop.count("select count(*) from payments").await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_not_counted_by_the_limits() {
    let shop = Shop::open_with(|config| {
        config.limits.enabled = true;
        config.limits.api.max = 3;
    })
    .await;
    for at in 0..12 {
        let body = event(&format!("evt_{at}"), "customer.created", &json!({"id": "cus_1"}));
        assert_eq!(shop.post(PATH, &body, &header(&body)).await.0, 200, "number {at}");
    }
    assert_eq!(shop.app.call(Method::GET, "/api/webhook/health", None, None).await.0, 200);
    shop.close().await;
}

/// A connection that stops in the middle of its body holds nobody else up.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_to_its_end_holds_nobody_up() {
    use tokio::io::AsyncWriteExt;
    let shop = Shop::open().await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = tokio::net::TcpStream::connect(shop.app.address).await.unwrap();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1,v1=00\r\nContent-Length: 1000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let body = event("evt_1", "customer.created", &json!({"id": "cus_1"}));
    let signature = header(&body);
    let posted = tokio::time::timeout(Duration::from_secs(30), shop.post(PATH, &body, &signature));
    assert_eq!(posted.await.unwrap().0, 200);
    drop(slow);
    shop.close().await;
}

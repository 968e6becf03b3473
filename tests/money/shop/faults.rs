//! Stripe hangs, breaks, loses its answer: nothing is charged twice, and the same request again goes on.

use std::time::Duration;

use greenroom::billing::stripe::standin::Fault;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::world::World;
use crate::support::app::TestUser;

/// Calls of one request that something is broken at, one after the other.
const CALLS: usize = 9;

async fn world() -> World {
    World::open_with(|config| config.stripe.timeout_ms = 300).await
}

/// Passes so many calls, and breaks the next one.
fn break_call(world: &World, number: usize, fault: Fault) {
    let pass = std::iter::repeat_n(Fault::Slow { ms: 0 }, number);
    world.standin.fail_next(pass.chain([fault]));
}

fn faults() -> [Fault; 6] {
    [
        Fault::status(500),
        Fault::status(409),
        Fault::too_many(1),
        Fault::hang(Duration::from_secs(2)),
        Fault::Cut,
        Fault::Lose,
    ]
}

/// Away for now, and says when to come again.
async fn is_away(response: Response) {
    let (status, headers) = (response.status(), response.headers().clone());
    let answer: Value = response.json().await.unwrap();
    assert_eq!((status.as_u16(), &answer["error"]), (503, &json!("dependency_down")), "{answer}");
    assert!(headers.contains_key("retry-after"));
    assert!(!answer.to_string().contains("127.0.0.1"), "{answer}");
}

async fn asks(world: &World, user: &TestUser, method: &Method, path: &str, body: &Value) -> Response {
    world.app.send(method.clone(), path, Some(&user.token), Some(body.clone())).await
}

/// Asks while a call is broken, and again until it is done; whether it had been broken.
async fn insists(world: &World, user: &TestUser, method: Method, path: &str, body: &Value) -> (bool, Value) {
    let first = asks(world, user, &method, path, body).await;
    world.standin.heal();
    if first.status().is_success() {
        return (false, first.json().await.unwrap());
    }
    is_away(first).await;
    let second = asks(world, user, &method, path, body).await;
    assert!(second.status().is_success(), "{}", second.text().await.unwrap());
    (true, second.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_goes_on_after_any_fault() {
    let world = world().await;
    for fault in faults() {
        for number in 0..2 {
            let user = world.app.user().await;
            let sessions = world.at_stripe("checkout.session", |_| true);
            break_call(&world, number, fault);
            let body = world.order(json!({ "plan": "premium" }));
            let (broken, opened) =
                insists(&world, &user, Method::POST, "/api/payments/create-checkout-session", &body).await;
            assert!(broken, "{fault:?} at {number}");
            assert_eq!(world.at_stripe("checkout.session", |_| true), sessions + 1, "{fault:?} at {number}");
            let customer = world.customer(&user).await;
            let session = world.standin.object(opened["sessionId"].as_str().unwrap());
            assert_eq!(session["customer"], customer);
            let own = |object: &Value| object["metadata"]["greenroom_user"] == user.id;
            assert_eq!(world.at_stripe("customer", own), 1, "{fault:?} at {number}");
        }
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_begun_once_whichever_answer_gets_lost() {
    let world = world().await;
    for number in 0..CALLS {
        let user = world.app.user().await;
        break_call(&world, number, Fault::Lose);
        let body = json!({ "plan": "starter" });
        let (broken, begun) = insists(&world, &user, Method::POST, "/api/subscriptions", &body).await;
        let customer = world.customer(&user).await;
        let own = |object: &Value| object["customer"] == customer;
        assert_eq!(world.at_stripe("subscription", own), 1, "call {number}");
        world.pays(&begun).await;
        assert_eq!(world.standing(&user).await["plan"]["name"], "starter", "call {number}");
        if !broken {
            assert!(number > 3, "there were only {number} calls");
            break;
        }
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_charged_once_whichever_answer_gets_lost() {
    let world = world().await;
    for number in 0..CALLS {
        let user = world.app.user().await;
        let id = world.subscribes(&user, "starter").await;
        break_call(&world, number, Fault::Lose);
        let path = format!("/api/subscriptions/{id}");
        let (broken, changed) = insists(&world, &user, Method::PUT, &path, &json!({ "plan": "pro" })).await;
        assert_eq!(changed["paymentRequired"], false, "call {number}: {changed}");
        let customer = world.customer(&user).await;
        let charged = |object: &Value| {
            object["customer"] == customer
                && object["billing_reason"] == "subscription_update"
                && object["status"] == "paid"
        };
        assert_eq!(world.at_stripe("invoice", charged), 1, "call {number}");
        assert_eq!(world.standing(&user).await["plan"]["name"], "pro", "call {number}");
        if !broken {
            assert!(number > 2, "there were only {number} calls");
            break;
        }
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_and_cancelling_go_on_after_a_fault() {
    let world = world().await;
    let user = world.app.user().await;
    let id = world.subscribes(&user, "starter").await;
    for fault in faults() {
        break_call(&world, 1, fault);
        let path = format!("/api/subscriptions/{id}/cancel");
        let (_, canceled) = insists(&world, &user, Method::POST, &path, &json!({})).await;
        assert_eq!(canceled["cancelAtPeriodEnd"], true, "{fault:?}");
        let path = format!("/api/subscriptions/{id}/reactivate");
        break_call(&world, 1, fault);
        let (_, kept) = insists(&world, &user, Method::POST, &path, &json!({})).await;
        assert_eq!(kept["cancelAtPeriodEnd"], false, "{fault:?}");
    }
    break_call(&world, 0, Fault::Lose);
    let body = json!({ "credits": 100 });
    let path = "/api/subscriptions/payment-intent";
    let (broken, intent) = insists(&world, &user, Method::POST, path, &body).await;
    assert!(broken);
    let own = |object: &Value| object["metadata"]["greenroom_kind"] == "credits";
    assert_eq!(world.at_stripe("payment_intent", own), 1);
    world.pays(&intent).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_while_stripe_is_away_is_told_so_and_has_it_later() {
    let world = world().await;
    let user = world.app.user().await;
    let session = world.checkout(&user, json!({ "plan": "premium" })).await;
    world.standin.pay_checkout(&session).unwrap();
    let body = json!({ "sessionId": session });
    for fault in faults() {
        break_call(&world, 0, fault);
        is_away(asks(&world, &user, &Method::POST, "/api/payments/verify-success", &body).await).await;
        world.standin.heal();
    }
    assert_eq!(world.standing(&user).await["plan"]["name"], "free", "nothing half done");
    assert_eq!(world.verify(&user, &session).await["standing"]["plan"]["name"], "premium");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_of_a_node_that_died_is_over_after_its_lease() {
    let world = world().await;
    let user = world.app.user().await;
    let turn = |until: &str| {
        format!(
            "insert into shop_turns (user_id, holder, until) values ('{}', gen_random_uuid(), now() {until})
            on conflict (user_id) do update set until = excluded.until",
            user.id
        )
    };
    world.execute(&turn("+ interval '300 milliseconds'")).await;
    world.checkout(&user, json!({ "plan": "premium" })).await;
    world.execute(&turn("+ interval '1 hour'")).await;
    let body = world.order(json!({ "plan": "premium" }));
    let path = "/api/payments/create-checkout-session";
    let busy = asks(&world, &user, &Method::POST, path, &body).await;
    assert_eq!(busy.status(), 429);
    assert!(busy.headers().contains_key("retry-after"));
    world.close().await;
}

//! What there is to look at, with Stripe and without.

use reqwest::Method;
use serde_json::json;

use super::world::{World, refused};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_what_it_sells() {
    let world = World::open().await;
    let (status, config) = world.app.get("/api/payments/config", None).await;
    assert_eq!((status, &config["enabled"], &config["testMode"]), (200, &json!(true), &json!(true)));
    assert_eq!(config["credits"], json!({ "priceCents": 10, "min": 10, "max": 10_000 }));
    let names: Vec<_> = config["plans"].as_array().unwrap().iter().map(|plan| plan["name"].clone()).collect();
    assert_eq!(names, ["free", "basic", "starter", "premium", "pro", "enterprise"]);
    let (_, key) = world.app.get("/api/v1/payments/stripe-key", None).await;
    assert_eq!(key["publishableKey"], config["publishableKey"]);
    assert!(!config.to_string().contains("sk_test"), "the secret key stays here");
    let mira = world.app.user().await;
    let portal = world.does("/api/payments/create-portal-session", &mira, json!({})).await;
    assert!(portal["url"].as_str().unwrap().starts_with("http"), "{portal}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stripe_nothing_is_sold_and_all_can_be_looked_at() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let (status, config) = app.get("/api/payments/config", None).await;
    assert_eq!((status, &config["enabled"], &config["publishableKey"]), (200, &json!(false), &json!(null)));
    assert!(config["plans"].as_array().unwrap().iter().all(|plan| plan["buyable"] == false));
    for path in [
        "/api/payments/subscription/status",
        "/api/subscription/status",
        "/api/payments/history",
        "/api/subscriptions/history",
        "/api/subscriptions",
    ] {
        let (status, answer) = app.get(path, Some(&mira.token)).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let urls = json!({ "successUrl": app.url("/"), "cancelUrl": app.url("/") });
    let plan = json!({ "plan": "pro" });
    for (method, path, body) in [
        (Method::GET, "/api/payments/stripe-key", None),
        (Method::POST, "/api/payments/create-checkout-session", Some(urls)),
        (Method::POST, "/api/payments/create-portal-session", None),
        (Method::POST, "/api/payments/subscription/cancel", None),
        (Method::POST, "/api/subscription/pro", None),
        (Method::POST, "/api/subscription/cancel", None),
        (Method::POST, "/api/subscription/reactivate", None),
        (Method::POST, "/api/subscriptions", Some(plan.clone())),
        (Method::PUT, "/api/subscriptions/sub_1", Some(plan)),
        (Method::POST, "/api/subscriptions/sub_1/cancel", None),
        (Method::POST, "/api/subscriptions/sub_1/reactivate", None),
        (Method::POST, "/api/subscriptions/payment-intent", Some(json!({ "credits": 100 }))),
    ] {
        let answer =
            refused(app.call(method, path, Some(&mira.token), body).await, 503, "feature_unavailable");
        assert!(answer["message"].as_str().unwrap().contains("stripe."), "{path}: {answer}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_paged_both_ways() {
    let world = World::open().await;
    let mira = world.app.user().await;
    for credits in [10, 20, 30] {
        world.buys(&mira, json!({ "credits": credits })).await;
    }
    let first = world.get("/api/payments/history?limit=2", &mira).await;
    let of = |page: &serde_json::Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|line| line["credits"].as_u64().unwrap()).collect()
    };
    assert_eq!(first["total"], 3);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = world.get(&format!("/api/payments/history?limit=2&cursor={cursor}"), &mira).await;
    let mut all = of(&first);
    all.extend(of(&second));
    all.sort_unstable();
    assert_eq!((all, &second["nextCursor"]), (vec![10, 20, 30], &json!(null)));
    let page = world.get("/api/subscriptions/history?limit=2&page=2", &mira).await;
    assert_eq!(of(&page), of(&second));
    for wrong in ["limit=0", "cursor=x", "page=0"] {
        let path = format!("/api/payments/history?{wrong}");
        assert_eq!(world.app.get(&path, Some(&mira.token)).await.0, 400, "{wrong}");
    }
    world.close().await;
}

//! What an admin's gifts do beside what was bought.

use reqwest::Method;
use serde_json::{Value, json};

use super::{change, count, execute};
use crate::support::app::{TestApp, TestUser};

async fn premium(app: &TestApp, admin: &TestUser, user: &TestUser, body: Value) -> (u16, Value) {
    app.call(Method::PUT, &format!("/api/users/{}/premium", user.id), Some(&admin.token), Some(body)).await
}

/// Premium that was paid just now.
async fn buys(app: &TestApp, user: &TestUser) {
    let sql = "insert into payments (id, user_id, kind, plan, intent_id, amount_cents, currency, status, paid_at, created_at)
        values (gen_random_uuid(), '{user}', 'plan', 'premium', 'pi_1', 700, 'usd', 'succeeded', now(), now())";
    execute(app, &sql.replace("{user}", &user.id)).await;
}

/// An active subscription that began just now.
async fn subscribes(app: &TestApp, user: &TestUser, plan: &str) {
    let sql = "insert into subscriptions (id, user_id, customer_id, item_id, price_id, plan, status, cancel_at_period_end,
            current_period_start, current_period_end, created_at)
        values ('sub_1', '{user}', 'cus_1', 'si_1', 'price_1', '{plan}', 'active', false, now(), now() + interval '30 days', now())";
    execute(app, &sql.replace("{user}", &user.id).replace("{plan}", plan)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_that_is_taken_takes_what_was_bought_too_and_its_user_hears_of_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let mut socket = app.socket(&user).await;
    let (status, _) = premium(&app, &admin, &user, json!({ "isPremium": true, "days": 3 })).await;
    assert_eq!(status, 200);
    let told = socket.event("system:notification").await;
    assert_eq!((&told["kind"], &told["level"]), (&json!("plan.started"), &json!("info")), "{told}");
    let (_, balance) = app.get("/api/credits", Some(&user.token)).await;
    assert_eq!(balance["plan"], 50, "a plan that is given has its credits");
    execute(&app, "update plan_grants set starts_at = starts_at - interval '1 minute'").await;
    buys(&app, &user).await;
    let (status, stands) = premium(&app, &admin, &user, json!({ "isPremium": true, "days": 1 })).await;
    assert_eq!(status, 200);
    let until: jiff::Timestamp = stands["user"]["planUntil"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((14 * 24..=15 * 24).contains(&left), "what was paid is not shortened: {left} hours");

    let (status, stands) = premium(&app, &admin, &user, json!({ "isPremium": false })).await;
    assert_eq!(
        (status, &stands["user"]["plan"], &stands["user"]["planUntil"]),
        (200, &json!("free"), &Value::Null)
    );
    let told = socket.find(|frame| frame["data"]["kind"] == "plan.ended").await;
    assert!(told.is_ok(), "{told:?}");
    assert_eq!(app.get("/api/credits", Some(&user.token)).await.1["available"], 0);
    assert_eq!(count(&app, "select count(*) from payments where taken_at is not null").await, 1);
    let entries = app.get("/api/admin/audit?action=user.premium", Some(&admin.token)).await.1;
    assert_eq!(entries["total"], 3, "{entries}");
    // Again: there is nothing to take, and no act.
    assert_eq!(premium(&app, &admin, &user, json!({ "isPremium": false })).await.0, 200);
    let entries = app.get("/api/admin/audit?action=user.premium", Some(&admin.token)).await.1;
    assert_eq!(entries["total"], 3);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_nobodys_to_override() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    subscribes(&app, &user, "pro").await;
    // The plan that is set comes after it.
    let (status, stands) = change(&app, &admin, &user, json!({ "plan": "starter" })).await;
    assert_eq!(
        (status, &stands["user"]["plan"], &stands["planAfter"]),
        (200, &json!("pro"), &json!("starter")),
        "{stands}"
    );
    let (status, refused) = premium(&app, &admin, &user, json!({ "isPremium": true, "days": 3 })).await;
    assert_eq!((status, refused["error"].as_str()), (409, Some("conflict")), "{refused}");
    // A greater one holds at once, and does not end with the subscription.
    let (_, stands) = change(&app, &admin, &user, json!({ "plan": "enterprise" })).await;
    assert_eq!((&stands["user"]["plan"], &stands["planAfter"]), (&json!("enterprise"), &Value::Null));
    assert_eq!(app.get("/api/credits", Some(&user.token)).await.1["plan"], 2_000);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_to_premium_is_cancelled_before_it_is_taken() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    subscribes(&app, &user, "premium").await;
    let (status, refused) = premium(&app, &admin, &user, json!({ "isPremium": false })).await;
    assert_eq!((status, refused["error"].as_str()), (409, Some("conflict")), "{refused}");
    execute(&app, "update subscriptions set status = 'canceled', ended_at = now()").await;
    assert_eq!(premium(&app, &admin, &user, json!({ "isPremium": false })).await.0, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_without_an_end_lasts_until_it_is_taken() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let (_, stands) = premium(&app, &admin, &user, json!({ "isPremium": true })).await;
    assert_eq!((&stands["user"]["plan"], &stands["user"]["planUntil"]), (&json!("premium"), &Value::Null));
    assert_eq!(app.get("/api/credits", Some(&user.token)).await.1["plan"], 50, "month by month");
    // An end is set.
    let (_, stands) = premium(&app, &admin, &user, json!({ "isPremium": true, "days": 2 })).await;
    assert_eq!((&stands["user"]["plan"], &stands["planAfter"]), (&json!("premium"), &json!("free")));
    assert_eq!(app.get("/api/credits", Some(&user.token)).await.1["plan"], 50, "not twice");
    premium(&app, &admin, &user, json!({ "isPremium": true })).await;
    let (_, stands) = premium(&app, &admin, &user, json!({ "isPremium": false })).await;
    assert_eq!(stands["user"]["plan"], "free");
    assert_eq!(app.get("/api/credits", Some(&user.token)).await.1["available"], 0);
    app.stop().await;
}

//! Payments and revenue as admins see them.

use serde_json::{Value, json};

use super::shop::{Buyer, Shop};

/// A shop in which something of each kind was sold, and given back in part.
async fn sold() -> (Shop, Buyer, Buyer) {
    let shop = Shop::open().await;
    let (days, month) = (shop.buyer().await, shop.buyer().await);
    shop.buy(&days, "premium").await;
    let given_back = shop.buy(&days, "premium").await;
    shop.subscribe(&month, "pro").await;
    let session = shop.credit_checkout(&month, 100).await;
    shop.standin.pay_checkout(&session).unwrap();
    shop.standin.refund(&given_back, None).unwrap();
    shop.standin.refund(&shop.intent_of(&session), Some(250)).unwrap();
    shop.bring_all().await;
    (shop, days, month)
}

fn sums(of: &Value) -> (i64, i64, i64, i64) {
    let number = |name: &str| of[name].as_i64().unwrap_or(-1);
    (number("payments"), number("grossCents"), number("refundedCents"), number("netCents"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_is_added_up_by_day_month_plan_and_kind() {
    let (shop, ..) = sold().await;
    let admin = shop.app.admin().await;
    let get = async |query: &str| {
        let (status, answer) = shop.app.get(&format!("/api/admin/revenue{query}"), Some(&admin.token)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let total = (4, 700 + 700 + 2_999 + 1_000, 700 + 250, 700 + 2_999 + 750);
    for by in ["day", "month", "plan", "kind"] {
        let found = get(&format!("?groupBy={by}")).await;
        assert_eq!(sums(&found["totals"]), total, "{found}");
        assert_eq!((&found["groupBy"], &found["totals"]["key"]), (&json!(by), &Value::Null));
    }
    let plans = get("?groupBy=plan").await;
    let plan = |name: &str| {
        let items = plans["items"].as_array().unwrap();
        sums(items.iter().find(|item| item["key"] == name).unwrap_or_else(|| panic!("{name}: {plans}")))
    };
    assert_eq!(plan("premium"), (2, 1_400, 700, 700));
    assert_eq!(plan("pro"), (1, 2_999, 0, 2_999));
    assert_eq!(plan("credits"), (1, 1_000, 250, 750));
    assert_eq!((&plans["mrrCents"], &plans["activeSubscriptions"]), (&json!(2_999), &json!(1)));
    assert_eq!((&plans["currency"], &plans["otherCurrencies"]), (&json!("usd"), &json!(0)));
    let before = get("?to=2020-01-31").await;
    assert_eq!((sums(&before["totals"]), &before["items"]), ((0, 0, 0, 0), &json!([])));
    assert_eq!(before["mrrCents"], 2_999, "what runs now has no days");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disputed_counts_as_gone_until_it_is_won() {
    let shop = Shop::open().await;
    let (buyer, admin) = (shop.buyer().await, shop.app.admin().await);
    let intent = shop.buy(&buyer, "premium").await;
    let dispute = shop.standin.dispute(&intent).unwrap();
    shop.bring_all().await;
    let net = async || {
        let (_, found) = shop.app.get("/api/admin/revenue", Some(&admin.token)).await;
        found["totals"]["netCents"].as_i64()
    };
    assert_eq!(net().await, Some(0));
    shop.standin.close_dispute(&dispute, greenroom::billing::stripe::standin::Verdict::Won).unwrap();
    shop.bring_all().await;
    assert_eq!(net().await, Some(700));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_listed_by_person_and_state_page_by_page() {
    let (shop, days, month) = sold().await;
    let admin = shop.app.admin().await;
    let get = async |query: &str| {
        let (status, list) = shop.app.get(&format!("/api/admin/payments{query}"), Some(&admin.token)).await;
        assert_eq!(status, 200, "{list}");
        list
    };
    let ids = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&get("").await);
    assert_eq!(all.len(), 4);
    let mut paged = Vec::new();
    let mut query = "?limit=1".to_owned();
    loop {
        let page = get(&query).await;
        paged.extend(ids(&page));
        let Some(next) = page["nextCursor"].as_str() else { break };
        query = format!("?limit=1&cursor={next}");
    }
    assert_eq!(paged, all);
    let of_days = get(&format!("?userId={}&status=succeeded", days.user.id)).await;
    assert_eq!(ids(&of_days).len(), 2);
    let one = &of_days["items"][0];
    assert_eq!((&one["userId"], &one["plan"]), (&json!(days.user.id), &json!("premium")), "{one}");
    assert!(one["username"].is_string() && one["intentId"].as_str().is_some_and(|id| id.starts_with("pi_")));
    assert_eq!(ids(&get("?status=failed").await), Vec::<String>::new());

    let (status, account) =
        shop.app.get(&format!("/api/admin/users/{}/billing", month.user.id), Some(&admin.token)).await;
    assert_eq!(status, 200, "{account}");
    assert_eq!(
        (&account["standing"]["plan"]["name"], &account["standing"]["source"]),
        (&json!("pro"), &json!("subscription"))
    );
    assert_eq!(account["payments"].as_array().map(Vec::len), Some(2));
    assert_eq!((&account["subscriptions"][0]["plan"], &account["grants"]), (&json!("pro"), &json!([])));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_are_for_admins_and_refuse_what_cannot_be() {
    let shop = Shop::open().await;
    let (buyer, admin) = (shop.buyer().await, shop.app.admin().await);
    let nobody = uuid::Uuid::now_v7();
    let paths = [
        "/api/admin/payments".to_owned(),
        "/api/admin/revenue".to_owned(),
        format!("/api/admin/users/{}/billing", buyer.user.id),
        "/api/admin/reconciliation".to_owned(),
    ];
    for path in &paths {
        assert_eq!(shop.app.get(path, None).await.0, 401, "{path}");
        assert_eq!(shop.app.get(path, Some(&buyer.user.token)).await.0, 403, "{path}");
        assert_eq!(shop.app.get(path, Some(&admin.token)).await.0, 200, "{path}");
    }
    for (path, status) in [
        ("/api/admin/payments?status=lost".to_owned(), 400),
        ("/api/admin/payments?userId=x".to_owned(), 400),
        ("/api/admin/payments?cursor=x".to_owned(), 400),
        ("/api/admin/revenue?groupBy=user".to_owned(), 400),
        ("/api/admin/revenue?from=2026-02-30".to_owned(), 400),
        ("/api/admin/revenue?from=2020-01-01".to_owned(), 400),
        (format!("/api/admin/users/{nobody}/billing"), 404),
        ("/api/admin/users/x/billing".to_owned(), 404),
    ] {
        let (got, answer) = shop.app.get(&path, Some(&admin.token)).await;
        assert_eq!(got, status, "{path}: {answer}");
    }
    shop.close().await;
}

//! What admins see and do, and nobody else.

use serde_json::{Value, json};

use super::shop::{PATH, Shop, event};
use crate::support::stripe::header;

#[tokio::test(flavor = "multi_thread")]
async fn admins_list_filter_and_page_events_and_see_what_they_say() {
    let shop = Shop::open().await;
    let admin = shop.app.admin().await;
    for at in 0..5 {
        let body = event(
            &format!("evt_{at}"),
            "customer.discount.created",
            &json!({"id": format!("cus_{at}"), "email": "m@example.com"}),
        );
        assert_eq!(shop.post(PATH, &body, &header(&body)).await.0, 200);
    }
    let buyer = shop.buyer().await;
    shop.buy(&buyer, "premium").await;
    shop.bring_all().await;
    let get = async |query: &str| {
        let path = format!("/api/admin/stripe-events{query}");
        let (status, list) = shop.app.get(&path, Some(&admin.token)).await;
        assert_eq!(status, 200, "{list}");
        list
    };
    let ids = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = get("?limit=100").await;
    assert_eq!(all["total"], json!(ids(&all).len()));
    assert!(all["items"][0].get("payload").is_none());
    let created = get("?type=customer.discount.created&state=ignored&limit=2").await;
    assert_eq!((ids(&created), &created["total"]), (vec!["evt_4".to_owned(), "evt_3".into()], &json!(5)));
    let mut gone_through = ids(&created);
    let mut cursor = created["nextCursor"].clone();
    while let Some(next) = cursor.as_str() {
        let page = get(&format!("?type=customer.discount.created&limit=2&cursor={next}")).await;
        gone_through.extend(ids(&page));
        cursor = page["nextCursor"].clone();
    }
    assert_eq!(gone_through, ["evt_4", "evt_3", "evt_2", "evt_1", "evt_0"]);
    assert_eq!(ids(&get("?type=customer.discount.created&limit=2&page=3").await), ["evt_0"]);
    let done = get("?state=done&type=payment_intent.succeeded").await;
    let one = &done["items"][0];
    assert_eq!((&one["state"], &one["tries"], &one["error"]), (&json!("done"), &json!(1), &Value::Null));
    assert!(one["objectId"].as_str().is_some_and(|id| id.starts_with("pi_")) && one["handledAt"].is_string());
    for wrong in ["?state=lost", "?type=%00", "?cursor=x", "?cursor=1.%00"] {
        let path = format!("/api/admin/stripe-events{wrong}");
        assert_eq!(shop.app.get(&path, Some(&admin.token)).await.0, 400, "{wrong}");
    }
    let (status, whole) = shop.app.get("/api/admin/stripe-events/evt_0", Some(&admin.token)).await;
    assert_eq!(
        (status, &whole["payload"]["data"]["object"]["email"]),
        (200, &json!("m@example.com")),
        "{whole}"
    );
    for path in ["/api/admin/stripe-events", "/api/admin/stripe-events/evt_0"] {
        assert_eq!(shop.app.get(path, Some(&buyer.user.token)).await.0, 403);
    }
    assert_eq!(shop.app.get("/api/admin/stripe-events/evt_none", Some(&admin.token)).await.0, 404);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_settles_anew_is_audited_and_does_nothing_twice() {
    let shop = Shop::open().await;
    let (admin, buyer) = (shop.app.admin().await, shop.buyer().await);
    shop.buy(&buyer, "premium").await;
    let events = shop.standin.take_held();
    for event in &events {
        shop.bring(event).await;
    }
    let paid = events.iter().find(|event| event.kind == "payment_intent.succeeded").unwrap();
    let until = shop.until(&buyer).await;
    // As if something had gone wrong with it.
    let client = shop.app.database.pool().get().await.unwrap();
    client
        .execute(
            "update users set plan = 'free', plan_until = null, plan_after = null where id = $1",
            &[&buyer.id.uuid()],
        )
        .await
        .unwrap();
    drop(client);
    let path = format!("/api/admin/stripe-events/{}/replay", paid.id);
    for _ in 0..2 {
        let (status, replayed) = shop.app.post(&path, Some(&admin.token), json!({})).await;
        assert_eq!((status, &replayed["state"]), (200, &json!("done")), "{replayed}");
        assert_eq!((shop.plan_of(&buyer).await.as_str(), shop.credits(&buyer).await), ("premium", 50));
        assert_eq!(shop.until(&buyer).await, until);
    }
    let (_, log) = shop.app.get("/api/admin/audit?action=stripe-event.replay", Some(&admin.token)).await;
    assert_eq!(log["total"], 2, "{log}");
    assert_eq!(shop.app.post(&path, Some(&buyer.user.token), json!({})).await.0, 403);
    let none = "/api/admin/stripe-events/evt_none/replay";
    assert_eq!(shop.app.post(none, Some(&admin.token), json!({})).await.0, 404);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trial_says_step_by_step_whether_webhooks_work() {
    let shop = Shop::open().await;
    let admin = shop.app.admin().await;
    let (status, trial) = shop.app.post("/api/webhook/test", Some(&admin.token), json!({})).await;
    assert_eq!((status, &trial["ok"]), (200, &json!(true)), "{trial}");
    let names: Vec<_> =
        trial["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["settings", "stripe", "signed", "kept", "repeated", "forged"]);
    assert!(!trial.to_string().contains(crate::support::stripe::SECRET));
    shop.standin.fail_next([greenroom::billing::stripe::standin::Fault::status(500)]);
    let (_, trial) = shop.app.post("/api/webhook/test", Some(&admin.token), json!({})).await;
    assert_eq!((&trial["ok"], &trial["steps"][1]["ok"]), (&json!(false), &json!(false)), "{trial}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_admins_how_many_wait_and_others_only_whether_it_works() {
    let shop = Shop::open_with(|config| config.jobs.backoff_ms = 3_600_000).await;
    let (admin, buyer) = (shop.app.admin().await, shop.buyer().await);
    assert_eq!(shop.app.get("/api/webhook/health", None).await, (200, json!({"status": "up"})));
    shop.buy(&buyer, "premium").await;
    let events = shop.told("payment_intent.succeeded");
    shop.standin.fail_next([greenroom::billing::stripe::standin::Fault::status(503)]);
    shop.bring(&events[0]).await;
    let seen = async || shop.app.get("/api/webhook/health", Some(&admin.token)).await;
    crate::support::app::eventually("it is seen", async || seen().await.1["waiting"] == 1).await;
    let (status, health) = seen().await;
    assert_eq!((status, &health["status"], &health["failed"]), (200, &json!("up"), &json!(0)), "{health}");
    assert!(health["lastEventAt"].is_string() && health["oldestWaitingAt"].is_string(), "{health}");
    let (_, others) = shop.app.get("/api/webhook/health", Some(&buyer.user.token)).await;
    assert_eq!(others, json!({"status": "up"}));
    let client = shop.app.database.pool().get().await.unwrap();
    client
        .execute("update stripe_events set received_at = now() - interval '16 minutes'", &[])
        .await
        .unwrap();
    drop(client);
    crate::support::app::eventually("it is down", async || seen().await.0 == 503).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_leaves_nothing_but_ids_and_its_events_can_still_be_done() {
    let shop = Shop::open().await;
    let (admin, buyer) = (shop.app.admin().await, shop.buyer().await);
    shop.buy(&buyer, "premium").await;
    let events = shop.standin.take_held();
    for event in &events {
        shop.bring(event).await;
    }
    let client = shop.app.database.pool().get().await.unwrap();
    let blanked = greenroom::billing::events::forget(&client, buyer.id).await.unwrap();
    assert!(blanked > 0);
    drop(client);
    let paid = events.iter().find(|event| event.kind == "payment_intent.succeeded").unwrap();
    let kept = shop.event(&paid.id).await;
    let object = kept["payload"]["data"]["object"].as_object().unwrap();
    assert!(
        object.keys().all(|key| ["id", "object", "payment_intent", "charge"].contains(&key.as_str())),
        "{kept}"
    );
    let path = format!("/api/admin/stripe-events/{}/replay", paid.id);
    let (_, replayed) = shop.app.post(&path, Some(&admin.token), json!({})).await;
    assert_eq!(replayed["state"], "done", "{replayed}");
    shop.close().await;
}

//! Credits by request.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_gives_and_takes_and_its_person_sees_why() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let path = format!("/api/admin/users/{}/credits", user.id);
    let body = json!({ "amount": 50, "reason": "welcome", "idempotencyKey": "w-1" });
    let (status, given) = app.post(&path, Some(&admin.token), body.clone()).await;
    assert_eq!(
        (status, &given["amount"], &given["balance"]["available"]),
        (200, &json!(50), &json!(50)),
        "{given}"
    );
    let (_, again) = app.post(&path, Some(&admin.token), body).await;
    assert_eq!(again["transactionId"], given["transactionId"], "the same key twice is one transfer");
    let (_, taken) =
        app.post(&path, Some(&admin.token), json!({ "amount": -80, "reason": "a mistake" })).await;
    assert_eq!((&taken["amount"], &taken["balance"]["available"]), (&json!(-50), &json!(0)));
    assert_eq!(app.post(&path, Some(&admin.token), json!({ "amount": -1, "reason": "more" })).await.0, 409);

    let (_, page) = app.get("/api/credits/transactions", Some(&user.token)).await;
    let lines: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["change"].clone(), line["reason"].clone()))
        .collect();
    assert_eq!(lines, [(json!(-50), json!("a mistake")), (json!(50), json!("welcome"))]);
    let (_, other) = app.get("/api/credits/transactions", Some(&app.user().await.token)).await;
    assert_eq!(other["total"], 0, "nobody sees another's");
    let (_, audit) = app.get("/api/admin/audit?action=user.credits", Some(&admin.token)).await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 2, "{audit}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_gives_and_only_what_makes_sense() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let path = format!("/api/admin/users/{}/credits", user.id);
    let fine = json!({ "amount": 5, "reason": "x" });
    assert_eq!(app.post(&path, Some(&user.token), fine.clone()).await.0, 403);
    assert_eq!(app.post(&path, None, fine.clone()).await.0, 401);
    let nobody = format!("/api/admin/users/{}/credits", uuid::Uuid::now_v7());
    assert_eq!(app.post(&nobody, Some(&admin.token), fine).await.0, 404);
    for (body, field) in [
        (json!({ "amount": 0, "reason": "x" }), "amount"),
        (json!({ "amount": i64::MIN, "reason": "x" }), "amount"),
        (json!({ "amount": 5, "reason": "  " }), "reason"),
        (json!({ "amount": 5, "reason": "x", "idempotencyKey": "" }), "idempotencyKey"),
    ] {
        let (status, refused) = app.post(&path, Some(&admin.token), body).await;
        assert_eq!((status, refused["details"][0]["field"].as_str()), (400, Some(field)), "{refused}");
    }
    for amount in [json!(1.5), json!("5"), json!(1e30), json!(null)] {
        assert_eq!(
            app.post(&path, Some(&admin.token), json!({ "amount": amount, "reason": "x" })).await.0,
            400
        );
    }
    let (_, balance) = app.get("/api/credits", Some(&user.token)).await;
    assert_eq!(balance["available"], 0);
    app.stop().await;
}

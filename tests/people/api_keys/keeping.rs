use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::accounts::world::world;
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_key_is_shown_once_and_known_by_its_hash() {
    let world = world().await;
    let token = world.register("mira").await.text("accessToken").to_owned();
    let body = json!({"name": " laptop ", "expiresInDays": 30});
    let made = world.call("POST", "/api/auth/api-keys", &token, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let key = made.text("key");
    assert!(key.starts_with("gr_") && key.len() == 46);
    assert_eq!((made.text("name"), made.text("prefix")), ("laptop", &key[..9]));
    assert_eq!((&made.body["scopes"], &made.body["lastUsedAt"]), (&json!(["chat"]), &Value::Null));
    let days = "select extract(day from expires_at - created_at)::bigint from api_keys";
    assert_eq!(world.count(days).await, 30);

    let list = world.call("GET", "/api/auth/api-keys", &token, None).await;
    assert_eq!((list.status, &list.body["total"]), (200, &json!(1)));
    let item = &list.body["items"][0];
    assert_eq!((&item["id"], &item["prefix"]), (&made.body["id"], &made.body["prefix"]));
    assert!(!list.body.to_string().contains(key) && item.get("key").is_none() && item.get("hash").is_none());
    let kept = format!("select count(*) from api_keys where api_keys::text like '%{}%'", &key[9..]);
    assert_eq!(world.count(&kept).await, 0);
    let hashed = format!("select count(*) from api_keys where hash = sha256('{key}'::bytea)");
    assert_eq!(world.count(&hashed).await, 1);
    assert_eq!(world.count("select count(*) from auth_history where event = 'api_key_made'").await, 1);
}

#[actix_web::test]
async fn every_wrong_field_of_a_key_is_named() {
    let world = world().await;
    let token = world.register("mira").await.text("accessToken").to_owned();
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "a".repeat(61)}), "name"),
        (json!({"name": "laptop\r\nX-Injected: 1"}), "name"),
        (json!({"name": "laptop", "scopes": []}), "scopes"),
        (json!({"name": "laptop", "scopes": ["admin"]}), "scopes"),
        (json!({"name": "laptop", "expiresInDays": 0}), "expiresInDays"),
        (json!({"name": "laptop", "expiresInDays": 3651}), "expiresInDays"),
    ] {
        let answer = world.call("POST", "/api/auth/api-keys", &token, Some(body.clone())).await;
        assert_eq!(
            (answer.status, answer.body["details"][0]["field"].as_str()),
            (400, Some(field)),
            "{body}"
        );
    }
    for name in ["'; drop table api_keys; --", "<b>laptop</b>", "{{7*7}}", "ключ \u{202e}"] {
        let answer = world.make_key(&token, name).await;
        assert_eq!((answer.status, answer.text("name")), (201, name));
    }
}

#[actix_web::test]
async fn a_key_is_revoked_by_its_owner_alone() {
    let world = world().await;
    let mira = world.register("mira").await.text("accessToken").to_owned();
    let noah = world.register("noah").await.text("accessToken").to_owned();
    let made = world.make_key(&mira, "laptop").await;
    let path = format!("/api/auth/api-keys/{}", made.text("id"));
    assert_eq!(world.call("DELETE", &path, &noah, None).await.status, 404);
    assert_eq!(world.call("GET", "/api/auth/api-keys", &noah, None).await.body["items"], json!([]));
    assert_eq!(world.call("DELETE", "/api/auth/api-keys/'%20or%201=1", &mira, None).await.status, 404);
    assert_eq!(world.call("DELETE", &path, &mira, None).await.status, 204);
    assert_eq!(world.call("DELETE", &path, &mira, None).await.status, 404, "it is gone already");
    assert_eq!(world.call("GET", "/api/auth/api-keys", &mira, None).await.body["total"], 0);
    assert_eq!(world.count("select count(*) from auth_history where event = 'api_key_revoked'").await, 1);
    assert_eq!(world.send(actix_web::test::TestRequest::get().uri("/api/auth/api-keys")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_more_than_twenty_keys_also_when_all_are_asked_for_at_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let make =
        |n: usize| app.post("/api/auth/api-keys", Some(&user.token), json!({"name": format!("key {n}")}));
    let answers = join_all((0..30).map(make)).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 20, "{answers:?}");
    assert_eq!(answers.iter().filter(|(status, _)| *status == 409).count(), 10, "{answers:?}");

    // One that is revoked or over makes room; another user has an allowance of their own.
    let id = answers.iter().find(|(status, _)| *status == 201).unwrap().1["id"].clone();
    let path = format!("/api/auth/api-keys/{}", id.as_str().unwrap());
    assert_eq!(app.call(reqwest::Method::DELETE, &path, Some(&user.token), None).await.0, 204);
    assert_eq!(make(30).await.0, 201);
    assert_eq!(make(31).await.0, 409);
    let client = app.database.pool().get().await.unwrap();
    let over = "update api_keys set expires_at = now() where id = (select id from api_keys where revoked_at is null limit 1)";
    client.execute(over, &[]).await.unwrap();
    assert_eq!(make(32).await.0, 201);
    let other = app.user().await;
    assert_eq!(app.post("/api/auth/api-keys", Some(&other.token), json!({"name": "one"})).await.0, 201);

    let (_, page) = app.get("/api/auth/api-keys?limit=5&page=5", Some(&user.token)).await;
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(21), 1), "{page}");
    drop(client);
    app.stop().await;
}

#[actix_web::test]
async fn keys_that_were_over_long_ago_are_swept_away() {
    let world = world().await;
    let token = world.register("mira").await.text("accessToken").to_owned();
    for name in ["revoked", "over", "good"] {
        world.make_key(&token, name).await;
    }
    world.execute("update api_keys set revoked_at = now() - interval '91 days' where name = 'revoked'").await;
    world.execute("update api_keys set expires_at = now() - interval '91 days' where name = 'over'").await;
    world.accounts.sweep().await.unwrap();
    assert_eq!(world.count("select count(*) from api_keys where name = 'good'").await, 1);
    assert_eq!(world.count("select count(*) from api_keys").await, 1);
}

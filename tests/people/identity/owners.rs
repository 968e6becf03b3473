//! What an account's owner and admins do with its identities.

use reqwest::Method;
use serde_json::{Value, json};

use super::house::House;

async fn link(house: &House, bearer: &str, token: &str) -> (u16, Value) {
    house.app.post("/api/auth/identities", Some(bearer), json!({ "idToken": token })).await
}

async fn unlink(house: &House, bearer: &str, id: &str) -> u16 {
    let path = format!("/api/auth/identities/{id}");
    house.app.call(Method::DELETE, &path, Some(bearer), None).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_links_an_identity_and_takes_it_away_again() {
    let house = House::open().await;
    let user = house.app.user().await;
    let token = house.token_with_email("g-1", "other@example.com", true);
    assert_eq!(link(&house, &user.token, "no token").await.0, 401);
    let (status, linked) = link(&house, &user.token, &token).await;
    assert_eq!(status, 201, "{linked}");
    assert_eq!((&linked["provider"], &linked["email"]), (&json!("firebase"), &json!("other@example.com")));
    // The same again is the same.
    assert_eq!(link(&house, &user.token, &token).await.1["id"], linked["id"]);
    assert_eq!(house.me(&token).await["user"]["id"].as_str(), Some(user.id.as_str()));
    assert_eq!(house.login(&token).await.1["user"]["id"].as_str(), Some(user.id.as_str()));

    let id = linked["id"].as_str().unwrap();
    let stranger = house.app.user().await;
    assert_eq!(unlink(&house, &stranger.token, id).await, 404);
    let (status, refused) = link(&house, &stranger.token, &token).await;
    assert_eq!((status, &refused["error"]), (409, &json!("conflict")));
    assert_eq!(unlink(&house, &user.token, "018f0000-0000-7000-8000-000000000000").await, 404);
    assert_eq!(unlink(&house, &user.token, id).await, 204);
    // At once, on the node that did it.
    assert_eq!(house.call(&token).await, 401);
    assert_eq!(house.me(&user.token).await["identities"], json!([]));
    assert_eq!(link(&house, &stranger.token, &token).await.0, 201);
    let events = "select count(*) from auth_history where event in ('identity_linked', 'identity_unlinked')";
    assert_eq!(house.count(events).await, 3);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_way_in_cannot_be_taken_away() {
    let house = House::open().await;
    let token = house.token("mira");
    let (_, made) = house.login(&token).await;
    let access = made["accessToken"].as_str().unwrap();
    let id = house.me(access).await["identities"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(unlink(&house, access, &id).await, 409);
    // With a second one either can go, but not both; also when both are asked for at the same moment.
    let (status, second) = link(&house, access, &house.token("mira elsewhere")).await;
    assert_eq!(status, 201, "{second}");
    let other = second["id"].as_str().unwrap();
    let (one, two) = tokio::join!(unlink(&house, access, &id), unlink(&house, access, other));
    let mut answers = [one, two];
    answers.sort_unstable();
    assert_eq!(answers, [204, 409]);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_holds_so_many_identities_and_no_more() {
    let house = House::open().await;
    let user = house.app.user().await;
    for n in 0..10 {
        assert_eq!(link(&house, &user.token, &house.token(&format!("g-{n}"))).await.0, 201);
    }
    assert_eq!(link(&house, &user.token, &house.token("g-10")).await.0, 409);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_or_deactivated_account_is_shut_to_its_id_tokens_at_once() {
    let house = House::open().await;
    let admin = house.app.admin().await;
    let token = house.token("mira");
    let (_, made) = house.login(&token).await;
    let id = made["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.call(&token).await, 200);
    let change = async |body: Value| {
        let path = format!("/api/admin/users/{id}");
        let (status, answer) = house.app.call(Method::PUT, &path, Some(&admin.token), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    };
    change(json!({"blocked": true, "reason": "spam"})).await;
    assert_eq!(house.call(&token).await, 403);
    assert_eq!(house.login(&token).await.0, 403);
    assert_eq!(house.call(made["accessToken"].as_str().unwrap()).await, 401);
    let noted = "select count(*) from auth_history where event = 'signed_in' and refused_why = 'blocked'";
    assert_eq!(house.count(noted).await, 1);
    change(json!({"blocked": false})).await;
    assert_eq!(house.call(&token).await, 200);
    // It leaves by itself.
    assert_eq!(house.app.call(Method::DELETE, "/api/auth/me", Some(&token), Some(json!({}))).await.0, 204);
    assert_eq!(house.call(&token).await, 403);
    assert_eq!(house.login(&token).await.0, 403);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_come_from_the_account_and_never_from_the_token() {
    let house = House::open().await;
    let mut claims = super::house::claims("mira");
    claims["role"] = json!("admin");
    claims["admin"] = json!(true);
    let token = house.key.sign(&claims);
    assert_eq!(house.login(&token).await.0, 201);
    assert_eq!(house.app.get("/api/admin/users", Some(&token)).await.0, 403);
    // An admin's identity is an admin.
    let admin = house.app.admin().await;
    let own = house.token("the admin");
    assert_eq!(link(&house, &admin.token, &own).await.0, 201);
    assert_eq!(house.app.get("/api/admin/users", Some(&own)).await.0, 200);
    assert!(house.app.get("/health/detailed", Some(&own)).await.1["version"].is_string());
    house.app.stop().await;
}

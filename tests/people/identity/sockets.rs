//! ID tokens on sockets.

use serde_json::json;

use super::house::{House, claims};
use super::provider::{Mood, now};
use crate::support::socket::Socket;

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_id_token_signs_a_socket_in_by_each_way() {
    let house = House::open().await;
    let token = house.token("mira");
    let (_, made) = house.login(&token).await;
    let id = &made["user"]["id"];
    let mut socket = Socket::open(house.app.address).await;
    let ack = socket.ask("auth", json!({ "token": token })).await;
    assert_eq!((&ack["success"], &ack["user"]["id"]), (&json!(true), id), "{ack}");
    assert_eq!(socket.ask("conversation:list", json!({})).await["success"], true);
    for header in [
        ("authorization", format!("Bearer {token}")),
        ("sec-websocket-protocol", format!("greenroom.v1, greenroom.bearer.{token}")),
    ] {
        // A client that names subprotocols wants to hear of the one that was picked; ours does not check.
        let Ok(mut socket) = Socket::open_with(house.app.address, &[header]).await else {
            panic!("no socket")
        };
        assert_eq!(&socket.event("ready").await["user"]["id"], id);
    }
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_prolonged_in_place_by_either_kind_of_token() {
    let house = House::open().await;
    let mut soon = claims("mira");
    soon["exp"] = json!(now() + 300);
    let (_, made) = house.login(&house.key.sign(&soon)).await;
    let mut socket = Socket::signed_in(house.app.address, &house.key.sign(&soon)).await;
    let own = socket.ask("auth", json!({"token": made["accessToken"]})).await;
    assert_eq!(own["success"], true, "{own}");
    let foreign = socket.ask("auth", json!({"token": house.token("mira")})).await;
    assert_eq!(foreign["success"], true, "{foreign}");
    assert!(foreign["expiresAt"].as_str() > own["expiresAt"].as_str(), "{own} {foreign}");
    // Not by somebody else's, and not by one that does not hold; it goes on as it was.
    house.login(&house.token("noah")).await;
    let other = socket.ask("auth", json!({"token": house.token("noah")})).await;
    assert_eq!((&other["success"], &other["code"]), (&json!(false), &json!("forbidden")));
    let mut wrong = claims("mira");
    wrong["aud"] = json!("another");
    let refused = socket.ask("auth", json!({"token": house.key.sign(&wrong)})).await;
    assert_eq!(refused["code"], "unauthenticated");
    assert_eq!(socket.ask("conversation:list", json!({})).await["success"], true);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_id_token_that_does_not_hold_closes_the_socket() {
    let house = House::open().await;
    let mut expired = claims("mira");
    expired["exp"] = json!(now() - 3_600);
    for token in [house.key.sign(&expired), house.token("nobody")] {
        let mut socket = Socket::open(house.app.address).await;
        let ack = socket.ask("auth", json!({ "token": token })).await;
        assert_eq!(ack["code"], "unauthenticated", "{ack}");
        assert_eq!(socket.closed().await, Some(4001));
    }
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_token_is_checked_the_socket_lives_and_is_not_signed_in() {
    let house = House::open_with(|_, provider| provider.timeout_ms = 60_000).await;
    let user = house.app.user().await;
    house.provider.set_mood(Mood::Hangs);
    let mut socket = Socket::open(house.app.address).await;
    socket.tell("auth", json!({"token": house.token("mira")})).await;
    assert_eq!(socket.ask("ping", json!({})).await["success"], true);
    assert_eq!(socket.ask("conversation:list", json!({})).await["code"], "unauthenticated");
    assert_eq!(socket.ask("auth", json!({"token": house.token("noah")})).await["code"], "conflict");
    // A token of our own needs nobody.
    let own = socket.ask("auth", json!({"token": user.token})).await;
    assert_eq!((&own["success"], own["user"]["id"].as_str()), (&json!(true), Some(user.id.as_str())));
    assert_eq!(socket.ask("conversation:list", json!({})).await["success"], true);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_to_sign_in_holds_while_a_provider_says_nothing() {
    let house = House::open_with(|config, provider| {
        config.realtime.auth_timeout_ms = 300;
        config.realtime.tick_ms = 50;
        provider.timeout_ms = 60_000;
    })
    .await;
    house.provider.set_mood(Mood::Hangs);
    let mut socket = Socket::open(house.app.address).await;
    socket.tell("auth", json!({"token": house.token("mira")})).await;
    assert_eq!(socket.closed().await, Some(4000));
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_may_ask_again_when_the_keys_could_not_be_had() {
    let house = House::open_with(|_, provider| provider.refetch_after_ms = 0).await;
    let token = house.token("mira");
    house.provider.set_mood(Mood::Fails);
    let mut socket = Socket::open(house.app.address).await;
    let ack = socket.ask("auth", json!({ "token": token })).await;
    assert_eq!(ack["code"], "dependency_down", "{ack}");
    house.provider.set_mood(Mood::Serves);
    assert_eq!(house.login(&token).await.0, 201);
    assert_eq!(socket.ask("auth", json!({ "token": token })).await["success"], true);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlinking_closes_the_sockets_that_came_by_the_identity_and_no_others() {
    let house = House::open().await;
    let user = house.app.user().await;
    let token = house.token("mira");
    let body = json!({ "idToken": token });
    let (_, linked) = house.app.post("/api/auth/identities", Some(&user.token), body).await;
    let mut foreign = Socket::signed_in(house.app.address, &token).await;
    let mut own = house.app.socket(&user).await;
    let path = format!("/api/auth/identities/{}", linked["id"].as_str().unwrap());
    let (status, _) = house.app.call(reqwest::Method::DELETE, &path, Some(&user.token), None).await;
    assert_eq!(status, 204);
    assert_eq!(foreign.closed().await, Some(4001));
    assert_eq!(own.ask("ping", json!({})).await["success"], true);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_closes_sockets_that_came_by_an_id_token() {
    let house = House::open().await;
    let admin = house.app.admin().await;
    let token = house.token("mira");
    let (_, made) = house.login(&token).await;
    let mut socket = Socket::signed_in(house.app.address, &token).await;
    let path = format!("/api/admin/users/{}", made["user"]["id"].as_str().unwrap());
    let body = json!({"blocked": true, "reason": "spam"});
    let (status, _) = house.app.call(reqwest::Method::PUT, &path, Some(&admin.token), Some(body)).await;
    assert_eq!(status, 200);
    assert_eq!(socket.closed().await, Some(4001));
    let mut again = Socket::open(house.app.address).await;
    assert_eq!(again.ask("auth", json!({ "token": token })).await["code"], "forbidden");
    assert_eq!(again.closed().await, Some(4001));
    house.app.stop().await;
}

//! How a provider's keys come, change and fail to come.

use futures_util::future::join_all;
use serde_json::json;

use super::house::{House, claims};
use super::provider::{Mood, SigningKey};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_is_no_flood_of_fetches() {
    let house = House::open().await;
    assert_eq!(house.login(&house.token("mira")).await.0, 201);
    assert_eq!(house.provider.fetches(), 1);
    let flood: Vec<String> = (0..40)
        .map(|n| {
            let mut header = house.key.header();
            header["kid"] = json!(format!("made-up-{n}"));
            house.key.sign_as(&header, &claims("mira"))
        })
        .collect();
    let calls = join_all(flood.iter().map(|token| house.call(token))).await;
    assert!(calls.iter().all(|status| *status == 401), "{calls:?}");
    assert_eq!(house.provider.fetches(), 1, "ten seconds have not passed");
    assert_eq!(house.call(&house.token("mira")).await, 200);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_the_same_moment_share_one_fetch() {
    let house = House::open().await;
    let tokens: Vec<String> = (0..20).map(|n| house.token(&format!("person {n}"))).collect();
    let entered = join_all(tokens.iter().map(|token| house.login(token))).await;
    assert!(entered.iter().all(|(status, _)| *status == 201), "{entered:?}");
    assert_eq!(house.provider.fetches(), 1);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_found_and_the_one_it_replaced_holds_no_more() {
    let house = House::open_with(|_, provider| provider.refetch_after_ms = 0).await;
    let old = house.token("mira");
    assert_eq!(house.login(&old).await.0, 201);
    let next = SigningKey::rsa("second");
    house.provider.publish(&[&house.key, &next]);
    let new = next.sign(&claims("mira"));
    assert_eq!(house.call(&new).await, 200);
    assert_eq!(house.call(&old).await, 200);
    // The old one is withdrawn: known once the keys are read again.
    let third = SigningKey::rsa("third");
    house.provider.publish(&[&next, &third]);
    assert_eq!(house.call(&third.sign(&claims("mira"))).await, 200);
    assert_eq!(house.call(&old).await, 401);
    assert_eq!(house.call(&new).await, 200);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_had_are_a_passing_trouble_and_no_sign_out() {
    let house = House::open_with(|_, provider| {
        provider.refetch_after_ms = 0;
        provider.timeout_ms = 300;
    })
    .await;
    let token = house.token("mira");
    for mood in [Mood::Fails, Mood::Garbage, Mood::Huge, Mood::Redirects, Mood::Hangs] {
        house.provider.set_mood(mood);
        let (status, refused) = house.login(&token).await;
        assert_eq!((status, &refused["error"]), (503, &json!("dependency_down")), "{mood:?}");
        assert_eq!(house.call(&token).await, 503, "{mood:?}");
    }
    house.provider.set_mood(Mood::Serves);
    assert_eq!(house.login(&token).await.0, 201);
    // Once they are known they stay, whatever becomes of the provider; and what it never had stays unknown.
    let stranger = SigningKey::rsa("stranger").sign(&claims("mira"));
    for mood in [Mood::Fails, Mood::Garbage, Mood::Huge, Mood::Redirects, Mood::Hangs] {
        house.provider.set_mood(mood);
        assert_eq!(house.call(&stranger).await, 401, "{mood:?}");
        assert_eq!(house.call(&token).await, 200, "{mood:?}");
    }
    // All keys taken away, by mistake, and then back.
    house.provider.set_mood(Mood::Serves);
    house.provider.publish(&[]);
    assert_eq!(house.call(&stranger).await, 401);
    assert_eq!(house.call(&token).await, 200);
    house.provider.publish(&[&house.key]);
    assert_eq!(house.call(&stranger).await, 401);
    assert_eq!(house.call(&token).await, 200);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_holds_up_nobody_with_a_token_of_our_own() {
    let house = House::open_with(|config, provider| {
        config.server.workers = 1;
        provider.timeout_ms = 60_000;
    })
    .await;
    let user = house.app.user().await;
    house.provider.set_mood(Mood::Hangs);
    let token = house.token("mira");
    let foreign = house.call(&token);
    let own = async {
        // More than one round trip while the other waits.
        for _ in 0..20 {
            assert_eq!(house.call(&user.token).await, 200);
        }
    };
    tokio::select! {
        status = foreign => panic!("it cannot be answered: {status}"),
        () = own => {}
    }
    house.app.stop().await;
}

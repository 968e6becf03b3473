//! Which account an ID token signs in to.

use futures_util::future::join_all;
use serde_json::json;

use super::house::{House, claims};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sign_in_makes_the_account_and_the_next_ones_find_it() {
    let house = House::open().await;
    let mut first = claims("mira");
    first["email"] = json!("mira@example.com");
    first["email_verified"] = json!(true);
    first["name"] = json!("Mira K");
    let (status, made) = house.login(&house.key.sign(&first)).await;
    assert_eq!(status, 201, "{made}");
    let user = &made["user"];
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!("mira@example.com"), &json!(true)));
    assert_eq!((&user["displayName"], &user["hasPassword"]), (&json!("Mira K"), &json!(false)));
    assert!(user["username"].as_str().unwrap().starts_with("person-"), "{user}");
    assert!(made["refreshToken"].is_string() && made["expiresIn"].is_number());
    let (status, again) = house.login(&house.token("mira")).await;
    assert_eq!((status, &again["user"]["id"]), (200, &user["id"]));
    let events = "select count(*) from auth_history where event in ('registered', 'identity_linked')";
    assert_eq!(house.count(events).await, 2);
    assert_eq!(house.count("select count(*) from auth_history where event = 'signed_in'").await, 2);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_chooses_the_username() {
    let house = House::open().await;
    let (status, made) = house.register(&house.token("mira"), json!({"username": "Mira.K"})).await;
    assert_eq!((status, &made["user"]["username"]), (201, &json!("Mira.K")), "{made}");
    // Once more with the same identity, or somebody else's name.
    let again = house.register(&house.token("mira"), json!({"username": "mira2"})).await;
    assert_eq!(again.0, 409, "{}", again.1);
    assert_eq!(house.register(&house.token("noah"), json!({"username": "mira.k"})).await.0, 409);
    assert_eq!(house.register(&house.token("noah"), json!({"username": "no good name"})).await.0, 400);
    assert_eq!(house.count("select count(*) from identities").await, 1);
    // It may be left to us.
    let (status, other) = house.register(&house.token("noah"), json!({})).await;
    assert_eq!(status, 201, "{other}");
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_new_accounts_makes_none() {
    let house = House::open_with(|config, _| config.auth.registration = false).await;
    let token = house.token("mira");
    assert_eq!(house.login(&token).await.0, 403);
    assert_eq!(house.register(&token, json!({"username": "mira"})).await.0, 403);
    assert_eq!(house.count("select count(*) from identities").await, 0);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_both_sides_have_verified_links() {
    let house = House::open().await;
    let user = house.verified().await;
    let (status, entered) =
        house.login(&house.token_with_email("g-1", &user.email.to_uppercase(), true)).await;
    assert_eq!((status, entered["user"]["id"].as_str()), (200, Some(user.id.as_str())), "{entered}");
    // From then on the identity counts, whatever address it has.
    let (status, later) = house.login(&house.token("g-1")).await;
    assert_eq!((status, later["user"]["id"].as_str()), (200, Some(user.id.as_str())));
    assert_eq!(house.me(&user.token).await["identities"][0]["provider"], "firebase");
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_not_proved_its_address_is_never_linked_by_it() {
    let house = House::open().await;
    // Whoever made it, it may not be the one who owns the address.
    let squatter = house.app.user().await;
    let token = house.token_with_email("g-1", &squatter.email, true);
    for _ in 0..2 {
        let (status, refused) = house.login(&token).await;
        assert_eq!((status, &refused["error"]), (409, &json!("conflict")), "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("reset"), "{refused}");
    }
    assert_eq!(house.register(&token, json!({"username": "the-owner"})).await.0, 409);
    assert_eq!(house.call(&token).await, 401);
    assert_eq!(house.count("select count(*) from identities").await, 0);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_the_provider_has_not_verified_says_nothing() {
    let house = House::open().await;
    let user = house.verified().await;
    let (status, entered) = house.login(&house.token_with_email("g-1", &user.email, false)).await;
    // An account of its own, which has not got the address and does not tell that somebody has.
    assert_eq!(status, 201, "{entered}");
    assert_ne!(entered["user"]["id"].as_str(), Some(user.id.as_str()));
    assert_eq!(entered["user"]["email"], json!(null));
    let free = house.login(&house.token_with_email("g-2", "free@example.com", false)).await.1;
    assert_eq!(free["user"]["email"], json!(null));
    // Nor does anything that is not plainly yes.
    for verified in [json!("yes"), json!(1), json!(null), json!("TRUE")] {
        let mut claims = claims(&format!("said {verified}"));
        claims["email"] = json!(user.email);
        claims["email_verified"] = verified;
        let (status, entered) = house.login(&house.key.sign(&claims)).await;
        assert_eq!((status, &entered["user"]["email"]), (201, &json!(null)));
    }
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_vouch_for_a_provider_that_does_not_say() {
    let house = House::open_with(|_, provider| provider.email_trusted = true).await;
    let user = house.verified().await;
    let mut claims = claims("g-1");
    claims["email"] = json!(user.email);
    let (status, entered) = house.login(&house.key.sign(&claims)).await;
    assert_eq!((status, entered["user"]["id"].as_str()), (200, Some(user.id.as_str())));
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_sign_ins_at_the_same_moment_make_one_account() {
    let house = House::open().await;
    for email in [None, Some("mira@example.com")] {
        let before = house.count("select count(*) from users").await;
        let subject = format!("one of {email:?}");
        let token = match email {
            Some(email) => house.token_with_email(&subject, email, true),
            None => house.token(&subject),
        };
        let entered = join_all((0..8).map(|_| house.login(&token))).await;
        let made = entered.iter().filter(|(status, _)| *status == 201).count();
        let found = entered.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!((made, found), (1, 7), "{entered:?}");
        assert!(entered.iter().all(|(_, answer)| answer["user"]["id"] == entered[0].1["user"]["id"]));
        assert_eq!(house.count("select count(*) from users").await, before + 1);
    }
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_with_one_verified_address_share_one_account() {
    let house = House::open().await;
    let tokens: Vec<String> =
        (0..6).map(|n| house.token_with_email(&format!("g-{n}"), "mira@example.com", true)).collect();
    let entered = join_all(tokens.iter().map(|token| house.login(token))).await;
    let ids: std::collections::BTreeSet<_> =
        entered.iter().map(|(_, answer)| answer["user"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{entered:?}");
    assert_eq!(house.count("select count(*) from identities").await, 6);
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_in_claims_are_only_texts() {
    let house = House::open().await;
    for (n, text) in ["'; drop table users; --", "a\r\nSet-Cookie: x=1", "\u{0}", "{{7*7}}", "<script>"]
        .into_iter()
        .enumerate()
    {
        let mut claims = claims(&format!("hostile-{n}"));
        claims["name"] = json!(text);
        claims["email"] = json!(text);
        claims["email_verified"] = json!(true);
        let (status, made) = house.login(&house.key.sign(&claims)).await;
        assert_eq!((status, &made["user"]["email"]), (201, &json!(null)), "{text}: {made}");
        let (status, refused) = house.register(&house.token("x"), json!({"username": text})).await;
        assert_eq!(status, 400, "{text}: {refused}");
    }
    house.app.stop().await;
}

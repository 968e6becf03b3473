//! Staying signed in.

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use greenroom::accounts::{Origin, RefreshToken};
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, world};

#[actix_web::test]
async fn a_refresh_token_is_exchanged_and_only_its_hash_is_kept() {
    let world = world().await;
    let first = world.register("mira").await;
    let second = world.refresh(first.text("refreshToken")).await;
    assert_eq!(second.status, 200);
    assert_ne!(second.text("refreshToken"), first.text("refreshToken"));
    let sid = |answer: &Answer| world.accounts.tokens().verify(answer.text("accessToken")).unwrap().sid;
    assert_eq!(sid(&first), sid(&second), "it is the same sign-in");
    assert_eq!(world.refresh(second.text("refreshToken")).await.status, 200);
    let token = first.text("refreshToken");
    let kept = world
        .count(&format!("select count(*) from refresh_tokens where position('{token}'::bytea in hash) > 0"))
        .await;
    assert_eq!((kept, world.count("select count(*) from refresh_tokens").await), (0, 3));
}

#[actix_web::test]
async fn a_token_used_twice_within_the_grace_gets_another_pair_of_the_same_family() {
    let world = world().await;
    let first = world.register("mira").await;
    let token = RefreshToken::parse(first.text("refreshToken")).unwrap();
    let here = Origin::default();
    let pairs = join_all((0..10).map(|_| world.accounts.refresh(&token, &here))).await;
    let sids: std::collections::BTreeSet<_> =
        pairs.iter().map(|pair| pair.as_ref().unwrap().sign_in).collect();
    assert_eq!(sids.len(), 1);
    for pair in pairs {
        assert!(world.accounts.refresh(&pair.unwrap().refresh_token, &here).await.is_ok());
    }
}

#[actix_web::test]
async fn a_token_used_again_after_the_grace_ends_the_whole_family() {
    let world = world().await;
    let first = world.register("mira").await;
    let second = world.refresh(first.text("refreshToken")).await;
    world.execute("update refresh_tokens set used_at = used_at - interval '11 seconds'").await;
    let stolen = world.refresh(first.text("refreshToken")).await;
    assert_eq!((stolen.status, stolen.text("error")), (401, "unauthenticated"));
    assert_eq!(world.refresh(second.text("refreshToken")).await.status, 401, "the newest one too");
    assert_eq!(world.count("select count(*) from sign_ins where ended_why = 'token_reused'").await, 1);
    let again = world.post("/api/auth/login", json!({"username": "mira", "password": PASSWORD})).await;
    assert_eq!(world.refresh(again.text("refreshToken")).await.status, 200, "another sign-in goes on");
}

#[actix_web::test]
async fn what_ran_out_or_was_never_ours_is_refused_and_ends_nothing() {
    let world = world().await;
    let first = world.register("mira").await;
    for foreign in ["", "nonsense", RefreshToken::make().expose()] {
        assert_eq!(world.refresh(foreign).await.status, 401);
    }
    world.execute("update refresh_tokens set expires_at = now(), used_at = now() - interval '1 hour'").await;
    assert_eq!(world.refresh(first.text("refreshToken")).await.status, 401);
    assert_eq!(world.count("select count(*) from sign_ins where ended_at is null").await, 1);
    world.execute("update refresh_tokens set expires_at = now() - interval '2 days'").await;
    assert_eq!(world.accounts.sweep().await.unwrap(), 1);
}

#[actix_web::test]
async fn the_console_holds_its_refresh_token_in_a_cookie() {
    let world = world().await;
    world.register("mira").await;
    let console = |path: &str| TestRequest::post().uri(path).insert_header(("x-greenroom-client", "console"));
    let login = console("/api/auth/login").set_json(json!({"username": "mira", "password": PASSWORD}));
    let signed_in = world.send(login).await;
    assert_eq!((signed_in.status, &signed_in.body["refreshToken"]), (200, &Value::Null));
    let cookie = signed_in.cookie.clone().unwrap();
    assert_eq!(
        (cookie.name(), cookie.http_only(), cookie.path()),
        ("greenroom_refresh", Some(true), Some("/api"))
    );

    let refresh = || console("/api/auth/refresh-token").cookie(cookie.clone()).set_json(json!({}));
    let foreign = world.send(refresh().insert_header(("origin", "https://evil.example"))).await;
    assert_eq!(foreign.status, 401);
    let bare = TestRequest::post().uri("/api/auth/refresh-token").cookie(cookie.clone()).set_json(json!({}));
    assert_eq!(world.send(bare).await.status, 401, "a cookie alone is not enough");
    let renewed = world.send(refresh()).await;
    assert_eq!((renewed.status, &renewed.body["refreshToken"]), (200, &Value::Null));
    let newer = renewed.cookie.clone().unwrap();
    assert_ne!(newer.value(), cookie.value());

    let out = console("/api/auth/logout")
        .cookie(newer.clone())
        .insert_header(("authorization", format!("Bearer {}", renewed.text("accessToken"))));
    let out = world.send(out).await;
    assert_eq!((out.status, out.cookie.unwrap().value()), (204, ""));
    let late = console("/api/auth/refresh-token").cookie(newer).set_json(json!({}));
    assert_eq!(world.send(late).await.status, 401);
}

#[actix_web::test]
async fn two_tabs_that_refresh_together_both_live_on() {
    let world = world().await;
    let mira = world.register("mira").await;
    let (mut one, mut two) = (mira.text("refreshToken").to_owned(), mira.text("refreshToken").to_owned());
    for _ in 0..3 {
        let (first, second) = tokio::join!(world.refresh(&one), world.refresh(&two));
        assert_eq!((first.status, second.status), (200, 200));
        (one, two) = (first.text("refreshToken").to_owned(), second.text("refreshToken").to_owned());
        assert_ne!(one, two);
        for tab in [&first, &second] {
            let page = world.get_as(tab.text("accessToken"), "/api/auth/sessions").await;
            assert_eq!((page.status, &page.body["total"]), (200, &json!(1)));
        }
    }
}

#[actix_web::test]
async fn a_reuse_stands_in_the_history_and_its_access_tokens_hold_no_more() {
    let world = world().await;
    let first = world.register("mira").await;
    let second = world.refresh(first.text("refreshToken")).await;
    world.execute("update refresh_tokens set used_at = used_at - interval '11 seconds'").await;
    assert_eq!(world.refresh(first.text("refreshToken")).await.status, 401);
    for tokens in [&first, &second] {
        assert_eq!(world.get_as(tokens.text("accessToken"), "/api/auth/sessions").await.status, 401);
    }
    let again = world.login("mira", PASSWORD).await;
    let lines = world.history(again.text("accessToken"), 4).await;
    assert!(lines.iter().any(|line| line["event"] == "token_reused"), "{lines:?}");
}

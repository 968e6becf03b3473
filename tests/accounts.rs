//! Signing up, in and out over HTTP, on a real database.

#[path = "support/database.rs"]
mod database;
#[path = "accounts/seeding.rs"]
mod seeding;
#[path = "accounts/world.rs"]
mod world;

use std::sync::Arc;

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use greenroom::accounts::{Accounts, NewUser, Origin, RefreshToken, Role};
use greenroom::config::Config;
use greenroom::outbound::Outbound;
use greenroom_actors::protocol::RefusalCode;
use serde_json::{Value, json};
use world::{Answer, PASSWORD, world, world_with};

fn origin() -> Origin {
    Origin::default()
}

#[actix_web::test]
async fn somebody_new_is_signed_in_at_once() {
    let world = world().await;
    let body = json!({"email": "Mira@Example.com", "password": PASSWORD, "username": "Mira", "displayName": "Mira K"});
    let answer = world.post("/api/v1/auth/register", body).await;
    assert_eq!(answer.status, 201);
    let user = &answer.body["user"];
    assert_eq!((user["username"].as_str(), user["displayName"].as_str()), (Some("Mira"), Some("Mira K")));
    assert_eq!((user["email"].as_str(), user["role"].as_str()), (Some("Mira@Example.com"), Some("user")));
    assert_eq!((user["plan"].as_str(), user["timeZone"].as_str()), (Some("free"), Some("UTC")));
    assert!(user["createdAt"].as_str().unwrap().ends_with('Z'));
    assert!(user.get("passwordHash").is_none());
    assert_eq!(answer.body["expiresIn"], 900);
    let claims = world.accounts.tokens().verify(answer.text("accessToken")).unwrap();
    assert_eq!((claims.sub.to_string().as_str(), claims.role), (user["id"].as_str().unwrap(), Role::User));
    assert!(answer.cookie.is_none());
    let profile = world.accounts.profile(claims.sub).await.unwrap();
    assert_eq!(profile.username, "Mira");
    assert!(world.accounts.is_active(claims.sub).await.unwrap());
}

#[actix_web::test]
async fn an_address_and_a_name_belong_to_one_account_in_any_case_of_letters() {
    let world = world().await;
    world.register("mira").await;
    for (email, username) in [("MIRA@example.com", "other"), ("other@example.com", "MIRA")] {
        let body = json!({"email": email, "password": PASSWORD, "username": username});
        let answer = world.post("/api/auth/register", body).await;
        assert_eq!((answer.status, answer.text("error")), (409, "conflict"));
    }
}

#[actix_web::test]
async fn of_many_that_want_a_name_at_once_one_gets_it() {
    let world = world().await;
    let tries = (0..8).map(|n| {
        let new = NewUser::check(&format!("m{n}@example.com"), "mira", None, PASSWORD).unwrap();
        let accounts = world.accounts.clone();
        async move { accounts.register(&new, origin()).await }
    });
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(
        results.iter().filter_map(|result| result.as_ref().err()).all(|it| it.code == RefusalCode::Conflict)
    );
}

#[actix_web::test]
async fn every_wrong_field_is_named() {
    let world = world().await;
    let answer = world
        .post("/api/auth/register", json!({"email": "mira", "password": "short", "username": "admin"}))
        .await;
    assert_eq!(answer.status, 400);
    let fields: Vec<&str> =
        answer.body["details"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["email", "username", "password"]);
    let answer = world.post("/api/auth/register", json!({"email": "mira@example.com"})).await;
    assert_eq!((answer.status, answer.body["details"][0]["field"].as_str()), (400, Some("password")));
    let both = json!({"email": "a@example.com", "username": "a", "password": PASSWORD});
    assert_eq!(world.post("/api/auth/login", both).await.status, 400);
}

#[actix_web::test]
async fn one_signs_in_by_address_or_by_name() {
    let world = world().await;
    let id = world.register("mira").await.body["user"]["id"].clone();
    for name in [
        json!({"email": " MIRA@example.com"}),
        json!({"username": "Mira"}),
        json!({"username": "mira@example.com"}),
    ] {
        let mut body = name;
        body["password"] = PASSWORD.into();
        let answer = world.post("/api/auth/login", body).await;
        assert_eq!((answer.status, &answer.body["user"]["id"]), (200, &id));
    }
}

#[actix_web::test]
async fn an_unknown_account_and_a_wrong_password_look_the_same() {
    let world = world().await;
    world.register("mira").await;
    world.execute("insert into users (id, username, username_key, display_name, plan) values (gen_random_uuid(), 'nopass', 'nopass', 'No', 'free')").await;
    let mut answers = Vec::new();
    for (name, password) in [("mira", "not the password"), ("nobody", PASSWORD), ("nopass", PASSWORD)] {
        let answer = world.post("/api/auth/login", json!({"username": name, "password": password})).await;
        let mut body = answer.body;
        body["requestId"] = Value::Null;
        answers.push((answer.status, body));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[actix_web::test]
async fn a_blocked_account_is_told_so_only_with_its_password() {
    let world = world().await;
    let mira = world.register("mira").await;
    world.execute("update users set blocked_at = now()").await;
    let login = |password: &str| json!({"username": "mira", "password": password});
    assert_eq!(world.post("/api/auth/login", login(PASSWORD)).await.status, 403);
    assert_eq!(world.post("/api/auth/login", login("not the password")).await.status, 401);
    assert_eq!(world.refresh(mira.text("refreshToken")).await.status, 401);
    let user = world.accounts.tokens().verify(mira.text("accessToken")).unwrap().sub;
    assert!(!world.accounts.is_active(user).await.unwrap());
    assert_eq!(world.accounts.profile(user).await.unwrap_err().code, RefusalCode::Forbidden);
}

#[actix_web::test]
async fn a_password_hashed_with_older_settings_is_hashed_anew() {
    let world = world().await;
    world.register("mira").await;
    let newer = Arc::new(Config {
        auth: {
            let mut auth = world.site.config().auth.clone();
            auth.argon2_memory_kib = 128;
            auth
        },
        ..Config::default()
    });
    let accounts =
        Accounts::open(world.database.pool(), newer.clone(), Outbound::open(&newer).unwrap()).unwrap();
    accounts.login("mira", PASSWORD, origin()).await.unwrap();
    assert_eq!(world.count("select count(*) from users where password_hash like '%m=128,%'").await, 1);
    accounts.login("mira", PASSWORD, origin()).await.unwrap();
}

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
    let here = origin();
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
async fn after_signing_out_the_tokens_are_of_no_use() {
    let world = world().await;
    let mira = world.register("mira").await;
    let phone = world.post("/api/auth/login", json!({"username": "mira", "password": PASSWORD})).await;
    let bearer = |answer: &Answer| ("authorization", format!("Bearer {}", answer.text("accessToken")));
    let out = world.send(TestRequest::post().uri("/api/auth/logout").insert_header(bearer(&mira))).await;
    assert_eq!(out.status, 204);
    assert_eq!(world.refresh(mira.text("refreshToken")).await.status, 401);
    assert_eq!(world.refresh(phone.text("refreshToken")).await.status, 200, "other devices stay");
    assert_eq!(world.send(TestRequest::post().uri("/api/auth/logout")).await.status, 401);
}

#[actix_web::test]
async fn nobody_signs_another_out() {
    let world = world().await;
    let (mira, noah) = (world.register("mira").await, world.register("noah").await);
    let request = TestRequest::post()
        .uri("/api/auth/logout")
        .insert_header(("authorization", format!("Bearer {}", mira.text("accessToken"))))
        .set_json(json!({"refreshToken": noah.text("refreshToken")}));
    assert_eq!(world.send(request).await.status, 204);
    assert_eq!(world.refresh(noah.text("refreshToken")).await.status, 200);
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
async fn guessing_is_limited_by_identity_and_by_address() {
    let world = world_with(|config| {
        config.limits.enabled = true;
        config.limits.auth_address.max = 8;
    })
    .await;
    let login = async |name: &str| {
        let body = json!({"username": name, "password": "not the password"});
        let request = TestRequest::post().uri("/api/auth/login").peer_addr("9.9.9.9:9".parse().unwrap());
        world.send(request.set_json(body)).await.status
    };
    for _ in 0..5 {
        assert_eq!(login("mira").await, 401);
    }
    assert_eq!(login("Mira").await, 429, "the sixth try of one identity");
    assert_eq!(login("noah").await, 401);
    assert_eq!(login("lena").await, 401);
    assert_eq!(login("kurt").await, 429, "the ninth try of one address");
}

#[actix_web::test]
async fn the_oldest_device_makes_room_for_a_new_one() {
    let world = world_with(|config| config.auth.sign_ins_max = 2).await;
    let first = world.register("mira").await;
    let login = json!({"username": "mira", "password": PASSWORD});
    let second = world.post("/api/auth/login", login.clone()).await;
    let third = world.post("/api/auth/login", login).await;
    assert_eq!(world.refresh(first.text("refreshToken")).await.status, 401);
    assert_eq!(world.refresh(second.text("refreshToken")).await.status, 200);
    assert_eq!(world.refresh(third.text("refreshToken")).await.status, 200);
}

#[actix_web::test]
async fn a_closed_house_takes_nobody_new() {
    let world = world_with(|config| config.auth.registration = false).await;
    let body = json!({"email": "mira@example.com", "password": PASSWORD, "username": "mira"});
    assert_eq!(world.post("/api/auth/register", body).await.status, 403);
}

#[actix_web::test]
async fn without_a_database_the_answer_is_to_come_back_later() {
    let world = world().await;
    let mira = world.register("mira").await;
    world.database.pool().close();
    let login = world.post("/api/auth/login", json!({"username": "mira", "password": PASSWORD})).await;
    assert_eq!((login.status, login.text("error")), (503, "dependency_down"));
    assert_eq!(world.refresh(mira.text("refreshToken")).await.status, 503);
}

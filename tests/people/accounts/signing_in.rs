//! Signing in by password.

use std::sync::Arc;

use actix_web::test::TestRequest;
use greenroom::accounts::{Accounts, Origin};
use greenroom::config::Config;
use greenroom::outbound::Outbound;
use greenroom_actors::protocol::RefusalCode;
use serde_json::{Value, json};

use super::world::{PASSWORD, World, world, world_with};

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
async fn one_signs_in_by_a_proved_number_however_it_is_written() {
    let world = world_with(|config| config.auth.default_region = "GB".to_owned()).await;
    world.register("mira").await;
    world.execute("update users set mobile = '+447911123456'").await;
    for mobile in ["+44 7911 123456", "07911 123456"] {
        let body = json!({"mobile": mobile, "password": PASSWORD});
        assert_eq!(world.post("/api/auth/login", body).await.status, 200, "{mobile}");
    }
    let unknown = json!({"mobile": "+447911123457", "password": PASSWORD});
    assert_eq!(world.post("/api/auth/login", unknown).await.status, 401);
    let bad = world.post("/api/auth/login", json!({"mobile": "12", "password": PASSWORD})).await;
    assert_eq!((bad.status, bad.body["details"][0]["field"].as_str()), (400, Some("mobile")));
    let two = json!({"mobile": "+447911123456", "email": "mira@example.com", "password": PASSWORD});
    assert_eq!(world.post("/api/auth/login", two).await.status, 400);
}

/// Of each of these accounts what a sign-in with this password hears, without what each answer has of its own.
async fn heard(world: &World, names: &[&str], password: &str) -> Vec<(u16, Value)> {
    let mut answers = Vec::new();
    for name in names {
        let answer = world.login(name, password).await;
        let mut body = answer.body;
        body["requestId"] = Value::Null;
        answers.push((answer.status, body));
    }
    answers
}

#[actix_web::test]
async fn to_a_stranger_unknown_blocked_deactivated_and_other_accounts_look_the_same() {
    let world = world().await;
    for name in ["mira", "blocked", "asleep"] {
        world.register(name).await;
    }
    world.execute("insert into users (id, username, username_key, display_name, plan) values (gen_random_uuid(), 'nopass', 'nopass', 'No', 'free')").await;
    world.execute("update users set blocked_at = now() where username = 'blocked'").await;
    world.execute("update users set deactivated_at = now() where username = 'asleep'").await;
    let names = ["mira", "blocked", "asleep", "nopass", "nobody", "no body's name", "nobody@example.com"];
    let answers = heard(&world, &names, "not the password").await;
    assert_eq!(answers[0].0, 401);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[actix_web::test]
async fn with_the_right_password_a_deactivated_account_says_until_when_it_can_come_back() {
    let world = world().await;
    world.register("mira").await;
    world.execute("update users set deactivated_at = '2026-01-01T00:00:00Z'").await;
    let answer = world.login("mira", PASSWORD).await;
    assert_eq!((answer.status, answer.text("error")), (403, "forbidden"));
    assert!(answer.text("message").contains("until 2026-01-31"), "{}", answer.body);
    assert_eq!(world.count("select count(*) from sign_ins where ended_at is null").await, 1, "the first one");
}

#[actix_web::test]
async fn refused_sign_ins_stand_in_the_history_with_their_reason_and_origin() {
    let world = world().await;
    let mira = world.register("mira").await;
    let request = TestRequest::post()
        .uri("/api/auth/login")
        .peer_addr("9.9.9.9:9".parse().unwrap())
        .insert_header(("user-agent", "Probe/1.0"))
        .set_json(json!({"username": "mira", "password": "not the password"}));
    assert_eq!(world.send(request).await.status, 401);
    world.login("nobody", PASSWORD).await;
    let token = mira.text("accessToken");
    let lines = world.history(token, 3).await;
    let said = |line: &Value| (line["event"].clone(), line["refusedWhy"].clone());
    assert_eq!(said(&lines[0]), (json!("signed_in"), json!("wrong_password")));
    assert_eq!(
        (lines[0]["address"].as_str(), lines[0]["userAgent"].as_str()),
        (Some("9.9.9.9"), Some("Probe/1.0"))
    );
    assert_eq!(said(&lines[1]), (json!("signed_in"), Value::Null));
    assert_eq!(said(&lines[2]), (json!("registered"), Value::Null));
    world.execute("update users set blocked_at = now()").await;
    assert_eq!(world.login("mira", PASSWORD).await.status, 403);
    let blocked = world.history(token, 4).await;
    assert_eq!(said(&blocked[0]), (json!("signed_in"), json!("blocked")));
    assert!(!json!(blocked).to_string().contains("not the password"), "no secret is in it");
}

#[actix_web::test]
async fn a_bcrypt_hash_of_an_older_system_signs_in_and_becomes_argon2id() {
    let world = world().await;
    world.register("mira").await;
    for version in ["2a", "2b", "2y"] {
        let parts = bcrypt::hash_with_result(PASSWORD, 4).unwrap().to_string();
        let kept = parts.replacen("$2b$", &format!("${version}$"), 1);
        world.execute(&format!("update users set password_hash = '{kept}'")).await;
        assert_eq!(world.login("mira", "not the password").await.status, 401);
        assert_eq!(world.count("select count(*) from users where password_hash like '$2%'").await, 1);
        assert_eq!(world.login("mira", PASSWORD).await.status, 200, "{kept}");
        let now = "select count(*) from users where password_hash like '$argon2id$%'";
        assert_eq!(world.count(now).await, 1);
        assert_eq!(world.login("mira", PASSWORD).await.status, 200);
    }
}

#[actix_web::test]
async fn a_password_that_was_right_before_it_was_changed_opens_nothing() {
    let world = world().await;
    world.register("mira").await;
    // The sign-in has seen the old hash and waits for the row that somebody changes.
    let mut other = world.database.pool().get().await.unwrap();
    let change = other.transaction().await.unwrap();
    change.execute("update users set password_hash = 'another'", &[]).await.unwrap();
    let (answer, ()) = tokio::join!(world.login("mira", PASSWORD), async {
        let waits = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        while world.count(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        change.commit().await.unwrap();
    });
    assert_eq!(answer.status, 401);
    assert_eq!(world.count("select count(*) from sign_ins").await, 1, "of the registration");
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
    accounts.login("mira", PASSWORD, &Origin::default()).await.unwrap();
    assert_eq!(world.count("select count(*) from users where password_hash like '%m=128,%'").await, 1);
    accounts.login("mira", PASSWORD, &Origin::default()).await.unwrap();
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
async fn without_a_database_the_answer_is_to_come_back_later() {
    let world = world().await;
    let mira = world.register("mira").await;
    world.database.pool().close();
    let login = world.post("/api/auth/login", json!({"username": "mira", "password": PASSWORD})).await;
    assert_eq!((login.status, login.text("error")), (503, "dependency_down"));
    assert_eq!(world.refresh(mira.text("refreshToken")).await.status, 503);
}

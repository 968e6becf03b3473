use serde_json::{Value, json};

use super::stage::{MIRA, NOAH, other_than, said};
use super::world::{PASSWORD, world, world_with};

#[actix_web::test]
async fn a_sign_up_waits_for_its_code_and_then_has_its_name_and_password() {
    let world = world().await;
    let body = json!({"mobile": MIRA, "password": PASSWORD, "name": "Mira K"});
    let asked = world.post("/api/auth/signup", body).await;
    assert_eq!(asked.status, 202);
    assert!(asked.body.get("accessToken").is_none() && asked.body.get("user").is_none());
    assert_eq!(world.count("select count(*) from users").await, 0);

    let made = world.verify(MIRA, asked.text("otp")).await;
    assert_eq!((made.status, &made.body["user"]["displayName"]), (201, &json!("Mira K")));
    assert_eq!(made.body["user"]["hasPassword"], true);
    let login = json!({"username": made.body["user"]["username"], "password": PASSWORD});
    assert_eq!(world.post("/api/auth/login", login).await.status, 200);
    assert_eq!(
        world.count("select count(*) from otp_codes where sign_up is not null").await,
        0,
        "nothing of it waits any more"
    );
}

#[actix_web::test]
async fn a_sign_up_with_a_known_number_changes_nothing_of_its_account() {
    let world = world().await;
    let mira = world.enter(MIRA).await;
    let body = json!({"mobile": MIRA, "password": PASSWORD, "name": "Somebody else"});
    let asked = world.post("/api/auth/signup", body).await;
    assert_eq!(asked.status, 202);
    let entered = world.verify(MIRA, asked.text("otp")).await;
    assert_eq!((entered.status, &entered.body["user"]), (200, &mira.body["user"]));
    assert_eq!(world.count("select count(*) from users where password_hash is not null").await, 0);
}

#[actix_web::test]
async fn a_stranger_cannot_slip_a_password_in_beside_a_code_that_its_owner_waits_for() {
    let world = world().await;
    let send = json!({"mobile": MIRA});
    assert_eq!(world.post_from("10.0.0.1", "/api/auth/send-otp", send.clone()).await.status, 202);
    world.forget_sends().await;
    let sign_up = json!({"mobile": MIRA, "password": PASSWORD, "name": "Mira"});
    let asked = world.post_from("10.6.6.6", "/api/auth/signup", sign_up.clone()).await;
    assert_eq!(asked.status, 202);
    let made = world.verify(MIRA, asked.text("otp")).await;
    assert_eq!((made.status, &made.body["user"]["hasPassword"]), (201, &json!(false)));

    // Who asked before from the same place is no stranger, and a code that is over is nobody's.
    for (name, before) in [("10.0.0.1", NOAH), ("10.0.0.2", "+447911123458")] {
        let send = json!({"mobile": before});
        assert_eq!(world.post_from("10.0.0.1", "/api/auth/send-otp", send).await.status, 202);
        world.forget_sends().await;
        if name != "10.0.0.1" {
            world.execute("update otp_codes set expires_at = now()").await;
        }
        let sign_up = json!({"mobile": before, "password": PASSWORD});
        let asked = world.post_from(name, "/api/auth/signup", sign_up).await;
        let made = world.verify(before, asked.text("otp")).await;
        assert_eq!((made.status, &made.body["user"]["hasPassword"]), (201, &json!(true)), "{name}");
    }
}

#[actix_web::test]
async fn every_wrong_field_of_a_sign_up_is_named() {
    let world = world().await;
    let body = json!({"mobile": "12", "password": "short", "name": "a\nb"});
    let answer = world.post("/api/auth/signup", body).await;
    let fields: Vec<&str> =
        answer.body["details"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!((answer.status, fields), (400, vec!["mobile", "name", "password"]));
    let answer = world.verify("12", "12345").await;
    let fields: Vec<&str> =
        answer.body["details"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!((answer.status, fields), (400, vec!["mobile", "otp"]));
}

#[actix_web::test]
async fn a_blocked_or_deactivated_account_is_told_so_only_with_its_code() {
    let world = world().await;
    world.enter(MIRA).await;
    let wrong = said(&world.verify(NOAH, "123456").await);
    for (column, why) in [("blocked_at", "blocked"), ("deactivated_at", "deactivated")] {
        world.execute(&format!("update users set {column} = now()")).await;
        world.forget_sends().await;
        let code = world.code(MIRA).await;
        assert_eq!(said(&world.verify(MIRA, &other_than(&code)).await), wrong);
        let refused = world.verify(MIRA, &code).await;
        assert_eq!((refused.status, refused.text("error")), (403, "forbidden"));
        assert!(refused.text("message").contains(why), "{}", refused.body);
        assert_eq!(said(&world.verify(MIRA, &code).await), wrong, "the code is used up");
        let sql =
            format!("select count(*) from auth_history where event = 'signed_in' and refused_why = '{why}'");
        assert_eq!(world.count(&sql).await, 1);
        world.execute(&format!("update users set {column} = null")).await;
    }
    assert_eq!(world.count("select count(*) from sign_ins").await, 1);
}

#[actix_web::test]
async fn a_closed_house_answers_alike_and_takes_nobody_new() {
    let world = world_with(|config| config.auth.registration = false).await;
    world
        .execute(&format!(
            "insert into users (id, username, username_key, display_name, plan, mobile)
            values (gen_random_uuid(), 'mira', 'mira', 'Mira', 'free', '{MIRA}')"
        ))
        .await;
    let (known, unknown) = (
        world.post("/api/auth/send-otp", json!({"mobile": MIRA})).await,
        world.post("/api/auth/send-otp", json!({"mobile": NOAH})).await,
    );
    assert_eq!(said(&known), said(&unknown));
    assert_eq!(world.count("select count(*) from jobs where kind = 'sms.send'").await, 1, "to the known one");
    let wrong = world.verify(NOAH, &other_than(unknown.text("otp"))).await;
    let right = world.verify(NOAH, unknown.text("otp")).await;
    assert_eq!((right.status, said(&right)), (401, said(&wrong)));
    assert_eq!(world.verify(MIRA, known.text("otp")).await.status, 200);
    let sign_up = world.post("/api/auth/signup", json!({"mobile": NOAH})).await;
    assert_eq!((sign_up.status, sign_up.text("error")), (403, "forbidden"));
    assert_eq!(world.count("select count(*) from users").await, 1);
}

#[actix_web::test]
async fn the_console_gets_its_refresh_token_as_a_cookie() {
    let world = world().await;
    let code = world.code(MIRA).await;
    let request = actix_web::test::TestRequest::post()
        .uri("/api/auth/verify-otp")
        .insert_header(("x-greenroom-client", "console"))
        .set_json(json!({"mobile": MIRA, "otp": code}));
    let answer = world.send(request).await;
    assert_eq!((answer.status, &answer.body["refreshToken"]), (201, &Value::Null));
    assert_eq!(answer.cookie.unwrap().name(), "greenroom_refresh");
}

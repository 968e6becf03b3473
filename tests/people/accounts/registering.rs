//! Signing up.

use futures_util::future::join_all;
use greenroom::accounts::Role;
use serde_json::{Value, json};

use super::world::{PASSWORD, world, world_with};

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
async fn of_two_hundred_that_want_a_name_at_once_one_gets_it() {
    let world = world_with(|config| config.auth.hash_queue_max = 500).await;
    let tries = (0..200).map(|n| {
        let world = &world;
        async move {
            let body =
                json!({"email": format!("m{n}@example.com"), "password": PASSWORD, "username": "mira"});
            world.post("/api/auth/register", body).await.status
        }
    });
    let statuses = join_all(tries).await;
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    // A machine that is busy sends some away for a moment.
    assert_eq!((count(201), count(201) + count(409) + count(503)), (1, 200), "{statuses:?}");
    assert_eq!(world.count("select count(*) from users").await, 1);
    assert_eq!(world.count("select count(*) from sign_ins").await, 1);
}

#[actix_web::test]
async fn a_password_that_is_easily_guessed_is_refused_with_advice() {
    let world = world().await;
    for (password, username) in
        [("password123", "mira"), ("qwertyuiop", "mira"), ("brightwaterkastner", "brightwaterkastner")]
    {
        let body = json!({"email": "m@example.com", "password": password, "username": username});
        let answer = world.post("/api/auth/register", body).await;
        let detail = &answer.body["details"][0];
        assert_eq!((answer.status, detail["field"].as_str()), (400, Some("password")), "{password}");
        let message = detail["message"].as_str().unwrap();
        assert!(message.starts_with("is too easily guessed") && !message.contains(password), "{message}");
    }
    assert_eq!(world.count("select count(*) from users").await, 0);
}

#[actix_web::test]
async fn a_link_to_the_new_address_is_queued_with_the_account_and_nothing_of_it_can_be_read() {
    let world = world().await;
    let mira = world.register("mira").await;
    assert_eq!(mira.body["user"]["emailVerified"], false);
    let queued = "select count(*) from jobs where kind = 'mail.send'";
    assert_eq!(world.count(queued).await, 1);
    assert_eq!(world.count(&format!("{queued} and payload::text like '%mira@%'")).await, 0);
    let links =
        "select count(*) from mail_links where purpose = 'verify_email' and email_key = 'mira@example.com'
        and expires_at between now() + interval '23 hours' and now() + interval '24 hours'";
    assert_eq!(world.count(links).await, 1);
    let body = json!({"email": "mira@example.com", "password": PASSWORD, "username": "other"});
    assert_eq!(world.post("/api/auth/register", body).await.status, 409);
    assert_eq!(world.count(queued).await, 1, "what is refused sends nothing");
}

#[actix_web::test]
async fn a_production_without_mail_takes_people_and_leaves_their_addresses_unproved() {
    let world = world_with(|config| config.environment = greenroom::config::Environment::Production).await;
    let mira = world.register("mira").await;
    assert_eq!(world.count("select count(*) from jobs").await, 0);
    let token = mira.text("accessToken");
    let path = actix_web::test::TestRequest::post().uri("/api/auth/resend-verification");
    let again = world.call_as(token, path, Value::Null).await;
    assert_eq!((again.status, again.text("error")), (503, "feature_unavailable"));
    let mut answers = Vec::new();
    for name in ["mira", "nobody"] {
        let body = json!({"email": format!("{name}@example.com")});
        let answer = world.post("/api/auth/forgot-password", body).await;
        answers.push((answer.status, answer.text("error").to_owned(), answer.text("message").to_owned()));
    }
    assert_eq!((answers[0].0, answers[0].1.as_str()), (503, "feature_unavailable"));
    assert_eq!(answers[0], answers[1]);
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
    let answer =
        world.post("/api/auth/register", json!({"email": "mira@example.com", "username": "mira"})).await;
    assert_eq!((answer.status, answer.body["details"][0]["field"].as_str()), (400, Some("password")));
    let both = json!({"email": "a@example.com", "username": "a", "password": PASSWORD});
    assert_eq!(world.post("/api/auth/login", both).await.status, 400);
}

#[actix_web::test]
async fn a_closed_house_takes_nobody_new() {
    let world = world_with(|config| config.auth.registration = false).await;
    let body = json!({"email": "mira@example.com", "password": PASSWORD, "username": "mira"});
    assert_eq!(world.post("/api/auth/register", body).await.status, 403);
}

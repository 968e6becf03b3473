use greenroom::config::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{MIRA, NOAH, said};
use super::world::{world, world_with};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_code_signs_somebody_new_in_and_later_the_same_person() {
    let world = world().await;
    let answer = world.post("/api/auth/send-otp", json!({"mobile": "+44 7911 123456"})).await;
    assert_eq!(answer.status, 202);
    assert!(answer.text("expiresAt").ends_with('Z') && answer.text("message").contains("on its way"));
    let code = answer.text("otp");
    assert!(code.len() == 6 && code.bytes().all(|it| it.is_ascii_digit()));

    let first = world.verify(MIRA, code).await;
    assert_eq!((first.status, first.body["expiresIn"].as_u64()), (201, Some(900)));
    let user = &first.body["user"];
    assert_eq!((user["mobile"].as_str(), user["displayName"].as_str()), (Some(MIRA), Some("Guest")));
    assert_eq!((&user["email"], &user["hasPassword"]), (&Value::Null, &json!(false)));
    assert!(user["username"].as_str().unwrap().starts_with("person-"));
    assert_eq!(world.refresh(first.text("refreshToken")).await.status, 200);

    world.forget_sends().await;
    let again = world.enter(MIRA).await;
    assert_eq!((again.status, &again.body["user"]["id"]), (200, &user["id"]));
}

#[actix_web::test]
async fn a_number_gets_one_code_a_minute_and_five_an_hour() {
    let world = world().await;
    let send = async || world.with_headers("/api/auth/send-otp", json!({"mobile": MIRA})).await;
    let later = async |seconds: u32| {
        let sql = format!("update otp_sends set sent_at = sent_at - interval '{seconds} seconds'");
        world.execute(&sql).await;
    };
    let wait = |headers: &actix_web::http::header::HeaderMap| -> u32 {
        headers.get("retry-after").unwrap().to_str().unwrap().parse().unwrap()
    };
    for _ in 0..5 {
        assert_eq!(send().await.0, 202);
        let (status, headers, body) = send().await;
        assert_eq!((status, body["error"].as_str()), (429, Some("rate_limited")));
        assert!(headers.contains_key("x-ratelimit-limit"));
        assert_eq!(headers.get("x-ratelimit-remaining").unwrap(), "0");
        later(60).await;
    }
    let (status, headers, _) = send().await;
    assert_eq!(status, 429, "the sixth of the hour");
    assert!((3_000..=3_300).contains(&wait(&headers)), "{headers:?}");
    assert_eq!(world.post("/api/auth/send-otp", json!({"mobile": NOAH})).await.status, 202, "another number");
    later(3_300).await;
    assert_eq!(send().await.0, 202, "the first of the five is an hour ago");
}

#[actix_web::test]
async fn all_ways_to_ask_for_a_code_and_all_writings_of_a_number_count_together() {
    let world = world_with(|config| config.auth.default_region = "GB".to_owned()).await;
    world.code(MIRA).await;
    for (path, mobile) in
        [("send-otp", "07911 123456"), ("signup", "+44 (7911) 123-456"), ("forgot-password", MIRA)]
    {
        let answer = world.post(&format!("/api/auth/{path}"), json!({"mobile": mobile})).await;
        assert_eq!(answer.status, 429, "{path}: {}", answer.body);
    }
    assert_eq!(world.count("select count(*) from otp_sends").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_that_ask_at_the_same_moment_one_gets_a_code() {
    let app = TestApp::start().await;
    let sends = (0..50).map(|n| {
        // Half of them by the other way, which counts too.
        let path = if n % 2 == 0 { "/api/auth/send-otp" } else { "/api/auth/signup" };
        app.send(Method::POST, path, None, Some(json!({"mobile": MIRA})))
    });
    let answers = futures_util::future::join_all(sends).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 49, "{statuses:?}");
    let client = app.database.pool().get().await.unwrap();
    let sent: i64 = client.query_one("select count(*) from otp_sends", &[]).await.unwrap().get(0);
    assert_eq!(sent, 1);
    drop(client);
    app.stop().await;
}

#[actix_web::test]
async fn a_new_code_voids_the_one_before() {
    let world = world().await;
    let first = world.code(MIRA).await;
    assert_eq!(world.verify(MIRA, &super::stage::other_than(&first)).await.status, 401);
    world.forget_sends().await;
    let mut second = world.code(MIRA).await;
    while second == first {
        world.forget_sends().await;
        second = world.code(MIRA).await;
    }
    assert_eq!(world.verify(MIRA, &first).await.status, 401);
    assert_eq!(world.count("select tries::bigint from otp_codes").await, 1, "guesses are counted anew");
    assert_eq!(world.verify(MIRA, &second).await.status, 201);
}

#[actix_web::test]
async fn known_and_unknown_numbers_are_answered_alike() {
    let world = world().await;
    world.enter(MIRA).await;
    let mut answers = Vec::new();
    for mobile in [MIRA, NOAH] {
        let mut said_to = Vec::new();
        for path in ["send-otp", "signup", "forgot-password"] {
            let body = json!({"mobile": mobile, "name": "Mira", "password": super::world::PASSWORD});
            said_to.push(said(&world.post(&format!("/api/auth/{path}"), body).await));
            said_to.push(said(&world.verify(mobile, "000000").await));
            world.forget_sends().await;
        }
        answers.push(said_to);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].iter().all(|(status, _)| matches!(status, 202 | 401)), "{answers:?}");
}

#[actix_web::test]
async fn production_without_a_way_to_send_says_which_setting_is_missing() {
    let world = world_with(|config| config.environment = Environment::Production).await;
    for path in ["send-otp", "signup"] {
        let answer = world.post(&format!("/api/auth/{path}"), json!({"mobile": MIRA})).await;
        assert_eq!((answer.status, answer.text("error")), (503, "feature_unavailable"));
        assert!(answer.text("message").contains("sms."), "{}", answer.body);
    }
    assert_eq!(world.count("select count(*) from otp_codes").await, 0);
    assert_eq!(world.count("select count(*) from otp_sends").await, 0);
}

#[actix_web::test]
async fn production_tells_nobody_the_code() {
    let world = world_with(|config| {
        config.environment = Environment::Production;
        config.sms.webhook_url = "https://sms.example.com/send".to_owned();
    })
    .await;
    let answer = world.post("/api/auth/send-otp", json!({"mobile": MIRA})).await;
    assert_eq!((answer.status, answer.body.get("otp")), (202, None));
    assert_eq!(world.count("select count(*) from jobs where kind = 'sms.send'").await, 1);
}

#[actix_web::test]
async fn what_is_no_mobile_number_is_told_by_its_field() {
    let world = world().await;
    for path in ["send-otp", "signup", "check-mobile", "otp-status", "verify-otp"] {
        for mobile in ["", "12345", "+44 20 7946 0018", "07911 123456", "' or 1=1 --"] {
            let body = json!({"mobile": mobile, "otp": "123456"});
            let answer = world.post(&format!("/api/auth/{path}"), body).await;
            assert_eq!((answer.status, answer.body["details"][0]["field"].as_str()), (400, Some("mobile")));
        }
        let answer = world.post(&format!("/api/auth/{path}"), json!({})).await;
        assert_eq!((answer.status, answer.body["details"][0]["field"].as_str()), (400, Some("mobile")));
    }
}

#[actix_web::test]
async fn who_looks_learns_as_much_as_the_operator_allows() {
    let open = world().await;
    let look = async |path: &str, mobile: &str| {
        let answer = open.post(&format!("/api/auth/{path}"), json!({"mobile": mobile})).await;
        assert_eq!(answer.status, 200);
        answer.body
    };
    assert_eq!(look("check-mobile", MIRA).await, json!({"exists": false}));
    let nothing = json!({"pending": false, "expiresAt": null, "triesLeft": null, "nextSendAt": null});
    assert_eq!(look("otp-status", MIRA).await, nothing);
    let code = open.code(MIRA).await;
    open.verify(MIRA, &super::stage::other_than(&code)).await;
    let pending = look("otp-status", MIRA).await;
    assert_eq!((&pending["pending"], &pending["triesLeft"]), (&json!(true), &json!(4)));
    assert!(pending["expiresAt"].is_string() && pending["nextSendAt"].is_string());
    open.verify(MIRA, &code).await;
    assert_eq!(look("check-mobile", MIRA).await, json!({"exists": true}));
    open.forget_sends().await;
    assert_eq!(look("otp-status", MIRA).await, nothing);

    let closed = world_with(|config| config.auth.lookups = false).await;
    closed.enter(MIRA).await;
    closed.code(MIRA).await;
    for mobile in [MIRA, NOAH] {
        let exists = closed.post("/api/auth/check-mobile", json!({"mobile": mobile})).await;
        assert_eq!(exists.body, json!({"exists": false}));
        let status = closed.post("/api/auth/otp-status", json!({"mobile": mobile})).await;
        assert_eq!(status.body, nothing);
    }
}

#[actix_web::test]
async fn what_is_over_is_swept_away() {
    let world = world().await;
    world.code(MIRA).await;
    world.code(NOAH).await;
    world
        .execute(
            "update otp_codes set expires_at = now() - interval '2 hours' where mobile = '+447911123456'",
        )
        .await;
    world
        .execute("update otp_sends set sent_at = now() - interval '3 hours' where mobile = '+447911123456'")
        .await;
    world.accounts.sweep().await.unwrap();
    assert_eq!(world.count("select count(*) from otp_codes").await, 1);
    assert_eq!(world.count("select count(*) from otp_sends").await, 1);
}

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::stage::{MIRA, NOAH, other_than, said};
use super::world::{world, world_with};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_wrong_an_old_a_used_and_a_spent_code_are_refused_alike() {
    let world = world().await;
    let mut answers = Vec::new();
    // Nobody asked for one.
    answers.push(said(&world.verify(NOAH, "123456").await));
    // Wrong.
    let code = world.code(MIRA).await;
    answers.push(said(&world.verify(MIRA, &other_than(&code)).await));
    // Of another number.
    answers.push(said(&world.verify(NOAH, &code).await));
    // Used.
    assert_eq!(world.verify(MIRA, &code).await.status, 201);
    answers.push(said(&world.verify(MIRA, &code).await));
    // Old.
    world.forget_sends().await;
    let code = world.code(MIRA).await;
    world.execute("update otp_codes set expires_at = now()").await;
    answers.push(said(&world.verify(MIRA, &code).await));
    // Guessed five times.
    world.forget_sends().await;
    let code = world.code(MIRA).await;
    for _ in 0..5 {
        answers.push(said(&world.verify(MIRA, &other_than(&code)).await));
    }
    answers.push(said(&world.verify(MIRA, &code).await));
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0].1["error"], "unauthenticated");
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    // The history of the account knows why.
    for (why, times) in [("wrong_code", 5), ("used_code", 1), ("expired_code", 1), ("too_many_guesses", 1)] {
        let sql =
            format!("select count(*) from auth_history where event = 'signed_in' and refused_why = '{why}'");
        assert_eq!(world.count(&sql).await, times, "{why}");
    }
}

#[actix_web::test]
async fn the_fifth_try_may_still_be_right() {
    let world = world().await;
    let code = world.code(MIRA).await;
    for _ in 0..4 {
        assert_eq!(world.verify(MIRA, &other_than(&code)).await.status, 401);
    }
    assert_eq!(world.verify(MIRA, &code).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_guesses_at_the_same_moment_five_are_compared() {
    let app = TestApp::start().await;
    // A known number, whose history tells what became of each guess.
    let code = code(&app).await;
    assert_eq!(verify(&app, &code).await, 201);
    let client = app.database.pool().get().await.unwrap();
    client.execute("delete from otp_sends", &[]).await.unwrap();
    let code = self::code(&app).await;

    let wrong = other_than(&code);
    let statuses = join_all((0..50).map(|_| verify(&app, &wrong))).await;
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    let counted = "select count(*) filter (where refused_why = 'wrong_code'),
        count(*) filter (where refused_why = 'too_many_guesses') from auth_history";
    let row = client.query_one(counted, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (5, 45));
    assert_eq!(verify(&app, &code).await, 401, "the right one comes too late");
    drop(client);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_many_times_at_once_makes_one_account_and_one_sign_in() {
    let app = TestApp::start().await;
    let code = code(&app).await;
    let mut statuses = join_all((0..20).map(|_| verify(&app, &code))).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[401; 19][..]));
    let client = app.database.pool().get().await.unwrap();
    let row = client
        .query_one(
            "select (select count(*) from users where mobile is not null),
                (select count(*) from sign_ins s join users u on u.id = s.user_id where u.mobile is not null)",
            &[],
        )
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1));
    drop(client);
    app.stop().await;
}

#[actix_web::test]
async fn guessing_at_many_numbers_from_one_address_is_limited() {
    let world = world_with(|config| {
        config.limits.enabled = true;
        config.limits.auth_address.max = 8;
    })
    .await;
    let guess = async |mobile: &str| {
        let body = json!({"mobile": mobile, "otp": "123456"});
        world.post_from("9.9.9.9", "/api/auth/verify-otp", body).await.status
    };
    for _ in 0..5 {
        assert_eq!(guess(MIRA).await, 401);
    }
    assert_eq!(guess("+44 7911 123456").await, 429, "the sixth guess at one number");
    assert_eq!(guess(NOAH).await, 401);
    assert_eq!(guess("+447911123458").await, 401);
    assert_eq!(guess("+447911123459").await, 429, "the ninth guess of one address");
}

#[actix_web::test]
async fn a_code_of_one_purpose_is_of_no_use_for_the_other() {
    let world = world().await;
    world.enter(MIRA).await;
    let reset = world.accounts.forgot_by_mobile(&super::recovery::number(MIRA), &Default::default()).await;
    let code = reset.unwrap().code.unwrap();
    assert_eq!(world.verify(MIRA, code.expose()).await.status, 401);
    world.forget_sends().await;
    let code = world.code(MIRA).await;
    assert_eq!(world.reset(MIRA, &code).await.status, 401);
    assert_eq!(world.verify(MIRA, &code).await.status, 200, "and is not used up by it");
}

async fn code(app: &TestApp) -> String {
    let (status, sent) = app.post("/api/auth/send-otp", None, json!({"mobile": MIRA})).await;
    assert_eq!(status, 202, "{sent}");
    sent["otp"].as_str().unwrap().to_owned()
}

async fn verify(app: &TestApp, code: &str) -> u16 {
    let body = json!({"mobile": MIRA, "otp": code});
    app.send(Method::POST, "/api/auth/verify-otp", None, Some(body)).await.status().as_u16()
}

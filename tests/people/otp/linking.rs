use serde_json::json;

use super::stage::{MIRA, NOAH, other_than};
use super::world::world;

#[actix_web::test]
async fn a_proved_number_is_added_to_the_account_that_asks() {
    let world = world().await;
    let mira = world.register("mira").await;
    let token = mira.text("accessToken").to_owned();
    let link = async |mobile: &str, code: &str| {
        world.post_as(&token, "/api/auth/verify-otp", json!({"mobile": mobile, "otp": code})).await
    };
    let code = world.code(MIRA).await;
    assert_eq!(link(MIRA, &other_than(&code)).await.status, 401);
    let linked = link(MIRA, &code).await;
    assert_eq!((linked.status, &linked.body["user"]["id"]), (200, &mira.body["user"]["id"]));
    assert_eq!(linked.body["user"]["mobile"], MIRA);
    assert!(linked.body.get("accessToken").is_none());

    // Another number takes its place, and is a way in.
    let code = world.code(NOAH).await;
    assert_eq!(link(NOAH, &code).await.body["user"]["mobile"], NOAH);
    world.forget_sends().await;
    assert_eq!(world.enter(NOAH).await.body["user"]["id"], mira.body["user"]["id"]);
    assert_eq!(world.enter(MIRA).await.status, 201, "the old one is free again");
    let events = "select count(*) from auth_history where event = 'mobile_verified'";
    assert_eq!(world.count(events).await, 2);
}

#[actix_web::test]
async fn a_number_of_another_account_stays_there() {
    let world = world().await;
    let noah = world.enter(NOAH).await;
    let mira = world.register("mira").await;
    let code = world.code(NOAH).await;
    let body = json!({"mobile": NOAH, "otp": code});
    let taken = world.post_as(mira.text("accessToken"), "/api/auth/verify-otp", body).await;
    assert_eq!((taken.status, taken.text("error")), (409, "conflict"));
    assert_eq!(world.verify(NOAH, &code).await.status, 401, "the code is used up");
    world.forget_sends().await;
    assert_eq!(world.enter(NOAH).await.body["user"]["id"], noah.body["user"]["id"]);
    let own = world.code(NOAH).await;
    let body = json!({"mobile": NOAH, "otp": own});
    assert_eq!(
        world.post_as(noah.text("accessToken"), "/api/auth/verify-otp", body).await.status,
        200,
        "one's own"
    );
}

#[actix_web::test]
async fn a_bad_token_is_refused_and_costs_no_code() {
    let world = world().await;
    let code = world.code(MIRA).await;
    let body = json!({"mobile": MIRA, "otp": code});
    assert_eq!(world.post_as("nonsense", "/api/auth/verify-otp", body).await.status, 401);
    assert_eq!(world.verify(MIRA, &code).await.status, 201);
}

#[actix_web::test]
async fn a_blocked_caller_gets_no_number() {
    let world = world().await;
    let mira = world.register("mira").await;
    world.execute("update users set blocked_at = now()").await;
    let code = world.code(MIRA).await;
    let body = json!({"mobile": MIRA, "otp": code});
    let refused = world.post_as(mira.text("accessToken"), "/api/auth/verify-otp", body).await;
    assert!(matches!(refused.status, 401 | 403), "{}", refused.body);
    assert_eq!(world.count("select count(*) from users where mobile is not null").await, 0);
}

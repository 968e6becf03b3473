use greenroom::accounts::{Mobile, Origin};
use serde_json::json;

use super::stage::{MIRA, NEW_PASSWORD, NOAH, other_than, said};
use super::world::{World, world};

pub fn number(text: &str) -> Mobile {
    Mobile::parse(text, "").unwrap()
}

impl World {
    /// Asks for a code to reset a password with. What it is, is not in the answer but in the message.
    async fn reset_code(&self, mobile: &str) -> String {
        let sent = self.accounts.forgot_by_mobile(&number(mobile), &Origin::default()).await.unwrap();
        self.forget_sends().await;
        sent.code.unwrap().expose().to_owned()
    }

    pub async fn reset(&self, mobile: &str, otp: &str) -> super::world::Answer {
        let body = json!({"mobile": mobile, "otp": otp, "newPassword": NEW_PASSWORD});
        self.post("/api/auth/reset-password", body).await
    }
}

#[actix_web::test]
async fn a_code_sets_a_new_password_and_ends_all_sessions() {
    let world = world().await;
    let mira = world.enter(MIRA).await;
    let code = world.reset_code(MIRA).await;
    let wrong = world.reset(MIRA, &other_than(&code)).await;
    assert_eq!((wrong.status, wrong.text("error")), (401, "unauthenticated"));
    assert_eq!(world.reset(MIRA, &code).await.status, 204);
    assert_eq!(world.refresh(mira.text("refreshToken")).await.status, 401);
    let login = json!({"username": mira.body["user"]["username"], "password": NEW_PASSWORD});
    assert_eq!(world.post("/api/auth/login", login).await.status, 200);
    assert_eq!(world.reset(MIRA, &code).await.status, 401, "a code is good once");
    let events = "select count(*) from auth_history where event = 'password_reset' and refused_why is null";
    assert_eq!(world.count(events).await, 1);
    assert_eq!(world.count("select count(*) from users where password_changed_at is not null").await, 1);
}

#[actix_web::test]
async fn an_unknown_number_is_answered_alike_and_gets_no_message() {
    let world = world().await;
    world.enter(MIRA).await;
    world.execute("delete from jobs").await;
    let (known, unknown) = (
        world.post("/api/auth/forgot-password", json!({"mobile": MIRA})).await,
        world.post("/api/auth/forgot-password", json!({"mobile": NOAH})).await,
    );
    assert_eq!((known.status, said(&known)), (202, said(&unknown)));
    assert_eq!(world.count("select count(*) from jobs where kind = 'sms.send'").await, 1);
    world.forget_sends().await;
    let (known, unknown) = (world.reset_code(MIRA).await, world.reset_code(NOAH).await);
    let right_of_nobody = world.reset(NOAH, &unknown).await;
    assert_eq!(right_of_nobody.status, 401);
    assert_eq!(said(&right_of_nobody), said(&world.reset(MIRA, &other_than(&known)).await));
    assert_eq!(world.count("select count(*) from users").await, 1);
}

#[actix_web::test]
async fn a_blocked_account_gets_no_new_password() {
    let world = world().await;
    world.enter(MIRA).await;
    world.execute("update users set blocked_at = now()").await;
    let code = world.reset_code(MIRA).await;
    assert_eq!(world.reset(MIRA, &other_than(&code)).await.status, 401);
    assert_eq!(world.reset(MIRA, &code).await.status, 403);
    assert_eq!(world.count("select count(*) from users where password_hash is not null").await, 0);
}

#[actix_web::test]
async fn a_password_that_will_not_do_costs_no_code() {
    let world = world().await;
    world.enter(MIRA).await;
    let code = world.reset_code(MIRA).await;
    let body = json!({"mobile": MIRA, "otp": code, "newPassword": "short"});
    let refused = world.post("/api/auth/reset-password", body).await;
    assert_eq!((refused.status, refused.body["details"][0]["field"].as_str()), (400, Some("newPassword")));
    assert_eq!(world.reset(MIRA, &code).await.status, 204);
}

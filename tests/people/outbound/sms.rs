//! What the SMS webhook is asked, and what becomes of its refusals.

use std::time::Duration;

use greenroom::config::Config;
use greenroom::outbound::Text;

use super::webhook::{Act, SmsProvider};
use super::world::{World, code};

const NUMBER: &str = "+491701234567";

fn through(provider: &SmsProvider) -> impl FnOnce(&mut Config) {
    let url = provider.url();
    move |config| {
        config.sms.webhook_url = url;
        config.sms.account_sid = "AC123".to_owned();
        config.sms.auth_token = "a secret token".into();
        config.sms.from = "+15005550006".to_owned();
        config.sms.timeout_ms = 500;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_posted_as_a_form_with_the_accounts_name_and_token() {
    let provider = SmsProvider::start().await;
    let world = World::start(through(&provider)).await;
    world.sms(NUMBER, &code()).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[0].state, jobs[0].attempts), (2, 1), "{jobs:?}");
    let asked = provider.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/Messages.json");
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    // base64 of `AC123:a secret token`
    assert_eq!(asked[0].header("authorization"), "Basic QUMxMjM6YSBzZWNyZXQgdG9rZW4=");
    assert_eq!((asked[0].field("To"), asked[0].field("From")), (NUMBER, "+15005550006"));
    assert!(asked[0].field("Body").starts_with("493817 is your Greenroom sign-in code, good for 5 minutes."));
    assert_eq!(asked[0].form.len(), 3);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_the_token_is_a_bearer_and_the_language_is_the_settings() {
    let provider = SmsProvider::start().await;
    let world = World::start(|config| {
        through(&provider)(config);
        config.sms.account_sid = String::new();
        config.sms.locale = "de".to_owned();
    })
    .await;
    world.sms(NUMBER, &Text::ResetCode { code: "004711".to_owned(), minutes: 5 }).await;
    world.settled().await;
    let asked = provider.asked();
    assert_eq!(asked[0].header("authorization"), "Bearer a secret token");
    assert!(asked[0].field("Body").starts_with("004711 ist dein Code für ein neues Passwort"));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_under_the_same_key_and_what_cannot_is_not() {
    let provider = SmsProvider::start().await;
    let world = World::start(through(&provider)).await;
    provider.script([Act::Status(500, ""), Act::Hang, Act::Status(408, "")]);
    world.sms(NUMBER, &code()).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[0].state, jobs[0].attempts), (2, 4), "{jobs:?}");
    let asked = provider.asked();
    assert_eq!(asked.len(), 4);
    let key = asked[0].header("idempotency-key");
    assert!(!key.is_empty() && asked.iter().all(|it| it.header("idempotency-key") == key));

    provider.script([Act::Status(400, "")]);
    world.sms("+49", &code()).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[1].state, jobs[1].attempts), (3, 1), "{jobs:?}");
    // Its number alone: its words quote the code.
    assert_eq!(jobs[1].last_error.as_deref(), Some("the SMS webhook answered 400, error 21211"));
    assert_ne!(provider.asked()[4].header("idempotency-key"), key, "another message, another key");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_asks_for_patience_is_left_alone_for_so_long() {
    let provider = SmsProvider::start().await;
    let world = World::start(through(&provider)).await;
    provider.script([Act::Status(429, "retry-after: 2\r\n")]);
    world.sms(NUMBER, &code()).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[0].state, jobs[0].attempts), (2, 2), "{jobs:?}");
    let asked = provider.asked();
    let waited = asked[1].at - asked[0].at;
    assert!(waited >= Duration::from_millis(1_900), "{waited:?}");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let (provider, elsewhere) = (SmsProvider::start().await, SmsProvider::start().await);
    let world = World::start(|config| {
        through(&provider)(config);
        config.jobs.retries = 1;
    })
    .await;
    let location: &'static str = format!("location: {}\r\n", elsewhere.url()).leak();
    provider.script([Act::Status(307, location), Act::Status(302, location)]);
    world.sms(NUMBER, &code()).await;
    let jobs = world.settled().await;
    assert_eq!(jobs[0].state, 3, "{jobs:?}");
    assert_eq!((provider.asked().len(), elsewhere.asked().len()), (2, 0));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_not_there_is_told_without_its_address() {
    let world = World::start(|config| {
        config.sms.webhook_url = "http://127.0.0.1:9/a-secret-path".to_owned();
        config.sms.from = "Greenroom".to_owned();
        config.jobs.retries = 0;
    })
    .await;
    world.sms(NUMBER, &code()).await;
    let jobs = world.settled().await;
    let error = jobs[0].last_error.as_deref().unwrap();
    assert!(error.starts_with("the SMS webhook cannot be reached: "), "{error}");
    assert!(!error.contains("secret"), "{error}");
    world.app.stop().await;
}

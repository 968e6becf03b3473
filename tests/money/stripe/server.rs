//! A server in development without a key starts its own stand-in.

use greenroom::billing::stripe::Stripe;
use greenroom::config::{Config, Environment};
use secrecy::SecretString;

use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_and_ends_with_the_server_and_keeps_what_it_knew() {
    let mut app = TestApp::start_with(|config| {
        config.stripe.stand_in = true;
        config.stripe.stand_in_port = 0;
    })
    .await;
    let double = app.app().stripe_stand_in().expect("it was started");
    let (url, keys) = (double.url(), double.keys().clone());
    let mut config = Config::default();
    config.stripe.secret_key = SecretString::from(keys.secret.clone());
    config.stripe.api_base = url.clone();
    let stripe = Stripe::open(&config).unwrap().unwrap();
    let customer = stripe
        .create_customer(greenroom_actors::domain::UserId::new(), None, "Mira")
        .await
        .expect("it answers");
    app.restart().await;
    let again = app.app().stripe_stand_in().expect("it was started");
    assert_eq!(again.keys().secret, keys.secret);
    assert_eq!(again.object(&customer)["name"], "Mira");
    app.stop().await;
    assert!(reqwest::get(format!("{url}/v1/events")).await.is_err(), "nothing listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_start_where_a_key_is_set() {
    let app = TestApp::start_with(|config| {
        config.stripe.stand_in = true;
        config.stripe.secret_key = SecretString::from("sk_test_own");
    })
    .await;
    assert!(app.app().stripe_stand_in().is_none());
    app.stop().await;
}

#[test]
fn production_refuses_it() {
    let mut config = Config { environment: Environment::Production, ..Config::default() };
    config.stripe.stand_in = true;
    let refused = config.validate().unwrap_err().to_string();
    assert!(refused.contains("stripe.stand_in"), "{refused}");
}

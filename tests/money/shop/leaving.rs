//! Who leaves is charged no more, and takes along what was paid.

use std::io::{Cursor, Read};
use std::sync::Arc;

use greenroom::accounts::{Accounts, Erased, Privacy};
use greenroom::billing::stripe::standin::Fault;
use greenroom::config::Config;
use greenroom::outbound::Outbound;
use greenroom_actors::domain::UserId;
use reqwest::Method;
use serde_json::{Value, json};
use zip::ZipArchive;

use super::world::World;
use crate::support::app::{PASSWORD, TestUser, eventually};

async fn leaves(world: &World, user: &TestUser) {
    let body = json!({ "password": PASSWORD });
    let (status, answer) =
        world.app.call(Method::DELETE, "/api/auth/me", Some(&user.token), Some(body)).await;
    assert_eq!(status, 204, "{answer}");
}

async fn is_erased(world: &World, user: &TestUser) {
    let sql =
        format!("update users set deactivated_at = now() - interval '31 days' where id = '{}'", user.id);
    assert_eq!(world.execute(&sql).await, 1);
    let mut config = Config::default();
    config.auth.jwt_secret = "a signing secret for the tests alone".into();
    let config = Arc::new(config);
    let outbound = Outbound::open(&config).unwrap();
    let accounts = Accounts::open(world.app.database.pool(), config, outbound).unwrap();
    let privacy = Privacy::new(accounts, world.app.app().engine().clone());
    let id: UserId = user.id.parse().unwrap();
    assert!(matches!(privacy.erase(id).await.unwrap(), Erased::Now { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_accounts_subscription_ends_with_its_period() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let id = world.subscribes(&mira, "starter").await;
    leaves(&world, &mira).await;
    eventually("it is charged no more", async || world.standin.object(&id)["cancel_at_period_end"] == true)
        .await;
    assert_eq!(world.standin.object(&id)["status"], "active", "what is paid stays paid");
    let kept = "select count(*) from subscriptions where cancel_at_period_end";
    eventually("it is written", async || world.count(kept).await == 1).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_has_no_subscription_and_no_customer_any_more() {
    let world = World::open().await;
    let mira = world.app.user().await;
    let id = world.subscribes(&mira, "starter").await;
    let customer = world.customer(&mira).await;
    leaves(&world, &mira).await;
    eventually("it is charged no more", async || world.standin.object(&id)["cancel_at_period_end"] == true)
        .await;
    // Stripe is away at first.
    world.standin.fail_next([Fault::status(500)]);
    is_erased(&world, &mira).await;
    eventually("the subscription has ended", async || world.standin.object(&id)["status"] == "canceled")
        .await;
    let gone = "select count(*) from stripe_customers where deleted_at is not null";
    eventually("the customer is deleted", async || world.count(gone).await == 1).await;
    let deleted = world.standin.events().into_iter().find(|event| event.kind == "customer.deleted");
    assert_eq!(deleted.expect("it is told").event["data"]["object"]["id"], customer);
    // What Stripe tells of it later is nobody's harm.
    world.bring_all().await;
    assert_eq!(world.count("select count(*) from subscriptions where status = 'canceled'").await, 1);
    assert_eq!(world.count("select count(*) from shop_attempts").await, 0);
    let turns = "select count(*) from shop_turns";
    eventually("its turn has ended", async || world.count(turns).await == 0).await;
    assert_eq!(
        world.count("select count(*) from users where plan <> 'free' and erased_at is not null").await,
        0
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_payments_subscriptions_and_gifts() {
    let world = World::open().await;
    let (mira, noah, admin) = (world.app.user().await, world.app.user().await, world.app.admin().await);
    world.buys(&mira, json!({ "credits": 40 })).await;
    world.buys(&noah, json!({ "credits": 50 })).await;
    let path = format!("/api/users/{}/premium", mira.id);
    let given = json!({ "isPremium": true, "days": 3 });
    let (status, answer) = world.app.call(Method::PUT, &path, Some(&admin.token), Some(given)).await;
    assert_eq!(status, 200, "{answer}");
    let id = world.subscribes(&mira, "starter").await;
    let response =
        world.app.http.get(world.app.url("/api/auth/export")).bearer_auth(&mira.token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut archive = ZipArchive::new(Cursor::new(response.bytes().await.unwrap().to_vec())).unwrap();
    let mut file = |name: &str| -> Value {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let payments = file("payments.json");
    let credits: Vec<_> =
        payments.as_array().unwrap().iter().filter(|line| line["kind"] == "credits").collect();
    assert_eq!((credits.len(), &credits[0]["credits"]), (1, &json!(40)));
    assert_eq!(payments.as_array().unwrap().len(), 2);
    assert_eq!(file("subscriptions.json")[0]["id"], id);
    assert_eq!(file("plan-grants.json")[0]["plan"], "premium");
    world.close().await;
}

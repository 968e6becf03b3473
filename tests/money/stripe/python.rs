//! The official `stripe` library for Python: what it signs is taken here, and it takes the stand-in for Stripe.

use std::time::Duration;

use greenroom::billing::stripe::standin::{Options, StandIn, signature};
use greenroom::billing::stripe::{BadWebhook, verify};
use jiff::Timestamp;
use serde_json::json;

use super::world::World;
use crate::support::clients::Client;

const SECRET: &str = "whsec_of_both_sides";

async fn run(scenario: &str) {
    // An empty one: the scenarios count.
    let double = StandIn::start(Options::default()).await.unwrap();
    let given = json!({ "url": double.url(), "key": double.keys().secret });
    Client::snake("payments.py", scenario, &given).done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_buys_and_subscribes() {
    run("talk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_turns_pages() {
    run("pages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_raises_the_errors_that_it_has_classes_for() {
    run("errors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_signs_is_taken() {
    let now = Timestamp::now();
    let body = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"type\": \"charge.refunded\",\n  \"created\": 1,\n  \
        \"data\": {\"object\": {\"id\": \"ch_é\"}}\n}";
    let given = json!({ "secret": SECRET, "body": body, "at": now.as_second() });
    let mut client = Client::snake("payments.py", "sign", &given);
    let header = client.line().await;
    client.done().await;
    let tolerance = Duration::from_secs(300);
    let event = verify(body.as_bytes(), &header, &[SECRET.into()], tolerance, now).unwrap();
    assert_eq!(event.object_id.as_deref(), Some("ch_é"));
    let forged = verify(body.as_bytes(), &header, &["whsec_other".into()], tolerance, now);
    assert_eq!(forged, Err(BadWebhook::Forged));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_what_the_stand_in_signs() {
    let world = World::start().await;
    let event = world.double.events().remove(0);
    let header = signature(SECRET, Timestamp::now(), &event.body);
    let given = json!({ "secret": SECRET, "body": event.body, "header": header, "kind": "customer.created" });
    Client::snake("payments.py", "construct", &given).done().await;
}

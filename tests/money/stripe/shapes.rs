//! The stand-in's objects have the fields that Stripe publishes for them. `published.json` has their names, of
//! `fixtures3.json` in github.com/stripe/openapi (MIT), as of August 2026. That they can be read by the crates' own types,
//! which are made of the same description, the other tests show: all that they read goes through those.

use std::collections::BTreeSet;

use greenroom::billing::stripe::standin::Verdict;
use greenroom::billing::stripe::{Difference, Offer};
use serde_json::Value;

use super::world::World;

/// Published for an example, and not there in the version that we speak; or there only when it is expanded.
const NOT_THERE: [(&str, &str); 3] =
    [("charge", "refunds"), ("invoice", "subscription"), ("line_item", "subscription")];

fn fields(object: &Value) -> BTreeSet<String> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_objects_have_the_published_fields() {
    let published: Value = serde_json::from_str(include_str!("published.json")).unwrap();
    let world = World::start().await;
    let opened = world.open(Offer::Plan(world.plan("premium")), "a").await;
    world.double.decline_checkout(&opened.id);
    world.double.pay_checkout(&opened.id).unwrap();
    let (begun, invoice) = world.subscribed("pro").await;
    world.stripe.change_plan(&begun, &world.plan("starter"), Difference::WithNextInvoice, "a").await.unwrap();
    world.double.renew(&begun.id);
    world.stripe.open_portal(&world.customer, "https://chat.example.com").await.unwrap();
    let intent = invoice.intent_id.unwrap();
    world.double.refund(&intent, Some(100)).unwrap();
    let dispute = world.double.dispute(&intent).unwrap();
    world.double.close_dispute(&dispute, Verdict::Won).unwrap();

    let mut seen = BTreeSet::new();
    let mut look = |object: &Value| {
        let kind = object["object"].as_str().unwrap_or_default();
        let wanted: BTreeSet<String> = published[kind]
            .as_array()
            .unwrap_or_else(|| panic!("{kind} is not published"))
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .filter(|name| !NOT_THERE.contains(&(kind, name)))
            .collect();
        let told = fields(object);
        let missing: Vec<_> = wanted.difference(&told).collect();
        let invented: Vec<_> = told.difference(&wanted).collect();
        assert!(missing.is_empty() && invented.is_empty(), "{kind}: without {missing:?}, with {invented:?}");
        seen.insert(kind.to_owned());
    };
    for kind in published.as_object().unwrap().keys() {
        for object in world.double.objects(kind) {
            look(&object);
            for inner in ["items", "lines"] {
                for part in object[inner]["data"].as_array().into_iter().flatten() {
                    look(part);
                    if part["object"] == "subscription_item" {
                        look(&part["price"]);
                        look(&part["plan"]);
                    }
                }
            }
        }
    }
    let all: BTreeSet<String> = published.as_object().unwrap().keys().cloned().collect();
    let unseen: Vec<_> = all.difference(&seen).filter(|kind| *kind != "item").collect();
    assert!(unseen.is_empty(), "never made: {unseen:?}");
    // Its own notes never leave.
    assert!(
        world
            .double
            .objects("checkout.session")
            .iter()
            .all(|it| fields(it).iter().all(|name| !name.starts_with('_')))
    );
}

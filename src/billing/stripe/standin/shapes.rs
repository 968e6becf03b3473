//! The shapes of objects: all fields that Stripe publishes for them (github.com/stripe/openapi, `fixtures3.json`), with what
//! stands there when nothing was said. Each maker fills in what it knows.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::state::{State, random};

static SHAPES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap_or_default());

/// An object of this kind, with nothing in it.
pub(super) fn shape(kind: &str) -> Value {
    SHAPES[kind].clone()
}

impl State {
    /// One with an id and a time.
    pub fn make(&mut self, kind: &str, prefix: &str) -> Value {
        let mut object = shape(kind);
        object["id"] = json!(self.id(prefix));
        if object.get("created").is_some() {
            object["created"] = json!(self.now());
        }
        object
    }
}

/// What a browser needs to pay an intent.
pub(super) fn client_secret(intent: &str) -> String {
    format!("{intent}_secret_{}", random(24))
}

pub(super) fn list(url: &str, data: Vec<Value>) -> Value {
    json!({ "object": "list", "data": Value::Array(data), "has_more": false, "url": url })
}

/// As subscription items still tell it beside the price.
pub(super) fn plan_of(price: &Value) -> Value {
    let mut plan = shape("plan");
    for name in ["id", "active", "billing_scheme", "created", "currency", "metadata", "nickname", "product"] {
        plan[name] = price[name].clone();
    }
    plan["amount"] = price["unit_amount"].clone();
    plan["amount_decimal"] = price["unit_amount_decimal"].clone();
    plan["interval"] = price["recurring"]["interval"].clone();
    plan["interval_count"] = price["recurring"]["interval_count"].clone();
    plan
}

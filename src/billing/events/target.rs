//! Which object an event leads to: the table of types that have an effect.

use serde_json::Value;

use crate::billing::stripe::StripeEvent;
use crate::billing::sync::Object;

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Object(Object),
    /// It is kept and has no effect, for this reason.
    Nothing(&'static str),
}

/// How the object is found.
enum Way {
    Checkout,
    Intent,
    /// By its payment: charges, refunds, disputes.
    Payment,
    Invoice,
    Subscription,
}

fn way(kind: &str) -> Option<Way> {
    Some(match kind {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => Way::Checkout,
        "payment_intent.succeeded" | "payment_intent.payment_failed" | "payment_intent.canceled" => {
            Way::Intent
        }
        "charge.refunded"
        | "charge.updated"
        | "charge.refund.updated"
        | "refund.created"
        | "refund.updated"
        | "refund.failed"
        | "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => Way::Payment,
        "invoice.paid"
        | "invoice.payment_succeeded"
        | "invoice.payment_failed"
        | "invoice.payment_action_required"
        | "invoice.voided"
        | "invoice.marked_uncollectible" => Way::Invoice,
        "customer.subscription.created"
        | "customer.subscription.updated"
        | "customer.subscription.deleted"
        | "customer.subscription.paused"
        | "customer.subscription.resumed"
        | "customer.subscription.pending_update_applied"
        | "customer.subscription.pending_update_expired" => Way::Subscription,
        _ => return None,
    })
}

/// What to ask Stripe for. The event's own object is not believed further than to its ids: it may be old.
pub fn target(event: &StripeEvent) -> Target {
    let Some(way) = way(&event.kind) else {
        return Target::Nothing("events of this type have no effect here");
    };
    let object = &event.payload["data"]["object"];
    let text = |value: &Value| value.as_str().filter(|id| is_id(id)).map(str::to_owned);
    let own = event.object_id.clone().filter(|id| is_id(id));
    let found = match way {
        Way::Checkout => own.map(Object::Checkout),
        Way::Intent => own.map(Object::Intent),
        Way::Invoice => own.map(Object::Invoice),
        Way::Subscription => own.map(Object::Subscription),
        Way::Payment => {
            let charge = text(&object["charge"]).or_else(|| own.filter(|id| id.starts_with("ch_")));
            text(&object["payment_intent"]).map(Object::Intent).or_else(|| charge.map(Object::Charge))
        }
    };
    found.map_or(Target::Nothing("it names no object that is known here"), Target::Object)
}

/// Ids become part of addresses.
fn is_id(id: &str) -> bool {
    (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: &str, object: &Value) -> Target {
        let payload =
            json!({"id": "evt_1", "object": "event", "type": kind, "created": 1, "data": {"object": object}});
        target(&StripeEvent::read(payload).unwrap())
    }

    #[test]
    fn an_event_leads_to_the_object_whose_state_matters() {
        let is = |object| Target::Object(object);
        assert_eq!(
            of("checkout.session.completed", &json!({"id": "cs_1"})),
            is(Object::Checkout("cs_1".into()))
        );
        assert_eq!(of("payment_intent.succeeded", &json!({"id": "pi_1"})), is(Object::Intent("pi_1".into())));
        assert_eq!(of("invoice.paid", &json!({"id": "in_1"})), is(Object::Invoice("in_1".into())));
        assert_eq!(
            of("customer.subscription.deleted", &json!({"id": "sub_1"})),
            is(Object::Subscription("sub_1".into()))
        );
        let charge = json!({"id": "ch_1", "payment_intent": "pi_1"});
        assert_eq!(of("charge.refunded", &charge), is(Object::Intent("pi_1".into())));
        assert_eq!(of("charge.refunded", &json!({"id": "ch_1"})), is(Object::Charge("ch_1".into())));
        let dispute = json!({"id": "du_1", "charge": "ch_1", "payment_intent": null});
        assert_eq!(of("charge.dispute.closed", &dispute), is(Object::Charge("ch_1".into())));
    }

    #[test]
    fn what_is_of_no_known_type_or_names_no_object_has_no_effect() {
        let nothing = |target| matches!(target, Target::Nothing(_));
        assert!(nothing(of("customer.created", &json!({"id": "cus_1"}))));
        assert!(nothing(of("invoice.paid", &json!({}))));
        assert!(nothing(of("invoice.paid", &json!({"id": "in_1/../../customers"}))));
        assert!(nothing(of("charge.dispute.created", &json!({"id": "du_1"}))));
    }
}

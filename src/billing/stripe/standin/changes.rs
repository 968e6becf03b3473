//! A subscription goes over to another price: what is credited, what is owed, and when it takes hold.

use serde_json::{Value, json};

use super::catalog;
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::invoices::{self, Line};
use super::shapes::plan_of;
use super::state::State;
use super::subscriptions::{INCOMPLETE_S, card_of, period, set_ends};

pub(super) fn change(state: &mut State, id: &str, params: &Params) -> Answer {
    let prorations = ["create_prorations", "always_invoice", "none"];
    let proration = params.word("proration_behavior", &prorations)?.unwrap_or("create_prorations");
    let behaviors =
        ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
    let behavior = params.word("payment_behavior", &behaviors)?.unwrap_or("allow_incomplete");
    let waits = behavior == "pending_if_incomplete";
    if waits
        && ["metadata", "cancel_at_period_end", "default_payment_method"].iter().any(|name| params.has(name))
    {
        let message =
            "When `payment_behavior` is set to `pending_if_incomplete`, you can only pass supported params.";
        return Err(ApiError::invalid(message));
    }
    let [item] = params.list("items") else {
        return Err(ApiError::wrong_param("items", "The stand-in takes subscriptions of one item."));
    };
    let wanted = Params::of(item);
    wanted.known(&["id", "price", "quantity"])?;
    let before = state.shown(id);
    let present = before["items"]["data"][0].clone();
    if wanted.needed("id")? != present["id"] {
        let message = "You cannot add an item with the same subscription; the stand-in takes one item.";
        return Err(ApiError::wrong_param("items[0][id]", message));
    }
    let (price, _) = catalog::line(state, &json!({ "price": wanted.needed("price")? }), "items[0]")?;
    let price = state.get(&price).cloned().unwrap_or_default();
    if price["type"] != "recurring" || price["currency"] != before["currency"] {
        return Err(ApiError::wrong_param("items[0][price]", "The price does not fit the subscription."));
    }
    if let Some(open) = state.get(id).and_then(|it| it["_change"]["invoice"].as_str().map(str::to_owned)) {
        // A later wish takes the place of one that waits.
        invoices::void(state, &open);
        drop_pending(state, id);
    }
    if before["status"] == "incomplete" {
        return Err(ApiError::invalid("The first payment of this subscription is not made yet."));
    }
    if price["id"] == present["price"]["id"] {
        return finish(state, id, params, &before);
    }
    let lines = if proration == "none" { Vec::new() } else { prorated(state, &before, &price) };
    let anew = price["recurring"] != present["price"]["recurring"];
    if proration == "create_prorations" && !anew {
        keep_lines(state, id, lines);
        apply(state, id, &price);
        return finish(state, id, params, &before);
    }
    if lines.is_empty() {
        apply(state, id, &price);
        return finish(state, id, params, &before);
    }
    let mut all = state.get(id).and_then(|it| it["_lines"].as_array().cloned()).unwrap_or_default();
    all.extend(lines);
    let whole = state.get(id).cloned().unwrap_or_default();
    let invoice = invoices::draw_up(state, id, "subscription_update", all)?;
    state.edit(id)["_lines"] = Value::Null;
    state.edit(id)["latest_invoice"] = json!(invoice);
    let due = state.get(&invoice).and_then(|it| it["total"].as_i64()).unwrap_or_default();
    if !waits || due <= 0 {
        apply(state, id, &price);
        invoices::finalize(state, &invoice)?;
        let card = card_of(state, id);
        let collected = if behavior == "default_incomplete" {
            Ok(())
        } else {
            invoices::collect(state, &invoice, card.as_deref())
        };
        if let (Err(error), "error_if_incomplete") = (collected, behavior) {
            invoices::void(state, &invoice);
            *state.edit(id) = whole;
            return Err(error);
        }
        return finish(state, id, params, &before);
    }
    let mut next = present;
    next["price"] = price.clone();
    next["plan"] = plan_of(&price);
    let expires = state.now() + INCOMPLETE_S;
    let subscription = state.edit(id);
    subscription["_change"] = json!({ "invoice": invoice, "price": price });
    subscription["pending_update"] = json!({
        "billing_cycle_anchor": null,
        "discounts": null,
        "expires_at": expires,
        "metadata": null,
        "subscription_items": [next],
        "trial_end": null,
        "trial_from_plan": null,
    });
    invoices::finalize(state, &invoice)?;
    // Where it fails, the change waits for its payment.
    let _ = invoices::collect(state, &invoice, None);
    finish(state, id, params, &before)
}

fn finish(state: &mut State, id: &str, params: &Params, before: &Value) -> Answer {
    let ends = params.flag("cancel_at_period_end")?;
    let now = state.now();
    let subscription = state.edit(id);
    subscription["metadata"] = params.metadata(&subscription["metadata"]);
    if let Some(ends) = ends {
        set_ends(subscription, ends, now);
    }
    state.emit_updated("customer.subscription.updated", id, before);
    Ok(state.shown(id))
}

/// What is left of the old price goes back, what is left of the time is paid at the new one. Where the rhythm is another, a new
/// period begins.
fn prorated(state: &mut State, before: &Value, price: &Value) -> Vec<Value> {
    let now = state.now();
    let item = &before["items"]["data"][0];
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let (start, end) = (number(&item["current_period_start"]), number(&item["current_period_end"]));
    let part = |amount: i64| {
        let (left, whole) = ((end - now).clamp(0, end - start), (end - start).max(1));
        // Rounded to the nearest cent, as money is.
        (amount * left + whole / 2) / whole
    };
    let anew = price["recurring"] != item["price"]["recurring"];
    let amount = number(&price["unit_amount"]);
    let credit = Line {
        price: item["price"].clone(),
        amount: -part(number(&item["price"]["unit_amount"])),
        start: now,
        end,
        proration: true,
        text: "Unused time on the plan before".to_owned(),
    };
    let debit = Line {
        price: price.clone(),
        amount: if anew { amount } else { part(amount) },
        start: now,
        end: if anew { period(now, price, 1) } else { end },
        proration: !anew,
        text: "Remaining time on the new plan".to_owned(),
    };
    [credit, debit].map(|line| line.json(state, before)).into()
}

fn keep_lines(state: &mut State, id: &str, lines: Vec<Value>) {
    let mut all = state.get(id).and_then(|it| it["_lines"].as_array().cloned()).unwrap_or_default();
    all.extend(lines);
    state.edit(id)["_lines"] = json!(all);
}

fn apply(state: &mut State, id: &str, price: &Value) {
    let now = state.now();
    let subscription = state.edit(id);
    let anew = subscription["items"]["data"][0]["price"]["recurring"] != price["recurring"];
    if anew {
        subscription["billing_cycle_anchor"] = json!(now);
    }
    let item = &mut subscription["items"]["data"][0];
    if anew {
        item["current_period_start"] = json!(now);
        item["current_period_end"] = json!(period(now, price, 1));
    }
    item["price"] = price.clone();
    item["plan"] = plan_of(price);
}

/// Its payment came.
pub(super) fn apply_pending(state: &mut State, id: &str) {
    let price = state.get(id).map(|it| it["_change"]["price"].clone()).unwrap_or_default();
    apply(state, id, &price);
    drop_pending(state, id);
}

pub(super) fn drop_pending(state: &mut State, id: &str) {
    let subscription = state.edit(id);
    subscription["_change"] = Value::Null;
    subscription["pending_update"] = Value::Null;
}

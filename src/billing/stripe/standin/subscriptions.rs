//! Subscriptions: begun, changed, renewed, past due, ended.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::catalog;
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::invoices::{self, DRAFT_S, Line};
use super::shapes::{list, plan_of, shape};
use super::state::State;

/// How long a first payment, or that of a change, may take.
pub(super) const INCOMPLETE_S: i64 = 23 * 3_600;

/// What one begins with.
pub(super) struct New<'a> {
    pub customer: &'a str,
    pub price: &'a str,
    pub metadata: Value,
    /// The card that pays the first time pays from then on.
    pub keeps_card: bool,
}

pub(super) fn create(state: &mut State, params: &Params) -> Answer {
    params.known(&[
        "customer",
        "items",
        "payment_behavior",
        "payment_settings",
        "metadata",
        "default_payment_method",
        "description",
        "off_session",
        "cancel_at_period_end",
    ])?;
    let behaviors = ["allow_incomplete", "default_incomplete", "error_if_incomplete"];
    let behavior = params.word("payment_behavior", &behaviors)?.unwrap_or("allow_incomplete");
    let owner = params.needed("customer")?;
    catalog::customer(state, owner, "customer")?;
    let [item] = params.list("items") else {
        return Err(ApiError::wrong_param("items", "The stand-in takes subscriptions of one item."));
    };
    let (price, _) = catalog::line(state, item, "items[0]")?;
    let settings = params.inner("payment_settings");
    let card = params.text("default_payment_method").map(|card| catalog::card_of(state, card, Some(owner)));
    let card = card.transpose()?;
    let new = New {
        customer: owner,
        price: &price,
        metadata: params.metadata(&Value::Null),
        keeps_card: settings.text("save_default_payment_method") == Some("on_subscription"),
    };
    let id = begin(state, &new)?;
    let ends = params.flag("cancel_at_period_end")?.unwrap_or(false);
    let subscription = state.edit(&id);
    subscription["default_payment_method"] = json!(card);
    subscription["description"] = json!(params.text("description"));
    subscription["cancel_at_period_end"] = json!(ends);
    let invoice = state.text(&id, "latest_invoice").unwrap_or_default();
    if behavior != "default_incomplete" {
        let collected = invoices::collect(state, &invoice, None);
        if behavior == "error_if_incomplete" && collected.is_err() {
            end(state, &id, "incomplete_expired", None);
            return collected.map(|()| Value::Null);
        }
    }
    Ok(state.shown(&id))
}

/// Incomplete, its first invoice open; active at once where that is of nothing.
pub(super) fn begin(state: &mut State, new: &New<'_>) -> Result<String, ApiError> {
    let price = state.of("price", new.price, "price")?.clone();
    if price["type"] != "recurring" {
        let message = "The price specified is set to `type=one_time` but this field only accepts prices with \
            `type=recurring`.";
        return Err(ApiError::wrong_param("items[0][price]", message));
    }
    let now = state.now();
    let mut subscription = state.make("subscription", "sub");
    let id = subscription["id"].as_str().unwrap_or_default().to_owned();
    subscription["customer"] = json!(new.customer);
    subscription["currency"] = price["currency"].clone();
    subscription["metadata"] = new.metadata.clone();
    subscription["billing_cycle_anchor"] = json!(now);
    subscription["start_date"] = json!(now);
    if new.keeps_card {
        subscription["payment_settings"]["save_default_payment_method"] = json!("on_subscription");
    }
    let mut item = shape("subscription_item");
    item["id"] = json!(state.id("si"));
    item["created"] = json!(now);
    item["subscription"] = json!(id);
    item["current_period_start"] = json!(now);
    item["current_period_end"] = json!(period(now, &price, 1));
    item["plan"] = plan_of(&price);
    item["price"] = price;
    subscription["items"] = list(&format!("/v1/subscription_items?subscription={id}"), vec![item]);
    state.put(subscription)?;
    let lines = vec![whole_line(state, &id)];
    let invoice = invoices::draw_up(state, &id, "subscription_create", lines)?;
    state.edit(&id)["latest_invoice"] = json!(invoice);
    state.emit("customer.subscription.created", &id);
    invoices::finalize(state, &invoice)?;
    Ok(id)
}

/// For the whole of the present period.
pub(super) fn whole_line(state: &mut State, id: &str) -> Value {
    let of = state.shown(id);
    let item = &of["items"]["data"][0];
    let line = Line {
        price: item["price"].clone(),
        amount: item["price"]["unit_amount"].as_i64().unwrap_or_default(),
        start: item["current_period_start"].as_i64().unwrap_or_default(),
        end: item["current_period_end"].as_i64().unwrap_or_default(),
        proration: false,
        text: "1 × subscription".to_owned(),
    };
    line.json(state, &of)
}

/// When the period after so many ends, by the calendar: from the 31st it goes by the ends of months, and back to the 31st.
pub(super) fn period(anchor: i64, price: &Value, number: i64) -> i64 {
    let count = price["recurring"]["interval_count"].as_i64().unwrap_or(1) * number;
    let span = match price["recurring"]["interval"].as_str() {
        Some("day") => Span::new().try_days(count),
        Some("week") => Span::new().try_weeks(count),
        Some("year") => Span::new().try_years(count),
        _ => Span::new().try_months(count),
    };
    let start = Timestamp::from_second(anchor).unwrap_or_default().to_zoned(TimeZone::UTC);
    span.and_then(|span| start.checked_add(span)).map_or(i64::MAX, |end| end.timestamp().as_second())
}

/// Of the subscription, else of the customer.
pub(super) fn card_of(state: &State, id: &str) -> Option<String> {
    let own = state.text(id, "default_payment_method");
    own.or_else(|| {
        let customer = state.get(&state.text(id, "customer")?)?;
        customer["invoice_settings"]["default_payment_method"].as_str().map(str::to_owned)
    })
}

pub(super) fn invoice_paid(state: &mut State, invoice: &str, card: Option<&str>) -> Result<(), ApiError> {
    let Some(id) = state.text(invoice, "_subscription") else { return Ok(()) };
    let before = state.shown(&id);
    if let Some(card) = card
        && before["payment_settings"]["save_default_payment_method"] == "on_subscription"
    {
        state.edit(&id)["default_payment_method"] = json!(card);
        state.edit(card)["customer"] = before["customer"].clone();
    }
    let owes = state.find("invoice", |it| it["_subscription"] == id.as_str() && it["status"] == "open");
    match before["status"].as_str() {
        Some("incomplete") => state.edit(&id)["status"] = json!("active"),
        Some("past_due" | "unpaid") if owes.is_none() => state.edit(&id)["status"] = json!("active"),
        _ => {}
    }
    if state.get(&id).is_some_and(|it| it["_change"]["invoice"] == invoice) {
        super::changes::apply_pending(state, &id);
        state.emit("customer.subscription.pending_update_applied", &id);
    }
    state.emit_updated("customer.subscription.updated", &id, &before);
    Ok(())
}

pub(super) fn invoice_failed(state: &mut State, invoice: &str, again: bool) {
    let Some(id) = state.text(invoice, "_subscription") else { return };
    let before = state.shown(&id);
    let waits = state.get(&id).is_some_and(|it| it["_change"]["invoice"] == invoice);
    if before["status"] == "incomplete" || waits || !is_live(&before) {
        return;
    }
    let renews = state.text(invoice, "billing_reason").as_deref() == Some("subscription_cycle");
    if renews && !again {
        end(state, &id, "canceled", Some("payment_failed"));
        return;
    }
    state.edit(&id)["status"] = json!("past_due");
    state.emit_updated("customer.subscription.updated", &id, &before);
}

pub(super) fn is_live(subscription: &Value) -> bool {
    !matches!(subscription["status"].as_str(), Some("canceled" | "incomplete_expired"))
}

/// The period is over: it ends, or the next one begins and its invoice is drawn up.
pub(super) fn renew(state: &mut State, id: &str) -> Result<(), ApiError> {
    let before = state.shown(id);
    let item = &before["items"]["data"][0];
    if before["cancel_at_period_end"] == true {
        end(state, id, "canceled", Some("cancellation_requested"));
        return Ok(());
    }
    let price = item["price"].clone();
    let anchor = before["billing_cycle_anchor"].as_i64().unwrap_or_default();
    let start = item["current_period_end"].clone();
    let number = (1..).find(|n| period(anchor, &price, *n) > start.as_i64().unwrap_or_default()).unwrap_or(1);
    let end = period(anchor, &price, number);
    let edited = &mut state.edit(id)["items"]["data"][0];
    edited["current_period_start"] = start;
    edited["current_period_end"] = json!(end);
    let mut lines: Vec<Value> =
        state.get(id).and_then(|it| it["_lines"].as_array().cloned()).unwrap_or_default();
    state.edit(id)["_lines"] = Value::Null;
    lines.push(whole_line(state, id));
    let invoice = invoices::draw_up(state, id, "subscription_cycle", lines)?;
    let finalizes = state.now() + DRAFT_S;
    let edited = state.edit(&invoice);
    edited["automatically_finalizes_at"] = json!(finalizes);
    edited["next_payment_attempt"] = json!(finalizes);
    edited["period_start"] = item["current_period_start"].clone();
    edited["period_end"] = item["current_period_end"].clone();
    state.edit(id)["latest_invoice"] = json!(invoice);
    state.emit_updated("customer.subscription.updated", id, &before);
    Ok(())
}

/// At once. Invoices that are not paid are not charged any more.
pub(super) fn end(state: &mut State, id: &str, status: &str, reason: Option<&str>) {
    let now = state.now();
    let before = state.shown(id);
    if !is_live(&before) {
        return;
    }
    let subscription = state.edit(id);
    subscription["status"] = json!(status);
    subscription["ended_at"] = json!(now);
    if subscription["canceled_at"].is_null() {
        subscription["canceled_at"] = json!(now);
    }
    subscription["pending_update"] = Value::Null;
    subscription["cancellation_details"]["reason"] = json!(reason);
    let open: Vec<String> = state
        .all("invoice")
        .filter(|it| it["_subscription"] == id && (it["status"] == "open" || it["status"] == "draft"))
        .filter_map(|it| it["id"].as_str().map(str::to_owned))
        .collect();
    for invoice in open {
        if status == "incomplete_expired" || state.text(&invoice, "status").as_deref() == Some("draft") {
            invoices::void(state, &invoice);
        } else {
            state.edit(&invoice)["auto_advance"] = json!(false);
            state.edit(&invoice)["next_payment_attempt"] = Value::Null;
        }
    }
    if status == "incomplete_expired" {
        state.emit_updated("customer.subscription.updated", id, &before);
    } else {
        state.emit("customer.subscription.deleted", id);
    }
}

pub(super) fn cancel(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&["invoice_now", "prorate", "cancellation_details"])?;
    let found = state.of("subscription", id, "id")?;
    if !is_live(found) {
        return Err(ApiError::no_such("subscription", id, "id"));
    }
    let status = if found["status"] == "incomplete" { "incomplete_expired" } else { "canceled" };
    end(state, id, status, Some("cancellation_requested"));
    Ok(state.shown(id))
}

pub(super) fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&[
        "items",
        "cancel_at_period_end",
        "metadata",
        "proration_behavior",
        "payment_behavior",
        "default_payment_method",
        "off_session",
        "description",
        "expand",
    ])?;
    let before = state.shown(id);
    if !is_live(state.of("subscription", id, "id")?) {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(ApiError::invalid(message));
    }
    if params.has("items") {
        return super::changes::change(state, id, params);
    }
    let owner = before["customer"].as_str().map(str::to_owned);
    let card = params.text("default_payment_method");
    let card = card.map(|card| catalog::card_of(state, card, owner.as_deref())).transpose()?;
    let ends = params.flag("cancel_at_period_end")?;
    let now = state.now();
    let subscription = state.edit(id);
    subscription["metadata"] = params.metadata(&subscription["metadata"]);
    if let Some(card) = card {
        subscription["default_payment_method"] = json!(card);
    }
    if let Some(ends) = ends {
        set_ends(subscription, ends, now);
    }
    state.emit_updated("customer.subscription.updated", id, &before);
    Ok(state.shown(id))
}

pub(super) fn set_ends(subscription: &mut Value, ends: bool, now: i64) {
    let end = subscription["items"]["data"][0]["current_period_end"].clone();
    subscription["cancel_at_period_end"] = json!(ends);
    subscription["cancel_at"] = if ends { end } else { Value::Null };
    subscription["canceled_at"] = if ends { json!(now) } else { Value::Null };
    subscription["cancellation_details"]["reason"] =
        if ends { json!("cancellation_requested") } else { Value::Null };
}

/// Ends all that it pays for.
pub(super) fn delete_customer(state: &mut State, id: &str) -> Answer {
    catalog::customer(state, id, "id")?;
    let own: Vec<String> = state
        .all("subscription")
        .filter(|it| it["customer"] == id && is_live(it))
        .filter_map(|it| it["id"].as_str().map(str::to_owned))
        .collect();
    for subscription in own {
        end(state, &subscription, "canceled", Some("cancellation_requested"));
    }
    state.emit("customer.deleted", id);
    state.edit(id)["_deleted"] = json!(true);
    Ok(json!({ "id": id, "object": "customer", "deleted": true }))
}

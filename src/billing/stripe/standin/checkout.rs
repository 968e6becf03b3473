//! Checkout sessions: opened by the server, paid on the hosted page.

use serde_json::{Value, json};

use super::catalog;
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::shapes::{list, shape};
use super::state::{State, random};
use super::subscriptions::{self, New};
use super::{intents, invoices};

/// Seconds that a session stays open.
const OPEN_S: i64 = 24 * 3_600;
const OPEN_MIN_S: i64 = 30 * 60;

pub(super) fn create(state: &mut State, params: &Params) -> Answer {
    params.known(&[
        "mode",
        "customer",
        "customer_email",
        "client_reference_id",
        "success_url",
        "cancel_url",
        "line_items",
        "metadata",
        "payment_intent_data",
        "subscription_data",
        "expires_at",
        "ui_mode",
        "locale",
        "allow_promotion_codes",
        "payment_method_types",
        "customer_creation",
        "submit_type",
    ])?;
    let mode =
        params.word("mode", &["payment", "subscription"])?.ok_or_else(|| ApiError::missing_param("mode"))?;
    let success =
        web_address(params, "success_url")?.ok_or_else(|| ApiError::missing_param("success_url"))?;
    let cancel = web_address(params, "cancel_url")?;
    let owner = params.text("customer");
    if let Some(owner) = owner {
        catalog::customer(state, owner, "customer")?;
    }
    for (data, fits) in [("payment_intent_data", "payment"), ("subscription_data", "subscription")] {
        if params.has(data) && mode != fits {
            return Err(ApiError::wrong_param(data, format!("You can not pass `{data}` in `{mode}` mode.")));
        }
    }
    let now = state.now();
    let expires = params.int("expires_at")?.unwrap_or(now + OPEN_S);
    if !(now + OPEN_MIN_S..=now + OPEN_S).contains(&expires) {
        let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
        return Err(ApiError::wrong_param("expires_at", message));
    }
    let mut lines = Vec::new();
    let (mut total, mut currency) = (0, Value::Null);
    for (n, item) in params.list("line_items").iter().enumerate() {
        let (price, quantity) = catalog::line(state, item, &format!("line_items[{n}]"))?;
        let of = state.get(&price).cloned().unwrap_or_default();
        if (of["type"] == "recurring") != (mode == "subscription") {
            let message = "You specified `payment` mode but passed a recurring price, or `subscription` mode without one.";
            return Err(ApiError::wrong_param("line_items", message));
        }
        total += of["unit_amount"].as_i64().unwrap_or_default() * quantity;
        currency = of["currency"].clone();
        lines.push(json!({ "price": price, "quantity": quantity }));
    }
    if lines.is_empty() {
        return Err(ApiError::missing_param("line_items"));
    }
    if mode == "payment" && !catalog::AMOUNTS.contains(&total) {
        let message = "The Checkout Session's total amount due must add up to at least $0.50 usd";
        return Err(ApiError::coded("amount_too_small", message));
    }
    let mut session = state.make("checkout.session", "cs_test");
    let id = format!("cs_test_a1{}", random(40));
    session["url"] = json!(format!("{}/c/pay/{id}", state.base));
    session["id"] = json!(id);
    session["mode"] = json!(mode);
    session["customer"] = json!(owner);
    session["customer_email"] = json!(params.text("customer_email"));
    session["client_reference_id"] = json!(params.text("client_reference_id"));
    session["success_url"] = json!(success);
    session["cancel_url"] = json!(cancel);
    session["expires_at"] = json!(expires);
    session["amount_subtotal"] = json!(total);
    session["amount_total"] = json!(total);
    session["currency"] = currency;
    session["locale"] = json!(params.text("locale"));
    session["metadata"] = params.metadata(&Value::Null);
    session["payment_method_collection"] = json!(if mode == "payment" { "if_required" } else { "always" });
    session["_lines"] = json!(lines);
    for data in ["payment_intent_data", "subscription_data"] {
        let inner = params.inner(data);
        inner.known(&["metadata", "description", "receipt_email", "setup_future_usage"])?;
        session[format!("_{data}")] =
            json!({ "metadata": inner.metadata(&Value::Null), "description": inner.text("description") });
    }
    let id = state.put(session)?;
    Ok(state.shown(&id))
}

fn web_address<'a>(params: &'a Params, name: &str) -> Result<Option<&'a str>, ApiError> {
    match params.text(name) {
        Some(url)
            if !(url.starts_with("https://") || url.starts_with("http://"))
                || url::Url::parse(url).is_err() =>
        {
            Err(ApiError::wrong_param(name, "Not a valid URL"))
        }
        url => Ok(url),
    }
}

pub(super) fn line_items(state: &State, id: &str) -> Value {
    let lines = state.get(id).and_then(|it| it["_lines"].as_array().cloned()).unwrap_or_default();
    let items = lines.iter().enumerate().map(|(n, line)| {
        let price = state.shown(line["price"].as_str().unwrap_or_default());
        let product = state.shown(price["product"].as_str().unwrap_or_default());
        let amount =
            price["unit_amount"].as_i64().unwrap_or_default() * line["quantity"].as_i64().unwrap_or(1);
        let mut item = shape("item");
        item["id"] = json!(format!("li_{n}{}", &id[id.len().saturating_sub(14)..]));
        item["amount_subtotal"] = json!(amount);
        item["amount_total"] = json!(amount);
        item["currency"] = price["currency"].clone();
        item["description"] = product["name"].clone();
        item["price"] = price;
        item["quantity"] = line["quantity"].clone();
        item
    });
    list(&format!("/v1/checkout/sessions/{id}/line_items"), items.collect())
}

pub(super) fn expire(state: &mut State, id: &str) -> Answer {
    if state.of("checkout.session", id, "id")?["status"] != "open" {
        let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
        return Err(ApiError::invalid(message));
    }
    close(state, id);
    Ok(state.shown(id))
}

/// Nobody paid it in time.
pub(super) fn close(state: &mut State, id: &str) {
    let session = state.edit(id);
    session["status"] = json!("expired");
    session["url"] = Value::Null;
    if let Some(intent) = state.text(id, "_intent") {
        intents::give_up(state, &intent, "automatic");
    }
    if let Some(subscription) = state.text(id, "_subscription") {
        subscriptions::end(state, &subscription, "incomplete_expired", None);
    }
    state.emit("checkout.session.expired", id);
}

/// Somebody pays it with a card. A card that is declined leaves it open.
pub(super) fn pay(state: &mut State, id: &str, card: &str) -> Result<(), ApiError> {
    let session = open(state, id)?;
    let owner = owner(state, id, &session)?;
    let card = catalog::card_of(state, card, Some(&owner))?;
    if session["mode"] == "payment" {
        let intent = intent(state, id, &session, &owner)?;
        intents::attempt(state, &intent, &card)?;
        complete(state, id, &owner, "paid");
        return Ok(());
    }
    let subscription = match state.text(id, "_subscription") {
        Some(subscription) => subscription,
        None => {
            let price = session["_lines"][0]["price"].as_str().unwrap_or_default().to_owned();
            let metadata = session["_subscription_data"]["metadata"].clone();
            let new = New { customer: &owner, price: &price, metadata, keeps_card: true };
            let begun = subscriptions::begin(state, &new)?;
            state.edit(id)["_subscription"] = json!(begun);
            begun
        }
    };
    let invoice = state.text(&subscription, "latest_invoice").unwrap_or_default();
    invoices::collect(state, &invoice, Some(&card))?;
    let session = state.edit(id);
    session["subscription"] = json!(subscription);
    session["invoice"] = json!(invoice);
    complete(state, id, &owner, "paid");
    Ok(())
}

/// By a way that takes days: it is complete, and the money is not there yet.
pub(super) fn pay_slowly(state: &mut State, id: &str) -> Result<(), ApiError> {
    let session = open(state, id)?;
    if session["mode"] != "payment" {
        return Err(ApiError::invalid("The stand-in takes transfers for one-time payments alone."));
    }
    let owner = owner(state, id, &session)?;
    let intent = intent(state, id, &session, &owner)?;
    state.edit(&intent)["status"] = json!("processing");
    state.emit("payment_intent.processing", &intent);
    complete(state, id, &owner, "unpaid");
    Ok(())
}

/// The transfer is there, or does not come.
pub(super) fn arrive(state: &mut State, id: &str, came: bool) -> Result<(), ApiError> {
    let intent = state.of("checkout.session", id, "id")?["payment_intent"].as_str().map(str::to_owned);
    let intent = intent.filter(|intent| state.text(intent, "status").as_deref() == Some("processing"));
    let intent = intent.ok_or_else(|| ApiError::invalid("No transfer is on its way."))?;
    if came {
        intents::succeed(state, &intent, None)?;
        state.edit(id)["payment_status"] = json!("paid");
        state.emit("checkout.session.async_payment_succeeded", id);
    } else {
        let edited = state.edit(&intent);
        edited["status"] = json!("requires_payment_method");
        edited["last_payment_error"] = json!({ "type": "card_error", "code": "payment_intent_payment_attempt_failed", "message": "The transfer did not come." });
        state.emit("payment_intent.payment_failed", &intent);
        state.emit("checkout.session.async_payment_failed", id);
    }
    Ok(())
}

fn open(state: &State, id: &str) -> Result<Value, ApiError> {
    let session = state.of("checkout.session", id, "id")?;
    let expired = session["expires_at"].as_i64().is_some_and(|at| at <= state.now());
    if session["status"] != "open" || expired {
        return Err(ApiError::invalid("This Checkout Session is not open any more."));
    }
    Ok(session.clone())
}

fn owner(state: &mut State, id: &str, session: &Value) -> Result<String, ApiError> {
    if let Some(owner) = session["customer"].as_str() {
        catalog::customer(state, owner, "customer")?;
        return Ok(owner.to_owned());
    }
    let mut customer = state.make("customer", "cus");
    customer["email"] = session["customer_email"].clone();
    customer["invoice_prefix"] = json!(random(8).to_uppercase());
    let owner = state.put(customer)?;
    state.edit(id)["customer"] = json!(owner);
    state.emit("customer.created", &owner);
    Ok(owner)
}

/// The session's intent; it has one from the first try on.
fn intent(state: &mut State, id: &str, session: &Value, owner: &str) -> Result<String, ApiError> {
    if let Some(intent) = state.text(id, "_intent") {
        return Ok(intent);
    }
    let amount = session["amount_total"].as_i64().unwrap_or_default();
    let currency = session["currency"].as_str().unwrap_or("usd");
    let intent = intents::make(state, amount, currency, Some(owner))?;
    let edited = state.edit(&intent);
    edited["metadata"] = session["_payment_intent_data"]["metadata"].clone();
    edited["description"] = session["_payment_intent_data"]["description"].clone();
    state.edit(id)["_intent"] = json!(intent);
    state.edit(id)["payment_intent"] = json!(intent);
    state.paid_by(&intent, id);
    state.emit("payment_intent.created", &intent);
    Ok(intent)
}

fn complete(state: &mut State, id: &str, owner: &str, paid: &str) {
    let customer = state.shown(owner);
    let session = state.edit(id);
    session["status"] = json!("complete");
    session["payment_status"] = json!(paid);
    session["url"] = Value::Null;
    session["customer_details"] = json!({
        "address": null,
        "business_name": null,
        "email": customer["email"],
        "individual_name": null,
        "name": customer["name"],
        "phone": null,
        "tax_exempt": "none",
        "tax_ids": [],
    });
    state.emit("checkout.session.completed", id);
}

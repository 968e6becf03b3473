//! Invoices of subscriptions: drawn up, made final, paid or not.

use serde_json::{Value, json};

use super::catalog::{AMOUNTS, card_of};
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::intents;
use super::state::State;
use super::subscriptions;

/// A renewal's invoice can be changed for an hour before it is charged.
pub(super) const DRAFT_S: i64 = 3_600;
/// When a payment that failed is tried again, each time after the one before. After the last one the subscription ends.
const AGAIN_S: [i64; 3] = [3 * 86_400, 5 * 86_400, 7 * 86_400];

/// A line of an invoice for a price over a time.
pub(super) struct Line {
    pub price: Value,
    pub amount: i64,
    pub start: i64,
    pub end: i64,
    pub proration: bool,
    pub text: String,
}

impl Line {
    pub fn json(&self, state: &mut State, subscription: &Value) -> Value {
        let mut line = state.make("line_item", "il");
        line["amount"] = json!(self.amount);
        line["subtotal"] = json!(self.amount);
        line["currency"] = self.price["currency"].clone();
        line["description"] = json!(self.text);
        line["period"] = json!({ "start": self.start, "end": self.end });
        line["metadata"] = subscription["metadata"].clone();
        let details = &mut line["parent"]["subscription_item_details"];
        details["proration"] = json!(self.proration);
        details["subscription"] = subscription["id"].clone();
        details["subscription_item"] = subscription["items"]["data"][0]["id"].clone();
        let unit = self.price["unit_amount_decimal"].clone();
        line["pricing"]["unit_amount_decimal"] =
            if self.proration { json!(self.amount.to_string()) } else { unit };
        line["pricing"]["price_details"]["price"] = self.price["id"].clone();
        line["pricing"]["price_details"]["product"] = self.price["product"].clone();
        line
    }
}

/// A draft.
pub(super) fn draw_up(
    state: &mut State,
    subscription: &str,
    reason: &str,
    lines: Vec<Value>,
) -> Result<String, ApiError> {
    let of = state.shown(subscription);
    let customer = state.shown(of["customer"].as_str().unwrap_or_default());
    let mut invoice = state.make("invoice", "in");
    let id = invoice["id"].as_str().unwrap_or_default().to_owned();
    let total: i64 = lines.iter().filter_map(|line| line["amount"].as_i64()).sum();
    let lines: Vec<Value> = lines
        .into_iter()
        .map(|mut line| {
            line["invoice"] = json!(id);
            line
        })
        .collect();
    for name in ["subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"] {
        invoice[name] = json!(total);
    }
    for name in ["amount_due", "amount_remaining"] {
        invoice[name] = json!(total.max(0));
    }
    invoice["billing_reason"] = json!(reason);
    invoice["currency"] = of["currency"].clone();
    invoice["customer"] = customer["id"].clone();
    invoice["customer_email"] = customer["email"].clone();
    invoice["customer_name"] = customer["name"].clone();
    invoice["starting_balance"] = customer["balance"].clone();
    invoice["period_start"] = invoice["created"].clone();
    invoice["period_end"] = invoice["created"].clone();
    invoice["parent"] = json!({
        "quote_details": null,
        "subscription_details": { "metadata": of["metadata"], "subscription": subscription },
        "type": "subscription_details",
    });
    invoice["lines"]["data"] = json!(lines);
    invoice["lines"]["url"] = json!(format!("/v1/invoices/{id}/lines"));
    invoice["_subscription"] = json!(subscription);
    let id = state.put(invoice)?;
    state.emit("invoice.created", &id);
    Ok(id)
}

/// From now on it is owed. What the customer has to their credit goes off it; where nothing is left, it is paid.
pub(super) fn finalize(state: &mut State, id: &str) -> Result<(), ApiError> {
    let now = state.now();
    let of = state.shown(id);
    let total = of["total"].as_i64().unwrap_or_default();
    let owner = of["customer"].as_str().unwrap_or_default().to_owned();
    // What the shop owes them is below zero, what they owe above it.
    let balance = state.get(&owner).and_then(|it| it["balance"].as_i64()).unwrap_or_default();
    let due = (total + balance).max(0);
    // Less than a card takes goes to the next one.
    let due = if due < *AMOUNTS.start() { 0 } else { due };
    let ending = balance + total - due;
    state.edit(&owner)["balance"] = json!(ending);
    let number = state.all("invoice").filter(|it| it["customer"] == owner.as_str()).count();
    let prefix = state.text(&owner, "invoice_prefix").unwrap_or_default();
    let url = format!("{}/i/{id}", state.base);
    let invoice = state.edit(id);
    invoice["status"] = json!("open");
    invoice["starting_balance"] = json!(balance);
    invoice["ending_balance"] = json!(ending);
    invoice["amount_due"] = json!(due);
    invoice["amount_remaining"] = json!(due);
    invoice["number"] = json!(format!("{prefix}-{number:04}"));
    invoice["hosted_invoice_url"] = json!(url);
    invoice["effective_at"] = json!(now);
    invoice["automatically_finalizes_at"] = Value::Null;
    invoice["status_transitions"]["finalized_at"] = json!(now);
    if due > 0 {
        let currency = of["currency"].as_str().unwrap_or("usd").to_owned();
        let intent = intents::make(state, due, &currency, Some(&owner))?;
        state.edit(&intent)["_invoice"] = json!(id);
        state.edit(&intent)["description"] = json!("Subscription");
        let mut payment = state.make("invoice_payment", "inpay");
        payment["invoice"] = json!(id);
        payment["amount_requested"] = json!(due);
        payment["currency"] = json!(currency);
        payment["payment"]["payment_intent"] = json!(intent);
        let payment = state.put(payment)?;
        let invoice = state.edit(id);
        invoice["_intent"] = json!(intent);
        invoice["_payment"] = json!(payment);
        state.emit("invoice.finalized", id);
        state.emit("payment_intent.created", &intent);
        return Ok(());
    }
    state.emit("invoice.finalized", id);
    paid(state, id, None)
}

/// Charges it. `card`: another than the subscription's own. One without a card fails.
pub(super) fn collect(state: &mut State, id: &str, card: Option<&str>) -> Result<(), ApiError> {
    if state.text(id, "status").as_deref() != Some("open") {
        return Ok(());
    }
    let subscription = state.text(id, "_subscription").unwrap_or_default();
    let card = card.map(str::to_owned).or_else(|| subscriptions::card_of(state, &subscription));
    let Some(intent) = state.text(id, "_intent") else { return Ok(()) };
    match card {
        Some(card) => intents::attempt(state, &intent, &card),
        None => {
            failed(state, id);
            Err(ApiError::invalid("This customer has no attached payment source or default payment method."))
        }
    }
}

pub(super) fn paid(state: &mut State, id: &str, card: Option<&str>) -> Result<(), ApiError> {
    let now = state.now();
    let invoice = state.edit(id);
    let due = invoice["amount_due"].clone();
    invoice["status"] = json!("paid");
    invoice["attempted"] = json!(true);
    if card.is_some() {
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_u64().unwrap_or_default() + 1);
    }
    invoice["amount_paid"] = due.clone();
    invoice["amount_remaining"] = json!(0);
    invoice["next_payment_attempt"] = Value::Null;
    invoice["auto_advance"] = json!(false);
    invoice["status_transitions"]["paid_at"] = json!(now);
    if let Some(payment) = state.text(id, "_payment") {
        let payment = state.edit(&payment);
        payment["status"] = json!("paid");
        payment["amount_paid"] = due;
        payment["status_transitions"]["paid_at"] = json!(now);
    }
    state.emit("invoice.paid", id);
    state.emit("invoice.payment_succeeded", id);
    subscriptions::invoice_paid(state, id, card)
}

/// It was tried and did not work.
pub(super) fn failed(state: &mut State, id: &str) {
    let now = state.now();
    let invoice = state.edit(id);
    let tried = invoice["attempt_count"].as_u64().unwrap_or_default() + 1;
    invoice["attempted"] = json!(true);
    invoice["attempt_count"] = json!(tried);
    let renews = invoice["billing_reason"] == "subscription_cycle";
    let next = usize::try_from(tried - 1).ok().and_then(|n| AGAIN_S.get(n)).filter(|_| renews);
    invoice["next_payment_attempt"] = json!(next.map(|wait| now + wait));
    state.emit("invoice.payment_failed", id);
    subscriptions::invoice_failed(state, id, next.is_some());
}

pub(super) fn void(state: &mut State, id: &str) {
    let now = state.now();
    if !matches!(state.text(id, "status").as_deref(), Some("open" | "draft")) {
        return;
    }
    let invoice = state.edit(id);
    invoice["status"] = json!("void");
    invoice["auto_advance"] = json!(false);
    invoice["next_payment_attempt"] = Value::Null;
    invoice["automatically_finalizes_at"] = Value::Null;
    invoice["status_transitions"]["voided_at"] = json!(now);
    if let Some(payment) = state.text(id, "_payment") {
        state.edit(&payment)["status"] = json!("canceled");
        state.edit(&payment)["status_transitions"]["canceled_at"] = json!(now);
    }
    if let Some(intent) = state.text(id, "_intent") {
        intents::give_up(state, &intent, "void_invoice");
    }
    state.emit("invoice.voided", id);
}

pub(super) fn pay_by_call(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&["payment_method", "off_session"])?;
    let invoice = state.of("invoice", id, "id")?;
    if invoice["status"] == "paid" {
        return Err(ApiError::coded("invoice_already_paid", "Invoice is already paid"));
    }
    let owner = invoice["customer"].as_str().map(str::to_owned);
    if invoice["status"] == "draft" {
        finalize(state, id)?;
    }
    let card =
        params.text("payment_method").map(|card| card_of(state, card, owner.as_deref())).transpose()?;
    collect(state, id, card.as_deref())?;
    Ok(state.shown(id))
}

pub(super) fn void_by_call(state: &mut State, id: &str) -> Answer {
    if !matches!(state.of("invoice", id, "id")?["status"].as_str(), Some("open")) {
        return Err(ApiError::invalid("You can only pass in open invoices."));
    }
    void(state, id);
    Ok(state.shown(id))
}

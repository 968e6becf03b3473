//! Payment intents: made, confirmed with a card, given up.

use serde_json::{Value, json};

use super::catalog::{AMOUNTS, card_of, currency, customer, decline_of};
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::shapes::client_secret;
use super::state::State;
use super::{invoices, money};

pub(super) fn create(state: &mut State, params: &Params) -> Answer {
    params.known(&[
        "amount",
        "currency",
        "customer",
        "description",
        "metadata",
        "automatic_payment_methods",
        "payment_method",
        "payment_method_types",
        "confirm",
        "receipt_email",
        "setup_future_usage",
        "off_session",
    ])?;
    let amount = params.int("amount")?.ok_or_else(|| ApiError::missing_param("amount"))?;
    let owner = params.text("customer");
    if let Some(owner) = owner {
        customer(state, owner, "customer")?;
    }
    let id = make(state, amount, &currency(params)?, owner)?;
    let intent = state.edit(&id);
    intent["description"] = json!(params.text("description"));
    intent["receipt_email"] = json!(params.text("receipt_email"));
    intent["setup_future_usage"] = json!(params.text("setup_future_usage"));
    intent["metadata"] = params.metadata(&Value::Null);
    let automatic = params.inner("automatic_payment_methods");
    if automatic.flag("enabled")? == Some(true) {
        let redirects = automatic.text("allow_redirects").unwrap_or("always");
        intent["automatic_payment_methods"] = json!({ "allow_redirects": redirects, "enabled": true });
    }
    state.emit("payment_intent.created", &id);
    if params.flag("confirm")? == Some(true) {
        let card = card_of(state, params.needed("payment_method")?, owner)?;
        attempt(state, &id, &card)?;
    }
    Ok(state.shown(&id))
}

/// Nobody is told of it yet.
pub(super) fn make(
    state: &mut State,
    amount: i64,
    currency: &str,
    customer: Option<&str>,
) -> Result<String, ApiError> {
    if amount < *AMOUNTS.start() {
        let message = "Amount must be at least $0.50 usd";
        return Err(ApiError::coded("amount_too_small", message));
    }
    if amount > *AMOUNTS.end() {
        return Err(ApiError::coded("amount_too_large", "Amount must be no more than $999,999.99"));
    }
    let mut intent = state.make("payment_intent", "pi");
    let id = intent["id"].as_str().unwrap_or_default().to_owned();
    intent["client_secret"] = json!(client_secret(&id));
    intent["amount"] = json!(amount);
    intent["currency"] = json!(currency);
    intent["customer"] = json!(customer);
    state.put(intent)
}

pub(super) fn confirm(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&[
        "payment_method",
        "client_secret",
        "return_url",
        "off_session",
        "receipt_email",
        "use_stripe_sdk",
    ])?;
    let owner = state.of("payment_intent", id, "id")?["customer"].as_str().map(str::to_owned);
    let card = match params.text("payment_method") {
        Some(card) => card_of(state, card, owner.as_deref())?,
        None => state.text(id, "payment_method").ok_or_else(|| ApiError::missing_param("payment_method"))?,
    };
    attempt(state, id, &card)?;
    Ok(state.shown(id))
}

pub(super) fn cancel(state: &mut State, id: &str) -> Answer {
    let status = state.of("payment_intent", id, "id")?["status"].clone();
    if status == "succeeded" || status == "canceled" {
        return Err(unexpected(state, id));
    }
    give_up(state, id, "requested_by_customer");
    Ok(state.shown(id))
}

/// Nothing where it is over already.
pub(super) fn give_up(state: &mut State, id: &str, reason: &str) {
    let now = state.now();
    if !matches!(state.text(id, "status").as_deref(), Some("requires_payment_method" | "processing")) {
        return;
    }
    let intent = state.edit(id);
    intent["status"] = json!("canceled");
    intent["canceled_at"] = json!(now);
    intent["cancellation_reason"] = json!(reason);
    state.emit("payment_intent.canceled", id);
}

fn unexpected(state: &State, id: &str) -> ApiError {
    let status = state.text(id, "status").unwrap_or_default();
    let message = format!("This PaymentIntent could not be used because it has a status of {status}.");
    ApiError::coded("payment_intent_unexpected_state", message).with("payment_intent", state.shown(id))
}

/// Charges a card. All that hangs on the payment follows: the invoice, the subscription.
pub(super) fn attempt(state: &mut State, id: &str, card: &str) -> Result<(), ApiError> {
    if state.text(id, "status").as_deref() != Some("requires_payment_method") {
        return Err(unexpected(state, id));
    }
    let invoice = state.text(id, "_invoice");
    match decline_of(state, card) {
        None => {
            succeed(state, id, Some(card))?;
            Ok(())
        }
        Some(decline) => {
            let (code, message) = match decline.as_str() {
                "expired_card" => ("expired_card", "Your card has expired."),
                "insufficient_funds" => ("card_declined", "Your card has insufficient funds."),
                _ => ("card_declined", "Your card was declined."),
            };
            let charge = money::charge(state, id, Some(card), Some((code, message)))?;
            let method = state.shown(card);
            let intent = state.edit(id);
            intent["latest_charge"] = json!(charge);
            intent["last_payment_error"] = json!({
                "charge": charge,
                "code": code,
                "decline_code": decline,
                "doc_url": format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")),
                "message": message,
                "payment_method": method,
                "type": "card_error",
            });
            state.emit("charge.failed", &charge);
            state.emit("payment_intent.payment_failed", id);
            if let Some(invoice) = invoice {
                invoices::failed(state, &invoice);
            }
            let error = ApiError::card(code, &decline, message).with("charge", json!(charge));
            Err(error.with("payment_intent", state.shown(id)))
        }
    }
}

/// The money is there. Without a card it came by transfer.
pub(super) fn succeed(state: &mut State, id: &str, card: Option<&str>) -> Result<(), ApiError> {
    let charge = money::charge(state, id, card, None)?;
    let intent = state.edit(id);
    intent["status"] = json!("succeeded");
    intent["amount_received"] = intent["amount"].clone();
    intent["latest_charge"] = json!(charge);
    intent["payment_method"] = json!(card);
    intent["last_payment_error"] = Value::Null;
    state.emit("charge.succeeded", &charge);
    state.emit("payment_intent.succeeded", id);
    if let Some(invoice) = state.text(id, "_invoice") {
        invoices::paid(state, &invoice, card)?;
    }
    Ok(())
}

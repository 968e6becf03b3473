//! The customer portal: a page on which people look after their subscriptions.

use serde_json::{Value, json};

use super::catalog;
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::state::{State, random};
use super::subscriptions::{is_live, set_ends};

/// Seconds that a visit lasts.
const VISIT_S: i64 = 3_600;

pub(super) fn create(state: &mut State, params: &Params) -> Answer {
    params.known(&["customer", "return_url", "locale", "configuration"])?;
    let owner = params.needed("customer")?;
    catalog::customer(state, owner, "customer")?;
    let mut session = state.make("billing_portal.session", "bps");
    let token = format!("test_{}", random(40));
    session["customer"] = json!(owner);
    session["return_url"] = json!(params.text("return_url"));
    session["url"] = json!(format!("{}/p/session/{token}", state.base));
    session["_token"] = json!(token);
    session["_until"] = json!(state.now() + VISIT_S);
    let id = state.put(session)?;
    Ok(state.shown(&id))
}

/// A visit that is still good.
pub(super) fn visit(state: &State, token: &str) -> Option<Value> {
    let id = state.find("billing_portal.session", |it| it["_token"] == token)?;
    let visit = state.get(&id)?;
    visit["_until"].as_i64().is_some_and(|until| until > state.now()).then(|| visit.clone())
}

/// Whether one of the visitor's own subscriptions ends with its period.
pub(super) fn set_cancel(state: &mut State, visit: &Value, id: &str, ends: bool) -> Result<(), ApiError> {
    let found = state.of("subscription", id, "id")?;
    if found["customer"] != visit["customer"] || !is_live(found) {
        return Err(ApiError::no_such("subscription", id, "id"));
    }
    let (before, now) = (state.shown(id), state.now());
    set_ends(state.edit(id), ends, now);
    state.emit_updated("customer.subscription.updated", id, &before);
    Ok(())
}

/// All that the visitor pays is paid with it from now on.
pub(super) fn set_card(state: &mut State, visit: &Value, card: &str) -> Result<(), ApiError> {
    let owner = visit["customer"].as_str().unwrap_or_default();
    catalog::customer(state, owner, "customer")?;
    let card = catalog::card_of(state, card, Some(owner))?;
    state.emit("payment_method.attached", &card);
    let before = state.shown(owner);
    state.edit(owner)["invoice_settings"]["default_payment_method"] = json!(card);
    state.emit_updated("customer.updated", owner, &before);
    let own: Vec<String> = state
        .all("subscription")
        .filter(|it| it["customer"] == owner && is_live(it))
        .filter_map(|it| it["id"].as_str().map(str::to_owned))
        .collect();
    for id in own {
        let before = state.shown(&id);
        state.edit(&id)["default_payment_method"] = json!(card);
        state.emit_updated("customer.subscription.updated", &id, &before);
    }
    Ok(())
}

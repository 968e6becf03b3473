//! What a call asks for: its path, who may call it, and what is expanded in the answer.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::form::Params;
use super::shapes::list;
use super::state::{State, show};
use super::{catalog, checkout, intents, invoices, lists, money, portal, subscriptions};

const EXPAND_MAX: usize = 20;
const EXPAND_DEPTH: usize = 4;

/// Whose key came with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Server,
    /// A browser: only what goes with a client secret.
    Browser,
}

/// Answers one call. `path` is without `/v1/`.
pub(super) fn answer(state: &mut State, caller: Caller, method: &str, path: &str, params: &Params) -> Answer {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if caller == Caller::Browser {
        return browser(state, method, &parts, params);
    }
    let mut found = match (method, parts.as_slice()) {
        ("POST", ["customers"]) => catalog::create_customer(state, params),
        ("POST", ["customers", id]) => catalog::update_customer(state, id, params),
        ("DELETE", ["customers", id]) => subscriptions::delete_customer(state, id),
        ("POST", ["products"]) => catalog::create_product(state, params),
        ("POST", ["prices"]) => catalog::create_price(state, params),
        ("POST", ["prices", id]) => catalog::update_price(state, id, params),
        ("POST", ["payment_methods", id, "attach"]) => catalog::attach(state, id, params),
        ("POST", ["checkout", "sessions"]) => checkout::create(state, params),
        ("POST", ["checkout", "sessions", id, "expire"]) => checkout::expire(state, id),
        ("POST", ["billing_portal", "sessions"]) => portal::create(state, params),
        ("POST", ["payment_intents"]) => intents::create(state, params),
        ("POST", ["payment_intents", id, "confirm"]) => intents::confirm(state, id, params),
        ("POST", ["payment_intents", id, "cancel"]) => intents::cancel(state, id),
        ("POST", ["refunds"]) => money::refund(state, params),
        ("POST", ["subscriptions"]) => subscriptions::create(state, params),
        ("POST", ["subscriptions", id]) => subscriptions::update(state, id, params),
        ("DELETE", ["subscriptions", id]) => subscriptions::cancel(state, id, params),
        ("POST", ["invoices", id, "pay"]) => invoices::pay_by_call(state, id, params),
        ("POST", ["invoices", id, "void"]) => invoices::void_by_call(state, id),
        ("GET", _) => lists::read(state, &parts, params),
        _ => Err(ApiError::no_route(method, &format!("/v1/{path}"))),
    }?;
    expand_all(state, &mut found, &params.words("expand"))?;
    Ok(found)
}

fn browser(state: &mut State, method: &str, parts: &[&str], params: &Params) -> Answer {
    let ["payment_intents", id, rest @ ..] = parts else { return Err(ApiError::not_with_this_key()) };
    let secret = params.text("client_secret").ok_or_else(ApiError::not_with_this_key)?;
    if state.of("payment_intent", id, "id")?["client_secret"] != secret {
        return Err(ApiError::no_such("payment_intent", id, "id"));
    }
    match (method, rest) {
        ("GET", []) => Ok(state.shown(id)),
        ("POST", ["confirm"]) => intents::confirm(state, id, params),
        _ => Err(ApiError::not_with_this_key()),
    }
}

fn expand_all(state: &State, answer: &mut Value, paths: &[&str]) -> Result<(), ApiError> {
    if paths.len() > EXPAND_MAX {
        return Err(ApiError::wrong_param("expand", "Too many expansions."));
    }
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        let depth = steps.len() - usize::from(steps.first() == Some(&"data"));
        if depth > EXPAND_DEPTH {
            return Err(ApiError::wrong_param(
                "expand",
                "You cannot expand more than 4 levels of a property.",
            ));
        }
        expand(state, answer, &steps).map_err(|()| {
            let message = format!("This property cannot be expanded ({path}).");
            ApiError::wrong_param("expand", message)
        })?;
    }
    Ok(())
}

fn expand(state: &State, at: &mut Value, steps: &[&str]) -> Result<(), ()> {
    let Some((step, rest)) = steps.split_first() else { return Ok(()) };
    if let Value::Array(all) = at {
        // `data` of a list was the step before.
        return all.iter_mut().try_for_each(|one| expand(state, one, steps));
    }
    if let Some(included) = include(state, at, step) {
        at[*step] = included;
    }
    let Some(next) = at.get_mut(*step) else { return Err(()) };
    match next {
        Value::Null => return Ok(()),
        Value::String(id) => match state.get(id) {
            Some(object) => *next = show(object),
            None => return Err(()),
        },
        Value::Object(_) | Value::Array(_) => {}
        Value::Bool(_) | Value::Number(_) => return Err(()),
    }
    expand(state, next, rest)
}

/// What an object has only when it is asked for.
fn include(state: &State, object: &Value, name: &str) -> Option<Value> {
    let id = object["id"].as_str()?;
    match (object["object"].as_str()?, name) {
        ("invoice", "payments") => {
            let payments = state.all("invoice_payment").filter(|it| it["invoice"] == id).map(show).collect();
            Some(list("/v1/invoice_payments", payments))
        }
        ("invoice", "confirmation_secret") => {
            // A draft has none yet, and one of nothing never has.
            let intent = state.get(id)?["_intent"].as_str().and_then(|intent| state.get(intent));
            Some(intent.map_or(
                Value::Null,
                |intent| json!({ "client_secret": intent["client_secret"], "type": "payment_intent" }),
            ))
        }
        ("charge", "refunds") => {
            let refunds = state.all("refund").rev().filter(|it| it["charge"] == id).map(show).collect();
            Some(list(&format!("/v1/charges/{id}/refunds"), refunds))
        }
        ("checkout.session", "line_items") => Some(checkout::line_items(state, id)),
        ("customer", "subscriptions") => {
            let own = state.all("subscription").rev().filter(|it| it["customer"] == id);
            let data = own.filter(|it| it["status"] != "canceled").map(show).collect();
            Some(list(&format!("/v1/customers/{id}/subscriptions"), data))
        }
        _ => None,
    }
}

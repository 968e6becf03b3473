//! Charges, refunds and disputes.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::form::Params;
use super::state::State;

/// Seconds that a shop has to answer a dispute.
const DISPUTE_S: i64 = 14 * 24 * 3_600;

/// How a dispute ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Won,
    Lost,
}

/// Of an intent; `failure` is the bank's no: code and words.
pub(super) fn charge(
    state: &mut State,
    intent: &str,
    card: Option<&str>,
    failure: Option<(&str, &str)>,
) -> Result<String, ApiError> {
    let of = state.shown(intent);
    let mut charge = state.make("charge", "ch");
    for name in ["amount", "currency", "customer", "description", "metadata"] {
        charge[name] = of[name].clone();
    }
    charge["payment_intent"] = json!(intent);
    charge["payment_method"] = json!(card);
    if let Some(card) = card.and_then(|card| state.get(card)) {
        for name in ["last4", "fingerprint", "brand"] {
            charge["payment_method_details"]["card"][name] = card["card"][name].clone();
        }
    }
    match failure {
        None => charge["amount_captured"] = of["amount"].clone(),
        Some((code, message)) => {
            charge["captured"] = json!(false);
            charge["paid"] = json!(false);
            charge["status"] = json!("failed");
            charge["failure_code"] = json!(code);
            charge["failure_message"] = json!(message);
            charge["outcome"]["network_status"] = json!("declined_by_network");
            charge["outcome"]["reason"] = json!("generic_decline");
            charge["outcome"]["seller_message"] = json!("The bank did not return any further details.");
            charge["outcome"]["type"] = json!("issuer_declined");
        }
    }
    state.put(charge)
}

pub(super) fn refund(state: &mut State, params: &Params) -> Answer {
    params.known(&["charge", "payment_intent", "amount", "reason", "metadata"])?;
    let reason = params.word("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let charge = match (params.text("charge"), params.text("payment_intent")) {
        (Some(charge), _) => charge.to_owned(),
        (None, Some(intent)) => {
            state.of("payment_intent", intent, "payment_intent")?;
            let message =
                format!("This PaymentIntent ({intent}) does not have a successful charge to refund.");
            state.text(intent, "latest_charge").ok_or_else(|| ApiError::invalid(message))?
        }
        (None, None) => return Err(ApiError::missing_param("charge")),
    };
    let of = state.of("charge", &charge, "charge")?.clone();
    let number = |name: &str| of[name].as_i64().unwrap_or_default();
    let left = number("amount_captured") - number("amount_refunded");
    let amount = params.int("amount")?.unwrap_or(left);
    if of["disputed"] == true && open_dispute_of(state, &charge).is_some() {
        return Err(ApiError::coded("charge_disputed", format!("Charge {charge} has been charged back.")));
    }
    if left == 0 {
        let message = format!("Charge {charge} has already been refunded.");
        return Err(ApiError::coded("charge_already_refunded", message));
    }
    if amount < 1 || amount > left {
        let message =
            format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(ApiError::wrong_param("amount", message));
    }
    let mut refund = state.make("refund", "re");
    refund["amount"] = json!(amount);
    refund["charge"] = json!(charge);
    refund["currency"] = of["currency"].clone();
    refund["payment_intent"] = of["payment_intent"].clone();
    refund["customer"] = of["customer"].clone();
    refund["reason"] = json!(reason);
    refund["metadata"] = params.metadata(&Value::Null);
    let id = state.put(refund)?;
    let before = state.shown(&charge);
    let all = number("amount_refunded") + amount;
    let edited = state.edit(&charge);
    edited["amount_refunded"] = json!(all);
    edited["refunded"] = json!(all == number("amount_captured"));
    state.emit("refund.created", &id);
    state.emit_updated("charge.refunded", &charge, &before);
    Ok(state.shown(&id))
}

/// The payer goes to the bank.
pub(super) fn open_dispute(state: &mut State, charge: &str) -> Result<String, ApiError> {
    let of = state.of("charge", charge, "charge")?.clone();
    if of["status"] != "succeeded" || open_dispute_of(state, charge).is_some() {
        return Err(ApiError::invalid("Such a charge cannot be disputed."));
    }
    let mut dispute = state.make("dispute", "dp");
    for name in ["amount", "currency", "payment_intent"] {
        dispute[name] = of[name].clone();
    }
    dispute["charge"] = json!(charge);
    dispute["reason"] = json!("fraudulent");
    dispute["evidence_details"]["due_by"] = json!(state.now() + DISPUTE_S);
    let id = state.put(dispute)?;
    state.edit(charge)["disputed"] = json!(true);
    state.emit("charge.dispute.created", &id);
    state.emit("charge.dispute.funds_withdrawn", &id);
    Ok(id)
}

fn open_dispute_of(state: &State, charge: &str) -> Option<String> {
    state.find("dispute", |it| it["charge"] == charge && it["status"] == "needs_response")
}

pub(super) fn close_dispute(state: &mut State, dispute: &str, verdict: Verdict) -> Result<(), ApiError> {
    if state.of("dispute", dispute, "dispute")?["status"] != "needs_response" {
        return Err(ApiError::invalid("This dispute is already closed."));
    }
    state.edit(dispute)["status"] = json!(match verdict {
        Verdict::Won => "won",
        Verdict::Lost => "lost",
    });
    state.emit("charge.dispute.closed", dispute);
    if verdict == Verdict::Won {
        state.emit("charge.dispute.funds_reinstated", dispute);
    }
    Ok(())
}

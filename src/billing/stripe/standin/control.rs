//! The same over HTTP, for `loadtest` and scripts: `/_control/…`, JSON in and out, with the secret key.

use std::sync::Arc;

use actix_web::web::{self, Data, Json, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::faults::Fault;
use super::form::Params;
use super::state::{Endpoint, State};
use super::{GOOD_CARD, Shared, Verdict, checkout, clock, intents, invoices, money, portal, server};

/// Faults that may wait at once.
const FAULTS_MAX: usize = 10_000;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/_control/{what}", web::post().to(act)).route("/_control/{what}", web::get().to(tell));
}

type World = Data<Arc<Shared>>;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Deed {
    /// What it is about: a session, an intent, a charge, an event.
    id: String,
    /// A test card's name; a good one where nothing is said.
    card: Option<String>,
    amount_cents: Option<i64>,
    won: bool,
    seconds: i64,
    times: usize,
    fault: Option<Fault>,
    url: String,
    secret: String,
}

/// `POST /_control/pay-checkout {"id", "card"?}`, `pay-invoice`, `confirm-intent`, `refund {"id", "amountCents"?}`,
/// `dispute {"id"}`, `close-dispute {"id", "won"}`, `set-card {"id": customer, "card"}`, `advance {"seconds"}`,
/// `fail {"fault", "times"}`, `heal`, `hold`, `release`, `redeliver {"id", "times"?}`, `webhook {"url", "secret"}`.
async fn act(request: HttpRequest, what: Path<String>, deed: Json<Deed>, world: World) -> HttpResponse {
    let answer = {
        let mut state = world.state();
        if !server::is_ours(&state, request.headers()) {
            return refused(&ApiError::no_key());
        }
        done(&mut state, &what, deed.into_inner())
    };
    world.wake.notify_one();
    match answer {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(error) => refused(&error),
    }
}

fn done(state: &mut State, what: &str, deed: Deed) -> Answer {
    let id = deed.id.as_str();
    let card = deed.card.as_deref().unwrap_or(GOOD_CARD);
    let with_card = Params::of(&json!({ "payment_method": card }));
    match what {
        "pay-checkout" => {
            checkout::pay(state, id, card)?;
            return Ok(state.shown(id));
        }
        "confirm-intent" => return intents::confirm(state, id, &with_card),
        "pay-invoice" => return invoices::pay_by_call(state, id, &with_card),
        "refund" => {
            let name = if id.starts_with("pi_") { "payment_intent" } else { "charge" };
            let mut params = json!({ name: id });
            if let Some(cents) = deed.amount_cents {
                params["amount"] = json!(cents.to_string());
            }
            return money::refund(state, &Params::of(&params));
        }
        "dispute" => {
            let charge = state.text(id, "latest_charge").unwrap_or_else(|| id.to_owned());
            let dispute = money::open_dispute(state, &charge)?;
            return Ok(state.shown(&dispute));
        }
        "close-dispute" => {
            money::close_dispute(state, id, if deed.won { Verdict::Won } else { Verdict::Lost })?;
        }
        "set-card" => portal::set_card(state, &json!({ "customer": id }), card)?,
        "advance" => clock::advance(state, deed.seconds),
        "fail" => {
            let fault = deed.fault.ok_or_else(|| ApiError::missing_param("fault"))?;
            let times = deed.times.max(1).min(FAULTS_MAX.saturating_sub(state.faults.len()));
            state.faults.extend(std::iter::repeat_n(fault, times));
        }
        "heal" => state.faults.clear(),
        "hold" => state.holds = true,
        "release" => {
            state.holds = false;
            for event in std::mem::take(&mut state.held) {
                state.send(&event);
            }
        }
        "redeliver" => {
            state.of("event", id, "id")?;
            (0..deed.times.clamp(1, 100)).for_each(|_| state.send(id));
        }
        "webhook" => {
            if deed.url.is_empty() || deed.secret.is_empty() {
                return Err(ApiError::missing_param("url, secret"));
            }
            state.endpoints.retain(|other| other.url != deed.url);
            state.endpoints.push(Endpoint { url: deed.url, secret: deed.secret });
        }
        other => return Err(ApiError::no_route("POST", &format!("/_control/{other}"))),
    }
    Ok(json!({ "done": true }))
}

/// `GET /_control/state`: its clock, what waits to be delivered, what is held back.
async fn tell(request: HttpRequest, what: Path<String>, world: World) -> HttpResponse {
    let state = world.state();
    if !server::is_ours(&state, request.headers()) {
        return refused(&ApiError::no_key());
    }
    if *what != "state" {
        return refused(&ApiError::no_route("GET", &format!("/_control/{what}")));
    }
    let webhooks: Vec<&str> = state.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect();
    HttpResponse::Ok().json(json!({
        "now": state.now(),
        "publishableKey": state.keys.publishable,
        "webhooks": webhooks,
        "waiting": state.outbox.len(),
        "held": state.held,
        "faults": state.faults.len(),
        "calls": state.calls.iter().map(|(call, times)| (call.clone(), json!(times))).collect::<serde_json::Map<String, Value>>(),
    }))
}

fn refused(error: &ApiError) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(error.status).unwrap_or_default();
    HttpResponse::build(status).json(error.body())
}

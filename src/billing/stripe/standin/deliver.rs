//! Events on their way to webhooks: signed, tried again with growing pauses, out of order where one is slow.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::super::webhook::sign;
use super::Shared;
use super::state::{Delivery, Endpoint};

/// Deliveries at once.
const AT_ONCE: usize = 32;
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs until the server ends.
pub(super) async fn run(shared: Arc<Shared>) {
    let Ok(http) = reqwest::Client::builder().timeout(DEADLINE).build() else { return };
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let next = shared.state().outbox.pop_front();
        let Some(delivery) = next else {
            shared.wake.notified().await;
            continue;
        };
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let (shared, http) = (shared.clone(), http.clone());
        tokio::spawn(async move {
            deliver(&shared, &http, delivery).await;
            drop(slot);
        });
    }
}

async fn deliver(shared: &Arc<Shared>, http: &reqwest::Client, mut delivery: Delivery) {
    let event = shared.state().shown(&delivery.event);
    let answer = post(http, &delivery.endpoint, &event).await;
    delivery.tried += 1;
    if answer.is_ok_and(|status| (200..300).contains(&status)) {
        let mut state = shared.state();
        let waiting = event["pending_webhooks"].as_u64().unwrap_or(1);
        state.edit(&delivery.event)["pending_webhooks"] = json!(waiting.saturating_sub(1));
    } else if delivery.tried < TRIES {
        let pause = PAUSE.saturating_mul(1 << delivery.tried.min(10)).min(PAUSE_MAX);
        let shared = shared.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            shared.state().outbox.push_back(delivery);
            shared.wake.notify_one();
        });
    } else {
        tracing::warn!(event = delivery.event, "the stand-in of Stripe gave an event up: nobody takes it");
    }
}

/// Sends it once; answers the status.
pub(super) async fn post(http: &reqwest::Client, endpoint: &Endpoint, event: &Value) -> reqwest::Result<u16> {
    let body = body(event);
    let request = http
        .post(&endpoint.url)
        .header("Content-Type", "application/json; charset=utf-8")
        .header("User-Agent", "Stripe/1.0 (stand-in)")
        .header("Stripe-Signature", header(&endpoint.secret, Timestamp::now(), &body));
    Ok(request.body(body).send().await?.status().as_u16())
}

/// As it is sent: Stripe's bodies are laid out for people.
pub(super) fn body(event: &Value) -> String {
    serde_json::to_string_pretty(event).unwrap_or_default()
}

/// The header that goes with a body.
pub(super) fn header(secret: &str, at: Timestamp, body: &str) -> String {
    let at = at.as_second().to_string();
    let signature = sign(&SecretString::from(secret.to_owned()), &at, body.as_bytes());
    format!("t={at},v1={signature}")
}

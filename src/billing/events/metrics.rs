//! What Prometheus sees of Stripe's events.

use std::time::Duration;

use super::store::Standing;
use super::{EventState, Taken, Untaken};

const WEBHOOKS: &str = "greenroom_stripe_webhooks_total";
const DURATION: &str = "greenroom_stripe_webhook_seconds";
const EVENTS: &str = "greenroom_stripe_events_total";
const OPEN: &str = "greenroom_stripe_events_open";

pub(super) fn describe() {
    metrics::describe_counter!(
        WEBHOOKS,
        "Webhooks that came, by answer: taken, duplicate, bad, off, refused."
    );
    metrics::describe_histogram!(DURATION, metrics::Unit::Seconds, "Time until a webhook was answered.");
    metrics::describe_counter!(EVENTS, "Tries of events, by how they ended: done, ignored, waiting, failed.");
    metrics::describe_gauge!(
        OPEN,
        "Events of all nodes that wait or have failed, by state, as the last sweep saw."
    );
}

pub(super) fn answered(taken: &Result<Taken, Untaken>, took: Duration) {
    let answer = match taken {
        Ok(Taken::Now) => "taken",
        Ok(Taken::Before) => "duplicate",
        Err(Untaken::Bad(_)) => "bad",
        Err(Untaken::Off(_)) => "off",
        Err(Untaken::Refused(_)) => "refused",
    };
    metrics::counter!(WEBHOOKS, "answer" => answer).increment(1);
    metrics::histogram!(DURATION).record(took.as_secs_f64());
}

pub(super) fn ended(state: EventState) {
    metrics::counter!(EVENTS, "outcome" => state.as_str()).increment(1);
}

pub(super) fn standing(standing: &Standing) {
    metrics::gauge!(OPEN, "state" => "waiting").set(standing.waiting as f64);
    metrics::gauge!(OPEN, "state" => "failed").set(standing.failed as f64);
}

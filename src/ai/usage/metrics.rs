//! What Prometheus sees of calls to models.

use super::store::Told;

const CALLS: &str = "greenroom_ai_calls_total";
const TOKENS: &str = "greenroom_ai_tokens_total";
const COST: &str = "greenroom_ai_cost_micros_total";

pub(super) fn describe() {
    metrics::describe_counter!(
        CALLS,
        "Calls to models that this node added to the sums, by provider, model, purpose and outcome. Sum over the nodes."
    );
    metrics::describe_counter!(
        TOKENS,
        "Tokens of these calls, by provider, model, purpose and kind: prompt, cached (a part of the prompt's), completion."
    );
    metrics::describe_counter!(
        COST,
        "What these calls cost, in millionths of a US dollar, by provider, model and purpose."
    );
}

/// Adds what a roll-up has committed.
pub(super) fn count(told: &Told) {
    let sums = &told.sums;
    let done = sums.calls - sums.failed - sums.stopped - sums.cached;
    let outcomes =
        [("done", done), ("failed", sums.failed), ("stopped", sums.stopped), ("cached", sums.cached)];
    for (outcome, calls) in outcomes {
        add(CALLS, told, Some(("outcome", outcome)), calls);
    }
    let kinds = [
        ("prompt", sums.prompt_tokens),
        ("cached", sums.cached_tokens),
        ("completion", sums.completion_tokens),
    ];
    for (kind, tokens) in kinds {
        add(TOKENS, told, Some(("kind", kind)), tokens);
    }
    add(COST, told, None, sums.cost_micros);
}

fn add(name: &'static str, told: &Told, further: Option<(&'static str, &'static str)>, number: i64) {
    let mut labels = vec![
        metrics::Label::new("provider", told.provider.clone()),
        metrics::Label::new("model", told.model.clone()),
        metrics::Label::new("purpose", told.purpose.clone()),
    ];
    labels.extend(further.map(|(label, value)| metrics::Label::new(label, value)));
    metrics::counter!(name, labels).increment(number.unsigned_abs());
}

//! What happens by itself when time passes: renewals, second tries, ends.

use serde_json::Value;

use super::state::State;
use super::{changes, checkout, invoices, subscriptions};

/// Things that may happen in one move of the clock: many years of a few subscriptions.
const STEPS_MAX: usize = 100_000;

enum Due {
    ExpireCheckout,
    Finalize,
    TryAgain,
    Expire,
    ForgetChange,
    Renew,
}

/// Moves the clock; all that falls due on the way happens at its time, in order.
pub(super) fn advance(state: &mut State, seconds: i64) {
    let target = state.now() + seconds.max(0);
    for _ in 0..STEPS_MAX {
        let Some((at, due, id)) = next(state).filter(|(at, ..)| *at <= target) else { break };
        state.ahead += (at - state.now()).max(0);
        happen(state, &due, &id);
    }
    state.ahead += (target - state.now()).max(0);
    state.version += 1;
}

/// What is due by now.
pub(super) fn settle(state: &mut State) {
    if next(state).is_some_and(|(at, ..)| at <= state.now()) {
        advance(state, 0);
    }
}

fn next(state: &State) -> Option<(i64, Due, String)> {
    let time = |value: &Value| value.as_i64();
    let sessions = state.all("checkout.session").filter(|it| it["status"] == "open");
    let sessions = sessions.filter_map(|it| Some((time(&it["expires_at"])?, Due::ExpireCheckout, it)));
    let drafts = state.all("invoice").filter(|it| it["status"] == "draft");
    let drafts = drafts.filter_map(|it| Some((time(&it["automatically_finalizes_at"])?, Due::Finalize, it)));
    let open = state.all("invoice").filter(|it| it["status"] == "open");
    let open = open.filter_map(|it| Some((time(&it["next_payment_attempt"])?, Due::TryAgain, it)));
    let live = || state.all("subscription").filter(|it| subscriptions::is_live(it));
    let incomplete = live()
        .filter(|it| it["status"] == "incomplete")
        .filter_map(|it| Some((time(&it["created"])? + subscriptions::INCOMPLETE_S, Due::Expire, it)));
    let changes =
        live().filter_map(|it| Some((time(&it["pending_update"]["expires_at"])?, Due::ForgetChange, it)));
    let renewals = live()
        .filter(|it| it["status"] != "incomplete")
        .filter_map(|it| Some((time(&it["items"]["data"][0]["current_period_end"])?, Due::Renew, it)));
    let all = sessions.chain(drafts).chain(open).chain(incomplete).chain(changes).chain(renewals);
    let (at, due, object) = all.min_by_key(|(at, ..)| *at)?;
    Some((at, due, object["id"].as_str()?.to_owned()))
}

fn happen(state: &mut State, due: &Due, id: &str) {
    // A card that is declined has its consequences there; nobody waits for the answer.
    let done = match due {
        Due::ExpireCheckout => {
            checkout::close(state, id);
            Ok(())
        }
        Due::Finalize => invoices::finalize(state, id).map(|()| drop(invoices::collect(state, id, None))),
        Due::TryAgain => {
            let _ = invoices::collect(state, id, None);
            Ok(())
        }
        Due::Expire => {
            subscriptions::end(state, id, "incomplete_expired", None);
            Ok(())
        }
        Due::ForgetChange => {
            let before = state.shown(id);
            if let Some(invoice) =
                state.get(id).and_then(|it| it["_change"]["invoice"].as_str().map(str::to_owned))
            {
                invoices::void(state, &invoice);
            }
            changes::drop_pending(state, id);
            state.emit("customer.subscription.pending_update_expired", id);
            state.emit_updated("customer.subscription.updated", id, &before);
            Ok(())
        }
        Due::Renew => subscriptions::renew(state, id),
    };
    if done.is_err() {
        tracing::warn!(id, "the stand-in of Stripe could not go on with it");
        // Not again and again.
        state.edit(id)["status"] = Value::from("canceled");
    }
}

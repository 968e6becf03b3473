//! What tests do with the double: pay, decline, refund, dispute, move the clock, break the wire, hold events back.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deliver::{body, header, post};
use super::errors::ApiError;
use super::form::Params;
use super::state::{Endpoint, State};
use super::{
    DECLINED_CARD, Fault, GOOD_CARD, StandIn, Verdict, checkout, clock, intents, invoices, money,
    subscriptions,
};

/// Why something was not done, as Stripe says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Declined(pub String);

impl From<ApiError> for Declined {
    fn from(error: ApiError) -> Self {
        Self(error.body()["error"]["message"].as_str().unwrap_or_default().to_owned())
    }
}

/// An event that was held back, ready to be sent by hand.
#[derive(Clone, Debug)]
pub struct HeldEvent {
    pub id: String,
    pub kind: String,
    pub event: Value,
    /// As it is sent.
    pub body: String,
}

impl StandIn {
    /// Does it, and sends what came of it.
    pub(super) fn with<T>(&self, deed: impl FnOnce(&mut State) -> T) -> T {
        let done = deed(&mut self.shared.state());
        self.shared.wake.notify_one();
        done
    }

    /// Somebody pays on the hosted page.
    pub fn pay_checkout(&self, id: &str) -> Result<(), Declined> {
        self.pay_checkout_with(id, GOOD_CARD)
    }

    /// The card is declined; the session stays open.
    pub fn decline_checkout(&self, id: &str) {
        let declined = self.pay_checkout_with(id, DECLINED_CARD);
        debug_assert!(declined.is_err(), "this card is never taken");
    }

    pub fn pay_checkout_with(&self, id: &str, card: &str) -> Result<(), Declined> {
        Ok(self.with(|state| checkout::pay(state, id, card))?)
    }

    /// By transfer: complete, not paid yet. [`transfer_arrives`](Self::transfer_arrives) or
    /// [`transfer_fails`](Self::transfer_fails) ends it.
    pub fn pay_checkout_slowly(&self, id: &str) -> Result<(), Declined> {
        Ok(self.with(|state| checkout::pay_slowly(state, id))?)
    }

    pub fn transfer_arrives(&self, session: &str) -> Result<(), Declined> {
        Ok(self.with(|state| checkout::arrive(state, session, true))?)
    }

    pub fn transfer_fails(&self, session: &str) -> Result<(), Declined> {
        Ok(self.with(|state| checkout::arrive(state, session, false))?)
    }

    /// In the browser, with a card such as [`GOOD_CARD`]. Also the payment of an invoice, by its intent.
    pub fn confirm_intent(&self, id: &str, card: &str) -> Result<(), Declined> {
        let params = Params::of(&json!({ "payment_method": card }));
        Ok(self.with(|state| intents::confirm(state, id, &params).map(drop))?)
    }

    /// The payment of an invoice, by the invoice.
    pub fn pay_invoice(&self, id: &str, card: &str) -> Result<(), Declined> {
        let params = Params::of(&json!({ "payment_method": card }));
        Ok(self.with(|state| invoices::pay_by_call(state, id, &params).map(drop))?)
    }

    /// `cents`: a part; `None`: all that is left. Answers the refund's id.
    pub fn refund(&self, charge_or_intent: &str, cents: Option<i64>) -> Result<String, Declined> {
        let name = if charge_or_intent.starts_with("pi_") { "payment_intent" } else { "charge" };
        let mut params = json!({ name: charge_or_intent });
        if let Some(cents) = cents {
            params["amount"] = json!(cents.to_string());
        }
        let refund = self.with(|state| money::refund(state, &Params::of(&params)))?;
        Ok(refund["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Answers the dispute's id.
    pub fn dispute(&self, charge_or_intent: &str) -> Result<String, Declined> {
        Ok(self.with(|state| {
            let charge = match state.text(charge_or_intent, "latest_charge") {
                Some(charge) => charge,
                None => charge_or_intent.to_owned(),
            };
            money::open_dispute(state, &charge)
        })?)
    }

    pub fn close_dispute(&self, dispute: &str, verdict: Verdict) -> Result<(), Declined> {
        Ok(self.with(|state| money::close_dispute(state, dispute, verdict))?)
    }

    /// Ends at once, as if somebody had clicked so in Stripe's own console.
    pub fn end_subscription(&self, id: &str) -> Result<(), Declined> {
        Ok(self.with(|state| subscriptions::cancel(state, id, &Params::default()).map(drop))?)
    }

    /// What the customer's renewals are charged to from now on.
    pub fn set_card(&self, customer: &str, card: &str) -> Result<(), Declined> {
        let visit = json!({ "customer": customer });
        Ok(self.with(|state| super::portal::set_card(state, &visit, card))?)
    }

    /// The double's own clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.shared.state().now()).unwrap_or_default()
    }

    /// Moves its clock. All that falls due on the way happens.
    pub fn advance(&self, seconds: i64) {
        self.with(|state| clock::advance(state, seconds));
    }

    /// Moves its clock to where a subscription's present period has ended and its next invoice has been charged.
    pub fn renew(&self, subscription: &str) {
        self.with(|state| {
            let end = state.shown(subscription)["items"]["data"][0]["current_period_end"].as_i64();
            let wait = end.unwrap_or_default() + invoices::DRAFT_S - state.now();
            clock::advance(state, wait.max(0));
        });
    }

    /// The next requests have these, one each, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().faults.extend(faults);
    }

    /// Faults that no request has had yet are forgotten.
    pub fn heal(&self) {
        self.shared.state().faults.clear();
    }

    /// Requests that came so far to one folder of the API, such as `POST checkout`, those with faults too.
    #[must_use]
    pub fn calls(&self, method_and_folder: &str) -> u64 {
        self.shared.state().calls.get(method_and_folder).copied().unwrap_or_default()
    }

    /// Events are held back from now on, for [`take_held`](Self::take_held).
    pub fn hold(&self) {
        self.shared.state().holds = true;
    }

    /// Those that were held back, the oldest first; they are nowhere then but here and in the list of events.
    #[must_use]
    pub fn take_held(&self) -> Vec<HeldEvent> {
        let mut state = self.shared.state();
        let held = std::mem::take(&mut state.held);
        held.iter().map(|id| held_event(&state, id)).collect()
    }

    /// Sends what was held back, and all that comes.
    pub fn release(&self) {
        self.with(|state| {
            state.holds = false;
            for event in std::mem::take(&mut state.held) {
                state.send(&event);
            }
        });
    }

    /// All events so far, the oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<HeldEvent> {
        let state = self.shared.state();
        let ids: Vec<String> =
            state.all("event").filter_map(|event| event["id"].as_str().map(str::to_owned)).collect();
        ids.iter().map(|id| held_event(&state, id)).collect()
    }

    /// Sends an event again, to all addresses, as Stripe's own console does.
    pub fn redeliver(&self, event: &str) {
        self.with(|state| state.send(event));
    }

    /// Sends one by hand and answers the status.
    pub async fn post(&self, event: &Value, url: &str, secret: &str) -> reqwest::Result<u16> {
        let endpoint = Endpoint { url: url.to_owned(), secret: secret.to_owned() };
        post(&reqwest::Client::new(), &endpoint, event).await
    }

    /// Any object as it is now; null where there is none.
    #[must_use]
    pub fn object(&self, id: &str) -> Value {
        self.shared.state().shown(id)
    }

    /// All of a kind, such as `subscription`, the oldest first.
    #[must_use]
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let state = self.shared.state();
        state.all(kind).map(super::state::show).collect()
    }

    /// Changes an object behind everybody's back: no event tells of it.
    pub fn tamper(&self, id: &str, change: impl FnOnce(&mut Value)) {
        change(self.shared.state().edit(id));
    }
}

fn held_event(state: &State, id: &str) -> HeldEvent {
    let event = state.shown(id);
    let kind = event["type"].as_str().unwrap_or_default().to_owned();
    HeldEvent { id: id.to_owned(), kind, body: body(&event), event }
}

/// A header for a body: what Stripe would send with it at this time.
#[must_use]
pub fn signature(secret: &str, at: Timestamp, body: &str) -> String {
    header(secret, at, body)
}

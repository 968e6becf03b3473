//! Whose turn it is: events of one customer are done one after the other on this node.
//!
//! Those of one purchase come at the same moment and lead to the same rows. Done at once, all but one would find that somebody
//! wrote since they looked, and ask Stripe again: right in the end (`sync`), at twice the cost.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::billing::stripe::StripeEvent;

/// Customers who share a place wait for each other.
const PLACES: usize = 256;

pub(super) struct Customers {
    places: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl Default for Customers {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Customers {
    /// Waits until no other event of the same customer is being done. `None`: it names none, and waits for nobody.
    pub async fn turn(&self, event: &StripeEvent) -> Option<MutexGuard<'_, ()>> {
        let customer = event.payload["data"]["object"]["customer"].as_str()?;
        let place = self.hasher.hash_one(customer) as usize % PLACES;
        Some(self.places[place].lock().await)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;

    fn of(customer: Option<&str>) -> StripeEvent {
        StripeEvent {
            id: "evt_1".to_owned(),
            kind: "payment_intent.succeeded".to_owned(),
            object_id: None,
            object_type: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            livemode: false,
            api_version: None,
            payload: json!({ "data": { "object": { "customer": customer } } }),
        }
    }

    #[tokio::test]
    async fn events_of_one_customer_wait_for_each_other_and_others_do_not() {
        let customers = Customers::default();
        let first = customers.turn(&of(Some("cus_1"))).await;
        assert!(customers.turn(&of(Some("cus_1"))).now_or_never().is_none());
        assert!(customers.turn(&of(None)).now_or_never().is_some());
        drop(first);
        assert!(customers.turn(&of(Some("cus_1"))).now_or_never().flatten().is_some());
    }
}

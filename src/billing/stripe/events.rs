//! Stripe's events: what happened there. They are kept whole, and read no further than an envelope: types and objects that
//! this version of the crates does not know come too.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use stripe_core::event::ListEvent;
use stripe_types::RangeQueryTs;

use super::{PAGE, Stripe, StripeError, StripeEvent};

impl Stripe {
    /// A page of events since then, the newest first. Stripe keeps them for 30 days.
    pub async fn list_events(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<StripeEvent>, StripeError> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Value>,
        }
        let mut request = ListEvent::new().created(RangeQueryTs::gte(since.as_second())).limit(PAGE);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        let bytes = self.0.transport.raw(&request).await?;
        let page: Page =
            serde_json::from_slice(&bytes).map_err(|error| StripeError::Strange(error.to_string()))?;
        let read = |payload| {
            StripeEvent::read(payload)
                .ok_or_else(|| StripeError::Strange("no event in a list of them".to_owned()))
        };
        page.data.into_iter().map(read).collect()
    }
}

impl StripeEvent {
    /// `None`: this is no event.
    #[must_use]
    pub fn read(payload: Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if payload["object"] != "event" {
            return None;
        }
        let object = &payload["data"]["object"];
        Some(Self {
            id: text(&payload["id"])?,
            kind: text(&payload["type"])?,
            object_id: text(&object["id"]),
            object_type: text(&object["object"]),
            livemode: payload["livemode"].as_bool().unwrap_or_default(),
            api_version: text(&payload["api_version"]),
            created_at: Timestamp::from_second(payload["created"].as_i64()?).ok()?,
            payload,
        })
    }
}

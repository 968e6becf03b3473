//! What goes wrong on the wire, when it is asked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Fault {
    /// Answered with this status and nothing done: 409, 429, or one of 500 and above.
    #[serde(rename_all = "camelCase")]
    Status {
        status: u16,
        /// Seconds, told as `Retry-After`.
        retry_after: Option<u64>,
        /// Told as `Stripe-Should-Retry`.
        should_retry: Option<bool>,
    },
    /// Nothing done, and no answer for so long.
    #[serde(rename_all = "camelCase")]
    Hang { ms: u64 },
    /// Nothing done; the connection is cut.
    Cut,
    /// All is done, and the answer gets lost.
    Lose,
    /// It works, slowly.
    #[serde(rename_all = "camelCase")]
    Slow { ms: u64 },
    /// An answer that is no JSON.
    Garbage,
}

impl Fault {
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, should_retry: None }
    }

    /// 429, to come again after so many seconds.
    #[must_use]
    pub fn too_many(seconds: u64) -> Self {
        Self::Status { status: 429, retry_after: Some(seconds), should_retry: None }
    }

    #[must_use]
    pub fn hang(time: Duration) -> Self {
        Self::Hang { ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
    }
}

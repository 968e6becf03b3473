//! How the webhooks do, for whoever watches over the server.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Webhooks;
use super::store::{self, Standing};
use crate::conversations::view::wire_time;

/// Everybody may ask: the database is asked no more often than this.
const FRESH: Duration = Duration::from_secs(1);
/// An event that waits for longer says that something is broken.
const WAITING_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What was found last.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Instant, Option<Standing>)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WebhookStatus {
    Up,
    /// The database is away, or events wait for longer than a quarter of an hour.
    Down,
    /// Payments are not set up here.
    Off,
}

/// The last four only for admins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookHealth {
    pub status: WebhookStatus,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub detail: Option<WebhookDetail>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookDetail {
    /// When the latest event came.
    last_event_at: Option<Timestamp>,
    waiting: u64,
    failed: u64,
    oldest_waiting_at: Option<Timestamp>,
}

impl From<Standing> for WebhookDetail {
    fn from(standing: Standing) -> Self {
        Self {
            last_event_at: standing.last_at.map(wire_time),
            waiting: standing.waiting.unsigned_abs(),
            failed: standing.failed.unsigned_abs(),
            oldest_waiting_at: standing.oldest_waiting_at.map(wire_time),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Admin,
    Anybody,
}

impl Webhooks {
    pub(super) async fn health(&self, asker: Asker) -> WebhookHealth {
        let standing = self.standing().await;
        let now = Timestamp::now();
        let late = |since: Timestamp| now.duration_since(since) > WAITING_MAX;
        let status = match &standing {
            _ if !self.is_on() => WebhookStatus::Off,
            Some(standing) if !standing.oldest_waiting_at.is_some_and(late) => WebhookStatus::Up,
            _ => WebhookStatus::Down,
        };
        let detail = (asker == Asker::Admin).then(|| standing.unwrap_or_default().into());
        WebhookHealth { status, detail }
    }

    /// Whether webhooks can be taken.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.stripe.is_some() && !self.0.settings.secrets.is_empty()
    }

    /// `None`: the database is away.
    async fn standing(&self) -> Option<Standing> {
        let kept = *self.0.health.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, standing)) = kept
            && at.elapsed() < FRESH
        {
            return standing;
        }
        let standing = match self.client().await {
            Ok(client) => store::standing(&client).await.ok(),
            Err(_) => None,
        };
        *self.0.health.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), standing));
        standing
    }
}

//! How queues and dead jobs look to an admin, and the cursor of the list of dead ones.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::admin::{Counts, DeadJob, Facts, Position};
use super::{LiveNumbers, QueueName};
use crate::conversations::view::wire_time;
use crate::error::FieldError;
use crate::http::{PageQuery, moment_cursor};

/// What keeps a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueKind {
    /// The database, for all nodes.
    Jobs,
    /// The engine of this node, which cannot be paused; with the jobs that are stored behind it.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueState {
    Running,
    Paused,
}

/// A queue in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    #[schema(value_type = String)]
    pub name: &'static str,
    pub kind: QueueKind,
    pub state: QueueState,
    /// Due now.
    pub waiting: u64,
    /// Waiting for their time: asked for later, or failed and to be tried again.
    pub delayed: u64,
    pub running: u64,
    /// Dead: given up after their last try. Of a live queue: since this node started.
    pub failed: u64,
    /// Done within 24 hours; null for a live queue.
    #[serde(rename = "done24h")]
    pub done_24h: Option<u64>,
    /// Done since this node started; null for a stored queue.
    pub done_since_start: Option<u64>,
    /// Of the one that has waited longest; null when none waits, or where it is not known.
    pub oldest_waiting_ms: Option<u64>,
}

impl QueueView {
    pub fn stored(queue: QueueName, counts: Option<&Counts>, paused: &[String]) -> Self {
        let number = |of: fn(&Counts) -> u64| counts.map_or(0, of);
        Self {
            name: queue.as_str(),
            kind: QueueKind::Jobs,
            state: state(queue, paused),
            waiting: number(|it| it.waiting),
            delayed: number(|it| it.delayed),
            running: number(|it| it.running),
            failed: number(|it| it.dead),
            done_24h: Some(0),
            done_since_start: None,
            oldest_waiting_ms: counts.and_then(|it| it.oldest_waiting_ms),
        }
    }

    pub fn live(queue: QueueName, numbers: LiveNumbers) -> Self {
        let ms = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: queue.as_str(),
            kind: QueueKind::Live,
            state: QueueState::Running,
            waiting: numbers.waiting,
            delayed: 0,
            running: numbers.running,
            failed: numbers.failed,
            done_24h: None,
            done_since_start: Some(numbers.done),
            oldest_waiting_ms: numbers.oldest_waiting.map(ms),
        }
    }

    /// With the jobs that are stored in it too.
    pub fn with(self, stored: Option<&Counts>) -> Self {
        let Some(stored) = stored else { return self };
        Self {
            waiting: self.waiting + stored.waiting,
            delayed: self.delayed + stored.delayed,
            running: self.running + stored.running,
            failed: self.failed + stored.dead,
            oldest_waiting_ms: self.oldest_waiting_ms.max(stored.oldest_waiting_ms),
            ..self
        }
    }
}

pub fn state(queue: QueueName, paused: &[String]) -> QueueState {
    if paused.iter().any(|name| name == queue.as_str()) { QueueState::Paused } else { QueueState::Running }
}

/// All queues.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueList {
    pub items: Vec<QueueView>,
}

/// A queue as anybody may see it; the numbers are for admins.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueBrief {
    #[schema(value_type = String)]
    pub name: &'static str,
    pub state: QueueState,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<QueueNumbers>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueNumbers {
    pub waiting: u64,
    pub delayed: u64,
    pub running: u64,
    pub failed: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QueueOverview {
    pub queues: Vec<QueueBrief>,
}

/// A job that was given up. What it was about is not told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadJobView {
    pub id: Uuid,
    pub queue: String,
    /// Which handler does it.
    pub kind: String,
    pub key: Option<String>,
    /// Tries.
    pub attempts: u32,
    pub last_error: Option<String>,
    pub payload_bytes: u32,
    pub created_at: Timestamp,
    pub died_at: Timestamp,
}

impl From<DeadJob> for DeadJobView {
    fn from(job: DeadJob) -> Self {
        Self {
            id: job.position.id,
            queue: job.queue,
            kind: job.kind,
            key: job.key,
            attempts: job.attempts,
            last_error: job.last_error,
            payload_bytes: job.payload_bytes,
            created_at: wire_time(job.created_at),
            died_at: wire_time(job.position.died_at),
        }
    }
}

/// A job that waits for its next try.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingJobView {
    pub id: Uuid,
    pub queue: String,
    pub kind: String,
    pub key: Option<String>,
    /// `waiting`.
    #[schema(value_type = String)]
    pub state: &'static str,
}

impl From<Facts> for WaitingJobView {
    fn from(job: Facts) -> Self {
        Self { id: job.id.uuid(), queue: job.queue, kind: job.kind, key: job.key, state: "waiting" }
    }
}

#[must_use]
pub fn cursor(position: Position) -> String {
    moment_cursor(position.died_at, position.id)
}

/// Where a page begins; `None` for the first one and when going by page number.
pub fn position(page: &PageQuery) -> Result<Option<Position>, FieldError> {
    let place = page.after_moment()?;
    Ok(place.map(|(died_at, id)| Position { died_at, id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cursor: &str) -> Result<Option<Position>, FieldError> {
        position(&PageQuery { cursor: Some(cursor.to_owned()), ..PageQuery::default() })
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_another_is_refused() {
        let at = Position {
            died_at: Timestamp::from_microsecond(1_767_225_600_123_456).unwrap(),
            id: Uuid::now_v7(),
        };
        assert_eq!(of(&cursor(at)).unwrap(), Some(at));
        for text in [".", "1", "1.2", "x.01980000000070008000000000000000", "9223372036854775807.0"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_queue_without_jobs_is_shown_too() {
        let view = QueueView::stored(QueueName::Emails, None, &["emails".to_owned()]);
        let view = serde_json::to_value(view).unwrap();
        assert_eq!(
            (&view["name"], &view["state"], &view["done24h"]),
            (&"emails".into(), &"paused".into(), &0.into())
        );
        assert!(view["doneSinceStart"].is_null());
    }
}

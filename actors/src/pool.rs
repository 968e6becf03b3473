//! The AI-worker pool.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{FailureCode, Finish, MessageId, Priority, TokenUsage, UserId};
use crate::ports::{GenerateRequest, Generator};
use crate::settings::PoolSettings;

/// One reply to be generated.
#[derive(Clone, Debug)]
pub struct Job {
    pub turn: MessageId,
    pub user: UserId,
    pub priority: Priority,
    pub request: Arc<GenerateRequest>,
    /// Cancelled when the turn ends: the worker then ends the stream upstream at once.
    pub cancel: CancellationToken,
}

/// What the pool tells a turn, in order; ends with `Done` or `Failed` unless the job was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolEvent {
    /// A worker has it.
    Thinking,
    Text(String),
    Done {
        finish: Finish,
        usage: TokenUsage,
    },
    /// After the last try, or in the middle of the text.
    Failed {
        code: FailureCode,
    },
}

/// Events of one job. Bounded: a turn that does not read slows its own stream only.
pub type PoolEvents = mpsc::Receiver<PoolEvent>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many replies wait for a worker")]
pub struct PoolFull;

/// Numbers for the console and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolSnapshot {
    pub workers: usize,
    pub running: usize,
    /// Waiting jobs by priority.
    pub queued: Vec<(Priority, usize)>,
    /// Of the job that has waited longest.
    pub longest_wait_ms: u64,
    pub completed: u64,
    pub failed: u64,
    pub refused: u64,
    pub retried: u64,
    pub cancelled: u64,
}

#[derive(Clone)]
pub struct Pool {}

impl Pool {
    pub async fn start(
        _settings: PoolSettings,
        _generator: Arc<dyn Generator>,
    ) -> Result<Self, ractor::SpawnErr> {
        todo!()
    }
    /// Whether another job would be taken now: asked before a message that wants a reply is stored.
    #[must_use]
    pub fn has_room(&self) -> bool {
        todo!()
    }
    pub fn submit(&self, _job: Job) -> Result<PoolEvents, PoolFull> {
        todo!()
    }
    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        todo!()
    }
    /// Takes no new job; returns when the running ones have ended.
    pub async fn drain(&self) {
        todo!()
    }
}

//! The pool under a clock that stands still and a generator that does as it is told.

mod courses;
mod order;
mod tries;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Job, Pool, PoolEvent, PoolEvents};
use crate::domain::{FailureCode, MessageId, Priority, UserId};
use crate::pace::Pace;
use crate::ports::{GenerateRequest, PromptMessage, PromptRole};
use crate::settings::PoolSettings;
use crate::testsuite::{Script, ScriptedGenerator, character};

struct Bench {
    pool: Pool,
    generator: Arc<ScriptedGenerator>,
}

impl Bench {
    async fn start(change: impl FnOnce(&mut PoolSettings)) -> Self {
        let mut settings =
            PoolSettings { workers: 1, queue_max: 100, per_user: 100, ..PoolSettings::default() };
        change(&mut settings);
        let generator = Arc::new(ScriptedGenerator::default());
        let pool = Pool::start(settings, generator.clone(), Pace::default()).await.unwrap();
        Self { pool, generator }
    }

    fn submit(&self, job: &Job) -> PoolEvents {
        self.pool.submit(job.clone()).unwrap()
    }

    /// Submits a job named `name` and waits until the pool has seen it.
    async fn queue(&self, name: &str, user: UserId, priority: u8) -> PoolEvents {
        let events = self.submit(&job(name, user, priority));
        settle().await;
        events
    }
}

fn job(name: &str, user: UserId, priority: u8) -> Job {
    Job {
        turn: MessageId::new(),
        user,
        priority: Priority(priority),
        request: request(name, user),
        cancel: CancellationToken::new(),
        so_far: None,
        bill: super::Bill::default(),
    }
}

fn request(name: &str, user: UserId) -> Arc<GenerateRequest> {
    Arc::new(GenerateRequest {
        character: Arc::new(character("Test")),
        user,
        user_name: "Somebody".into(),
        messages: vec![PromptMessage::new(PromptRole::User, name)],
        max_tokens: 100,
        temperature: 1.0,
        stop: Vec::new(),
        purpose: crate::domain::Purpose::Reply,
        freshness: crate::ports::Freshness::Any,
    })
}

/// Lets all that can run, run; no timer of a second or more goes off.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// All events to the end.
async fn all(mut events: PoolEvents) -> Vec<PoolEvent> {
    let mut heard = Vec::new();
    while let Some(event) = events.recv().await {
        heard.push(event);
    }
    heard
}

fn text(text: &str) -> PoolEvent {
    PoolEvent::Text(text.to_owned())
}

fn failed(code: FailureCode) -> Option<PoolEvent> {
    Some(PoolEvent::Failed { code })
}

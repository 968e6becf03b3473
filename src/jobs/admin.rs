//! What an admin sees of the queues and does with them.

use std::future::Future;

use deadpool_postgres::{Client, Transaction};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde_json::{Value, json};

use super::store::admin::{self as store, DeadJob, Facts, Position, State};
use super::view::{QueueKind, QueueState, QueueView, state};
use super::{JobId, Jobs, QueueName, Shared};
use crate::accounts::Origin;
use crate::audit::{self, Act};
use crate::http::Caller;
use crate::postgres::{Stored, refusal};

impl Shared {
    /// All queues, in the order of [`QueueName::ALL`]. What was done is left out: counting it may take a while.
    pub(super) async fn depths(&self) -> Stored<Vec<QueueView>> {
        let client = self.pool.get().await?;
        let (counts, paused) = (store::counts(&client).await?, store::paused(&client).await?);
        let view = |queue: QueueName| {
            if queue.is_live() {
                let look = self.live.iter().find(|live| live.name == queue).map(|live| (live.look)());
                let stored = counts.iter().find(|it| it.queue == queue.as_str());
                return QueueView::live(queue, look.unwrap_or_default()).with(stored);
            }
            QueueView::stored(queue, counts.iter().find(|it| it.queue == queue.as_str()), &paused)
        };
        Ok(QueueName::ALL.map(view).into())
    }

    /// The same with what was done.
    async fn queues(&self) -> Stored<Vec<QueueView>> {
        let mut queues = self.depths().await?;
        let done = store::done_24h(&self.pool.get().await?).await?;
        for queue in queues.iter_mut().filter(|queue| queue.kind == QueueKind::Jobs) {
            queue.done_24h = Some(done.get(queue.name).copied().unwrap_or_default());
        }
        Ok(queues)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// Who acts, and from where.
pub(super) struct By<'a>(pub &'a Caller, pub &'a Origin);

impl By<'_> {
    /// Notes the act in its own transaction, and in the log.
    async fn record(
        &self,
        transaction: &Transaction<'_>,
        action: &'static str,
        target: (&'static str, String),
        detail: Value,
    ) -> Result<(), Refusal> {
        tracing::warn!(admin = %self.0.user, action, target = target.1, "an admin acted on jobs");
        let act = Act { detail, ..Act::new(self.0, action, target, self.1) };
        stored(audit::record(transaction, &act)).await
    }
}

/// Brings a store's error into the one form.
async fn stored<T>(done: impl Future<Output = Stored<T>>) -> Result<T, Refusal> {
    done.await.map_err(|error| refusal(&error))
}

impl Jobs {
    pub(super) async fn queues(&self) -> Result<Vec<QueueView>, Refusal> {
        stored(self.0.shared.queues()).await
    }

    /// Names and states alone: cheap enough for anybody to ask.
    pub(super) async fn states(&self) -> Result<Vec<(QueueName, QueueState)>, Refusal> {
        let client = self.0.shared.client().await?;
        let paused = stored(store::paused(&client)).await?;
        Ok(QueueName::ALL.map(|queue| (queue, state(queue, &paused))).into())
    }

    /// Nothing of it is taken until it goes on, on any node; what runs ends. Pausing a paused one changes nothing.
    pub(super) async fn pause(&self, queue: QueueName, by: &By<'_>) -> Result<(), Refusal> {
        not_live(queue)?;
        let mut client = self.0.shared.client().await?;
        let transaction = begin(&mut client).await?;
        if stored(store::pause(&transaction, queue, by.0.user)).await? {
            by.record(&transaction, "queue.pause", ("queue", queue.to_string()), json!({})).await?;
        }
        commit(transaction).await
    }

    /// The other way.
    pub(super) async fn resume(&self, queue: QueueName, by: &By<'_>) -> Result<(), Refusal> {
        not_live(queue)?;
        let mut client = self.0.shared.client().await?;
        let transaction = begin(&mut client).await?;
        if stored(store::resume(&transaction, queue)).await? {
            by.record(&transaction, "queue.resume", ("queue", queue.to_string()), json!({})).await?;
        }
        commit(transaction).await
    }

    /// The latest dead first, and how many there are.
    pub(super) async fn dead(
        &self,
        queue: Option<QueueName>,
        after: Option<Position>,
        skip: u64,
        limit: u32,
    ) -> Result<(Vec<DeadJob>, u64), Refusal> {
        let client = self.0.shared.client().await?;
        let dead = stored(store::dead(&client, queue, after, skip, limit)).await?;
        Ok((dead, stored(store::dead_count(&client, queue)).await?))
    }

    /// Tries a dead job anew, or one that waits for its time at once.
    pub(super) async fn retry(&self, job: JobId, by: &By<'_>) -> Result<Facts, Refusal> {
        let mut client = self.0.shared.client().await?;
        let transaction = begin(&mut client).await?;
        at_rest(stored(store::lock(&transaction, job)).await?)?;
        let Some(facts) = stored(store::retry(&transaction, job)).await? else {
            return Err(conflict("another job with its key waits already"));
        };
        by.record(&transaction, "job.retry", ("job", job.to_string()), detail(&facts)).await?;
        commit(transaction).await?;
        Ok(facts)
    }

    /// Forgets a dead or waiting job.
    pub(super) async fn drop_job(&self, job: JobId, by: &By<'_>) -> Result<(), Refusal> {
        let mut client = self.0.shared.client().await?;
        let transaction = begin(&mut client).await?;
        at_rest(stored(store::lock(&transaction, job)).await?)?;
        let facts = stored(store::delete(&transaction, job)).await?.ok_or_else(no_such_job)?;
        by.record(&transaction, "job.drop", ("job", job.to_string()), detail(&facts)).await?;
        commit(transaction).await
    }
}

async fn begin(client: &mut Client) -> Result<Transaction<'_>, Refusal> {
    client.transaction().await.map_err(|error| refusal(&error))
}

async fn commit(transaction: Transaction<'_>) -> Result<(), Refusal> {
    transaction.commit().await.map_err(|error| refusal(&error))
}

fn detail(facts: &Facts) -> Value {
    json!({ "queue": facts.queue, "kind": facts.kind, "key": facts.key })
}

fn not_live(queue: QueueName) -> Result<(), Refusal> {
    if queue.is_live() {
        return Err(conflict("this queue shows what the engine does: it cannot be paused"));
    }
    Ok(())
}

/// What can be acted on: neither running nor done.
fn at_rest(state: Option<State>) -> Result<(), Refusal> {
    match state {
        Some(State::Waiting | State::Dead) => Ok(()),
        Some(State::Running) => Err(conflict("it runs at this moment")),
        Some(State::Done) => Err(conflict("it is done")),
        None => Err(no_such_job()),
    }
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(RefusalCode::Conflict, message)
}

fn no_such_job() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such job")
}

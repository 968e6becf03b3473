//! What an admin sees of the queues and does with them.

use std::future::Future;

use deadpool_postgres::Client;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::store::admin::{self as store, DeadJob, Facts, Position, State};
use super::view::{QueueState, QueueView, state};
use super::{JobId, Jobs, QueueName, Shared};
use crate::postgres::{Stored, refusal};

impl Shared {
    /// All queues, in the order of [`QueueName::ALL`].
    pub(super) async fn queues(&self) -> Stored<Vec<QueueView>> {
        let client = self.pool.get().await?;
        let (counts, paused) = (store::counts(&client).await?, store::paused(&client).await?);
        let view = |queue: QueueName| {
            if queue.is_live() {
                let look = self.live.iter().find(|live| live.name == queue).map(|live| (live.look)());
                return QueueView::live(queue, look.unwrap_or_default());
            }
            QueueView::stored(queue, counts.iter().find(|it| it.queue == queue.as_str()), &paused)
        };
        Ok(QueueName::ALL.map(view).into())
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
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
    pub(super) async fn pause(&self, queue: QueueName, by: UserId) -> Result<(), Refusal> {
        not_live(queue)?;
        let client = self.0.shared.client().await?;
        stored(store::pause(&client, queue, by)).await
    }

    pub(super) async fn resume(&self, queue: QueueName) -> Result<(), Refusal> {
        not_live(queue)?;
        let client = self.0.shared.client().await?;
        stored(store::resume(&client, queue)).await
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
    pub(super) async fn retry(&self, job: JobId) -> Result<Facts, Refusal> {
        let mut client = self.0.shared.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        at_rest(stored(store::lock(&transaction, job)).await?)?;
        let Some(facts) = stored(store::retry(&transaction, job)).await? else {
            return Err(conflict("another job with its key waits already"));
        };
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(facts)
    }

    /// Forgets a dead or waiting job.
    pub(super) async fn drop_job(&self, job: JobId) -> Result<Facts, Refusal> {
        let mut client = self.0.shared.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        at_rest(stored(store::lock(&transaction, job)).await?)?;
        let facts = stored(store::delete(&transaction, job)).await?.ok_or_else(no_such_job)?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(facts)
    }
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

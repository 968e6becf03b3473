//! The AI-worker pool: decides which reply is generated when, and sees each one to its end.
//!
//! It is a `ractor::factory` whose workers run one job each. Its own parts: the order in which jobs wait ([`queue`]),
//! the counts that bound it ([`book`]), the job's ticket, which reports an end whatever happens ([`ticket`]), the tries of
//! one job ([`worker`], [`course`]), and the seam where text goes on
//! from what was said ([`seam`]). It holds no text and knows no provider: that is the [`Generator`]'s.
//!
//! Limits: at most `workers` jobs run and `queue_max` wait behind them; at most `per_user` of one user run; the events
//! of one job are bounded, so a slow turn slows its own stream only.

mod bill;
mod book;
mod course;
mod queue;
mod seam;
mod ticket;
mod worker;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::factory::{Factory, FactoryArguments, FactoryMessage, worker_builder};
use ractor::{Actor, ActorRef, SpawnErr};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::bill::Bill;
use self::book::Book;
pub(crate) use self::course::RESTARTS_MAX;
use self::queue::{AgedQueue, PoolRouter};
pub(crate) use self::seam::{Joined, Seam};
use self::ticket::Ticket;
use self::worker::PoolWorker;
use crate::domain::{FailureCode, Finish, MessageId, Priority, UserId};
use crate::pace::Pace;
use crate::ports::{GenerateRequest, Generator};
use crate::settings::PoolSettings;

/// Pause before a factory that broke is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// One reply to be generated.
#[derive(Clone, Debug)]
pub struct Job {
    pub turn: MessageId,
    pub user: UserId,
    pub priority: Priority,
    pub request: Arc<GenerateRequest>,
    /// Cancelled when the turn ends: the worker then ends the stream upstream at once.
    pub cancel: CancellationToken,
    /// What an earlier holder of the turn had let be said: it is to go on from there.
    pub so_far: Option<Arc<str>>,
    /// What it cost, for the turn to read when it ends.
    pub bill: Bill,
}

/// What the pool tells a turn, in order; ends with `Done` or `Failed` unless the job was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolEvent {
    /// A worker has it.
    Thinking,
    Text(String),
    /// What was said so far is void; the text that follows begins anew.
    Restarted,
    Done {
        finish: Finish,
    },
    /// After the last try. What was said until then stands.
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

/// Jobs are told apart by the order in which they came.
type JobNumber = u64;
type PoolMessage = FactoryMessage<JobNumber, Ticket>;
type PoolFactory = Factory<JobNumber, Ticket, (), PoolWorker, PoolRouter, AgedQueue>;

/// Cheap to clone. When the last clone goes, the workers end with what they run.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    book: Arc<Book>,
    ageing_step: Duration,
    /// Changes only when a broken factory is replaced. Held while a job is entered and sent, so that no job can
    /// arrive behind the drain.
    factory: Arc<Mutex<ActorRef<PoolMessage>>>,
    /// Cancelled when the factory has ended for good.
    ended: CancellationToken,
}

impl Pool {
    /// Starts the workers on the present tokio runtime. More of a reply that is under way is wanted at that pace.
    pub async fn start(
        settings: PoolSettings,
        generator: Arc<dyn Generator>,
        pace: Pace,
    ) -> Result<Self, SpawnErr> {
        let ageing_step = settings.ageing_step;
        let book = Arc::new(Book::new(&settings));
        let maker = Maker { settings: Arc::new(settings), generator, pace, book: book.clone() };
        let (factory, handle) = maker.make().await?;
        let factory = Arc::new(Mutex::new(factory));
        let ended = CancellationToken::new();
        tokio::spawn(keep(maker, factory.clone(), handle, ended.clone()));
        Ok(Self { inner: Arc::new(Inner { book, ageing_step, factory, ended }) })
    }

    /// Whether another job would be taken now: asked before a message that wants a reply is stored.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.inner.book.has_room()
    }

    /// Hands a job to the pool and returns what will be heard of it.
    pub fn submit(&self, job: Job) -> Result<PoolEvents, PoolFull> {
        let factory = lock(&self.inner.factory);
        let number = self.inner.book.enter(job.priority, &job.cancel).ok_or(PoolFull)?;
        let (ticket, events) = Ticket::new(job, number, self.inner.ageing_step, self.inner.book.clone());
        // A factory that just broke gives the ticket back; dropped here, it tells the turn.
        let dispatched = factory.cast(FactoryMessage::Dispatch(ractor::factory::Job::new(number, ticket)));
        drop(factory);
        drop(dispatched);
        Ok(events)
    }

    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        self.inner.book.snapshot()
    }

    /// Takes no new job; returns when all that were taken, running or waiting, have ended. May be called by several.
    pub async fn drain(&self) {
        {
            let factory = lock(&self.inner.factory);
            self.inner.book.close();
            // An error says that the factory has ended already.
            let _ = factory.cast(FactoryMessage::DrainRequests);
        }
        self.inner.ended.cancelled().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.book.close();
        lock(&self.factory).kill();
    }
}

/// All that a factory is made from, to make it again.
struct Maker {
    settings: Arc<PoolSettings>,
    generator: Arc<dyn Generator>,
    pace: Pace,
    book: Arc<Book>,
}

impl Maker {
    async fn make(&self) -> Result<(ActorRef<PoolMessage>, JoinHandle<()>), SpawnErr> {
        let (settings, generator, pace) = (self.settings.clone(), self.generator.clone(), self.pace.clone());
        let arguments = FactoryArguments {
            worker_builder: Box::new(worker_builder(move |_| {
                (PoolWorker::new(settings.clone(), generator.clone(), pace.clone()), ())
            })),
            num_initial_workers: self.settings.workers.max(1),
            router: PoolRouter::new(self.book.clone()),
            queue: AgedQueue::new(self.book.clone()),
            // The book refuses before the factory would have to.
            discard_handler: None,
            discard_settings: ractor::factory::DiscardSettings::None,
            dead_mans_switch: None,
            capacity_controller: None,
            lifecycle_hooks: None,
            stats: None,
        };
        Actor::spawn(None, PoolFactory::default(), arguments).await
    }
}

/// Replaces a factory that broke. Its jobs are lost with it; their tickets have told their turns.
async fn keep(
    maker: Maker,
    factory: Arc<Mutex<ActorRef<PoolMessage>>>,
    mut handle: JoinHandle<()>,
    ended: CancellationToken,
) {
    loop {
        let _ = (&mut handle).await;
        if maker.book.is_closed() {
            ended.cancel();
            return;
        }
        tracing::error!("the pool's factory ended unasked and is started again");
        tokio::time::sleep(RESTART_PAUSE).await;
        match maker.make().await {
            Ok((next, next_handle)) => {
                *lock(&factory) = next;
                handle = next_handle;
                // Who closed the pool meanwhile spoke to the factory that is no more.
                if maker.book.is_closed() {
                    let _ = lock(&factory).cast(FactoryMessage::DrainRequests);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the pool's factory could not be started again");
                handle = tokio::spawn(async {});
            }
        }
    }
}

/// What the lock guards is whole after every statement, so a panic of a holder spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! In which order jobs reach a worker.
//!
//! By rank (priority and age, see [`Ticket::rank`]), passing over users who have `per_user` jobs running. No job waits
//! while a worker is idle and its user has a place: a worker that ends frees one place of one user and takes the best
//! job itself, so at most one job becomes able to run and that worker is there for it. A job that just came goes past
//! the queue only when a worker is idle, and never past its own user's older ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ractor::ActorProcessingErr;
use ractor::factory::queues::Queue;
use ractor::factory::routing::{QueuerRouting, RouteResult, Router};
use ractor::factory::{DiscardHandler, Job, WorkerId, WorkerProperties};
use tokio::time::Instant;

use super::JobNumber;
use super::book::Book;
use super::ticket::Ticket;

type PoolJob = Job<JobNumber, Ticket>;

/// The jobs that wait. Its length is bounded by the book, which refuses before a job gets here.
pub(super) struct AgedQueue {
    jobs: BTreeMap<(Instant, JobNumber), PoolJob>,
    book: Arc<Book>,
}

impl AgedQueue {
    pub fn new(book: Arc<Book>) -> Self {
        Self { jobs: BTreeMap::new(), book }
    }

    fn next(&self) -> Option<(Instant, JobNumber)> {
        let live = || self.jobs.iter().filter(|(_, job)| !job.msg.is_void());
        let place = self.book.first_free(live().map(|(_, job)| job.msg.job.user))?;
        live().nth(place).map(|(rank, _)| *rank)
    }

    fn remove(&mut self, rank: (Instant, JobNumber)) -> Option<PoolJob> {
        let job = self.jobs.remove(&rank)?;
        self.book.dequeued(job.msg.job.user);
        Some(job)
    }
}

impl Queue<JobNumber, Ticket> for AgedQueue {
    fn len(&self) -> usize {
        self.jobs.len()
    }

    fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    fn pop_front(&mut self) -> Option<PoolJob> {
        let rank = self.next()?;
        self.remove(rank)
    }

    fn discard_oldest(&mut self) -> Option<PoolJob> {
        let rank = *self.jobs.last_key_value()?.0;
        self.remove(rank)
    }

    fn peek(&self) -> Option<&PoolJob> {
        self.jobs.get(&self.next()?)
    }

    fn push_back(&mut self, job: PoolJob) {
        self.book.queued(job.msg.job.user);
        self.jobs.insert((job.msg.rank, job.msg.number), job);
    }

    /// The factory calls this ten times a second: what was cancelled while it waited goes here.
    fn remove_expired_items(&mut self, _: &Option<Arc<dyn DiscardHandler<JobNumber, Ticket>>>) -> usize {
        let void: Vec<_> =
            self.jobs.iter().filter(|(_, job)| job.msg.is_void()).map(|(rank, _)| *rank).collect();
        void.iter().filter_map(|rank| self.remove(*rank)).count()
    }

    fn is_job_discardable(&self, _: &JobNumber) -> bool {
        false
    }
}

/// Any idle worker will do; the user's place is taken in the same step in which the worker is.
pub(super) struct PoolRouter {
    workers: QueuerRouting<JobNumber, Ticket>,
    book: Arc<Book>,
}

impl PoolRouter {
    pub fn new(book: Arc<Book>) -> Self {
        Self { workers: QueuerRouting::default(), book }
    }
}

impl Router<JobNumber, Ticket> for PoolRouter {
    fn route_message(
        &mut self,
        mut job: PoolJob,
        pool_size: usize,
        worker_hint: Option<WorkerId>,
        pool: &mut HashMap<WorkerId, WorkerProperties<JobNumber, Ticket>>,
    ) -> Result<RouteResult<JobNumber, Ticket>, ActorProcessingErr> {
        // Without a hint it did not come from the queue, where its turn would have been looked at.
        if worker_hint.is_none() && !self.book.may_start_fresh(job.msg.job.user) {
            return Ok(RouteResult::Backlog(job));
        }
        let worker = self.workers.choose_target_worker(&job, pool_size, worker_hint, pool);
        let Some(worker) = worker.and_then(|id| pool.get_mut(&id)) else {
            return Ok(RouteResult::Backlog(job));
        };
        job.msg.admit();
        worker.enqueue_job(job)?;
        Ok(RouteResult::Handled)
    }

    fn choose_target_worker(
        &mut self,
        job: &PoolJob,
        pool_size: usize,
        worker_hint: Option<WorkerId>,
        pool: &HashMap<WorkerId, WorkerProperties<JobNumber, Ticket>>,
    ) -> Option<WorkerId> {
        self.workers.choose_target_worker(job, pool_size, worker_hint, pool)
    }

    fn is_factory_queueing(&self) -> bool {
        true
    }

    fn on_worker_availability_change(&mut self, worker: WorkerId, available: bool) {
        self.workers.on_worker_availability_change(worker, available);
    }
}

//! A job on its way through the pool. Whatever becomes of it (done, failed, cancelled, a panic, a broken factory), its
//! turn hears of the end exactly once and its places in the book are given back: dropping the ticket does both.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::book::{Book, Ending, Standing};
use super::{Job, JobNumber, PoolEvent, PoolEvents};
use crate::domain::FailureCode;

/// Events that a turn has not read yet before its stream waits for it.
const EVENTS_MAX: usize = 64;

pub(super) struct Ticket {
    pub job: Job,
    pub events: mpsc::Sender<PoolEvent>,
    /// Waiting one `ageing_step` counts as one step of priority. Both grow at the same pace for all, so a job's rank
    /// against all others is fixed when it comes: the earlier this moment, the sooner it is served.
    pub rank: Instant,
    pub number: JobNumber,
    standing: Standing,
    book: Arc<Book>,
    /// Kept free for the last event, so that the end never waits for a slow turn.
    last: Option<mpsc::OwnedPermit<PoolEvent>>,
}

impl Ticket {
    pub fn new(job: Job, number: JobNumber, ageing_step: Duration, book: Arc<Book>) -> (Self, PoolEvents) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX + 1);
        let last = events.clone().try_reserve_owned().ok();
        let behind = ageing_step.saturating_mul(u32::from(job.priority.0));
        let now = Instant::now();
        let rank = now.checked_add(behind).unwrap_or(now);
        (Self { job, events, rank, number, standing: Standing::Waiting, book, last }, receiver)
    }

    /// A worker gets it.
    pub fn admit(&mut self) {
        self.book.admit(self.number, self.job.user);
        self.standing = Standing::Running;
    }

    /// Nobody waits for it any more.
    pub fn is_void(&self) -> bool {
        self.job.cancel.is_cancelled() || self.events.is_closed()
    }

    pub fn count_retry(&self) {
        self.book.retried();
    }

    /// Ends it with the last event that its turn hears.
    pub fn end(mut self, event: PoolEvent) {
        self.leave(Some(event));
    }

    fn leave(&mut self, event: Option<PoolEvent>) {
        let Some(last) = self.last.take() else { return };
        let ending = match event {
            Some(PoolEvent::Done { .. }) => Ending::Completed,
            None => Ending::Cancelled,
            Some(_) => Ending::Failed,
        };
        // First the places, then the word: who hears of the end finds the room that it left.
        self.book.leave(self.number, self.job.user, self.standing, ending);
        if let Some(event) = event {
            last.send(event);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let lost = !self.is_void();
        self.leave(lost.then_some(PoolEvent::Failed { code: FailureCode::Internal }));
    }
}

//! The pool's counts: who waits, who runs, how it went. Shared by the pool's callers, its queue and its tickets; each
//! call takes a short lock and no I/O.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{JobNumber, PoolSnapshot, lock};
use crate::domain::{Priority, UserId};
use crate::settings::PoolSettings;

pub(super) struct Book {
    workers: usize,
    queue_max: usize,
    per_user: usize,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    closed: bool,
    /// Number of the latest job.
    latest: JobNumber,
    /// By number, so that the first has waited longest.
    waiting: BTreeMap<JobNumber, Waiting>,
    running: usize,
    users: HashMap<UserId, Load>,
    completed: u64,
    failed: u64,
    refused: u64,
    retried: u64,
    cancelled: u64,
}

struct Waiting {
    priority: Priority,
    since: Instant,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Load {
    running: usize,
    /// In the factory's queue, cancelled ones too.
    queued: usize,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Failed,
    Cancelled,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    Running,
}

impl Book {
    pub fn new(settings: &PoolSettings) -> Self {
        Self {
            workers: settings.workers.max(1),
            queue_max: settings.queue_max,
            per_user: settings.per_user.max(1),
            pages: Mutex::default(),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        lock(&self.pages)
    }

    pub fn has_room(&self) -> bool {
        self.room(&mut self.pages())
    }

    fn room(&self, pages: &mut Pages) -> bool {
        let most = self.workers + self.queue_max;
        if pages.waiting.len() + pages.running >= most {
            // The queue drops cancelled jobs a moment after their cancelling; they shall not count until then.
            pages.waiting.retain(|_, waiting| !waiting.cancel.is_cancelled());
        }
        !pages.closed && pages.waiting.len() + pages.running < most
    }

    /// Enters a new job as waiting; `None` when there is no room.
    pub fn enter(&self, priority: Priority, cancel: &CancellationToken) -> Option<JobNumber> {
        let mut pages = self.pages();
        if !self.room(&mut pages) {
            pages.refused += 1;
            return None;
        }
        pages.latest += 1;
        let number = pages.latest;
        pages.waiting.insert(number, Waiting { priority, since: Instant::now(), cancel: cancel.clone() });
        Some(number)
    }

    /// The job is given to a worker.
    pub fn admit(&self, number: JobNumber, user: UserId) {
        let mut pages = self.pages();
        pages.waiting.remove(&number);
        pages.running += 1;
        pages.users.entry(user).or_default().running += 1;
    }

    /// The job is no more.
    pub fn leave(&self, number: JobNumber, user: UserId, standing: Standing, ending: Ending) {
        let mut pages = self.pages();
        match ending {
            Ending::Completed => pages.completed += 1,
            Ending::Failed => pages.failed += 1,
            Ending::Cancelled => pages.cancelled += 1,
        }
        match standing {
            Standing::Waiting => drop(pages.waiting.remove(&number)),
            Standing::Running => {
                pages.running = pages.running.saturating_sub(1);
                pages.change(user, |load| load.running = load.running.saturating_sub(1));
            }
        }
    }

    pub fn queued(&self, user: UserId) {
        self.pages().users.entry(user).or_default().queued += 1;
    }

    pub fn dequeued(&self, user: UserId) {
        self.pages().change(user, |load| load.queued = load.queued.saturating_sub(1));
    }

    /// Whether a job that just came may go straight to a worker: not past older ones of its own user.
    pub fn may_start_fresh(&self, user: UserId) -> bool {
        self.pages().users.get(&user).is_none_or(|load| load.queued == 0 && load.running < self.per_user)
    }

    /// The first of `users` that may have another job running, by its place.
    pub fn first_free(&self, users: impl Iterator<Item = UserId>) -> Option<usize> {
        let pages = self.pages();
        users
            .enumerate()
            .find(|(_, user)| pages.users.get(user).is_none_or(|load| load.running < self.per_user))
            .map(|(place, _)| place)
    }

    pub fn retried(&self) {
        self.pages().retried += 1;
    }

    pub fn close(&self) {
        self.pages().closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.pages().closed
    }

    /// A worker is idle though somebody waits who may have another job running.
    #[cfg(test)]
    pub fn wastes_a_worker(&self) -> bool {
        let pages = self.pages();
        let could_run = pages.users.values().any(|load| load.queued > 0 && load.running < self.per_user);
        pages.running < self.workers && could_run
    }

    pub fn snapshot(&self) -> PoolSnapshot {
        let pages = self.pages();
        let mut queued: BTreeMap<Priority, usize> = BTreeMap::new();
        for waiting in pages.waiting.values().filter(|waiting| !waiting.cancel.is_cancelled()) {
            *queued.entry(waiting.priority).or_default() += 1;
        }
        let oldest = pages.waiting.values().find(|waiting| !waiting.cancel.is_cancelled());
        PoolSnapshot {
            workers: self.workers,
            running: pages.running,
            queued: queued.into_iter().collect(),
            longest_wait_ms: oldest.map_or(0, |waiting| waiting.since.elapsed().as_millis() as u64),
            completed: pages.completed,
            failed: pages.failed,
            refused: pages.refused,
            retried: pages.retried,
            cancelled: pages.cancelled,
        }
    }
}

impl Pages {
    /// Changes a user's load, and forgets the user when nothing is left of it.
    fn change(&mut self, user: UserId, change: impl FnOnce(&mut Load)) {
        if let Some(load) = self.users.get_mut(&user) {
            change(load);
            if load.running == 0 && load.queued == 0 {
                self.users.remove(&user);
            }
        }
    }
}

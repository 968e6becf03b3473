//! The leases of the jobs that run here: renewed four times in their span, and given up in time.
//!
//! A node that cannot renew (the database is away, the process was suspended) breaks its jobs off before the database
//! counts them as free. So no job is done by two nodes at once, as far as a handler ends where it is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Job, QueueName, Shared, store};
use crate::postgres::Stored;

/// Renewals in the span of one lease.
const RENEWALS: u32 = 4;

/// Which taking of which job.
pub(super) type Taking = (Uuid, i32);

pub(super) struct Leases {
    span: Duration,
    held: Mutex<HashMap<Taking, Held>>,
}

struct Held {
    queue: QueueName,
    /// By this node's clock; the database's ends a little later.
    until: Instant,
    lost: CancellationToken,
}

impl Leases {
    pub(super) fn new(span: Duration) -> Self {
        Self { span, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Taking, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a job that was taken by a statement sent at `asked`, from now on renewed until the [`Lease`] is dropped.
    pub(super) fn hold(shared: &Arc<Shared>, job: &Job, asked: Instant) -> Lease {
        let taking = (job.id.uuid(), job.fence);
        let lost = CancellationToken::new();
        let leases = &shared.leases;
        leases
            .held()
            .insert(taking, Held { queue: job.queue, until: asked + leases.span, lost: lost.clone() });
        Lease { shared: shared.clone(), taking, lost }
    }

    /// Jobs of this queue that run here.
    pub(super) fn of(&self, queue: QueueName) -> usize {
        self.held().values().filter(|held| held.queue == queue).count()
    }

    /// Between two renewals; also what one may take.
    fn pause(&self) -> Duration {
        self.span / RENEWALS
    }

    /// After a renewal that was sent at `asked`: what it did not find belongs to another by now.
    fn renewed(&self, asked: Instant, takings: &[Taking], found: &[Taking]) {
        let mut held = self.held();
        for taking in takings {
            match held.get_mut(taking) {
                Some(held) if found.contains(taking) => held.until = asked + self.span,
                Some(held) => held.lost.cancel(),
                None => {}
            }
        }
    }

    /// After a renewal that failed: those are lost that the next one would reach too late.
    fn give_up(&self) {
        let late = Instant::now() + self.pause();
        self.held().values().filter(|held| held.until <= late).for_each(|held| held.lost.cancel());
    }
}

/// One job's lease; dropped when its outcome is known.
pub(super) struct Lease {
    shared: Arc<Shared>,
    taking: Taking,
    lost: CancellationToken,
}

impl Lease {
    /// Resolves when another node may take the job.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.leases.held().remove(&self.taking);
    }
}

/// Renews what is held, until it is dropped.
pub(super) async fn renew(shared: Arc<Shared>) {
    let leases = &shared.leases;
    loop {
        tokio::time::sleep(leases.pause()).await;
        let takings: Vec<Taking> = leases.held().keys().copied().collect();
        if takings.is_empty() {
            continue;
        }
        let asked = Instant::now();
        match tokio::time::timeout(leases.pause(), renew_once(&shared, &takings)).await {
            Ok(Ok(found)) => leases.renewed(asked, &takings, &found),
            Ok(Err(error)) => {
                tracing::warn!(cause = %error, jobs = takings.len(), "leases could not be renewed");
                leases.give_up();
            }
            Err(_) => {
                tracing::warn!(jobs = takings.len(), "leases were not renewed in time");
                leases.give_up();
            }
        }
    }
}

async fn renew_once(shared: &Shared, takings: &[Taking]) -> Stored<Vec<Taking>> {
    let client = shared.pool.get().await?;
    store::renew(&client, takings, shared.settings.lease).await
}

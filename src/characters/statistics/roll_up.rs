//! The recurring job that counts what came since it last ran.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::CharacterId;
use greenroom_actors::protocol::Refusal;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::characters::{Characters, store};
use crate::jobs::{Handler, Job, JobError, QueueName};
use crate::postgres::refusal;
use store::statistics::{Bounds, Which};

/// The kind of the job.
const ROLL_UP: (QueueName, &str) = (QueueName::Analytics, "characters.statistics");

/// All rooms are looked at so often; in between, those in which something was said since the last time.
const FULL_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How much earlier than its commit a message may have got its id: a reply has its own from the moment it is asked for.
/// What takes longer is found when all rooms are looked at.
const ID_AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// Of one transaction: some seconds of work at most, since ratings of the same characters wait for it.
const BOUNDS: Bounds = Bounds { rooms: 1_000, messages: 2_000 };
/// Transactions of one run; what is left is counted by the next.
const BATCHES_MAX: usize = 500;

impl Characters {
    /// Counts what was said and founded since the last time. Answers how many characters' numbers changed.
    ///
    /// Safe to run at any time, also twice at once.
    pub async fn roll_up(&self) -> Result<usize, Refusal> {
        let mut client = self.client().await?;
        let half_life = self.0.half_life.as_secs_f64();
        let began =
            store::statistics::begin(&mut client, half_life).await.map_err(|error| refusal(&error))?;
        let full = began.full_at.is_none_or(|at| began.now.duration_since(at) >= FULL_EVERY);
        let since = began.last_at.filter(|_| !full).map(|at| id_at(at, ID_AHEAD));
        let which = since.map_or(Which::All, Which::SaidSince);
        let (mut changed, mut after, mut left, mut done) = (Vec::new(), Uuid::nil(), false, false);
        for _ in 0..BATCHES_MAX {
            let counted = store::statistics::count(&mut client, half_life, which, after, BOUNDS)
                .await
                .map_err(|error| refusal(&error))?;
            left |= counted.left;
            changed.extend(counted.characters);
            after = match counted.next {
                Some(next) => next,
                // Once more from the beginning, for what was too much for one transaction.
                None if left => {
                    left = false;
                    Uuid::nil()
                }
                None => {
                    done = true;
                    break;
                }
            };
        }
        // With something left the next run looks at the same rooms again.
        if done {
            store::statistics::end(&client, began.now, full).await.map_err(|error| refusal(&error))?;
        }
        changed.sort_unstable();
        changed.dedup();
        for character in &changed {
            self.forget(CharacterId::from_uuid(*character));
        }
        Ok(changed.len())
    }
}

/// The lowest id that could have been made at a moment, a while before.
fn id_at(moment: Timestamp, before: SignedDuration) -> Uuid {
    let moment = moment.checked_sub(before).unwrap_or(Timestamp::UNIX_EPOCH);
    let millis = u64::try_from(moment.as_millisecond()).unwrap_or(0);
    // Version 7: 48 bits of milliseconds first.
    Uuid::from_u128(u128::from(millis) << 80)
}

struct RollUp(Characters);

impl Handler for RollUp {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move { self.0.roll_up().await.map(drop).map_err(|error| JobError::Again(error.message)) }
            .boxed()
    }
}

/// What does the job.
#[must_use]
pub fn handler(characters: &Characters) -> (&'static str, Arc<dyn Handler>) {
    (ROLL_UP.1, Arc::new(RollUp(characters.clone())))
}

/// The job, every so often.
#[must_use]
pub fn recurring(every: Duration) -> crate::jobs::Recurring {
    crate::jobs::Recurring { queue: ROLL_UP.0, kind: ROLL_UP.1, every }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_moment_sorts_before_all_that_are_made_from_then_on() {
        let before = id_at(Timestamp::now(), SignedDuration::ZERO);
        assert!(before < Uuid::now_v7());
        assert!(id_at(Timestamp::now(), -SignedDuration::from_secs(5)) > Uuid::now_v7());
    }
}

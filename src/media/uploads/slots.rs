//! How many uploads come in at the same time: of one user, so that nobody takes all of it, and in all on this node. Whoever
//! comes in excess waits a little, without its body being read, and is then asked to come again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// When to come again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Slots {
    all: Arc<Semaphore>,
    /// Of users with an upload under way, or waiting for it.
    users: Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>,
    per_user: usize,
    wait: Duration,
}

/// A user's place among the uploads, while this lives. Permits go before it.
struct Place {
    user: UserId,
    own: Option<Arc<Semaphore>>,
    users: Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.own.take());
        if users.get(&self.user).is_some_and(|own| Arc::strong_count(own) == 1) {
            users.remove(&self.user);
        }
    }
}

/// One upload may come in. The order of the fields is the order of their going.
pub(super) struct Slot {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _place: Place,
}

impl Slots {
    pub(super) fn new(all: usize, per_user: usize, wait: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), users: Arc::default(), per_user, wait }
    }

    pub(super) async fn acquire(&self, user: UserId) -> Result<Slot, Refusal> {
        let until = Instant::now() + self.wait;
        let own = {
            let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(self.per_user))).clone()
        };
        let place = Place { user, own: Some(own.clone()), users: self.users.clone() };
        let own = timeout_at(until, own.acquire_owned()).await.ok().and_then(Result::ok);
        let own = own.ok_or_else(|| {
            let message = "too many uploads of yours at the same time: wait until one has ended";
            Refusal::temporary(RefusalCode::RateLimited, message, RETRY_AFTER)
        })?;
        let all = timeout_at(until, self.all.clone().acquire_owned()).await.ok().and_then(Result::ok);
        let all = all.ok_or_else(|| {
            Refusal::temporary(RefusalCode::Overloaded, "too many uploads at the same time", RETRY_AFTER)
        })?;
        Ok(Slot { _all: all, _own: own, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_user_takes_no_more_than_their_share_and_all_no_more_than_there_are() {
        let slots = Slots::new(3, 2, Duration::from_millis(20));
        let (greedy, other) = (UserId::new(), UserId::new());
        let first = slots.acquire(greedy).await.unwrap();
        let second = slots.acquire(greedy).await.unwrap();
        assert_eq!(slots.acquire(greedy).await.err().unwrap().code, RefusalCode::RateLimited);
        let third = slots.acquire(other).await.unwrap();
        assert_eq!(slots.acquire(other).await.err().unwrap().code, RefusalCode::Overloaded);
        drop(first);
        assert!(slots.acquire(other).await.is_ok());
        drop((second, third));
        assert!(slots.users.lock().unwrap().is_empty(), "nobody is remembered for nothing");
    }

    #[tokio::test]
    async fn who_waits_gets_the_place_of_who_ends() {
        let slots = Arc::new(Slots::new(1, 1, Duration::from_secs(60)));
        let user = UserId::new();
        let first = slots.acquire(user).await.unwrap();
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.acquire(user).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
    }
}

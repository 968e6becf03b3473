//! Which users' API keys were seen lately: so that limits count the user, without asking the database before they do.
//!
//! A key gets in here when it was found good, by its hash, and is told apart from nothing else: whether it still holds is
//! looked up with each request behind the limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenroom_actors::domain::UserId;

use crate::accounts::ApiKey;

/// Keys that are remembered; with one more all are forgotten, and found again.
const KEYS_MAX: usize = 10_000;

/// Whose key it is, as it was when it was last found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub user: UserId,
    pub plan: Arc<str>,
}

#[derive(Default)]
pub struct Holders(Mutex<HashMap<Vec<u8>, Holder>>);

impl Holders {
    pub fn note(&self, key: &ApiKey, user: UserId, plan: &str) {
        let hash = key.hash();
        let mut known = self.lock();
        if known.get(&hash).is_some_and(|holder| holder.user == user && &*holder.plan == plan) {
            return;
        }
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        known.insert(hash, Holder { user, plan: plan.into() });
    }

    /// `None` for what is no key, or was not found good lately.
    pub fn find(&self, text: &str) -> Option<Holder> {
        let key = ApiKey::parse(text)?;
        self.lock().get(&key.hash()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_its_user_once_it_was_found_good() {
        let (holders, key, user) = (Holders::default(), ApiKey::make(), UserId::new());
        assert_eq!(holders.find(key.expose()), None);
        holders.note(&key, user, "free");
        holders.note(&key, user, "pro");
        let found = holders.find(key.expose()).unwrap();
        assert_eq!((found.user, &*found.plan), (user, "pro"));
        assert_eq!(holders.find("gr_nonsense"), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let holders = Holders::default();
        (0..KEYS_MAX + 10).for_each(|_| holders.note(&ApiKey::make(), UserId::new(), "free"));
        assert!(holders.lock().len() <= KEYS_MAX);
    }
}

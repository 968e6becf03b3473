//! The plans of those who are connected, as far as sockets go by them: whether their messages are paced.
//!
//! A token says which plan its holder had when it was made. What has changed since is noted here, and holds from the next
//! message on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use greenroom_actors::domain::UserId;
use greenroom_actors::session::Pacing;

use super::Hub;

/// What one socket goes by of its user's plan.
#[derive(Clone, Debug)]
pub(in crate::realtime) struct Served {
    plan: Arc<str>,
    pace: Pace,
}

/// Written by the hub, read by the socket at each message.
#[derive(Clone, Debug, Default)]
pub(in crate::realtime) struct Pace(Arc<AtomicBool>);

impl Pace {
    pub(in crate::realtime) fn get(&self) -> Pacing {
        if self.0.load(Relaxed) { Pacing::Free } else { Pacing::Paced }
    }

    fn set(&self, pacing: Pacing) {
        self.0.store(pacing == Pacing::Free, Relaxed);
    }
}

impl Served {
    /// By this plan, told through `pace`.
    pub(in crate::realtime) fn new(plan: Arc<str>, pace: Pace, pacing: Pacing) -> Self {
        pace.set(pacing);
        Self { plan, pace }
    }
}

#[cfg(test)]
impl Default for Served {
    fn default() -> Self {
        Self { plan: "free".into(), pace: Pace::default() }
    }
}

impl Hub {
    /// The user has this plan now.
    pub fn plan_changed(&self, user: UserId, plan: &Arc<str>, pacing: Pacing) {
        self.people().served(user, |served| *served = Served::new(plan.clone(), served.pace.clone(), pacing));
    }

    /// The plans are others now.
    pub fn plans_changed(&self, pacing: impl Fn(&str) -> Pacing) {
        self.people().each_served(|served| served.pace.set(pacing(&served.plan)));
    }
}

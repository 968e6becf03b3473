//! What one provider is asked beside chat: speech, judgements, transcripts, pictures, videos.
//!
//! Each capability has as many places as chat has, and each of its models a breaker of its own: a voice that is down closes
//! no chat, and a judge does not wait for the replies that wait for it. How these calls go is told with the provider's,
//! but says nothing of its state: that is chat's. A breaker that has opened lets one call try each time that its first span is
//! over: somebody waits for it now.

mod asking;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

pub(super) use self::asking::{Asking, Errand};
use super::breaker::{Pass, Stand};
use super::limits::Places;
use super::provider::{Guard, NotNow};
use crate::config::{BreakerSettings, Capability};

const CAPABILITIES: [Capability; 5] = [
    Capability::Speech,
    Capability::Moderation,
    Capability::Transcription,
    Capability::Image,
    Capability::Video,
];

pub(super) struct Aside {
    places: [Places; CAPABILITIES.len()],
    /// By what is asked for and of whom; the models are the settings'.
    lines: Mutex<HashMap<(Capability, Arc<str>), Line>>,
    breaker: BreakerSettings,
}

struct Line {
    guard: Guard,
    /// Calls in a row that failed, refused ones too.
    failing: u32,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Well,
    /// It is there, and has said what it wants: a wrong key, too many calls.
    Refused,
    Failed(Instant),
    Stopped,
}

impl Aside {
    pub fn new(concurrency: usize, queue_max: usize, breaker: BreakerSettings) -> Self {
        Self {
            places: CAPABILITIES.map(|_| Places::new(concurrency, queue_max)),
            lines: Mutex::default(),
            breaker: BreakerSettings { open_max_ms: breaker.open_ms, ..breaker },
        }
    }

    pub fn running(&self) -> usize {
        self.places.iter().map(Places::running).sum()
    }

    /// Whether such a call may go out now, if there is a place.
    pub fn ready(&self, capability: Capability, model: &str, now: Instant) -> Result<(), NotNow> {
        let lines = self.lines();
        lines.get(&(capability, model.into())).map_or(Ok(()), |line| line.guard.ready(now))
    }

    /// Of the model: how the breaker stands that is furthest from closed, and its failures in a row; `None` where all is well.
    pub fn trouble(&self, model: &str, now: Instant) -> Option<(Stand, u32)> {
        let lines = self.lines();
        let of_model = lines.iter().filter(|((_, name), line)| &**name == model && line.failing > 0);
        of_model.map(|(_, line)| (line.guard.stand(now), line.failing)).max_by_key(|(_, failing)| *failing)
    }

    pub fn is_troubled(&self) -> bool {
        self.lines().values().any(|line| line.failing > 0)
    }

    fn places(&self, capability: Capability) -> &Places {
        let at = CAPABILITIES.iter().position(|one| *one == capability);
        &self.places[at.unwrap_or_default()]
    }

    fn admit(&self, capability: Capability, model: &Arc<str>, now: Instant) -> Result<Pass, NotNow> {
        let mut lines = self.lines();
        let line = lines
            .entry((capability, model.clone()))
            .or_insert_with(|| Line { guard: Guard::new(&self.breaker), failing: 0 });
        line.guard.ready(now)?;
        line.guard.breaker.admit(now).ok_or(NotNow::Probing)
    }

    fn ended(&self, capability: Capability, model: &Arc<str>, pass: Pass, how: How) {
        let mut lines = self.lines();
        let Some(Line { guard, failing }) = lines.get_mut(&(capability, model.clone())) else { return };
        match how {
            How::Well => guard.breaker.succeeded(pass),
            How::Failed(now) => guard.breaker.failed(pass, now),
            How::Refused | How::Stopped => guard.breaker.dropped(pass),
        }
        match how {
            How::Well => *failing = 0,
            How::Refused | How::Failed(_) => *failing = failing.saturating_add(1),
            How::Stopped => {}
        }
    }

    /// It asked to be left alone.
    fn pause(&self, capability: Capability, model: &Arc<str>, until: Instant) {
        if let Some(line) = self.lines().get_mut(&(capability, model.clone())) {
            line.guard.pause(until);
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<(Capability, Arc<str>), Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What people hear of their contents, and Prometheus of all: each change at once, mere progress once a second at most.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use greenroom_actors::domain::UserId;
use metrics::{counter, describe_counter, describe_histogram, histogram};
use tokio::time::Instant;
use uuid::Uuid;

use super::decide::Happened;
use super::kinds::State;
use super::{Content, ContentView, Contents};

/// Between two tellings of mere progress.
const EVERY: Duration = Duration::from_secs(1);
/// For so long it is known what was told last of a content: longer than anybody is late.
const KEPT: Duration = Duration::from_secs(60);

const ENDED: &str = "greenroom_content_ended_total";
const SECONDS: &str = "greenroom_content_seconds";
const CREDITS: &str = "greenroom_content_credits_total";
const FAULTS: &str = "greenroom_content_faults_total";

/// How far a content is: its step, and within one the progress, since a worker that begins stays in its step.
type Stand = (i32, u8);

/// What was told last, of those contents of which something was told lately.
#[derive(Default)]
pub(super) struct Told(HashMap<Uuid, (Instant, Stand)>);

impl Told {
    fn is_due(&self, id: Uuid) -> bool {
        self.0.get(&id).is_none_or(|(at, _)| at.elapsed() >= EVERY)
    }

    /// False for whoever is late with less than was told already: a job may be quicker than the request that it is for.
    fn takes(&mut self, id: Uuid, stand: Stand) -> bool {
        if self.0.get(&id).is_some_and(|(_, last)| *last > stand) {
            return false;
        }
        self.0.retain(|_, (at, _)| at.elapsed() < KEPT);
        self.0.insert(id, (Instant::now(), stand));
        true
    }
}

/// What became of a content.
#[derive(Clone, Debug)]
pub enum Change {
    Updated(Box<ContentView>),
    Deleted(Uuid),
}

/// Called on any thread; must not block.
pub type OnChanged = Arc<dyn Fn(UserId, &Change) + Send + Sync>;

pub(super) fn describe() {
    describe_counter!(ENDED, "Pictures and videos that ended on this node, by kind and how.");
    describe_histogram!(SECONDS, metrics::Unit::Seconds, "From being asked for to its end, by kind and how.");
    describe_counter!(CREDITS, "Credits that were paid for pictures and videos on this node, by kind.");
    describe_counter!(FAULTS, "Tries that failed, by kind and why.");
}

impl Contents {
    /// Tells of each change from now on, on this node.
    pub fn on_changed(&self, tell: OnChanged) {
        self.0.on_changed.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
    }

    /// After a move has committed.
    pub(super) async fn moved(&self, content: &Content, happened: Happened) {
        let kind = content.kind.as_str();
        if let Happened::Failed(fault, _) | Happened::Lost(fault) = happened {
            counter!(FAULTS, "kind" => kind, "fault" => fault.code()).increment(1);
        }
        if let Some(ended) = content.ended_at {
            let how = content.state.as_str();
            counter!(ENDED, "kind" => kind, "state" => how).increment(1);
            let took = ended.duration_since(content.asked_at).as_secs_f64();
            histogram!(SECONDS, "kind" => kind, "state" => how).record(took.max(0.0));
            if content.state == State::Done {
                counter!(CREDITS, "kind" => kind).increment(content.credits.unsigned_abs());
            }
            tracing::info!(content = %content.id, user = %content.user, kind, state = how, "a content has ended");
        }
        let mere =
            matches!(happened, Happened::Looked(_) | Happened::Processing) && content.ended_at.is_none();
        if mere && !self.is_due(content.id) {
            return;
        }
        self.announce(content).await;
    }

    /// Tells how it stands.
    pub(super) async fn announce(&self, content: &Content) {
        match self.view(content).await {
            Ok(view) => {
                let stand = (content.step, content.progress);
                self.tell(content.user, content.id, stand, &Change::Updated(Box::new(view)));
            }
            Err(error) => tracing::debug!(%error, content = %content.id, "a change is not told"),
        }
    }

    /// After its deletion has committed.
    pub(super) fn announce_deleted(&self, user: UserId, id: Uuid) {
        self.tell(user, id, (i32::MAX, u8::MAX), &Change::Deleted(id));
    }

    fn is_due(&self, id: Uuid) -> bool {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).is_due(id)
    }

    fn tell(&self, user: UserId, id: Uuid, stand: Stand, change: &Change) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.takes(id, stand) {
            return;
        }
        let listeners = self.0.on_changed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Under the lock, so that what is told one after the other is heard so.
        listeners.iter().for_each(|tell| tell(user, change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_with_less_than_was_told_says_nothing() {
        let (mut told, id) = (Told::default(), Uuid::now_v7());
        assert!(told.is_due(id));
        // A worker has begun with it before the request that asked for it could tell that it waits.
        assert!(told.takes(id, (0, 10)));
        assert!(!told.takes(id, (0, 0)), "queued");
        assert!(told.takes(id, (0, 10)), "of its file, say");
        assert!(told.takes(id, (1, 92)) && !told.takes(id, (0, 10)));
        assert!(told.takes(id, (2, 0)), "asked for once more");
        assert!(told.takes(Uuid::now_v7(), (0, 0)) && !told.is_due(id));
    }
}

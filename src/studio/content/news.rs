//! What people hear of their contents, and Prometheus of all: each change at once, mere progress once a second at most.

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

/// What was told last of a content.
pub(super) struct Told {
    at: Instant,
    step: i32,
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
                self.tell(content.user, content.id, content.step, &Change::Updated(Box::new(view)));
            }
            Err(error) => tracing::debug!(%error, content = %content.id, "a change is not told"),
        }
    }

    /// After its deletion has committed.
    pub(super) fn announce_deleted(&self, user: UserId, id: Uuid) {
        self.tell(user, id, i32::MAX, &Change::Deleted(id));
    }

    fn is_due(&self, id: Uuid) -> bool {
        let told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&id).is_none_or(|last| last.at.elapsed() >= EVERY)
    }

    /// Whoever is late with an older step than was told already says nothing: a job may be quicker than the request that it is for.
    fn tell(&self, user: UserId, id: Uuid, step: i32, change: &Change) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&id).is_some_and(|last| last.step > step) {
            return;
        }
        told.retain(|_, last| last.at.elapsed() < KEPT);
        told.insert(id, Told { at: Instant::now(), step });
        let listeners = self.0.on_changed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Under the lock, so that what is told one after the other is heard so.
        listeners.iter().for_each(|tell| tell(user, change));
    }
}

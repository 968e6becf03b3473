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

const ENDED: &str = "greenroom_content_ended_total";
const SECONDS: &str = "greenroom_content_seconds";
const CREDITS: &str = "greenroom_content_credits_total";
const FAULTS: &str = "greenroom_content_faults_total";

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
        self.noted(content);
        match self.view(content).await {
            Ok(view) => self.tell(content.user, &Change::Updated(Box::new(view))),
            Err(error) => tracing::debug!(%error, content = %content.id, "a change is not told"),
        }
    }

    fn is_due(&self, id: Uuid) -> bool {
        let told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&id).is_none_or(|last| last.elapsed() >= EVERY)
    }

    /// It is told now. Only of those under way is it kept when.
    fn noted(&self, content: &Content) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if content.ended_at.is_some() {
            told.remove(&content.id);
        } else {
            // Those that ended on another node.
            told.retain(|_, last| last.elapsed() < EVERY);
            told.insert(content.id, Instant::now());
        }
    }

    pub(super) fn tell(&self, user: UserId, change: &Change) {
        let listeners = self.0.on_changed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listeners.iter().for_each(|tell| tell(user, change));
    }
}

//! How each provider fares, from the real requests that went to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::ProviderKind;

/// Failures in a row from which on a provider counts as down.
const DOWN_AFTER: u32 = 3;

/// From its latest requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderState {
    /// Nothing was asked of it yet.
    Idle,
    Up,
    /// The latest request failed.
    Degraded,
    /// The latest three or more requests failed.
    Down,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    pub name: String,
    /// `openai-compatible`, or `offline`: the built-in one, which is no language model.
    pub kind: &'static str,
    pub state: ProviderState,
    /// Of characters that name none; null for the offline provider.
    pub model: Option<String>,
}

/// What is known of one provider. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Health {
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    asked: AtomicBool,
    failures: AtomicU32,
}

impl Health {
    pub fn succeeded(&self) {
        self.seen.asked.store(true, Relaxed);
        self.seen.failures.store(0, Relaxed);
    }

    pub fn failed(&self) {
        self.seen.asked.store(true, Relaxed);
        // A bound far above `DOWN_AFTER` keeps the count from wrapping.
        let _ = self.seen.failures.fetch_update(Relaxed, Relaxed, |failures| Some((failures + 1).min(1_000)));
    }

    pub fn state(&self, kind: ProviderKind) -> ProviderState {
        match self.seen.failures.load(Relaxed) {
            _ if kind == ProviderKind::Offline => ProviderState::Up,
            0 if !self.seen.asked.load(Relaxed) => ProviderState::Idle,
            0 => ProviderState::Up,
            failures if failures < DOWN_AFTER => ProviderState::Degraded,
            _ => ProviderState::Down,
        }
    }
}

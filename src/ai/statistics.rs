//! What became of a provider's calls: counted from real traffic, bounded, for admins and Prometheus.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::ports::GenerateErrorKind;
use jiff::Timestamp;

/// Latest first words of which the times are kept.
const SAMPLES_MAX: usize = 512;
/// As the calls end, on this node. What the accounts have of them is `greenroom_ai_calls_total` (`usage/metrics.rs`).
const CALLS: &str = "greenroom_ai_provider_calls_total";
const FIRST_TOKEN: &str = "greenroom_ai_first_token_seconds";

/// Every kind of failure by the name that it has outside.
const KINDS: [(GenerateErrorKind, &str); 5] = [
    (GenerateErrorKind::Unavailable, "unavailable"),
    (GenerateErrorKind::RateLimited, "rate_limited"),
    (GenerateErrorKind::Timeout, "timeout"),
    (GenerateErrorKind::Refused, "refused"),
    (GenerateErrorKind::Broken, "broken"),
];

pub(super) fn kind_name(kind: GenerateErrorKind) -> &'static str {
    KINDS.iter().find(|(one, _)| *one == kind).map_or("broken", |(_, name)| name)
}

/// Of one provider, since the start of this node.
pub(super) struct Statistics {
    provider: String,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    total: u64,
    /// Of those what was no chat.
    aside: u64,
    /// As [`KINDS`].
    failed: [u64; KINDS.len()],
    /// Failures since the last call that went well; what was wrong with a prompt does not count.
    in_a_row: u32,
    /// Milliseconds.
    first_tokens: VecDeque<u32>,
    /// The latest reply that failed was refused.
    refused: bool,
    last_error: Option<LastError>,
}

#[derive(Clone, Debug)]
pub(super) struct LastError {
    pub at: Timestamp,
    pub kind: &'static str,
    /// Without the key.
    pub detail: String,
}

/// Whether the provider is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    Provider,
    /// What was said.
    Prompt,
    /// Not what is asked for replies.
    Aside,
}

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub total: u64,
    /// By kind, only what happened.
    pub errors: Vec<(&'static str, u64)>,
    pub samples: usize,
    pub p50: Option<u32>,
    pub p95: Option<u32>,
    pub last_error: Option<LastError>,
}

impl Statistics {
    pub fn new(provider: &str) -> Self {
        Self { provider: provider.to_owned(), seen: Mutex::default() }
    }

    /// The first text came so long after the asking.
    pub fn first_token(&self, after: Duration) {
        metrics::histogram!(FIRST_TOKEN, "provider" => self.provider.clone()).record(after.as_secs_f64());
        let mut seen = self.seen();
        if seen.first_tokens.len() >= SAMPLES_MAX {
            seen.first_tokens.pop_front();
        }
        seen.first_tokens.push_back(u32::try_from(after.as_millis()).unwrap_or(u32::MAX));
    }

    pub fn done(&self) {
        self.count("done");
        let mut seen = self.seen();
        seen.total += 1;
        seen.in_a_row = 0;
    }

    /// A call that was no chat was broken off here.
    pub fn stopped_aside(&self) {
        self.seen().aside += 1;
        self.stopped();
    }

    /// Broken off here.
    pub fn stopped(&self) {
        self.count("stopped");
        self.seen().total += 1;
    }

    /// A call that was no chat ended well: it says nothing of how replies fare.
    pub fn done_aside(&self) {
        self.count("done");
        let mut seen = self.seen();
        (seen.total, seen.aside) = (seen.total + 1, seen.aside + 1);
    }

    /// A call that was no chat failed.
    pub fn failed_aside(&self, kind: GenerateErrorKind, detail: &str) {
        self.seen().aside += 1;
        self.failed(kind, detail, Blame::Aside);
    }

    pub fn failed(&self, kind: GenerateErrorKind, detail: &str, blame: Blame) {
        self.count(kind_name(kind));
        let mut seen = self.seen();
        seen.total += 1;
        if let Some(at) = KINDS.iter().position(|(one, _)| *one == kind) {
            seen.failed[at] += 1;
        }
        match blame {
            Blame::Aside => {}
            Blame::Prompt => seen.in_a_row = 0,
            Blame::Provider => seen.in_a_row = seen.in_a_row.saturating_add(1),
        }
        if blame != Blame::Aside {
            seen.refused = kind == GenerateErrorKind::Refused;
        }
        seen.last_error =
            Some(LastError { at: Timestamp::now(), kind: kind_name(kind), detail: detail.to_owned() });
    }

    /// Replies that were asked for, and the failures in a row.
    pub fn row(&self) -> (u64, u32) {
        let seen = self.seen();
        (seen.total - seen.aside, seen.in_a_row)
    }

    /// Whether it refused the latest call that told anything of it: a bad key, an unknown model.
    pub fn refuses(&self) -> bool {
        let seen = self.seen();
        seen.in_a_row > 0 && seen.refused
    }

    pub fn report(&self) -> Report {
        let seen = self.seen();
        let mut sorted: Vec<u32> = seen.first_tokens.iter().copied().collect();
        let (total, last_error) = (seen.total, seen.last_error.clone());
        let failed = seen.failed;
        drop(seen);
        sorted.sort_unstable();
        let rank =
            |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let errors = KINDS.iter().zip(failed).filter(|(_, count)| *count > 0);
        Report {
            total,
            errors: errors.map(|((_, name), count)| (*name, count)).collect(),
            samples: sorted.len(),
            p50: rank(50),
            p95: rank(95),
            last_error,
        }
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(CALLS, "provider" => self.provider.clone(), "outcome" => outcome).increment(1);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says what the metrics mean; after the recorder is there.
pub(super) fn describe() {
    metrics::describe_counter!(CALLS, "Calls to AI providers that ended, by provider and outcome.");
    metrics::describe_histogram!(
        FIRST_TOKEN,
        metrics::Unit::Seconds,
        "Time from the asking to the first text of a reply, by provider."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_first_words_are_ranked() {
        let statistics = Statistics::new("house");
        assert_eq!(statistics.report().p50, None);
        for ms in (1..=1_000).rev() {
            statistics.first_token(Duration::from_millis(ms));
        }
        let report = statistics.report();
        assert_eq!((report.samples, report.p50, report.p95), (512, Some(256), Some(487)));
    }

    #[test]
    fn failures_are_counted_by_kind_and_a_prompt_that_is_refused_is_no_failure_of_the_provider() {
        let statistics = Statistics::new("house");
        statistics.failed(GenerateErrorKind::Timeout, "late", Blame::Provider);
        statistics.failed(GenerateErrorKind::Timeout, "late", Blame::Provider);
        assert_eq!(statistics.row(), (2, 2));
        statistics.stopped();
        assert_eq!(statistics.row(), (3, 2));
        statistics.failed(GenerateErrorKind::Refused, "no", Blame::Prompt);
        assert_eq!(statistics.row(), (4, 0));
        let report = statistics.report();
        assert_eq!(report.errors, [("timeout", 2), ("refused", 1)]);
        assert_eq!(report.last_error.unwrap().kind, "refused");
    }
}

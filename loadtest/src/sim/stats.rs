//! What the simulator was asked, and what became of it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Value, json};

use super::reply::prompt_hash;
use super::settings::Fault;

/// So many different prompts are counted one by one; more only as a sum.
const MAX_PROMPTS: usize = 1_000_000;
/// So many prompts that were asked twice are listed.
const MAX_LISTED: usize = 100;
const SHOWN_CHARACTERS: usize = 80;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    requests: u64,
    bad_requests: u64,
    streams_open: u64,
    streams_open_peak: u64,
    completed: u64,
    aborted_by_client: u64,
    tokens_sent: u64,
    faults: BTreeMap<Fault, u64>,
    #[serde(skip)]
    prompts: HashMap<u64, Asked>,
    #[serde(skip)]
    uncounted_prompts: u64,
}

struct Asked {
    times: u32,
    beginning: Box<str>,
}

impl Stats {
    pub fn asked(&mut self, prompt: &str) {
        self.requests += 1;
        let hash = prompt_hash(prompt);
        if let Some(asked) = self.prompts.get_mut(&hash) {
            asked.times += 1;
        } else if self.prompts.len() < MAX_PROMPTS {
            let beginning = prompt.chars().take(SHOWN_CHARACTERS).collect::<String>().into();
            self.prompts.insert(hash, Asked { times: 1, beginning });
        } else {
            self.uncounted_prompts += 1;
        }
    }

    pub fn bad_request(&mut self) {
        self.bad_requests += 1;
    }

    pub fn failed(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub fn opened(&mut self) {
        self.streams_open += 1;
        self.streams_open_peak = self.streams_open_peak.max(self.streams_open);
    }

    pub fn tokens(&mut self, count: u64) {
        self.tokens_sent += count;
    }

    pub fn completed(&mut self) {
        self.streams_open -= 1;
        self.completed += 1;
    }

    pub fn aborted(&mut self) {
        self.streams_open -= 1;
        self.aborted_by_client += 1;
    }

    /// Ended by a fault of ours.
    pub fn broken(&mut self) {
        self.streams_open -= 1;
    }

    /// Starts to count anew; what is open stays open.
    pub fn reset(&mut self) {
        let open = self.streams_open;
        *self = Stats { streams_open: open, streams_open_peak: open, ..Stats::default() };
    }

    pub fn json(&self) -> Value {
        let mut repeated: Vec<_> = self.prompts.values().filter(|asked| asked.times > 1).collect();
        repeated.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.beginning.cmp(&b.beginning)));
        let listed: Vec<_> = repeated
            .iter()
            .take(MAX_LISTED)
            .map(|asked| json!({ "prompt": asked.beginning, "times": asked.times }))
            .collect();
        let mut all = serde_json::to_value(self).unwrap_or_default();
        all["prompts"] = json!({
            "different": self.prompts.len(),
            "askedMoreThanOnce": repeated.len(),
            "extraRequests": repeated.iter().map(|asked| u64::from(asked.times - 1)).sum::<u64>(),
            "uncounted": self.uncounted_prompts,
            "repeated": listed,
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_were_asked_twice_are_told() {
        let mut stats = Stats::default();
        for prompt in ["a", "b", "a", "a", "c", "b"] {
            stats.asked(prompt);
        }
        let prompts = &stats.json()["prompts"];
        assert_eq!((&prompts["different"], &prompts["askedMoreThanOnce"]), (&json!(3), &json!(2)));
        assert_eq!(prompts["extraRequests"], 3);
        assert_eq!(prompts["repeated"][0], json!({ "prompt": "a", "times": 3 }));
    }

    #[test]
    fn a_reset_keeps_what_is_open() {
        let mut stats = Stats::default();
        stats.opened();
        stats.opened();
        stats.completed();
        stats.reset();
        assert_eq!((stats.streams_open, stats.streams_open_peak, stats.completed), (1, 1, 0));
    }
}

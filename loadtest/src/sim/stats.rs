//! What the simulator was asked, and what became of it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::reply::prompt_hash;
use super::request::Request;
use super::settings::Endpoint;
use super::stream::Beginning;

/// So many different prompts are counted one by one; more only as a sum.
const MAX_PROMPTS: usize = 1_000_000;
/// So many prompts that were asked twice are listed.
const MAX_LISTED: usize = 100;
const SHOWN_CHARACTERS: usize = 80;
/// The latest requests are kept as they came, unless they are larger, in bytes.
const MAX_KEPT: usize = 100;
const MAX_KEPT_BODY: usize = 64 * 1024;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Requests of each endpoint, also those that were refused.
    calls: BTreeMap<Endpoint, u64>,
    connections: u64,
    connections_open: u64,
    connections_open_peak: u64,
    /// Requests for replies.
    requests: u64,
    bad_requests: u64,
    /// Pictures that came with requests for replies.
    images_seen: u64,
    streams_open: u64,
    streams_open_peak: u64,
    completed: u64,
    aborted_by_client: u64,
    tokens_sent: u64,
    /// Requests that brought a part of their reply along, and went on from it.
    continued: u64,
    /// Those whose part was of another reply than theirs.
    continued_foreign: u64,
    faults: BTreeMap<Fault, u64>,
    #[serde(skip)]
    prompts: HashMap<u64, Asked>,
    #[serde(skip)]
    uncounted_prompts: u64,
    #[serde(skip)]
    latest: VecDeque<Kept>,
}

struct Kept {
    path: String,
    /// Left out where it was no JSON, or too large.
    body: Option<Vec<u8>>,
}

struct Asked {
    times: u32,
    beginning: Box<str>,
}

impl Stats {
    pub fn connected(&mut self) {
        self.connections += 1;
        self.connections_open += 1;
        self.connections_open_peak = self.connections_open_peak.max(self.connections_open);
    }

    pub fn disconnected(&mut self) {
        self.connections_open -= 1;
    }

    /// A request of the provider's own paths came.
    pub fn called(&mut self, endpoint: Endpoint, request: &Request<'_>) {
        *self.calls.entry(endpoint).or_default() += 1;
        if self.latest.len() == MAX_KEPT {
            self.latest.pop_front();
        }
        let body = Some(&request.body).filter(|body| body.len() <= MAX_KEPT_BODY).map(|body| body.to_vec());
        self.latest.push_back(Kept { path: request.path.to_owned(), body });
    }

    /// Says how often this question came by now.
    pub fn asked(&mut self, prompt: &str) -> u32 {
        self.requests += 1;
        let hash = prompt_hash(prompt);
        if let Some(asked) = self.prompts.get_mut(&hash) {
            asked.times += 1;
            return asked.times;
        }
        if self.prompts.len() < MAX_PROMPTS {
            let beginning = prompt.chars().take(SHOWN_CHARACTERS).collect::<String>().into();
            self.prompts.insert(hash, Asked { times: 1, beginning });
        } else {
            self.uncounted_prompts += 1;
        }
        1
    }

    /// Where a reply began.
    pub fn began(&mut self, beginning: Beginning) {
        match beginning {
            Beginning::Anew => {}
            Beginning::Continued => self.continued += 1,
            Beginning::Foreign => self.continued_foreign += 1,
        }
    }

    /// So many pictures were shown with a request.
    pub fn saw(&mut self, images: u64) {
        self.images_seen += images;
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
        let (open, connections) = (self.streams_open, self.connections_open);
        *self = Stats {
            streams_open: open,
            streams_open_peak: open,
            connections_open: connections,
            connections_open_peak: connections,
            ..Stats::default()
        };
    }

    /// The latest requests of the provider's own paths, the oldest first, with their bodies.
    pub fn asked_json(&self) -> Value {
        let body = |kept: &Kept| kept.body.as_ref().and_then(|body| serde_json::from_slice(body).ok());
        let items = self.latest.iter();
        let items = items.map(|kept| json!({ "path": kept.path, "body": body(kept).unwrap_or(Value::Null) }));
        json!({ "items": items.collect::<Vec<_>>() })
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

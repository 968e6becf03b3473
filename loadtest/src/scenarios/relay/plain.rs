//! The same streams without rooms: clients of an OpenAI-compatible API ask for them, of a proxy or of the provider itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::steady::{Counts, Load};
use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::scan;
use crate::net::Sources;
use crate::net::sse::{Api, Listener, Over, Readers};
use crate::sim::stamp_of;

struct Asked {
    sent: Moment,
    measured: bool,
    /// The first text came.
    begun: bool,
}

/// What is heard by all readers.
struct Heard {
    idle: VecDeque<usize>,
    asked: Vec<Option<Asked>>,
    measuring: bool,
    finished: u64,
    pieces: u64,
    tokens: u64,
    added: Latency,
    failed: BTreeMap<String, u64>,
}

pub(super) struct Plain {
    readers: Readers,
    heard: Heard,
    model: String,
    next: u64,
    run: String,
}

impl Plain {
    pub fn new(api: Api, model: &str, readers: usize) -> anyhow::Result<Plain> {
        Ok(Plain {
            readers: Readers::new(api, readers, Sources::new(8))?,
            heard: Heard {
                idle: (0..readers).collect(),
                asked: (0..readers).map(|_| None).collect(),
                measuring: false,
                finished: 0,
                pieces: 0,
                tokens: 0,
                added: Latency::new("added"),
                failed: BTreeMap::new(),
            },
            model: model.to_owned(),
            next: 0,
            run: format!("{:x}", Moment::now().unix_micros()),
        })
    }

    pub fn added_ms(&self, quantile: f64) -> f64 {
        self.heard.added.quantile_micros(quantile) as f64 / 1e3
    }

    pub fn failed(&self) -> &BTreeMap<String, u64> {
        &self.heard.failed
    }

    /// Ends what is under way.
    pub fn cut(&mut self) {
        self.readers.cut();
        for (number, asked) in self.heard.asked.iter_mut().enumerate() {
            if asked.take().is_some() {
                self.heard.idle.push_back(number);
            }
        }
    }
}

impl Heard {
    fn give_up(&mut self, reader: usize, what: String) {
        if self.asked[reader].take().is_some() {
            *self.failed.entry(what).or_default() += 1;
            self.idle.push_back(reader);
        }
    }
}

impl Listener for Heard {
    fn data(&mut self, reader: usize, data: &[u8], arrived: Moment) {
        let Some(asked) = self.asked[reader].as_mut() else { return };
        let text =
            scan::items(data, &["choices"]).find_map(|choice| scan::string(choice, &["delta", "content"]));
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        self.pieces += 1;
        if std::mem::replace(&mut asked.begun, true) {
            self.tokens += text.iter().filter(|byte| **byte == b' ').count() as u64;
            return;
        }
        self.tokens += 1;
        if let Some(stamp) = stamp_of(text).filter(|_| asked.measured) {
            let added = arrived.micros_after(asked.sent) - stamp.first_token.micros_after(stamp.asked);
            self.added.record_micros(added.max(0) as u64);
        }
    }

    fn over(&mut self, reader: usize, over: Over) {
        match over {
            Over::Done => {
                self.finished += u64::from(self.asked[reader].take().is_some());
                self.idle.push_back(reader);
            }
            Over::Refused(status) => self.give_up(reader, format!("HTTP {status}")),
            Over::Broken(what) => self.give_up(reader, what),
        }
    }
}

impl Load for Plain {
    fn begin(&mut self, _due: Moment) -> bool {
        let Some(reader) = self.heard.idle.pop_front() else { return false };
        self.next += 1;
        let question = format!("question {} of {} please", self.next, self.run);
        let body = format!(
            r#"{{"model":"{}","stream":true,"messages":[{{"role":"user","content":"{question}"}}]}}"#,
            self.model
        );
        let sent = Moment::now();
        self.heard.asked[reader] = Some(Asked { sent, measured: self.heard.measuring, begun: false });
        if let Err(error) = self.readers.ask(reader, &body) {
            self.heard.give_up(reader, error.to_string());
        }
        true
    }

    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        self.readers.turn(timeout, &mut self.heard)?;
        Ok(())
    }

    fn measure(&mut self) {
        self.heard.measuring = true;
        self.heard.added.clear();
    }

    fn counts(&self) -> Counts {
        let heard = &self.heard;
        let running = heard.asked.iter().flatten().count() as u64;
        Counts { pieces: heard.pieces, tokens: heard.tokens, finished: heard.finished, running }
    }
}

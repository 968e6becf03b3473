//! Reading back what is stored, page by page, through the public protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use super::TURN;
use crate::clock::Moment;
use crate::native::{Behaviour, Crew, Stage, command, ids, scan};
use crate::net::Ending;

/// The ids of these commands, apart from those of the scenarios.
const FIRST_ID: u64 = 1 << 40;
const PAGE: u32 = 100;
/// Rooms that are read at once.
const AT_ONCE: usize = 64;

/// A message as it is stored, as far as it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    pub id: String,
    pub offset: u64,
    pub revision: u64,
    pub sender: Sender,
    pub content: String,
    pub client_id: Option<String>,
    pub reply_to: Option<String>,
    #[serde(default)]
    pub finish: String,
    #[serde(default)]
    pub replies: Vec<OpenReply>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sender {
    pub kind: String,
    pub id: String,
}

/// A reply that was asked for and did not end well, or has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenReply {
    pub message_id: String,
    pub state: String,
}

impl OpenReply {
    /// Nothing more will come of it.
    pub fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "stopped" | "interrupted")
    }
}

struct Reading<'a, B> {
    /// Goes on with what else the sockets say.
    others: &'a mut B,
    pages: BTreeMap<usize, Vec<Stored>>,
    waiting: Vec<(usize, u64)>,
    running: usize,
    failure: Option<String>,
}

impl<B> Reading<'_, B> {
    fn ask(&mut self, stage: &mut Stage<'_>, seat: usize, after: u64) {
        let room = ids::room(stage.seats[seat].room);
        stage.send(seat, &command::messages(FIRST_ID + seat as u64, room, Some(after), PAGE));
    }

    fn start(&mut self, stage: &mut Stage<'_>) {
        while self.running < AT_ONCE {
            let Some((seat, after)) = self.waiting.pop() else { return };
            self.running += 1;
            self.pages.insert(seat, Vec::new());
            self.ask(stage, seat, after);
        }
    }
}

impl<B: Behaviour> Behaviour for Reading<'_, B> {
    fn live(&mut self, stage: &mut Stage<'_>, seat: usize) {
        self.others.live(stage, seat);
    }

    fn event(&mut self, stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        self.others.event(stage, seat, event, frame, at);
    }

    fn page(&mut self, stage: &mut Stage<'_>, seat: usize, frame: &[u8], recovered: bool) {
        self.others.page(stage, seat, frame, recovered);
    }

    fn ack(&mut self, stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], at: Moment) {
        if id != FIRST_ID + seat as u64 {
            return self.others.ack(stage, seat, id, frame, at);
        }
        let items = scan::find(frame, &["data", "items"]).map(serde_json::from_slice::<Vec<Stored>>);
        let Some(Ok(mut page)) = items else {
            self.failure = Some(format!("not a page of messages: {}", String::from_utf8_lossy(frame)));
            return;
        };
        let more = scan::is_true(frame, &["data", "hasMore"]);
        let last = page.last().map(|message| message.offset);
        self.pages.entry(seat).or_default().append(&mut page);
        match last.filter(|_| more) {
            Some(last) => self.ask(stage, seat, last),
            None => {
                self.running -= 1;
                self.start(stage);
            }
        }
    }

    fn ended(&mut self, stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        if self.pages.contains_key(&seat) || self.waiting.iter().any(|(waiting, _)| *waiting == seat) {
            self.failure = Some(format!("the socket of seat {seat} ended: {ending:?}"));
        }
        self.others.ended(stage, seat, ending);
    }
}

/// All messages with offsets above the given one in the rooms of these live seats. What else arrives meanwhile goes to
/// `others`.
pub fn read_rooms(
    crew: &mut Crew,
    seats: impl IntoIterator<Item = (usize, u64)>,
    deadline: Duration,
    others: &mut impl Behaviour,
) -> anyhow::Result<BTreeMap<usize, Vec<Stored>>> {
    let waiting: Vec<_> = seats.into_iter().collect();
    let mut reading = Reading { others, pages: BTreeMap::new(), waiting, running: 0, failure: None };
    let begun = Moment::now();
    crew.act(|stage| reading.start(stage));
    while reading.running > 0 {
        crew.turn(TURN, &mut reading)?;
        if let Some(failure) = reading.failure.take() {
            anyhow::bail!(failure);
        }
        anyhow::ensure!(
            begun.elapsed() < deadline,
            "the rooms could not be read in {} s",
            deadline.as_secs()
        );
    }
    Ok(reading.pages)
}

/// How many texts are used, by the usage in an ack; `None` on a plan without a limit.
pub fn used(frame: &[u8]) -> Option<u64> {
    scan::items(frame, &["data", "usage", "limits"])
        .filter(|limit| scan::string(limit, &["type"]) == Some(b"text"))
        .find_map(|limit| scan::number(limit, &["used"]))
}

/// The same by the answer of `GET /api/auth/me`.
pub fn used_by(me: &serde_json::Value) -> anyhow::Result<Option<u64>> {
    let limits = me["usage"]["limits"].as_array().context("the answer has no usage.limits")?;
    let texts = limits.iter().filter(|limit| limit["type"] == "text");
    Ok(texts.filter_map(|limit| limit["used"].as_u64()).next())
}

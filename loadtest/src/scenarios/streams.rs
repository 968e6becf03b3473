//! Rooms in which one member asks, and all who watch follow the reply as it streams: whole, in order, and to the question
//! that was asked.
//!
//! What the engine adds is measured per reply and watcher, with the times that the simulator writes into its first token:
//!
//! ```text
//! added = (first delta arrives - message is sent) - (first token is written - request arrives at the simulator)
//! ```
//!
//! so the provider's own delay is taken out, and what is left is all of the engine: reading, the commit of the message,
//! the prompt, the pool, the request, and the way back. Arrivals are stamped by the kernel on both sides, so the time
//! that the generator or the simulator waits for its core is not counted as the engine's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::steady::{Counts, Load};
use crate::clock::Moment;
use crate::measure::{Latency, LatencySummary};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Stage, ids, scan};
use crate::net::Ending;
use crate::sim::{beginning, stamp_of};

/// So many examples of a fault are kept.
const MAX_FAULTS: usize = 1_000;

struct Asked {
    id: u64,
    content: String,
    /// When it was due, and when it was sent.
    due: Moment,
    sent: Moment,
    measured: bool,
    /// Watchers who have not seen its end.
    waiting: usize,
}

/// What one watcher holds of the reply.
#[derive(Default)]
struct View {
    watches: bool,
    attempt: u64,
    /// The text so far, as it is written in the frames.
    text: Vec<u8>,
}

pub(super) struct Streams {
    /// Seats of a room; the first one asks.
    watchers: usize,
    idle: VecDeque<usize>,
    /// By room.
    asked: Vec<Option<Asked>>,
    /// By seat.
    views: Vec<View>,
    next: u64,
    run: String,
    line: String,
    measuring: bool,
    finished: u64,
    deltas: u64,
    tokens: u64,
    pub added: Latency,
    there: Latency,
    back: Latency,
    ack: Latency,
    first: Latency,
    waited: Latency,
    pub negative: u64,
    pub faults: Vec<String>,
    pub failed: BTreeMap<String, u64>,
}

impl Streams {
    /// Of so many rooms, whose seats follow one another.
    pub fn new(rooms: usize, watchers: usize) -> Streams {
        Streams {
            watchers,
            idle: (0..rooms).collect(),
            asked: (0..rooms).map(|_| None).collect(),
            views: (0..rooms * watchers).map(|_| View::default()).collect(),
            next: 0,
            run: format!("{:x}", Moment::now().unix_micros()),
            line: String::new(),
            measuring: false,
            finished: 0,
            deltas: 0,
            tokens: 0,
            added: Latency::new("added by the engine"),
            there: Latency::new("message sent until the provider is asked"),
            back: Latency::new("first token until its delta arrives"),
            ack: Latency::new("ack"),
            first: Latency::new("message due until the first delta"),
            waited: Latency::new("message due until it is sent"),
            negative: 0,
            faults: Vec::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Messages that were asked so far, and replies that ended well.
    pub fn totals(&self) -> (u64, u64) {
        (self.next, self.finished)
    }

    pub fn latencies(&self) -> Vec<LatencySummary> {
        [&self.added, &self.there, &self.back, &self.ack, &self.first, &self.waited]
            .map(Latency::summary)
            .into()
    }

    /// Begins to measure anew.
    pub fn clear(&mut self) {
        self.measuring = false;
        for latency in [
            &mut self.added,
            &mut self.there,
            &mut self.back,
            &mut self.ack,
            &mut self.first,
            &mut self.waited,
        ] {
            latency.clear();
        }
    }

    fn ask(&mut self, stage: &mut Stage<'_>, room: usize, due: Moment) {
        self.next += 1;
        let content = format!("question {} of {} please", self.next, self.run);
        let client_id = format!("{}-{}", self.run, self.next);
        let seat = room * self.watchers;
        let room_id = ids::room(stage.seats[seat].room);
        command::send(&mut self.line, self.next, room_id, &client_id, &content, Reply::Auto);
        let sent = Moment::now();
        stage.send(seat, &self.line);
        for view in &mut self.views[seat..seat + self.watchers] {
            *view = View { watches: true, ..View::default() };
        }
        let (id, measured, waiting) = (self.next, self.measuring, self.watchers);
        self.asked[room] = Some(Asked { id, content, due, sent, measured, waiting });
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    fn delta(&mut self, seat: usize, frame: &[u8], at: Moment) {
        self.deltas += 1;
        let view = &mut self.views[seat];
        let Some(asked) = self.asked[seat / self.watchers].as_ref().filter(|_| view.watches) else {
            return self.fault(format!("seat {seat}: a delta of a reply that nobody waits for"));
        };
        let (attempt, position) =
            (scan::number(frame, &["data", "attempt"]), scan::number(frame, &["data", "position"]));
        let (Some(attempt), Some(position), Some(text)) =
            (attempt, position, scan::string(frame, &["data", "text"]))
        else {
            return self.fault(format!("not a delta: {}", String::from_utf8_lossy(frame)));
        };
        if attempt > view.attempt {
            view.attempt = attempt;
            view.text.clear();
        }
        let expected = view.text.len();
        let first = view.text.is_empty();
        view.text.truncate(position as usize);
        view.text.extend_from_slice(text);
        // Each word has a space before it; the first token, which has more of them, is one.
        let spaces = |text: &[u8]| text.iter().filter(|byte| **byte == b' ').count() as u64;
        let own = asked.content.bytes().filter(|byte| *byte == b' ').count() as u64 + 2;
        self.tokens += if first { (spaces(text) + 1).saturating_sub(own) } else { spaces(text) };
        let stamp = stamp_of(&view.text).filter(|_| first && asked.measured);
        let (sent, due, lacks) = (asked.sent, asked.due, first && asked.measured && stamp.is_none());
        if position != expected as u64 {
            self.fault(format!("seat {seat}: a delta at {position}, expected at {expected}"));
        }
        if lacks {
            return self.fault(format!("seat {seat}: the first delta has no stamp"));
        }
        let Some(stamp) = stamp else { return };
        let added = at.micros_after(sent) - stamp.first_token.micros_after(stamp.asked);
        self.negative += u64::from(added < 0);
        self.added.record_micros(added.max(0) as u64);
        self.there.record(stamp.asked.since(sent));
        self.back.record(at.since(stamp.first_token));
        self.first.record(at.since(due));
        self.waited.record(sent.since(due));
    }

    fn reply(&mut self, seat: usize, frame: &[u8]) {
        let room = seat / self.watchers;
        let view = std::mem::take(&mut self.views[seat]);
        let Some(asked) = self.asked[room].as_ref().filter(|_| view.watches) else {
            return self.fault(format!("seat {seat}: a reply that nobody waits for"));
        };
        let content = scan::string(frame, &["data", "message", "content"]).unwrap_or_default();
        let foreign = !content.starts_with(format!("{} ", beginning(&asked.content)).as_bytes());
        let foreign = foreign.then(|| {
            format!("seat {seat}: asked `{}`, got {}", asked.content, String::from_utf8_lossy(content))
        });
        if let Some(foreign) = foreign {
            self.fault(foreign);
        }
        if !content.starts_with(&view.text) {
            self.fault(format!("seat {seat}: the stored reply is not what was streamed"));
        }
        if scan::string(frame, &["data", "message", "finish"]) != Some(b"complete") {
            self.fault(format!("seat {seat}: the reply is not complete"));
        }
        self.finished += u64::from(self.seen_by_one_more(room));
    }

    /// A watcher has seen the end; says whether it was the last one.
    fn seen_by_one_more(&mut self, room: usize) -> bool {
        let over = self.asked[room].take_if(|asked| {
            asked.waiting -= 1;
            asked.waiting == 0
        });
        if over.is_some() {
            self.idle.push_back(room);
        }
        over.is_some()
    }

    /// The reply failed, as this watcher hears.
    fn failed(&mut self, seat: usize, code: String) {
        let watched = std::mem::take(&mut self.views[seat]).watches;
        if watched && self.seen_by_one_more(seat / self.watchers) {
            *self.failed.entry(code).or_default() += 1;
        }
    }

    /// The message was not taken: nobody will hear more of it.
    fn refused(&mut self, room: usize, code: String) {
        for view in &mut self.views[room * self.watchers..(room + 1) * self.watchers] {
            *view = View::default();
        }
        if self.asked[room].take().is_some() {
            *self.failed.entry(code).or_default() += 1;
            self.idle.push_back(room);
        }
    }
}

impl Behaviour for Streams {
    fn event(&mut self, _stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        match event {
            b"message:delta" => self.delta(seat, frame, at),
            b"message:receive"
                if scan::string(frame, &["data", "message", "sender", "kind"]) == Some(b"character") =>
            {
                self.reply(seat, frame);
            }
            b"message:status" => {
                let state = scan::string(frame, &["data", "state"]).unwrap_or_default();
                if matches!(state, b"failed" | b"stopped" | b"interrupted") {
                    let code = scan::text(frame, &["data", "code"]).unwrap_or_default();
                    self.failed(seat, code);
                }
            }
            _ => {}
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], at: Moment) {
        let room = seat / self.watchers;
        let Some(asked) = self.asked[room].as_ref().filter(|asked| asked.id == id) else { return };
        if !scan::is_true(frame, &["data", "success"]) {
            let code = scan::text(frame, &["data", "code"]).unwrap_or_default();
            self.refused(room, code);
        } else if asked.measured {
            self.ack.record(at.since(asked.sent));
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.fault(format!("seat {seat} ended: {ending:?}"));
    }
}

/// The streams with those who watch them.
pub(super) struct Watched<'a> {
    pub crew: &'a mut Crew,
    pub streams: &'a mut Streams,
}

impl Load for Watched<'_> {
    fn begin(&mut self, due: Moment) -> bool {
        let Some(room) = self.streams.idle.pop_front() else { return false };
        self.crew.act(|stage| self.streams.ask(stage, room, due));
        true
    }

    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        self.crew.turn(timeout, self.streams)
    }

    fn measure(&mut self) {
        self.streams.measuring = true;
    }

    fn counts(&self) -> Counts {
        let streams = &self.streams;
        let running = streams.asked.len() - streams.idle.len();
        Counts {
            pieces: streams.deltas,
            tokens: streams.tokens,
            finished: streams.finished,
            running: running as u64,
        }
    }
}

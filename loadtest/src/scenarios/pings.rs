//! Sockets that ping at a steady rate, alone first and then while something else goes on: an open loop, in which each is due
//! at its time whatever became of those before it, and its latency counts from then.

use std::time::Duration;

use super::TURN;
use crate::clock::Moment;
use crate::measure::{Latency, Recorder, Verdict};
use crate::native::{Behaviour, Crew, Stage, command};
use crate::net::Ending;

/// For the last pings to be answered.
const DRAIN: Duration = Duration::from_secs(10);

/// The sockets: ping number n of the run was due at the n-th place of `due`.
pub(super) struct Pingers {
    sockets: usize,
    rate: f64,
    due: Vec<Moment>,
    answered: usize,
    unknown: u64,
    /// Pings from this one on are those while something goes on.
    meanwhile: usize,
    pub before: Latency,
    pub during: Latency,
    /// Files of their users that they were told about.
    pub files: u64,
    endings: Vec<String>,
}

impl Behaviour for Pingers {
    fn ack(&mut self, _stage: &mut Stage<'_>, _seat: usize, id: u64, _frame: &[u8], at: Moment) {
        let number = id.wrapping_sub(1) as usize;
        let Some(due) = self.due.get(number) else {
            self.unknown += 1;
            return;
        };
        self.answered += 1;
        let latency = if number < self.meanwhile { &mut self.before } else { &mut self.during };
        latency.record(at.since(*due));
    }

    fn event(&mut self, _stage: &mut Stage<'_>, _seat: usize, event: &[u8], _frame: &[u8], _at: Moment) {
        self.files += u64::from(event == b"media:update");
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.endings.push(format!("seat {seat}: {ending:?}"));
    }
}

impl Pingers {
    /// `names`: of the pings before something goes on, and of those meanwhile.
    pub fn new(sockets: usize, rate: f64, names: (String, String)) -> Self {
        Self {
            sockets,
            rate,
            due: Vec::new(),
            answered: 0,
            unknown: 0,
            meanwhile: usize::MAX,
            before: Latency::new(names.0),
            during: Latency::new(names.1),
            files: 0,
            endings: Vec::new(),
        }
    }

    /// From now on something goes on.
    pub fn meanwhile(&mut self) {
        self.meanwhile = self.due.len();
    }

    /// Pings at the rate for `seconds`.
    pub fn ping(&mut self, crew: &mut Crew, seconds: f64, recorder: &mut Recorder) -> anyhow::Result<()> {
        let (begun, first) = (Moment::now(), self.due.len());
        let last = first + (seconds * self.rate) as usize;
        let rate = self.rate;
        let next = |sent: usize| begun.plus(Duration::from_secs_f64((sent - first) as f64 / rate));
        while self.due.len() < last && self.endings.is_empty() {
            while self.due.len() < last && next(self.due.len()) <= Moment::now() {
                self.due.push(next(self.due.len()));
                let (id, seat) = (self.due.len(), self.due.len() % self.sockets);
                crew.act(|stage| stage.send(seat, &command::ping(id as u64)));
            }
            let wait = next(self.due.len()).since(Moment::now()).min(TURN);
            crew.turn(wait, self)?;
            recorder.tick(Moment::now(), self.answered as u64);
        }
        Ok(())
    }

    /// Waits for the last pings to be answered.
    pub fn drain(&mut self, crew: &mut Crew) -> anyhow::Result<()> {
        let begun = Moment::now();
        while self.answered < self.due.len() && begun.elapsed() < DRAIN && self.endings.is_empty() {
            crew.turn(TURN, self)?;
        }
        Ok(())
    }

    pub fn judge(&self, verdict: &mut Verdict) {
        let unanswered = self.due.len() - self.answered;
        verdict.none("no socket is closed", &self.endings, &format!("{} sockets", self.sockets));
        let all = format!("{unanswered} of {} unanswered, {} extra", self.due.len(), self.unknown);
        verdict.check("each ping is answered once", unanswered == 0 && self.unknown == 0, all);
    }
}

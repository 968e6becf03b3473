//! Steady arrivals that hold a number of streams open: each is due at its time, whatever became of those before it.

use std::time::Duration;

use super::TURN;
use crate::clock::Moment;
use crate::measure::{CpuMeter, CpuUsed, Recorder};

/// The longest stream is a fifth longer than the mean, so that not all end together.
pub(super) const SPREAD: f64 = 0.2;

/// What can ask for streams and look after them.
pub(super) trait Load {
    /// Begins a stream that is due at this time, unless all that it may have are busy.
    fn begin(&mut self, due: Moment) -> bool;
    /// Waits at most so long, and reacts to what came.
    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()>;
    /// From now on streams are measured that begin.
    fn measure(&mut self);
    fn counts(&self) -> Counts;
}

/// Counted since the beginning, but for `running`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Pieces of text that arrived, for each who watches.
    pub pieces: u64,
    /// Tokens that arrived, for each who watches.
    pub tokens: u64,
    pub finished: u64,
    pub running: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub concurrent: usize,
    pub tokens_per_second: f64,
    /// Of a stream, in the mean.
    pub tokens: u32,
    pub first_token_delay_ms: f64,
    /// Of measuring, after the streams have built up.
    pub seconds: f64,
}

impl Pace {
    /// How long a stream takes at the provider's pace, in the mean.
    fn stream_seconds(&self) -> f64 {
        self.first_token_delay_ms / 1e3 + (f64::from(self.tokens) - 1.0) / self.tokens_per_second
    }

    pub fn build_up(&self) -> Duration {
        Duration::from_secs_f64(self.stream_seconds() * (1.0 + SPREAD * 1.25))
    }

    /// The tokens that the provider says each second, in all.
    pub fn offered(&self) -> f64 {
        self.concurrent as f64 * f64::from(self.tokens) / self.stream_seconds()
    }

    /// The settings of the simulator for it.
    pub fn settings(&self, tokens_per_write: u32) -> serde_json::Value {
        serde_json::json!({
            "firstTokenDelayMs": self.first_token_delay_ms,
            "tokensPerSecond": self.tokens_per_second,
            "tokensPerWrite": tokens_per_write,
            "lengthTokens": self.tokens,
            "lengthSpread": SPREAD,
            "stamped": true,
        })
    }
}

/// What happened while it was measured.
pub(super) struct Held {
    pub cpu: CpuUsed,
    pub counts: Counts,
    pub seconds: f64,
    /// Streams open, in the mean.
    pub running: f64,
    /// Turns at which a stream was due and nobody was free to ask for it.
    pub starved: u64,
    /// Streams that had not ended a while after the last one began.
    pub unfinished: u64,
}

/// Builds the streams up, holds them for the time of measuring, and lets them end, for at most `patience`.
pub(super) fn hold(
    load: &mut impl Load,
    pace: &Pace,
    meter: &mut CpuMeter,
    recorder: &mut Recorder,
    patience: Duration,
) -> anyhow::Result<Held> {
    let interval = Duration::from_secs_f64(pace.stream_seconds() / pace.concurrent as f64);
    let total = pace.build_up() + Duration::from_secs_f64(pace.seconds);
    let (begun, mut number, mut starved) = (Moment::now(), 0u32, 0u64);
    let mut since: Option<(Moment, Counts)> = None;
    let mut running = (0u64, 0u64);
    recorder.resume(begun, load.counts().pieces);
    while begun.elapsed() < total {
        if since.is_none() && begun.elapsed() >= pace.build_up() {
            load.measure();
            meter.restart();
            since = Some((Moment::now(), load.counts()));
        }
        let due = begun.plus(interval * number);
        let mut busy = false;
        if due <= Moment::now() {
            match load.begin(due) {
                true => number += 1,
                false => (starved, busy) = (starved + 1, true),
            }
        }
        let next = begun.plus(interval * number).since(Moment::now());
        load.turn(next.clamp(Duration::from_millis(u64::from(busy)), TURN))?;
        if since.is_some() {
            running = (running.0 + load.counts().running, running.1 + 1);
        }
        recorder.tick(Moment::now(), load.counts().pieces);
    }
    let (measured_from, before) = since.unwrap_or((begun, Counts::default()));
    let (cpu, counts, stopped) = (meter.read(), load.counts(), Moment::now());
    while load.counts().running > 0 && stopped.elapsed() < patience {
        load.turn(TURN)?;
    }
    Ok(Held {
        cpu,
        counts: Counts {
            pieces: counts.pieces - before.pieces,
            tokens: counts.tokens - before.tokens,
            finished: counts.finished - before.finished,
            running: counts.running,
        },
        seconds: stopped.since(measured_from).as_secs_f64(),
        running: running.0 as f64 / running.1.max(1) as f64,
        starved,
        unfinished: load.counts().running,
    })
}

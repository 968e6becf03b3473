//! One call under way: it holds its place, and tells breaker, pauses and statistics how it went, however it ends.
//!
//! A call that is dropped was stopped, which says nothing of the provider; unless it was silent for as long as whoever
//! dropped it is willing to wait: then it ran out of time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use greenroom_actors::domain::BackEnd;
use greenroom_actors::ports::{Cause, GenerateError, GenerateErrorKind, NextTry, Piece};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::Place;
use super::openai::{About, Fault};
use super::provider::{Passes, Provider};
use super::route::Plan;
use super::statistics::Blame;

/// A provider that is busy and does not say for how long.
const PAUSE_UNTOLD: Duration = Duration::from_secs(1);
/// Of the time that whoever waits gives: its clock began a little before ours.
pub(super) const SURELY_LATE: f64 = 0.95;

pub(super) struct Call {
    provider: Arc<Provider>,
    back_end: Arc<BackEnd>,
    passes: Passes,
    place: Option<Place>,
    plan: Arc<Plan>,
    asked: Instant,
    /// What whoever waits gives for a first text, and for each next one.
    patience: Duration,
    pause_max: Duration,
    stage: Stage,
    /// Since when the provider is waited for.
    silent_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asked,
    Speaking,
    Ended,
}

/// Spans that hold for every call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    pub patience: Duration,
    pub pause_max: Duration,
}

impl Call {
    pub fn new(
        provider: Arc<Provider>,
        back_end: Arc<BackEnd>,
        (passes, place): (Passes, Place),
        plan: Arc<Plan>,
        spans: Spans,
    ) -> Self {
        let asked = Instant::now();
        let Spans { patience, pause_max } = spans;
        Self {
            provider,
            back_end,
            passes,
            place: Some(place),
            plan,
            asked,
            patience,
            pause_max,
            stage: Stage::Asked,
            silent_since: Some(asked),
        }
    }

    /// By when the first text has to be there; `None`: whoever waits watches that.
    pub fn deadline(&self) -> Option<Instant> {
        self.provider.first_token.map(|span| self.asked + span)
    }

    pub fn late() -> Fault {
        Fault::new(GenerateErrorKind::Timeout, "no text in time")
    }

    fn waits(&mut self) {
        self.silent_since.get_or_insert_with(Instant::now);
    }

    fn says(&mut self) {
        self.silent_since = None;
        if self.stage == Stage::Asked {
            self.stage = Stage::Speaking;
            self.provider.statistics.first_token(self.asked.elapsed());
            self.provider.answered(&self.back_end.model, &mut self.passes);
        }
    }

    fn done(&mut self) {
        if self.end() {
            self.provider.statistics.done();
            self.provider.succeeded(&self.back_end.model, self.passes);
        }
    }

    /// Tells what the failure means to the provider, and to who asked: by whom it is, and whether another stands ready.
    pub fn failed(&mut self, fault: Fault) -> GenerateError {
        let Fault { mut error, about } = fault;
        let now = Instant::now();
        if self.end() {
            self.count(&error, about, now);
        }
        error.next = match about {
            About::Prompt => NextTry::AfterPause,
            About::Provider | About::Model => self.plan.next_after(&self.back_end, now),
        };
        if about == About::Prompt && error.kind == GenerateErrorKind::Refused {
            error.cause = Cause::Content;
        }
        error.by = Some(self.back_end.clone());
        error
    }

    fn count(&self, error: &GenerateError, about: About, now: Instant) {
        let (provider, model) = (&self.provider, &self.back_end.model);
        let blame = if about == About::Prompt { Blame::Prompt } else { Blame::Provider };
        provider.statistics.failed(error.kind, &error.detail, blame);
        match (about, error.kind) {
            (About::Prompt, _) => provider.succeeded(model, self.passes),
            // It is there, and has said what it wants.
            (_, GenerateErrorKind::RateLimited | GenerateErrorKind::Refused) => {
                provider.dropped(model, self.passes);
            }
            (
                about,
                GenerateErrorKind::Unavailable | GenerateErrorKind::Timeout | GenerateErrorKind::Broken,
            ) => provider.failed(model, self.passes, about, now),
        }
        if let Some(pause) = pause_of(error) {
            provider.pause(model, about, now + pause.min(self.pause_max));
        }
    }

    /// Whether it had not ended before. Its place is free from now on.
    fn end(&mut self) -> bool {
        self.place = None;
        std::mem::replace(&mut self.stage, Stage::Ended) != Stage::Ended
    }
}

/// For how long it asks to be left alone.
pub(super) fn pause_of(error: &GenerateError) -> Option<Duration> {
    let pause = match error.kind {
        GenerateErrorKind::RateLimited => Some(error.retry_after.unwrap_or(PAUSE_UNTOLD)),
        GenerateErrorKind::Unavailable => error.retry_after,
        _ => None,
    };
    pause.filter(|pause| !pause.is_zero())
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.stage == Stage::Ended {
            return;
        }
        let silent = self.silent_since.map_or(Duration::ZERO, |since| since.elapsed());
        if silent >= self.patience.mul_f64(SURELY_LATE) {
            self.failed(Self::late());
        } else {
            self.end();
            self.provider.statistics.stopped();
            self.provider.dropped(&self.back_end.model, self.passes);
        }
    }
}

/// The pieces of a call's answer.
pub(super) struct Watched {
    call: Call,
    pieces: BoxStream<'static, Result<Piece, Fault>>,
    /// Until the first text.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    pub fn new(call: Call, pieces: BoxStream<'static, Result<Piece, Fault>>) -> Self {
        let deadline = call.deadline().map(|at| Box::pin(sleep_until(at)));
        Self { call, pieces, deadline }
    }
}

impl Stream for Watched {
    type Item = Result<Piece, GenerateError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.pieces.poll_next_unpin(context) {
            Poll::Pending => {
                this.call.waits();
                let late = this.deadline.as_mut().is_some_and(|at| at.poll_unpin(context).is_ready());
                if late {
                    this.deadline = None;
                    return Poll::Ready(Some(Err(this.call.failed(Call::late()))));
                }
                Poll::Pending
            }
            Poll::Ready(Some(Ok(piece))) => {
                match &piece {
                    Piece::Text(_) => {
                        this.deadline = None;
                        this.call.says();
                    }
                    Piece::End { .. } => this.call.done(),
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Some(Err(fault))) => Poll::Ready(Some(Err(this.call.failed(fault)))),
            Poll::Ready(None) => Poll::Ready(None),
        }
    }
}

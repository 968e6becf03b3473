//! One job from its first try to its last word.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use ractor::factory::{FactoryMessage, Job, Worker, WorkerId};
use ractor::{ActorProcessingErr, ActorRef};
use tokio::time::{Instant, sleep, timeout_at};

use super::ticket::Ticket;
use super::{JobNumber, PoolEvent};
use crate::domain::{FailureCode, Finish};
use crate::ports::{Attempt, GenerateError, GenerateErrorKind, Generator, Piece};
use crate::settings::PoolSettings;

pub(super) struct PoolWorker {
    settings: Arc<PoolSettings>,
    generator: Arc<dyn Generator>,
}

impl PoolWorker {
    pub fn new(settings: Arc<PoolSettings>, generator: Arc<dyn Generator>) -> Self {
        Self { settings, generator }
    }

    /// Dropping the tries drops the stream, which ends it upstream: that is all there is to cancelling.
    async fn run(&self, ticket: Ticket) {
        let cancel = ticket.job.cancel.clone();
        let events = ticket.events.clone();
        let end = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            () = events.closed() => None,
            end = self.tries(&ticket) => Some(end),
        };
        if let Some(event) = end {
            ticket.end(event);
        }
    }

    /// The event that the job ends with.
    async fn tries(&self, ticket: &Ticket) -> PoolEvent {
        let deadline = Instant::now() + self.settings.total_timeout;
        say(ticket, PoolEvent::Thinking).await;
        let mut number = 1;
        loop {
            let failure = match self.attempt(ticket, deadline).await {
                Ok(finish) => return PoolEvent::Done { finish },
                Err(failure) => failure,
            };
            let pause = self.pause(&failure, number, deadline);
            let (turn, error) = (ticket.job.turn, &failure.error);
            tracing::warn!(%turn, number, %error, again = pause.is_some(), "a reply could not be generated");
            let Some(pause) = pause else {
                return PoolEvent::Failed { code: code(failure.error.kind) };
            };
            ticket.count_retry();
            sleep(pause).await;
            number += 1;
        }
    }

    /// How long to wait before another try; `None` when there is to be none.
    fn pause(&self, failure: &Failure, number: u32, deadline: Instant) -> Option<Duration> {
        let final_failure = failure.streamed || failure.error.kind == GenerateErrorKind::Refused;
        if final_failure || number >= self.settings.tries {
            return None;
        }
        let backoff = self.settings.backoff.saturating_mul(1 << (number - 1).min(16));
        // Half of it by chance, so that many jobs that failed together do not come back together.
        let backoff = backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
        let asked = failure.error.retry_after.unwrap_or_default();
        // Nobody waits longer for a first word than this; a worker should not either.
        let bearable = asked <= self.settings.first_token_timeout;
        let pause = backoff.max(asked);
        (bearable && Instant::now() + pause < deadline).then_some(pause)
    }

    async fn attempt(&self, ticket: &Ticket, deadline: Instant) -> Result<Finish, Failure> {
        let mut streamed = false;
        let outcome = self.stream(ticket, deadline, &mut streamed).await;
        outcome.map_err(|error| {
            ticket.job.bill.failed();
            Failure { error, streamed }
        })
    }

    async fn stream(
        &self,
        ticket: &Ticket,
        deadline: Instant,
        streamed: &mut bool,
    ) -> Result<Finish, GenerateError> {
        let patience = self.settings.first_token_timeout;
        let late = |what: &str| GenerateError::new(GenerateErrorKind::Timeout, what);
        // The first word has to come within one span, from the connecting on.
        let mut next = deadline.min(Instant::now() + patience);
        let (bill, asked) = (&ticket.job.bill, Instant::now());
        let connecting = self.generator.generate(ticket.job.request.clone(), Attempt::default());
        let opened = timeout_at(next, connecting).await.map_err(|_| late("no answer in time"))??;
        bill.opened(opened.back_end, opened.start, asked);
        let mut pieces = opened.pieces;
        loop {
            let piece = timeout_at(next, pieces.next()).await.map_err(|_| late("no text in time"))?;
            match piece {
                Some(Ok(Piece::Text(text))) if text.is_empty() => {}
                Some(Ok(Piece::Text(text))) => {
                    *streamed = true;
                    bill.said(&text);
                    let told = timeout_at(deadline, say(ticket, PoolEvent::Text(text))).await;
                    told.map_err(|_| late("not read in time"))?;
                    // A stream that falls silent for as long as a first word may take is dead.
                    next = deadline.min(Instant::now() + patience);
                }
                Some(Ok(Piece::End { finish, usage, counted })) => {
                    bill.done(usage, counted);
                    return Ok(finish);
                }
                Some(Err(error)) => return Err(error),
                None => return Err(GenerateError::new(GenerateErrorKind::Broken, "ended without an end")),
            }
        }
    }
}

struct Failure {
    error: GenerateError,
    /// Some text went out: another try would say it twice.
    streamed: bool,
}

/// Waits while the turn is behind. A turn that is gone is noticed where the tries are run.
async fn say(ticket: &Ticket, event: PoolEvent) {
    let _ = ticket.events.send(event).await;
}

fn code(kind: GenerateErrorKind) -> FailureCode {
    match kind {
        GenerateErrorKind::Unavailable | GenerateErrorKind::RateLimited | GenerateErrorKind::Broken => {
            FailureCode::ProviderUnavailable
        }
        GenerateErrorKind::Timeout => FailureCode::ProviderTimeout,
        GenerateErrorKind::Refused => FailureCode::ProviderRefused,
    }
}

impl Worker for PoolWorker {
    type Key = JobNumber;
    type Message = Ticket;
    type Arguments = ();
    type State = ();

    async fn pre_start(
        &self,
        _: WorkerId,
        _: &ActorRef<FactoryMessage<JobNumber, Ticket>>,
        (): (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    /// A panic in here ends this worker: the factory puts a new one in its place, and the ticket tells the turn.
    async fn handle(
        &self,
        _: WorkerId,
        _: &ActorRef<FactoryMessage<JobNumber, Ticket>>,
        job: Job<JobNumber, Ticket>,
        (): &mut (),
    ) -> Result<JobNumber, ActorProcessingErr> {
        let number = job.key;
        self.run(job.msg).await;
        Ok(number)
    }
}

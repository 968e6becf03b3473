//! One job from its first try to its last word.

use std::sync::Arc;

use futures_util::StreamExt;
use ractor::factory::{FactoryMessage, Job, Worker, WorkerId};
use ractor::{ActorProcessingErr, ActorRef};
use tokio::time::{Instant, sleep, timeout_at};

use super::course::Course;
use super::seam::{Joined, Seam};
use super::ticket::Ticket;
use super::{JobNumber, PoolEvent};
use crate::domain::{BackEnd, FailureCode, Finish};
use crate::pace::Pace;
use crate::ports::{Attempt, GenerateError, GenerateErrorKind, Generator, Piece, Start};
use crate::settings::PoolSettings;

pub(super) struct PoolWorker {
    settings: Arc<PoolSettings>,
    generator: Arc<dyn Generator>,
    pace: Pace,
}

impl PoolWorker {
    pub fn new(settings: Arc<PoolSettings>, generator: Arc<dyn Generator>, pace: Pace) -> Self {
        Self { settings, generator, pace }
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
        let mut course = Course::behind(ticket.job.so_far.as_deref(), self.pace.clone());
        loop {
            let number = course.number();
            let Failure { error, by } = match self.attempt(ticket, &mut course, deadline).await {
                Ok(finish) => return PoolEvent::Done { finish },
                Err(failure) => failure,
            };
            let provider = by.as_ref().map(|by| by.provider.to_string());
            let pause = course.next(&error, by, &self.settings, deadline);
            let (turn, said) = (ticket.job.turn, course.said().len());
            tracing::warn!(%turn, number, provider, said, %error, again = pause.is_some(), "a reply could not be generated");
            let Some(pause) = pause else {
                return PoolEvent::Failed { code: code(error.kind) };
            };
            ticket.count_retry();
            sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        ticket: &Ticket,
        course: &mut Course,
        deadline: Instant,
    ) -> Result<Finish, Failure> {
        let attempt = course.attempt();
        let (chosen, asked) = (attempt.chosen.clone(), Instant::now());
        ticket.job.bill.tried();
        self.stream(ticket, course, (attempt, asked), deadline).await.map_err(|error| {
            let by = error.by.clone().or_else(|| chosen.get());
            ticket.job.bill.failed(&error.to_string(), by.clone(), asked);
            Failure { error, by }
        })
    }

    async fn stream(
        &self,
        ticket: &Ticket,
        course: &mut Course,
        (attempt, asked): (Attempt, Instant),
        deadline: Instant,
    ) -> Result<Finish, GenerateError> {
        let patience = self.settings.first_token_timeout;
        let late = |what: &str| GenerateError::new(GenerateErrorKind::Timeout, what);
        // The first word has to come within one span, from the connecting on.
        let mut next = deadline.min(asked + patience);
        let (bill, chosen) = (&ticket.job.bill, attempt.chosen.clone());
        let connecting = self.generator.generate(ticket.job.request.clone(), attempt);
        let opened = timeout_at(next, connecting).await.map_err(|_| late("no answer in time"))??;
        chosen.set(opened.back_end.clone());
        bill.opened(opened.back_end, opened.start, asked);
        let mut line = Line { ticket, deadline, joint: Joint::of(opened.start, course), course };
        let mut pieces = opened.pieces;
        loop {
            let piece = timeout_at(next, pieces.next()).await.map_err(|_| late("no text in time"))?;
            match piece {
                Some(Ok(Piece::Text(text))) if text.is_empty() => {}
                Some(Ok(Piece::Text(text))) => {
                    bill.said(&text);
                    line.pass(text).await?;
                    // A stream that falls silent for as long as a first word may take is dead.
                    next = deadline.min(Instant::now() + patience);
                }
                Some(Ok(Piece::End { finish, usage, counted })) => {
                    bill.done(usage, counted);
                    line.end().await?;
                    return Ok(finish);
                }
                Some(Err(error)) => return Err(error),
                None => return Err(GenerateError::new(GenerateErrorKind::Broken, "ended without an end")),
            }
        }
    }
}

/// A try that failed, and who it was that failed.
struct Failure {
    error: GenerateError,
    by: Option<Arc<BackEnd>>,
}

/// How the text of a try joins what was said before.
enum Joint {
    /// Nothing was, or the place has been found.
    Closed,
    GoesOn(Seam),
    /// What was said is void from the first word on; until then it stands, should this try fail too.
    BeginsAnew,
}

impl Joint {
    fn of(start: Start, course: &Course) -> Self {
        match start {
            _ if course.said().is_empty() => Self::Closed,
            Start::Continues => Self::GoesOn(Seam::behind(course.said())),
            Start::Anew | Start::Cached => Self::BeginsAnew,
        }
    }
}

/// From one try to the turn.
struct Line<'a> {
    ticket: &'a Ticket,
    deadline: Instant,
    course: &'a mut Course,
    joint: Joint,
}

impl Line<'_> {
    async fn pass(&mut self, text: String) -> Result<(), GenerateError> {
        match &mut self.joint {
            Joint::Closed => self.say(text).await,
            Joint::GoesOn(seam) => {
                let joined = seam.push(text);
                self.join(joined).await
            }
            Joint::BeginsAnew => self.begin_anew(text).await,
        }
    }

    /// The try ended well, if anything was said.
    async fn end(&mut self) -> Result<(), GenerateError> {
        match &mut self.joint {
            Joint::Closed => {}
            Joint::GoesOn(seam) => {
                let joined = seam.close();
                self.join(joined).await?;
            }
            Joint::BeginsAnew => return Err(without_a_word()),
        }
        if self.course.said().is_empty() { Err(without_a_word()) } else { Ok(()) }
    }

    async fn join(&mut self, joined: Joined) -> Result<(), GenerateError> {
        match joined {
            Joined::GoesOn(more) => self.say(more).await,
            Joined::Anew { text, .. } => self.begin_anew(text).await,
        }
    }

    async fn begin_anew(&mut self, text: String) -> Result<(), GenerateError> {
        self.course.begin_anew()?;
        self.joint = Joint::Closed;
        self.tell(PoolEvent::Restarted).await?;
        self.say(text).await
    }

    async fn say(&mut self, text: String) -> Result<(), GenerateError> {
        if text.is_empty() {
            return Ok(());
        }
        self.course.say(&text);
        self.tell(PoolEvent::Text(text)).await
    }

    async fn tell(&self, event: PoolEvent) -> Result<(), GenerateError> {
        let told = timeout_at(self.deadline, say(self.ticket, event)).await;
        told.map_err(|_| GenerateError::new(GenerateErrorKind::Timeout, "not read in time"))
    }
}

fn without_a_word() -> GenerateError {
    GenerateError::new(GenerateErrorKind::Broken, "ended without a word")
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

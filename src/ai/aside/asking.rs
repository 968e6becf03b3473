//! One call beside chat: it takes a place, and tells how it went, however it ends.
//!
//! As with chat a call that is dropped was stopped, unless it was silent for as long as whoever asks is willing to wait.

use std::future::Future;
use std::time::Duration;

use async_openai::error::OpenAIError;
use greenroom_actors::ports::{Cause, GenerateError, GenerateErrorKind};
use tokio::time::{Instant, timeout_at};

use super::How;
use crate::ai::breaker::Pass;
use crate::ai::call::{Call, SURELY_LATE, pause_of};
use crate::ai::capable::Capable;
use crate::ai::limits::Place;
use crate::ai::openai::{About, Fault, is_too_long};
use crate::ai::provider::NotNow;

/// A call that may go out.
pub(in crate::ai) struct Asking<'a> {
    capable: &'a Capable,
    _place: Place,
    asked: Instant,
    patience: Duration,
    /// `None` once it has ended.
    pass: Option<Pass>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ai) enum Errand {
    New,
    /// What becomes of something that was begun: a provider that runs dry is asked for that too.
    UnderWay,
}

impl Capable {
    /// Waits for a place, and to be let through. From then on it may take as long as is left of `patience`.
    pub(in crate::ai) async fn admitted(&self, patience: Duration) -> Result<Asking<'_>, GenerateError> {
        self.admitted_for(Errand::New, patience).await
    }

    pub(in crate::ai) async fn admitted_for(
        &self,
        errand: Errand,
        patience: Duration,
    ) -> Result<Asking<'_>, GenerateError> {
        let begun = Instant::now();
        let busy = |detail| GenerateError::new(GenerateErrorKind::Unavailable, detail);
        let aside = &self.provider.aside;
        let place = aside.places(self.capability).take();
        let place = place.ok_or_else(|| busy("too many calls wait for a place already"))?;
        let until = begun + patience.min(self.place_wait);
        let place = timeout_at(until, place).await.map_err(|_| busy("no place was given back in time"))?;
        let asked = Instant::now();
        let open = match errand {
            Errand::New => self.provider.is_open(),
            Errand::UnderWay => self.provider.is_enabled(),
        };
        if !open {
            return Err(not_now(NotNow::Off));
        }
        let pass = aside.admit(self.capability, &self.back_end.model, asked).map_err(not_now)?;
        let patience = patience.saturating_sub(asked - begun);
        Ok(Asking { capable: self, _place: place, asked, patience, pass: Some(pass) })
    }
}

impl Asking<'_> {
    /// Asks, and waits for all of the answer; how it went is then to be told, unless it failed.
    pub async fn hear<T>(
        &mut self,
        asking: impl Future<Output = Result<T, OpenAIError>>,
    ) -> Result<T, GenerateError> {
        let fault = match timeout_at(self.asked + self.patience, asking).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => self.capable.fault(&error),
            Err(_) => Call::late(),
        };
        Err(self.failed(fault))
    }

    /// The same for a file: one that is larger than is taken is [`Cause::TooLarge`].
    pub async fn hear_file<T>(
        &mut self,
        asking: impl Future<Output = Result<T, OpenAIError>>,
    ) -> Result<T, GenerateError> {
        let fault = match timeout_at(self.asked + self.patience, asking).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if is_too_long(&error) => {
                let error = GenerateError::new(GenerateErrorKind::Broken, "the file is larger than is taken");
                Fault { error: GenerateError { cause: Cause::TooLarge, ..error }, about: About::Model }
            }
            Ok(Err(error)) => self.capable.fault(&error),
            Err(_) => Call::late(),
        };
        Err(self.failed(fault))
    }

    /// The answer is what was asked for.
    pub fn done(mut self) {
        if let Some(pass) = self.pass.take() {
            self.capable.provider.statistics.done_aside();
            self.tell(pass, How::Well);
        }
    }

    /// The answer led to something that did not come.
    pub fn lost(mut self, error: GenerateError) -> GenerateError {
        self.failed(Fault { error, about: About::Model })
    }

    /// The answer is something else.
    pub fn broken(mut self, detail: &str) -> GenerateError {
        self.failed(Fault::new(GenerateErrorKind::Broken, detail))
    }

    /// The answer is that it failed.
    pub fn failed(&mut self, Fault { error, about }: Fault) -> GenerateError {
        let Capable { provider, back_end, pause_max, capability, .. } = self.capable;
        let now = Instant::now();
        if let Some(pass) = self.pass.take() {
            provider.statistics.failed_aside(error.kind, &format!("{}: {}", back_end.model, error.detail));
            let how = match (about, error.kind) {
                // It answered: what was said is to blame, or that too much came of it.
                (About::Prompt, _) => How::Well,
                _ if error.cause == Cause::TooLarge => How::Well,
                (_, GenerateErrorKind::RateLimited | GenerateErrorKind::Refused) => How::Refused,
                _ => How::Failed(now),
            };
            self.tell(pass, how);
            if let Some(pause) = pause_of(&error) {
                provider.aside.pause(*capability, &back_end.model, now + pause.min(*pause_max));
            }
        }
        let cause = match (about, error.kind) {
            (About::Prompt, GenerateErrorKind::Refused) => Cause::Content,
            _ => error.cause,
        };
        GenerateError { by: Some(back_end.clone()), cause, ..error }
    }

    fn tell(&self, pass: Pass, how: How) {
        let Capable { provider, back_end, capability, .. } = self.capable;
        provider.aside.ended(*capability, &back_end.model, pass, how);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.pass.is_some() && self.asked.elapsed() >= self.patience.mul_f64(SURELY_LATE) {
            self.failed(Call::late());
        } else if let Some(pass) = self.pass.take() {
            self.capable.provider.statistics.stopped_aside();
            self.tell(pass, How::Stopped);
        }
    }
}

fn not_now(why: NotNow) -> GenerateError {
    let (kind, detail, at) = match why {
        NotNow::Off => (GenerateErrorKind::Unavailable, "it is switched off", None),
        NotNow::Paused(until) => (GenerateErrorKind::RateLimited, "it asked to be left alone", Some(until)),
        NotNow::Open(until) => {
            (GenerateErrorKind::Unavailable, "it failed too often and is left alone", Some(until))
        }
        NotNow::Probing => (GenerateErrorKind::Unavailable, "it failed too often and is being tried", None),
    };
    let retry_after = at.map(|at| at.saturating_duration_since(Instant::now()));
    GenerateError { retry_after, ..GenerateError::new(kind, detail) }
}

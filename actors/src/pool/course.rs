//! How the tries of one job go: who failed, what was said, and whether another try follows. Pure but for chance and time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::BackEnd;
use crate::pace::Pace;
use crate::ports::{Attempt, GenerateError, GenerateErrorKind, NextTry};
use crate::settings::PoolSettings;

/// Times that a job goes on to another back end at once.
const ELSEWHERE_MAX: u32 = 16;
/// Times that a reply whose text has been told begins anew; so many attempts has one holder of a turn beside its first.
pub(crate) const RESTARTS_MAX: u32 = 15;

#[derive(Debug, Default)]
pub(super) struct Course {
    number: u32,
    /// Tries after a pause.
    again: u32,
    elsewhere: u32,
    failed: Vec<Arc<BackEnd>>,
    /// What the turn has been told, with the lines that people never see.
    said: String,
    restarts: u32,
    pace: Pace,
}

impl Course {
    /// It goes on from what an earlier holder's tries said.
    pub fn behind(so_far: Option<&str>, pace: Pace) -> Self {
        Self { said: so_far.unwrap_or_default().to_owned(), pace, ..Self::default() }
    }

    pub fn attempt(&self) -> Attempt {
        Attempt {
            number: self.number,
            so_far: (!self.said.is_empty()).then(|| self.said.as_str().into()),
            failed: self.failed.clone(),
            pace: self.pace.clone(),
            ..Attempt::default()
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn said(&self) -> &str {
        &self.said
    }

    pub fn say(&mut self, text: &str) {
        self.said.push_str(text);
    }

    /// What was said is void. `Err`: that has happened too often.
    pub fn begin_anew(&mut self) -> Result<(), GenerateError> {
        if self.restarts >= RESTARTS_MAX {
            return Err(GenerateError::new(GenerateErrorKind::Refused, "it began anew too often"));
        }
        self.restarts += 1;
        self.said.clear();
        Ok(())
    }

    /// A try failed: how long to wait before the next one; `None` when there is to be none.
    pub fn next(
        &mut self,
        error: &GenerateError,
        by: Option<Arc<BackEnd>>,
        settings: &PoolSettings,
        deadline: Instant,
    ) -> Option<Duration> {
        self.failed.extend(by);
        self.number += 1;
        match error.next {
            NextTry::Elsewhere if self.elsewhere < ELSEWHERE_MAX => {
                self.elsewhere += 1;
                (Instant::now() < deadline).then_some(Duration::ZERO)
            }
            NextTry::Elsewhere => None,
            NextTry::AfterPause => self.pause(error, settings, deadline),
        }
    }

    fn pause(
        &mut self,
        error: &GenerateError,
        settings: &PoolSettings,
        deadline: Instant,
    ) -> Option<Duration> {
        self.again += 1;
        if error.kind == GenerateErrorKind::Refused || self.again >= settings.tries {
            return None;
        }
        let backoff = settings.backoff.saturating_mul(1 << (self.again - 1).min(16));
        // Half of it by chance, so that many jobs that failed together do not come back together.
        let backoff = backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
        let asked = error.retry_after.unwrap_or_default();
        // Nobody waits longer for a first word than this; a worker should not either.
        let bearable = asked <= settings.first_token_timeout;
        let pause = backoff.max(asked);
        (bearable && Instant::now() + pause < deadline).then_some(pause)
    }
}

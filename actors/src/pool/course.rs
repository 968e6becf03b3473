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
/// What the waits for back ends that asked for patience may take together, in times that a first word may take: they say when
/// it is over, and one who waits would rather have a late reply than none.
const PATIENCE: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Course {
    number: u32,
    /// Tries after a pause.
    again: u32,
    elsewhere: u32,
    /// Waited until now for back ends that had asked for patience.
    waited: Duration,
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
        let nobody_asked = by.is_none();
        self.failed.extend(by);
        self.number += 1;
        if let (true, GenerateErrorKind::RateLimited, Some(asked)) =
            (nobody_asked, error.kind, error.retry_after)
        {
            return self.wait(asked, settings, deadline);
        }
        match error.next {
            NextTry::Elsewhere if self.elsewhere < ELSEWHERE_MAX => {
                self.elsewhere += 1;
                (Instant::now() < deadline).then_some(Duration::ZERO)
            }
            NextTry::Elsewhere => None,
            NextTry::AfterPause => self.pause(error, settings, deadline),
        }
    }

    /// All back ends have asked for patience, so this was no try: it slows the pool, and fails nobody before
    /// [`PATIENCE`] is over.
    fn wait(&mut self, asked: Duration, settings: &PoolSettings, deadline: Instant) -> Option<Duration> {
        // Not all at the same moment, or they are sent away once more.
        let pause = asked + settings.backoff.mul_f64(fastrand::f64());
        self.waited += pause;
        let bearable = self.waited <= settings.first_token_timeout * PATIENCE + settings.backoff;
        (bearable && Instant::now() + pause < deadline).then_some(pause)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Price;

    const SECOND: Duration = Duration::from_secs(1);

    fn settings() -> PoolSettings {
        PoolSettings {
            tries: 3,
            backoff: SECOND / 10,
            first_token_timeout: 10 * SECOND,
            ..PoolSettings::default()
        }
    }

    fn limited(asked: Duration) -> GenerateError {
        let mut error =
            GenerateError::new(GenerateErrorKind::RateLimited, "every provider asked to be left alone");
        error.retry_after = Some(asked);
        error
    }

    fn back_end() -> Arc<BackEnd> {
        Arc::new(BackEnd { provider: "one".into(), model: "m".into(), price: Price::default() })
    }

    #[test]
    fn waiting_for_those_who_asked_for_patience_is_no_try() {
        let (settings, deadline) = (settings(), Instant::now() + 600 * SECOND);
        let mut course = Course::default();
        for _ in 0..6 {
            let pause = course.next(&limited(SECOND), None, &settings, deadline).expect("it waits");
            assert!(pause >= SECOND, "never before they said: {pause:?}");
        }
        // And then it has all its tries.
        let failed = GenerateError::new(GenerateErrorKind::Unavailable, "503");
        assert!(course.next(&failed, Some(back_end()), &settings, deadline).is_some());
        assert!(course.next(&failed, Some(back_end()), &settings, deadline).is_some());
        assert!(course.next(&failed, Some(back_end()), &settings, deadline).is_none());
    }

    #[test]
    fn the_waits_for_patience_are_bounded() {
        let (settings, deadline) = (settings(), Instant::now() + 600 * SECOND);
        let mut course = Course::default();
        let waits =
            (0..100).take_while(|_| course.next(&limited(SECOND), None, &settings, deadline).is_some());
        assert!((27..=30).contains(&waits.count()));
        assert!(Course::default().next(&limited(31 * SECOND), None, &settings, deadline).is_none());
        assert!(Course::default().next(&limited(SECOND), None, &settings, Instant::now()).is_none());
    }

    #[test]
    fn a_provider_that_was_asked_and_wants_patience_took_a_try() {
        let (settings, deadline) = (settings(), Instant::now() + 600 * SECOND);
        let mut course = Course::default();
        let error = GenerateError { next: NextTry::AfterPause, ..limited(SECOND) };
        let tries =
            (0..10).take_while(|_| course.next(&error, Some(back_end()), &settings, deadline).is_some());
        assert_eq!(tries.count(), 2);
    }
}
